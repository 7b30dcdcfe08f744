"""Synthetic clips, photographs in motion: sharp, of any frame rate, for training where footage is scarce.

Real clips that may be distributed are compressed, and none has 240 frames a second. A photograph
moved over a virtual camera is as sharp as can be, moves by any fraction of a pixel, and its true
frame is known at every moment. Several layers move independently, so that things cover each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

# Of what scikit-image installs (public domain, CC0 or its BSD-3-Clause licence) the colour
# photographs, and grey ones that are tinted; `page` and `text` are photographs of print. Those that
# the test set `sample` shows (astronaut, coffee, gravel, motorcycle) are never learnt from.
COLOUR = ("chelsea", "rocket", "hubble_deep_field", "immunohistochemistry", "retina")
GREY = ("brick", "grass", "camera", "coins", "page", "text", "moon")

VARIETIES = ("occlusion", "texture", "rotation", "blur", "shake", "light")
SUPERSAMPLING = 2  # in each direction, averaged: what a sensor's pixels do
SLOWEST, FASTEST = 0.05, 4.0  # pixels a frame, the ends of a logarithmic distribution
WORDS = (
    *("space", "time", "video", "upsampling", "2026", "Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"),
    *("0123456789", "network", "frame", "&"),
)


def photographs() -> dict[str, Picture]:
    """The photographs that clips are made of, uint8 RGB, by their names in scikit-image."""
    from skimage import data  # only here: scikit-image is slow to import

    pictures = {name: np.asarray(getattr(data, name)()) for name in (*COLOUR, *GREY)}
    return {
        name: np.ascontiguousarray(
            one[..., :3] if one.ndim == 3 else np.repeat(one[..., None], 3, 2), np.uint8
        )
        for name, one in pictures.items()
    }


def clip(
    pictures: Sequence[Picture],
    seed: int,
    *,
    frames: int = 24,
    side: int = 176,
    fastest: float = FASTEST,
    vary: Collection[str] = (),
) -> Iterator[Picture]:
    """The frames of a clip, uint8 (side, side, 3): a function of pictures, seed and settings alone.

    pictures: sharp ones, uint8 RGB; of each about `side` * 1.4 pixels or more are seen, averaged.
    fastest:  pixels that a layer moves from frame to frame, at most.
    vary:     what real video has and plain clips lack, of `VARIETIES`: "occlusion" (two layers or
              more, thin structures among them), "texture" (tilings, fences, windows), "rotation"
              (and zoom, more of both), "blur" (by motion, at times), "shake" (of all layers
              together), "light" (that changes).
    """
    random = np.random.default_rng([seed, 20_08])
    view = _View(side, fastest, random, frozenset(vary))

    def draw() -> Picture:
        is_tiling = "texture" in vary and random.random() < 0.25
        picture = pictures[int(random.integers(len(pictures)))]
        return _tiling(random, picture, 4 * side) if is_tiling else _tint(random, picture)

    layers = [_Layer.background(draw(), view)]
    covering = "occlusion" in vary
    for _ in range(int(random.integers(2, 6) if covering else random.integers(0, 4))):
        kind = random.random()
        if kind < (0.2 if covering else 0.5):
            layers.append(_Layer.writing(view))
        elif covering and kind < 0.5:
            layers.append(_Layer.lattice(draw(), view))
        else:
            layers.append(_Layer.piece(draw(), view))
    # How it is filmed: exposure in frames, the camera's own motion, change of light.
    shutter = random.uniform(0.2, 0.6) if view.sometimes("blur") else 0.0
    shake = np.zeros((frames, 2))
    if view.sometimes("shake"):
        shake = random.normal(0, 0.8, (frames, 2))
        shake[1:] = 0.6 * shake[1:] + 0.4 * shake[:-1]
    glow = random.uniform(-0.25, 0.25) if view.sometimes("light") else 0.0
    instants = np.linspace(-shutter / 2, shutter / 2, 5) if shutter else (0.0,)
    for k in range(frames):
        t = k - frames / 2
        exposures = [_scene(layers, t + instant, side, shake[k]) for instant in instants]
        frame = sum(exposures[1:], exposures[0]) / len(exposures)
        frame = frame * (1 + glow * np.sin(2 * np.pi * t / frames))
        yield cast(Picture, np.clip(np.rint(frame), 0, 255).astype(np.uint8))


@dataclass(frozen=True)
class _View:
    """What a clip is drawn for: the frame's side, the highest speed, the chance, what varies."""

    side: int
    fastest: float
    random: np.random.Generator
    vary: frozenset[str]

    def sometimes(self, what: str) -> bool:
        """Whether a clip has this, which it never has unless it varies."""
        return what in self.vary and self.random.random() < 0.3


@dataclass(frozen=True)
class _Path:
    """A smooth motion: where a layer is at a time, in pixels of the rendered frame and radians."""

    velocity: NDArray[np.float64]
    shake: NDArray[np.float64]
    frequency: float
    spin: float
    zoom: float

    @classmethod
    def draw(cls, view: _View) -> _Path:
        random = view.random
        speed = np.exp(random.uniform(np.log(SLOWEST), np.log(view.fastest)))
        heading = random.uniform(0, 2 * np.pi)
        turns = 0.02 if "rotation" in view.vary else 0.004
        return cls(
            speed * np.array([np.cos(heading), np.sin(heading)]),
            random.normal(0, 1.0, 2) * (random.random() < 0.5),
            random.uniform(0.1, 0.6),
            random.normal(0, turns) * (random.random() < 0.5),
            random.normal(0, turns) * (random.random() < 0.5),
        )

    def matrix(self, t: float) -> NDArray[np.float64]:
        """From a place in the moved layer to one in the layer at rest, both about the centre."""
        cosine, sine = np.cos(self.spin * t), np.sin(self.spin * t)
        turned = np.exp(-self.zoom * t) * np.array([[cosine, sine], [-sine, cosine]])
        moved = self.velocity * t + self.shake * np.sin(self.frequency * t)
        return np.column_stack([turned, -turned @ moved])


@dataclass(frozen=True)
class _Layer:
    """A picture with its cover, how many of its pixels one of the rendered frame covers, and its path.

    cover:   float32 in [0, 1], of the picture's size; None covers everything.
    centre:  of the picture, the place that is in the frame's centre plus `offset` at time 0.
    """

    picture: Picture
    cover: NDArray[np.float32] | None
    density: float
    centre: NDArray[np.float64]
    offset: NDArray[np.float64]
    path: _Path

    @classmethod
    def background(cls, picture: Picture, view: _View) -> _Layer:
        side, random = view.side, view.random
        height, width = picture.shape[:2]
        density = min(random.uniform(1.4, 3.0), max(min(height, width) / side, 1.2))
        room = np.maximum(np.array([width, height]) - side * density, 0) / 2
        centre = np.array([width, height]) / 2 + random.uniform(-1, 1, 2) * room
        return cls(picture, None, density, centre, np.zeros(2), _Path.draw(view))

    @classmethod
    def piece(cls, picture: Picture, view: _View) -> _Layer:
        """A part of a picture with a smooth or a straight outline."""
        random = view.random
        part, density = _square(picture, view, 0.2, 0.6)
        cut = len(part)
        cover = np.zeros((cut, cut), np.float32)
        if random.random() < 0.5:
            axes = [int(cut * random.uniform(0.25, 0.48)) for _ in range(2)]
            cv2.ellipse(cover, (cut // 2, cut // 2), axes, random.uniform(0, 180), 0, 360, 1.0, -1)
        else:
            corners = random.uniform(0.05, 0.95, (int(random.integers(3, 7)), 1, 2)) * cut
            cv2.fillPoly(cover, [cv2.convexHull(corners.astype(np.int32))], 1.0)
        return cls._place(part, cover, density, view)

    @classmethod
    def lattice(cls, picture: Picture, view: _View) -> _Layer:
        """Thin structures: bars, a fence or branches, a few pixels wide, holes between them."""
        random = view.random
        part, density = _square(picture, view, 0.3, 0.9)
        cut = len(part)
        cover = np.zeros((cut, cut), np.float32)
        width = max(int(density * random.uniform(1.5, 8)), 1)
        if random.random() < 0.5:  # a fence: parallel bars, maybe crossed
            gap = width * random.uniform(2, 6)
            across = random.random() < 0.5
            for at in map(int, np.arange(0, cut, gap)):
                cv2.line(cover, (at, 0), (at, cut), 1.0, width)
                if across:
                    cv2.line(cover, (0, at), (cut, at), 1.0, width)
        else:  # branches: broken lines anywhere
            for _ in range(int(random.integers(2, 9))):
                line = random.uniform(0, cut, (int(random.integers(2, 5)), 1, 2)).astype(np.int32)
                cv2.polylines(cover, [line], False, 1.0, width)
        return cls._place(part, cover, density, view)

    @classmethod
    def writing(cls, view: _View) -> _Layer:
        """Lines of words or numbers, on their own paper or straight on what is behind."""
        from PIL import Image, ImageDraw, ImageFont

        side, random = view.side, view.random
        density, lines = 2.0, int(random.integers(1, 6))
        size = float(density * random.uniform(7, 26))
        words = [" ".join(random.choice(WORDS, int(random.integers(1, 6)))) for _ in range(lines)]
        sheet = Image.new("L", (int(side * density), int(1.25 * size * lines) + 4), 0)
        font = ImageFont.load_default(size)
        ImageDraw.Draw(sheet).multiline_text((4, 0), "\n".join(words), 255, font)
        ink = np.asarray(sheet, np.float32)[..., None] / 255
        colours = random.integers(0, 256, (2, 3))
        page = ink * colours[0] + (1 - ink) * colours[1]
        letters = np.asarray(ink[..., 0], np.float32)
        cover = letters if random.random() < 0.5 else np.ones_like(letters)
        return cls._place(page.astype(np.uint8), cover, density, view)

    @classmethod
    def _place(
        cls, picture: Picture, cover: NDArray[np.float32], density: float, view: _View
    ) -> _Layer:
        centre = np.array(picture.shape[1::-1]) / 2
        offset = view.random.uniform(-0.4, 0.4, 2) * view.side
        return cls(picture, cover, density, centre, offset, _Path.draw(view))

    def sample(
        self, t: float, side: int, shift: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """The picture and its cover at a time, moved by `shift`, `SUPERSAMPLING` times as finely."""
        whole = side * SUPERSAMPLING
        path = self.path.matrix(t)
        # from a sample (centres at whole numbers) to the frame's pixels about its centre, ...
        samples = (
            np.array([[1, 0, 0.5 - whole / 2], [0, 1, 0.5 - whole / 2], [0, 0, SUPERSAMPLING]])
            / SUPERSAMPLING
        )
        samples[:2, 2] -= self.offset + shift
        # ... to the layer at rest, to the picture's pixels
        placed = np.vstack([path, [0, 0, 1]]) @ samples
        placed[:2] *= self.density
        placed[:2, 2] += self.centre - 0.5
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        picture = cv2.warpAffine(
            self.picture, placed[:2], (whole, whole), flags=flags, borderMode=cv2.BORDER_REFLECT_101
        )
        if self.cover is None:
            return picture.astype(np.float32), None
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cover = cv2.warpAffine(self.cover, placed[:2], (whole, whole), flags=flags)
        return picture.astype(np.float32), np.asarray(cover[..., None], np.float32)


def _scene(
    layers: Sequence[_Layer], t: float, side: int, shift: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The layers over each other at a time, averaged over each pixel."""
    scene, _ = layers[0].sample(t, side, shift)
    for layer in layers[1:]:
        picture, cover = layer.sample(t, side, shift)
        scene = scene + (picture - scene) * cast(Any, cover)
    return cast(Any, cv2.resize(scene, (side, side), interpolation=cv2.INTER_AREA))  # type: ignore[no-any-return]


def _square(picture: Picture, view: _View, least: float, most: float) -> tuple[Picture, float]:
    """A square part of a picture for a layer of these parts of the frame's side, and its density."""
    density = view.random.uniform(1.4, 2.4)
    cut = min(int(density * view.side * view.random.uniform(least, most)), *picture.shape[:2])
    top, left = (int(view.random.integers(0, size - cut + 1)) for size in picture.shape[:2])
    return picture[top : top + cut, left : left + cut], density


def _tiling(random: np.random.Generator, picture: Picture, size: int) -> Picture:
    """A small part of a picture again and again, as bricks, fences and windows are."""
    across, down = (int(random.integers(12, 65)) for _ in range(2))
    top = int(random.integers(0, picture.shape[0] - down + 1))
    left = int(random.integers(0, picture.shape[1] - across + 1))
    tile = _tint(random, picture[top : top + down, left : left + across])
    if random.random() < 0.5:  # every second row by half a tile, as bricks are laid
        tile = np.concatenate([tile, np.roll(tile, across // 2, 1)])
    times = (-(-size // tile.shape[0]), -(-size // tile.shape[1]), 1)
    return np.ascontiguousarray(np.tile(tile, times)[:size, :size])


def _tint(random: np.random.Generator, picture: Picture) -> Picture:
    """Other colours, so that the few photographs are not learnt by heart."""
    if random.random() < 0.3:
        return picture
    mixed = np.eye(3) + random.normal(0, 0.15, (3, 3))
    mixed /= np.maximum(mixed.sum(1, keepdims=True), 0.5)
    shifted = picture @ mixed.T * random.uniform(0.8, 1.2) + random.normal(0, 12, 3)
    return cast(Picture, np.clip(shifted, 0, 255).astype(np.uint8))
