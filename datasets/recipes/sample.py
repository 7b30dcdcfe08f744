"""`sample`, the built-in set: five short scenes made of the photographs in scikit-image.

Every frame is resampled once, straight from the full-size photograph, through a cubic kernel as
wide as the reduction asks for: no blur piles up from frame to frame, and nothing aliases. The
arithmetic is products, sums and square roots of doubles in a fixed order, so that every machine
makes the same frames. No training set of this package shows these four photographs.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .recipe import Recipe

Floats = NDArray[np.float64]

HEIGHT, WIDTH, FRAMES = 192, 256, 29
_ACROSS = np.arange(WIDTH, dtype=np.float64) - (WIDTH - 1) / 2
_DOWN = np.arange(HEIGHT, dtype=np.float64) - (HEIGHT - 1) / 2
_WARM = (1.06, 1.0, 0.9)  # the gravel is a grey photograph
# The cup and its saucer in the photograph: two ellipses, (x, y) of the centre and half axes.
_CUP = ((288.5, 113.0, 112.5, 92.0), (280.5, 222.0, 198.0, 160.0))

# Letters as strokes, on a grid of five by seven points: "xy" of each.
_STROKES = {
    "A": "06 20 46, 13 33",
    "D": "00 06 26 45 41 20 00",
    "C": "41 30 10 01 05 16 36 45",
    "E": "40 00 06 46, 03 33",
    "I": "20 26",
    "L": "00 06 46",
    "M": "06 00 23 40 46",
    "N": "06 00 46 40",
    "O": "10 30 41 45 36 16 05 01 10",
    "P": "06 00 30 41 42 33 03",
    "R": "06 00 30 41 42 33 03, 23 46",
    "S": "41 30 10 01 02 13 33 44 45 36 16 05",
    "T": "00 40, 20 26",
    "U": "00 05 16 36 45 40",
    "V": "00 26 40",
    "0": "10 30 41 45 36 16 05 01 10",
    "2": "01 10 30 41 42 06 46",
    " ": "",
}


def render(scene: str, index: int) -> NDArray[np.uint8]:
    """Frame `index` of a scene of the set, uint8 RGB, (192, 256, 3)."""
    frame = _SCENES[scene](index)
    rounded: NDArray[np.uint8] = np.floor(np.clip(frame, 0, 255) + 0.5).astype(np.uint8)
    return rounded


def _drift(t: int) -> Floats:
    """Slow: a view that closes in on an astronaut and turns by a quarter of a degree a frame."""
    step = 1.66 * 0.996**t
    x, y = 258 - 0.7 * t, 196 + 0.9 * t
    return _turned(_photograph("astronaut"), x, y, step, -3.7 + 0.26 * t)


def _pan(t: int) -> Floats:
    """Large motion: a view that sweeps over a motorcycle, 10 to 18 pixels a frame."""
    step = 1.12
    x = 148 + step * (9.87 * t + 0.143 * t * t)
    y = 338 - step * (6.31 * t - 0.087 * t * t)
    return _straight(_photograph("stereo_motorcycle"), x, y, step)


def _crossing(t: int) -> Floats:
    """Occlusion: a cup that slides over gravel, 9 to 7 pixels a frame, the view drifting."""
    ground = 1.45
    frame = _straight(
        _photograph("gravel"), 203 + ground * 2.31 * t, 262 - ground * 0.57 * t, ground
    )
    frame *= _WARM
    step = 3.35
    middle_x, middle_y = 18.0 + 8.9 * t - 0.037 * t * t, 72.0 + 2.7 * t - 0.05 * t * t
    # Where the cup's photograph has to be centred for the cup to be in the middle of that.
    x = 280 + step * (WIDTH / 2 - middle_x)
    y = 200 + step * (HEIGHT / 2 - middle_y)
    frame *= 1 - 0.45 * _cup(x - 18, y - 26, step, softness=12.0)  # its shadow
    cover = _cup(x, y, step, softness=1.0)
    return frame + cover * (_straight(_photograph("coffee"), x, y, step) - frame)


def _tiles(t: int) -> Floats:
    """Repeating texture: a wall of tiles, 5 pixels a frame, while it turns by half a degree."""
    return _turned(_wall(), 330 + 6.2 * t, 470 - 3.7 * t, 1.31, 6.1 - 0.43 * t)


def _print(t: int) -> Floats:
    """Text and fine lines over a photograph, 4 pixels a frame."""
    step = 1.27
    return _straight(_page(), 202 + step * (3.73 * t + 0.021 * t * t), 214 - step * 0.83 * t, step)


_SCENES = {"crossing": _crossing, "drift": _drift, "pan": _pan, "print": _print, "tiles": _tiles}


@cache
def _wall() -> Floats:
    """A part of a motorcycle again and again, every second row by half a tile."""
    tile = _photograph("stereo_motorcycle")[258:302, 196:264]
    rows = np.concatenate([tile, np.roll(tile, tile.shape[1] // 2, 1)])
    return np.tile(rows, (10, 12, 1))


@cache
def _page() -> Floats:
    """A photograph with lines of words of several sizes, and a fan and a ruling of fine lines."""
    page = _photograph("coffee").copy()
    ink, paper = np.array([24.0, 20.0, 40.0]), np.array([250.0, 240.0, 205.0])
    lines = [
        (46, 84, 26, "SPACE TIME VIDEO", 3.0, paper),
        (60, 122, 17, "UPSAMPLES IN ONE STEP", 2.2, paper),
        (52, 150, 11, "LOST DETAIL IS SEEN IN SEVEN VIDEOS", 1.5, ink),
        (330, 258, 24, "IN MOTION", 2.6, paper),
        (300, 296, 13, "SET IN SMALL LETTERS", 1.5, paper),
        (60, 290, 16, "A NOTE ON PRINT", 1.9, paper),
    ]
    for left, top, size, text, width, colour in lines:
        for k, letter in enumerate(text):
            for stroke in filter(None, _STROKES[letter].split(", ")):
                points = [
                    (left + size * (k * 0.96 + int(point[0]) / 6), top + size * int(point[1]) / 6)
                    for point in stroke.split(" ")
                ]
                for start, end in pairwise(points):
                    _draw(page, start, end, width, colour)
    for k in range(14):
        _draw(page, (290 + 7.3 * k, 136), (430, 238 - 5.1 * k), 1.2, paper)
        _draw(page, (40, 172 + 8.0 * k), (230, 167 + 8.6 * k), 1.3, ink)
    return page


def _draw(
    page: Floats,
    start: tuple[float, float],
    end: tuple[float, float],
    width: float,
    colour: Floats,
) -> None:
    """A line from one (x, y) to another, its edge a pixel wide."""
    left, top = (max(math.floor(min(pair) - width), 0) for pair in zip(start, end, strict=True))
    right, bottom = (math.ceil(max(pair) + width) + 1 for pair in zip(start, end, strict=True))
    part = page[top:bottom, left:right]
    across = np.arange(left, left + part.shape[1], dtype=np.float64)[None, :] - start[0]
    down = np.arange(top, top + part.shape[0], dtype=np.float64)[:, None] - start[1]
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = np.clip((across * dx + down * dy) / (dx * dx + dy * dy), 0, 1)
    distance = np.sqrt((across - along * dx) ** 2 + (down - along * dy) ** 2)
    cover = np.clip(width / 2 + 0.5 - distance, 0, 1)[..., None]
    part += cover * (colour - part)


@cache
def _photograph(name: str) -> Floats:
    from skimage import data  # takes a second, and most never need it

    found: Any = getattr(data, name)()
    left = found[0] if isinstance(found, tuple) else found  # of the stereo pair
    picture = np.asarray(left, np.float64)
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def _straight(photograph: Floats, x: float, y: float, step: float) -> Floats:
    """The view centred on (x, y) of a photograph, `step` of its pixels to one of the frame."""
    columns = x + step * _ACROSS
    rows = y + step * _DOWN
    first, weights = _taps(rows, step)
    tall = np.zeros((HEIGHT, *photograph.shape[1:]))
    for k in range(len(weights)):
        row = np.clip(first + k, 0, photograph.shape[0] - 1)
        tall += weights[k][:, None, None] * photograph[row]
    first, weights = _taps(columns, step)
    view = np.zeros((HEIGHT, WIDTH, 3))
    for k in range(len(weights)):
        column = np.clip(first + k, 0, photograph.shape[1] - 1)
        view += weights[k][:, None] * tall[:, column]
    return view


def _turned(photograph: Floats, x: float, y: float, step: float, degrees: float) -> Floats:
    """The same with the view turned about its centre."""
    angle = math.radians(degrees)
    # The C library's last digit of a cosine is its own affair; the twelfth is everybody's.
    cosine, sine = round(math.cos(angle), 12), round(math.sin(angle), 12)
    across = step * _ACROSS[None, :]
    down = step * _DOWN[:, None]
    left, column_weights = _taps(x + cosine * across - sine * down, step)
    top, row_weights = _taps(y + sine * across + cosine * down, step)
    height, width = photograph.shape[:2]
    pixels = photograph.reshape(-1, 3)
    columns = [np.clip(left + k, 0, width - 1) for k in range(len(column_weights))]
    view = np.zeros((HEIGHT, WIDTH, 3))
    for k, row_weight in enumerate(row_weights):
        row = np.clip(top + k, 0, height - 1) * width
        line = np.zeros((HEIGHT, WIDTH, 3))
        for column_weight, column in zip(column_weights, columns, strict=True):
            line += column_weight[..., None] * pixels[row + column]
        view += row_weight[..., None] * line
    return view


def _taps(positions: Floats, step: float) -> tuple[NDArray[np.int_], Floats]:
    """The first photograph pixel that each position reads, and the weights of it and the next.

    Keys' cubic kernel (a = -0.5) stretched by the step, which is what keeps detail that the frame
    cannot hold out of it. Returns (...) and (taps, ...).
    """
    step = max(step, 1.0)
    taps = 2 * math.ceil(2 * step)
    first = np.floor(positions).astype(np.int_) - taps // 2 + 1
    x = np.abs(np.stack([first + k for k in range(taps)]) - positions) / step
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    weights = np.where(x <= 1, near, np.where(x < 2, far, 0.0))
    return first, weights / weights.sum(axis=0)


def _cup(x: float, y: float, step: float, softness: float) -> Floats:
    """How much of each pixel of the view centred on (x, y) the cup covers, (H, W, 1).

    softness: width of its edge in pixels of the frame.
    """
    across = (x + step * _ACROSS)[None, :]
    down = (y + step * _DOWN)[:, None]
    inside = [
        (1 - np.sqrt(((across - cx) / a) ** 2 + ((down - cy) / b) ** 2)) * min(a, b) / step
        for cx, cy, a, b in _CUP
    ]
    return np.clip(np.maximum(*inside) / softness + 0.5, 0, 1)[..., None]


SAMPLE = Recipe(
    name="sample",
    title="the built-in set: slow and fast motion, occlusion, texture, text",
    scenes=dict.fromkeys(_SCENES, FRAMES),
    size=(HEIGHT, WIDTH),
    licence=(
        "photographs of scikit-image: astronaut (NASA, public domain), coffee (Rachel Michetti, "
        "CC0), gravel (CC0), motorcycle (Middlebury Stereo 2014, Scharstein et al., none stated)"
    ),
    citation="van der Walt et al., scikit-image: image processing in Python, PeerJ 2014",
    render=render,
    fps="30",
    version=2,
)
