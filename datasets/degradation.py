"""Low-resolution frames from high-resolution ones: blur or bicubic, then every r-th sample.

Both reductions are separable and weigh the same taps for every sample that is kept, so one
function does them, computing only what is kept. Everything is float64 until the one rounding,
added up in one order, so that a machine's vector units do not show in the result. Frames of 8 bits
take a short cut to the same levels: OpenCV's float32 is two to four times as fast, and the few
samples that it brings so near to a half that its errors could tell are computed anew.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, cast, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from .errors import DatasetError

Degradation = Literal["BD", "BI"]
Floats = NDArray[np.float64]

DEGRADATIONS: tuple[Degradation, ...] = get_args(Degradation)
SCALES = (2, 3, 4)
ROUNDING = "halves up, to 8 bits"
# A sum of n float32 products errs by less than (n + 1) / 2**24 of the magnitudes that it adds,
# whatever the order; twice over, of weights that add up to 1.3 at most, by less than this.
_DOUBT = 0.001
_MANY = 0.1  # the part of all samples from which on computing all of them costs less
_MULTIPLE = 256  # of the published demo's padding


def checked(degradation: str, scale: int) -> Degradation:
    """The degradation as typed by a user, upper case; DatasetError if there is none such."""
    if degradation.upper() not in DEGRADATIONS or scale not in SCALES:
        raise DatasetError(
            f"no degradation {degradation!r} at scale {scale}; "
            f"there are {' and '.join(DEGRADATIONS)} at the scales {', '.join(map(str, SCALES))}"
        )
    return cast(Degradation, degradation.upper())


def phase(degradation: str, scale: int) -> float:
    """Where samples were taken: low-resolution pixel k is centred on pixel scale * k + phase."""
    return 0.0 if checked(degradation, scale) == "BD" else (scale - 1) / 2


def parameters(degradation: str, scale: int) -> dict[str, Any]:
    """What a manifest says of a degradation."""
    taps, _ = _taps(checked(degradation, scale), scale)
    says: dict[str, Any] = {
        "kind": checked(degradation, scale),
        "scale": scale,
        "phase": phase(degradation, scale),
    }
    if says["kind"] == "BD":
        says |= {
            "filter": "gaussian",
            "sigma": round(0.4 * scale, 6),
            "kernel_size": 13,
            "border": "reflected about the edge sample, which is not repeated",
        }
    else:
        says |= {
            "filter": "bicubic, antialiased",
            "a": -0.5,
            "kernel_size": len(taps),
            "border": "mirrored, the edge sample repeated",
        }
    return {**says, "rounding": ROUNDING}


def degrade(frame: NDArray[np.uint8], degradation: str, scale: int) -> NDArray[np.uint8]:
    """The low-resolution frame of a high-resolution one, rounded to 8 bits, halves up.

    frame: uint8, (H, W, 3), H and W multiples of scale.
    BD is the paper's Gaussian blur and every r-th pixel from pixel 0; BI is MATLAB's `imresize`
    bicubic with antialiasing, computed in floats (MATLAB rounds halves up too).
    Returns uint8, (H / scale, W / scale, 3). Raises ValueError if scale does not divide the size.
    """
    kind = checked(degradation, scale)
    height, width = frame.shape[:2]
    if height % scale or width % scale or not height or not width:
        raise ValueError(f"degrade: {width}x{height} is no multiple of {scale}")
    taps, first = _taps(kind, scale)
    weights, anchor = np.array(taps, np.float32), (-first, -first)
    border = cv2.BORDER_REFLECT_101 if kind == "BD" else cv2.BORDER_REFLECT
    whole = cv2.sepFilter2D(
        np.ascontiguousarray(frame), cv2.CV_32F, weights, weights, None, anchor, 0, border
    )
    raised = whole[::scale, ::scale] + np.float32(0.5)
    doubtful = np.flatnonzero(np.abs(raised - np.rint(raised)) < _DOUBT)
    if len(doubtful) > _MANY * raised.size:  # a pattern that the filter brings to halves
        return _rounded(_reduce(frame, kind, scale, height // scale, width // scale))
    small: NDArray[np.uint8] = np.floor(np.clip(raised, 0, 255)).astype(np.uint8)
    small.reshape(-1)[doubtful] = _rounded(_samples(frame, kind, scale, doubtful))
    return small


def blur_downsample(frames: NDArray[Any], scale: int) -> Floats:
    """Gaussian blur of sigma 0.4 * scale, then every scale-th pixel from pixel 0, unrounded.

    frames: (..., H, W, C), any real values.
    Returns float64 (..., h, w, C) with h = ceil(H / scale); at scale 3 h = floor(H / 3) + 1, as
    DUF's code, which gives a multiple of 3 one more sample, centred on pixel H, reflected.
    Source: the paper's section 3.3, DUF's downsampling.
    """
    if scale not in SCALES:
        raise ValueError(f"blur_downsample: scale is {scale}, not one of {SCALES}")

    def kept(size: int) -> int:
        return size // 3 + 1 if scale == 3 else -(-size // scale)

    return _reduce(frames, "BD", scale, kept(frames.shape[-3]), kept(frames.shape[-2]))


def authors_low_resolution(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The published demo's network input, from high-resolution frames.

    frames: uint8 RGB, (..., H, W, 3).
    Mapped to [-1, 1], padded by replication towards the next multiple of 256 (a whole 256 where
    the size is one already), blurred and reduced by 4, not rounded.
    Returns float32 (..., 3, h, w), h and w multiples of 64.
    """
    above, left = (authors_padding(size) for size in frames.shape[-3:-1])
    normal = (frames / 255 - 0.5) / 0.5
    around = [(0, 0)] * (frames.ndim - 3) + [(above, above), (left, left), (0, 0)]
    small = blur_downsample(np.pad(normal, around, mode="edge"), 4)
    return np.ascontiguousarray(np.moveaxis(small, -1, -3), np.float32)


def authors_finish(output: NDArray[Any], height: int, width: int) -> NDArray[np.uint8]:
    """The published demo's saved frames, from the network's output.

    output: (..., 3, 4h, 4w) in [-1, 1], for frames that were height x width.
    The padding is cut off again, values are clipped and *truncated* to 8 bits, not rounded.
    Returns uint8 (..., H, W, 3); for an odd height or width one row or column more than the frame
    had, as published: leave the last out to compare.
    """
    above, left = authors_padding(height), authors_padding(width)
    rows, columns = output.shape[-2:]
    inside = output[..., above : rows - above, left : columns - left]
    # In the type that came: where a float64 value would be a hair below a whole number, the
    # published float32 one may be that number, and truncation tells them apart.
    return np.moveaxis((np.clip((inside + 1) / 2, 0, 1) * 255).astype(np.uint8), -3, -1)


def authors_padding(size: int) -> int:
    """Rows or columns that the published demo adds on each side of a frame."""
    return ((size // _MULTIPLE + 1) * _MULTIPLE - size) // 2


def _rounded(values: Floats) -> NDArray[np.uint8]:
    return np.floor(np.clip(values, 0, 255) + 0.5).astype(np.uint8)


def _samples(
    frame: NDArray[np.uint8], degradation: Degradation, scale: int, places: NDArray[np.int_]
) -> Floats:
    """Some samples of `_reduce`, by their places in its flattened result: the same sums."""
    height, width, channels = frame.shape
    taps, first = _taps(degradation, scale)
    reach = np.arange(first, first + len(taps))
    rows, columns, channel = np.unravel_index(places, (height // scale, width // scale, channels))
    repeat = degradation == "BI"
    rows = _mirrored(rows[:, None] * scale + reach, height, repeat)
    columns = _mirrored(columns[:, None] * scale + reach, width, repeat)
    patches = frame[rows[:, :, None], columns[:, None, :], channel[:, None, None]]
    for _ in range(2):
        total = np.zeros((len(places), *patches.shape[2:]))
        for k, weight in enumerate(taps):
            total += patches[:, k] * weight
        patches = total
    return cast(Floats, patches)


def _reduce(
    frames: NDArray[Any], degradation: Degradation, scale: int, height: int, width: int
) -> Floats:
    """The height x width samples of (..., H, W, C) that a reduction keeps."""
    taps, first = _taps(degradation, scale)
    for axis, kept in ((frames.ndim - 3, height), (frames.ndim - 2, width)):
        size = frames.shape[axis]
        # Mirrored around what exists, only as far as the taps of the kept samples reach.
        reach = np.arange(first, (kept - 1) * scale + first + len(taps))
        padded = frames.take(_mirrored(reach, size, repeat_edge=degradation == "BI"), axis)
        shape = (*frames.shape[:axis], kept, *frames.shape[axis + 1 :])
        total, part = np.zeros(shape), np.empty(shape)
        before = (slice(None),) * axis
        for k, weight in enumerate(taps):
            samples = padded[*before, slice(k, k + (kept - 1) * scale + 1, scale)]
            total += np.multiply(samples, weight, out=part)
        frames = total
    return cast(Floats, frames)


@cache
def _taps(degradation: Degradation, scale: int) -> tuple[tuple[float, ...], int]:
    """Weights, and where the first of them lies from the first pixel of the block."""
    if degradation == "BD":
        reach = int(4 * 0.4 * scale + 0.5)
        offsets = np.arange(-reach, reach + 1)
        weights = np.exp(-(offsets**2) / (2 * (0.4 * scale) ** 2))
    else:
        centre = (scale - 1) / 2
        offsets = np.arange(int(np.floor(centre - 2 * scale)) + 1, int(np.ceil(centre + 2 * scale)))
        weights = _cubic((offsets - centre) / scale)
    return tuple(float(weight) for weight in weights / weights.sum()), int(offsets[0])


def _cubic(x: Floats) -> Floats:
    """Keys' cubic kernel with a = -0.5."""
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x**2 + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def _mirrored(index: NDArray[np.int_], size: int, repeat_edge: bool) -> NDArray[np.int_]:
    """Indices outside 0 .. size - 1 mirrored into it, as often as it takes.

    >>> _mirrored(np.arange(-2, 5), 3, repeat_edge=False).tolist()
    [2, 1, 0, 1, 2, 1, 0]
    >>> _mirrored(np.arange(-2, 5), 3, repeat_edge=True).tolist()
    [1, 0, 0, 1, 2, 2, 1]
    """
    if repeat_edge:
        index = index % (2 * size)
        return np.minimum(index, 2 * size - 1 - index)
    period = max(2 * size - 2, 1)
    index = index % period
    return np.minimum(index, period - index) if size > 1 else index
