"""Low-resolution frames from high-resolution ones: blur or bicubic, then every r-th sample.

All degradations are separable filters that weigh the same taps for every sample that is kept, so
one function computes them, in float64 until the one rounding: no sample of a picture comes so near
to a half that the order of the sums, which a machine's vector units decide, could show in it.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from .errors import DatasetError

Degradation = Literal["BD", "BI", "BDC"]
Floats = NDArray[np.float64]

DEGRADATIONS: tuple[Degradation, ...] = get_args(Degradation)
SCALES = (2, 3, 4)
ROUNDING = "halves up, to 8 bits"
BORDERS: dict[Degradation, tuple[Literal["reflect", "symmetric", "edge"], str]] = {
    "BD": ("reflect", "reflected about the edge sample, which is not repeated"),
    "BI": ("symmetric", "mirrored, the edge sample repeated"),
    "BDC": ("edge", "the edge sample repeated"),
}
_BDC_SIGMA = 1.6  # at any scale
_BDC_TAPS = {2: 12, 3: 7, 4: 12}
_MULTIPLE = 256  # of the published demo's padding


def checked(degradation: str, scale: int) -> Degradation:
    """The degradation as typed by a user, upper case; DatasetError if there is none such."""
    if degradation.upper() not in DEGRADATIONS or scale not in SCALES:
        raise DatasetError(
            f"no degradation {degradation!r} at scale {scale}; "
            f"there are BD, BI and BDC at the scales {', '.join(map(str, SCALES))}"
        )
    return cast(Degradation, degradation.upper())


def phase(degradation: str, scale: int) -> float:
    """Where samples were taken: low-resolution pixel k is centred on pixel scale * k + phase."""
    return 0.0 if checked(degradation, scale) == "BD" else (scale - 1) / 2


def parameters(degradation: str, scale: int) -> dict[str, Any]:
    """The parameters of a degradation, as a manifest records them."""
    kind = checked(degradation, scale)
    taps, _ = _taps(kind, scale)
    filters: dict[str, dict[str, Any]] = {
        "BD": {"filter": "gaussian", "sigma": round(0.4 * scale, 6)},
        "BI": {"filter": "bicubic, antialiased", "a": -0.5},
        "BDC": {"filter": "gaussian", "sigma": _BDC_SIGMA},
    }
    return {
        "kind": kind,
        "scale": scale,
        "phase": phase(degradation, scale),
        **filters[kind],
        "kernel_size": len(taps),
        "border": BORDERS[kind][1],
        "rounding": ROUNDING,
    }


def degrade(frame: NDArray[np.uint8], degradation: str, scale: int) -> NDArray[np.uint8]:
    """The low-resolution frame of a high-resolution one, rounded to 8 bits, halves up.

    frame: uint8, (H, W, 3), H and W multiples of scale.
    BD is the paper's Gaussian blur and every r-th pixel from pixel 0; BI is MATLAB's `imresize`
    bicubic with antialiasing, computed in floats (MATLAB rounds halves up too); BDC is the Gaussian
    blur of RDN, RCAN, TDAN and BasicVSR, also called BD, whose samples lie in the middle of r pixels
    as BI's do (MATLAB's `fspecial` and `imfilter`, edges replicated).
    Returns uint8, (H / scale, W / scale, 3). Raises ValueError if scale does not divide the size.
    """
    kind = checked(degradation, scale)
    height, width = frame.shape[:2]
    if height % scale or width % scale or not height or not width:
        raise ValueError(f"degrade: {width}x{height} is no multiple of {scale}")
    small = np.clip(_filtered(frame, kind, scale), 0, 255)
    return cast(NDArray[np.uint8], np.floor(small + 0.5).astype(np.uint8))


def blur_downsample(frames: NDArray[Any], scale: int) -> Floats:
    """Gaussian blur of sigma 0.4 * scale, then every scale-th pixel from pixel 0, unrounded.

    frames: (..., H, W, C), any real values.
    Returns float64 (..., h, w, C) with h = ceil(H / scale); at scale 3 h = floor(H / 3) + 1, as
    DUF's code, which gives a multiple of 3 one more sample, centred on pixel H, reflected.
    Source: the paper's section 3.3, DUF's downsampling.
    """
    if scale not in SCALES:
        raise ValueError(f"blur_downsample: scale is {scale}, not one of {SCALES}")

    rows, columns = (
        size // 3 + 1 if scale == 3 else -(-size // scale) for size in frames.shape[-3:-1]
    )
    beyond = (0, len(_taps("BD", scale)[0]))  # what the one more sample at scale 3 reads
    around = [(0, 0)] * (frames.ndim - 3) + [beyond, beyond, (0, 0)]
    padded = np.pad(np.asarray(frames, np.float64), around, mode="reflect")
    small = np.empty((*frames.shape[:-3], rows, columns, frames.shape[-1]))
    for place in np.ndindex(*frames.shape[:-3]):
        small[place] = _filtered(padded[place], "BD", scale)[:rows, :columns]
    return small


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


def _filtered(frame: NDArray[Any], degradation: Degradation, scale: int) -> Floats:
    """The filtered frame at every scale-th pixel, float64, (ceil(H / scale), ceil(W / scale), C).

    Rows first, one tap after the other: OpenCV's filters take half the time, but the order in which
    they add up, which exact halves tell, is another with each version and kind of processor.
    """
    taps, first = _taps(degradation, scale)
    values = np.asarray(frame)
    for axis in (0, 1):
        size = values.shape[axis]
        last = scale * ((size - 1) // scale)  # pixel that is kept
        around = [(0, 0)] * 3
        around[axis] = max(-first, 0), max(last + first + len(taps) - size, 0)
        padded: Any = np.pad(values, around, mode=BORDERS[degradation][0])
        padded = np.moveaxis(padded.astype(np.float64, copy=False), axis, 0)
        begin = around[axis][0] + first
        total = padded[begin : begin + last + 1 : scale] * taps[0]
        for k, weight in enumerate(taps[1:], start=begin + 1):
            total += padded[k : k + last + 1 : scale] * weight
        values = np.ascontiguousarray(np.moveaxis(total, 0, axis))
    return values


@cache
def _taps(degradation: Degradation, scale: int) -> tuple[tuple[float, ...], int]:
    """Weights, and where the first of them lies from the first pixel of the block."""
    if degradation == "BD":
        reach = int(4 * 0.4 * scale + 0.5)
        offsets = np.arange(-reach, reach + 1)
        weights = np.exp(-(offsets**2) / (2 * (0.4 * scale) ** 2))
    elif degradation == "BDC":
        count = _BDC_TAPS[scale]
        around = np.arange(count) - (count - 1) / 2
        weights = np.exp(-(around**2) / (2 * _BDC_SIGMA**2))
        offsets = np.round(around + (scale - 1) / 2).astype(int)
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
