"""Burnt-in logos, captions and clocks' frames: edges that stay where they are while the picture moves."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from .frame_stats import small_picture
from .letterbox import Box

Grey = NDArray[np.float32]
SIDE = 320  # pixels of the longer side of what is looked at
BLOCK = 16  # pixels of a part that has moved or not
TEXTURE = 1.0  # least strength of its edges that tells, in levels a pixel
ALIKE = 0.5  # cosine of its edges with those before, at most, where it has moved
RESTING = 0.2  # of the parts may rest for a picture to count
LOOKS = 12  # pictures that must count before anything is said: a car ran beside the camera for 8
STAYS = 0.85  # part of an edge's mean square that is its mean's: the same strength and direction
STRONG = 3.0  # least mean strength of an edge, in levels a pixel
CLIPPED = 30.0  # no edge counts for more than so many levels: one strong one is not a lasting one
JOINED = 15  # pixels within which edges belong to one logo: letters of a word
LEAST = 30  # pixels of edge that make a logo: a clock of four digits has 60
AROUND = 12  # pixels about a logo in which the rest must move
RESTLESS = 0.3  # part of their edges' mean square, at most, that stays
MARGIN = 2  # further pixels that are cut off
ENOUGH = 0.6  # part of the picture within its borders that must be left


class Logos:
    """Gathers the edges of a video's pictures, each direction for itself: a few small maps.

    looks: how many pictures have counted.
    """

    def __init__(self, height: int, width: int) -> None:
        self._size = height, width
        self._last: tuple[Grey, Grey] | None = None
        self._sum: list[Grey] = []
        self._squares: Grey | None = None
        self.looks = 0

    def add(self, frame: NDArray[np.uint8]) -> None:
        """frame: uint8 (H, W, 3). One that is not far from the last that counted does not count."""
        grey = cv2.cvtColor(small_picture(frame, SIDE), cv2.COLOR_RGB2GRAY)
        edges = _edges(np.asarray(grey, np.float32))
        if self._last is not None and not _moved(edges, self._last):
            return
        squares = np.asarray(edges[0] ** 2 + edges[1] ** 2, np.float32)
        if self._squares is None:
            self._sum, self._squares = [np.zeros_like(squares) for _ in edges], squares * 0
        for total, part in zip(self._sum, edges, strict=True):
            total += part
        self._squares += squares
        self._last = edges
        self.looks += 1

    def boxes(self, within: Box | None) -> list[Box]:
        """Where logos are, in pixels of the whole picture; `within` are its black borders.

        Only where most of the picture has moved between the looks, and where what is around moves:
        of a camera that stands still, or a bonnet before it, nothing is said.
        """
        if self._squares is None or self.looks < LOOKS:
            return []
        squares = self._squares / self.looks
        stay = np.asarray(self._sum[0] ** 2 + self._sum[1] ** 2, np.float32) / self.looks**2
        inner = _mask(squares.shape, self._size, within)
        lasting = (squares > STRONG**2) & (stay > STAYS * squares) & inner
        kernel = np.ones((JOINED, JOINED), np.uint8)
        joined = cv2.morphologyEx(lasting.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
        found = []
        for label in range(1, count):
            left, top, wide, high, _ = (int(value) for value in stats[label])
            if np.count_nonzero(lasting & (labels == label)) < LEAST:
                continue
            rows = slice(max(top - AROUND, 0), top + high + AROUND)
            columns = slice(max(left - AROUND, 0), left + wide + AROUND)
            ring = inner[rows, columns].copy()
            ring[_near(top, rows, high), _near(left, columns, wide)] = False
            still, every = (part[rows, columns][ring].sum() for part in (stay, squares))
            if still <= RESTLESS * every:
                found.append(self._whole(Box(top, left, high, wide), squares.shape))
        return found

    def _whole(self, box: Box, small: tuple[int, ...]) -> Box:
        """A box of the small picture in pixels of the whole one, with its margin."""
        ends = []
        for first, length, from_, to in (
            (box.top, box.height, small[0], self._size[0]),
            (box.left, box.width, small[1], self._size[1]),
        ):
            first, last = first - MARGIN, first + length + MARGIN
            ends.append((max(first * to // from_, 0), min(-(-last * to // from_), to)))
        (top, bottom), (left, right) = ends
        return Box(top, left, bottom - top, right - left)


def without_logos(box: Box, logos: list[Box]) -> tuple[Box, str]:
    """The part of `box` that is left when logos are cut off from its sides, and a fault if too little."""
    rest = box
    while True:
        # That which costs most first: its cut may take others away.
        cuts = [max(_cuts(rest, logo), key=_area) for logo in logos if overlap(rest, logo)]
        if not cuts:
            return rest, ""
        rest = min(cuts, key=_area)
        if _area(rest) < ENOUGH * _area(box):
            named = ", ".join(f"{one.width}x{one.height} at {one.left},{one.top}" for one in logos)
            return box, f"burnt-in logo ({named}): without it too little of the picture is left"


def _cuts(box: Box, logo: Box) -> Iterator[Box]:
    """The four parts of a box that lie beside a logo."""
    bottom, right = box.top + box.height, box.left + box.width
    below, behind = logo.top + logo.height, logo.left + logo.width
    yield Box(box.top, box.left, max(logo.top - box.top, 0), box.width)
    yield Box(below, box.left, max(bottom - below, 0), box.width)
    yield Box(box.top, box.left, box.height, max(logo.left - box.left, 0))
    yield Box(box.top, behind, box.height, max(right - behind, 0))


def overlap(one: Box, other: Box) -> bool:
    """Whether two parts of a picture have pixels in common."""
    return (
        one.top < other.top + other.height
        and other.top < one.top + one.height
        and one.left < other.left + other.width
        and other.left < one.left + one.width
    )


def _area(box: Box) -> int:
    return box.height * box.width


def _edges(grey: Grey) -> tuple[Grey, Grey]:
    """How brightness rises to the right and down, no more than CLIPPED."""
    scale = 1 / 8  # of Sobel's weights: levels a pixel
    x, y = (cv2.Sobel(grey, cv2.CV_32F, dx, 1 - dx, ksize=3, scale=scale) for dx in (1, 0))
    shrink = np.minimum(1, CLIPPED / np.maximum(np.hypot(x, y), CLIPPED / 10))
    return np.asarray(x * shrink, np.float32), np.asarray(y * shrink, np.float32)


def _moved(edges: tuple[Grey, Grey], before: tuple[Grey, Grey]) -> bool:
    """Whether nearly every part of a picture that has edges has other ones than before."""
    size = [max(side // BLOCK, 1) for side in edges[0].shape[::-1]]

    def by_block(one: tuple[Grey, Grey], other: tuple[Grey, Grey]) -> Grey:
        product = one[0] * other[0] + one[1] * other[1]
        return np.asarray(cv2.resize(product, size, interpolation=cv2.INTER_AREA), np.float32)

    squares = by_block(edges, edges), by_block(before, before)
    textured = np.minimum(*squares) > TEXTURE**2
    alike = by_block(edges, before) > ALIKE * np.sqrt(squares[0] * squares[1])
    return bool(np.count_nonzero(alike & textured) <= RESTING * np.count_nonzero(textured))


def _mask(small: tuple[int, ...], size: tuple[int, int], within: Box | None) -> NDArray[np.bool_]:
    """The small picture's pixels that lie within its borders; their edges last as logos' do."""
    inner = np.zeros(small, bool)
    if within is None:
        inner[1:-1, 1:-1] = True
        return inner
    scale = small[0] / size[0], small[1] / size[1]
    top, bottom = within.top * scale[0], (within.top + within.height) * scale[0]
    left, right = within.left * scale[1], (within.left + within.width) * scale[1]
    inner[int(top) + 2 : int(bottom) - 1, int(left) + 2 : int(right) - 1] = True
    return inner


def _near(first: int, window: slice, length: int) -> slice:
    """Where a stretch lies within a window that begins before it."""
    return slice(first - window.start, first - window.start + length)
