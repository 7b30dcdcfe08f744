"""Watermarks: logos, captions and clocks burnt in, found by edges that stay while the picture moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frames import Box
from .frame_stats import small_picture

Grey = NDArray[np.float32]
SIDE = 320  # pixels of the longer side of the picture that edges are taken of
BLOCK = 16  # pixels of a part that has moved or not
TEXTURE = 1.0  # least strength of its edges that tells, in levels a pixel
ALIKE = 0.5  # cosine of its edges with those before, at most, where it has moved
RESTING = 0.2  # of the parts may rest for a picture to count
CLIPPED = 30.0  # no edge counts for more than so many levels: one strong one is not a lasting one
JOINED = 15  # pixels within which edges belong to one watermark: letters of a word
AROUND = 12  # pixels about a watermark in which the rest must move
RESTLESS = 0.3  # part of their edges' mean square, at most, that stays
MARGIN = 2  # further pixels that are cut off


@dataclass(frozen=True)
class PassingWatermark:
    """A watermark, and the seconds between which it may be seen: its part and both beside it."""

    box: Box
    start: Fraction
    end: Fraction


@dataclass(frozen=True)
class Watermarks:
    """lasting: in the whole video; passing: in a part of it. In pixels of the whole picture."""

    lasting: list[Box]
    passing: list[PassingWatermark]


class WatermarkDetector:
    """Finds watermarks in the whole video, and in parts of it as short as tells something.

    Only where most of the picture has moved between the frames that count, and where what is around
    moves: of a camera that stands still, or a bonnet before it, nothing is said.

    height, width: of the frames.
    crop:   gives the part of the picture within its letterbox bars, as far as they are known by
            then: no more of the picture than in the end, so their edges are never taken for a
            watermark's.
    frames: that must count before anything is said: a car ran beside the camera for 8.
    stays:  part of an edge's mean square that is its mean's: the same strength and direction.
    strong: least mean strength of an edge, in levels a pixel.
    least:  pixels of edge that make a watermark: a clock of four digits has 60.
    """

    def __init__(
        self,
        height: int,
        width: int,
        crop: Callable[[], Box | None] = lambda: None,
        frames: int = 12,
        stays: float = 0.85,
        strong: float = 3.0,
        least: int = 30,
    ) -> None:
        self.size, self.crop, self.frames = (height, width), crop, frames
        self.stays, self.strong, self.least = stays, strong, least
        self._whole, self._part = _EdgeStats(), _EdgeStats()
        self._start: Fraction | None = None
        self._passing: list[PassingWatermark] = []

    def process_frame(self, frame: NDArray[np.uint8], seconds: Fraction) -> None:
        """frame: uint8 (H, W, 3), shown at so many seconds."""
        grey = cv2.cvtColor(small_picture(frame, SIDE), cv2.COLOR_RGB2GRAY)
        edges = _edges(np.asarray(grey, np.float32))
        self._whole.add(edges)
        self._part.add(edges)
        start = self._start = seconds if self._start is None else self._start
        if self._part.count >= self.frames:
            length = seconds - start
            self._passing += [
                PassingWatermark(box, start - length, seconds + length)
                for box in self._boxes(self._part)
            ]
            self._part, self._start = _EdgeStats(), None

    def result(self) -> Watermarks:
        return Watermarks(self._boxes(self._whole), self._passing)

    def _boxes(self, edges: _EdgeStats) -> list[Box]:
        """Where edges stay, joined to boxes, in pixels of the whole picture."""
        if edges.squares is None or edges.count < self.frames:
            return []
        squares = edges.squares / edges.count
        x, y = edges.sums
        steady = np.asarray(x**2 + y**2, np.float32) / edges.count**2
        inner = _mask(squares.shape, self.size, self.crop())
        lasting = (squares > self.strong**2) & (steady > self.stays * squares) & inner
        kernel = np.ones((JOINED, JOINED), np.uint8)
        joined = cv2.morphologyEx(lasting.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
        boxes = []
        for label in range(1, count):
            left, top, width, height, _ = (int(value) for value in stats[label])
            if np.count_nonzero(lasting & (labels == label)) < self.least:
                continue
            around = np.s_[
                max(top - AROUND, 0) : top + height + AROUND,
                max(left - AROUND, 0) : left + width + AROUND,
            ]
            ring = inner.copy()
            ring[top : top + height, left : left + width] = False
            still, every = (part[around][ring[around]].sum() for part in (steady, squares))
            if still <= RESTLESS * every:
                boxes.append(_enlarged(Box(top, left, height, width), squares.shape, self.size))
        return boxes


class _EdgeStats:
    """Sums of edges, of each direction and squared, over the frames that are far from the last one."""

    def __init__(self) -> None:
        self.count = 0
        self.sums: list[Grey] = []
        self.squares: Grey | None = None
        self._last: tuple[Grey, Grey] | None = None

    def add(self, edges: tuple[Grey, Grey]) -> None:
        if self._last is not None and not _has_moved(edges, self._last):
            return
        squares = np.asarray(edges[0] ** 2 + edges[1] ** 2, np.float32)
        if self.squares is None:
            self.sums, self.squares = [np.zeros_like(squares) for _ in edges], squares * 0
        for total, part in zip(self.sums, edges, strict=True):
            total += part
        self.squares += squares
        self._last = edges
        self.count += 1


def without_watermarks(box: Box, marks: list[Box], least: float = 0.6) -> tuple[Box, str]:
    """The part of `box` that is left when watermarks are cut off from its sides, and a fault.

    least: part of the box that must be left; else it stays as it is, and the fault says why.
    """
    rest = box
    while True:
        # That which costs most first: its cut may take others away.
        cuts = [
            max(_cuts(rest, mark), key=lambda part: part.area)
            for mark in marks
            if mark.overlaps(rest)
        ]
        if not cuts:
            return rest, ""
        rest = min(cuts, key=lambda part: part.area)
        if rest.area < least * box.area:
            named = ", ".join(f"{one.width}x{one.height} at {one.left},{one.top}" for one in marks)
            return box, f"burnt-in logo ({named}): without it too little of the picture is left"


def _cuts(box: Box, mark: Box) -> Iterator[Box]:
    """The four parts of a box that lie beside a watermark."""
    yield Box(box.top, box.left, max(mark.top - box.top, 0), box.width)
    yield Box(mark.bottom, box.left, max(box.bottom - mark.bottom, 0), box.width)
    yield Box(box.top, box.left, box.height, max(mark.left - box.left, 0))
    yield Box(box.top, mark.right, box.height, max(box.right - mark.right, 0))


def _edges(grey: Grey) -> tuple[Grey, Grey]:
    """How brightness rises to the right and down, no more than CLIPPED."""
    scale = 1 / 8  # of Sobel's weights: levels a pixel
    x, y = (cv2.Sobel(grey, cv2.CV_32F, dx, 1 - dx, ksize=3, scale=scale) for dx in (1, 0))
    shrink = np.minimum(1, CLIPPED / np.maximum(np.hypot(x, y), CLIPPED / 10))
    return np.asarray(x * shrink, np.float32), np.asarray(y * shrink, np.float32)


def _has_moved(edges: tuple[Grey, Grey], before: tuple[Grey, Grey]) -> bool:
    """Whether nearly every part of a picture that has edges has other ones than before."""
    size = [max(side // BLOCK, 1) for side in edges[0].shape[::-1]]

    def by_block(one: tuple[Grey, Grey], other: tuple[Grey, Grey]) -> Grey:
        product = one[0] * other[0] + one[1] * other[1]
        return np.asarray(cv2.resize(product, size, interpolation=cv2.INTER_AREA), np.float32)

    squares = by_block(edges, edges), by_block(before, before)
    textured = np.minimum(*squares) > TEXTURE**2
    alike = by_block(edges, before) > ALIKE * np.sqrt(squares[0] * squares[1])
    return bool(np.count_nonzero(alike & textured) <= RESTING * np.count_nonzero(textured))


def _enlarged(box: Box, small: tuple[int, ...], size: tuple[int, int]) -> Box:
    """A box of the small picture in pixels of the whole one, with its margin."""
    top, left = (
        max((first - MARGIN) * to // of, 0)
        for first, to, of in zip(box[:2], size, small, strict=True)
    )
    bottom, right = (
        min(-(-(end + MARGIN) * to // of), to)
        for end, to, of in zip((box.bottom, box.right), size, small, strict=True)
    )
    return Box(top, left, bottom - top, right - left)


def _mask(small: tuple[int, ...], size: tuple[int, int], crop: Box | None) -> NDArray[np.bool_]:
    """The small picture's pixels within its letterbox bars, whose edges stay as watermarks' do."""
    inner = np.zeros(small, bool)
    if crop is None:
        inner[1:-1, 1:-1] = True
        return inner
    down, across = small[0] / size[0], small[1] / size[1]
    rows = slice(int(crop.top * down) + 2, int(crop.bottom * down) - 1)
    inner[rows, int(crop.left * across) + 2 : int(crop.right * across) - 1] = True
    return inner
