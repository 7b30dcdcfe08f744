"""`sample`, the built-in set: three short clips made of the photographs in scikit-image.

Every frame is resampled once, straight from the full-size photograph, through a cubic kernel as
wide as the reduction asks for: no blur piles up from frame to frame, and nothing aliases. The
arithmetic is products, sums and square roots of doubles in a fixed order, so that every machine
makes the same frames.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .recipe import Recipe

Floats = NDArray[np.float64]

HEIGHT, WIDTH, FRAMES = 192, 256, 15
_ACROSS = np.arange(WIDTH, dtype=np.float64) - (WIDTH - 1) / 2
_DOWN = np.arange(HEIGHT, dtype=np.float64) - (HEIGHT - 1) / 2
_WARM = (1.06, 1.0, 0.9)  # the gravel is a grey photograph
# The cup and its saucer in the photograph: two ellipses, (x, y) of the centre and half axes.
_CUP = ((288.5, 113.0, 112.5, 92.0), (280.5, 222.0, 198.0, 160.0))


def render(scene: str, index: int) -> NDArray[np.uint8]:
    """Frame `index` of a scene of the set, uint8 RGB, (192, 256, 3)."""
    frame = {"crossing": _crossing, "pan": _pan, "zoom": _zoom}[scene](index)
    rounded: NDArray[np.uint8] = np.floor(np.clip(frame, 0, 255) + 0.5).astype(np.uint8)
    return rounded


def _pan(t: int) -> Floats:
    """A view gliding over a motorcycle, 4 to 7 pixels a frame, never whole ones."""
    step = 1.55
    x = 268 + step * (4.13 * t + 0.093 * t * t)
    y = 278 - step * (1.37 * t - 0.051 * t * t)
    return _straight(_photograph("stereo_motorcycle"), x, y, step)


def _zoom(t: int) -> Floats:
    """A view that closes in on an astronaut while it turns, a degree a frame."""
    step = 1.66 * 0.976**t
    angle = math.radians(-7.3 + 1.04 * t)
    # The C library's last digit of a cosine is its own affair; the twelfth is everybody's.
    cosine, sine = round(math.cos(angle), 12), round(math.sin(angle), 12)
    return _turned(_photograph("astronaut"), 262 - 1.7 * t, 246 - 2.9 * t, step, cosine, sine)


def _crossing(t: int) -> Floats:
    """A cup that slides over gravel, 15 slowing down to 7 pixels a frame, the view drifting."""
    ground = 1.45
    frame = _straight(
        _photograph("gravel"), 228 + ground * 2.31 * t, 262 - ground * 0.57 * t, ground
    )
    frame *= _WARM
    step = 3.35
    middle_x, middle_y = 38.0 + 15.2 * t - 0.31 * t * t, 84.0 + 3.4 * t - 0.17 * t * t
    # Where the cup's photograph has to be centred for the cup to be in the middle of that.
    x = 280 + step * (WIDTH / 2 - middle_x)
    y = 200 + step * (HEIGHT / 2 - middle_y)
    frame *= 1 - 0.45 * _cup(x - 18, y - 26, step, softness=12.0)  # its shadow
    cover = _cup(x, y, step, softness=1.0)
    return frame + cover * (_straight(_photograph("coffee"), x, y, step) - frame)


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


def _turned(
    photograph: Floats, x: float, y: float, step: float, cosine: float, sine: float
) -> Floats:
    """The same with the view turned about its centre."""
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
    title="the built-in set: crossing, pan, zoom",
    scenes={"crossing": FRAMES, "pan": FRAMES, "zoom": FRAMES},
    sizes={name: (HEIGHT, WIDTH) for name in ("crossing", "pan", "zoom")},
    licence=(
        "photographs of scikit-image: astronaut (NASA, public domain), coffee (Rachel Michetti, "
        "CC0), gravel (CC0), motorcycle (Middlebury Stereo 2014, Scharstein et al., none stated)"
    ),
    citation="van der Walt et al., scikit-image: image processing in Python, PeerJ 2014",
    render=render,
    fps="30",
)
