"""How FISR's authors score it: PSNR over YUV before rounding, and an SSIM of tiles.

Their figures (37.86 dB / 0.9743 for new frames, 48.07 dB / 0.9921 for old ones) can be compared
with these only; `psnr` and `ssim` are of RGB and of sliding windows. They also crop frames, at the
right and below, to multiples of 64.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stvt.metrics.errors import MetricError
from stvt.metrics.preprocess import Frame

TILE = 7  # pixels, of the SSIM in the package SSIM-PIL, 1.0.10, that they use
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2


def psnr_yuv(predicted: NDArray[np.floating], truth: Frame) -> float:
    """Nearness of a prediction to `truth` in decibels: higher is nearer, equal ones give inf.

    predicted: (H, W, 3), Y, U and V in [0, 1]: clipped to that, but not rounded to bytes.
    truth:     uint8 YUV, (H, W, 3).

    The squared error is averaged over all three channels.

    Raises ValueError if they are of other forms.

    >>> grey = np.full((7, 7, 3), 51, np.uint8)
    >>> round(psnr_yuv(np.full((7, 7, 3), 0.3), grey), 2)
    20.0
    """
    _check("psnr_yuv", predicted, truth)
    error = np.clip(predicted.astype(np.float64), 0, 1) - truth / 255
    mse = float(np.mean(error**2))
    return 10 * math.log10(1 / mse) if mse else math.inf


def ssim_tiles(predicted: NDArray[np.floating], truth: Frame) -> float:
    """Structural similarity as the package SSIM-PIL has it: 1 for equal frames.

    predicted, truth: as for `psnr_yuv`; the prediction is clipped and truncated to bytes, as the
    authors write it to files.

    Tiles of 7x7 pixels side by side from the upper left, what is left at the right and below
    ignored; population variances; the mean over tiles and channels. It is not the usual SSIM.

    Raises ValueError if they are of other forms, MetricError if there is no whole tile.

    >>> frame = np.arange(7 * 7 * 3, dtype=np.uint8).reshape(7, 7, 3)
    >>> ssim_tiles(frame / 255, frame)
    1.0
    """
    _check("ssim_tiles", predicted, truth)
    if min(truth.shape[:2]) < TILE:
        raise MetricError(
            f"ssim_tiles: a frame of {truth.shape[1]}x{truth.shape[0]} is too small, "
            f"at least {TILE}x{TILE} is needed"
        )
    # In the prediction's own precision a byte divided by 255 is that byte again.
    x = _tiles(np.floor(np.clip(predicted, 0, 1) * 255).astype(np.float64))
    y = _tiles(truth.astype(np.float64))
    mean_x, mean_y = x.mean(-1), y.mean(-1)
    covariance = (x * y).mean(-1) - mean_x * mean_y
    similarity = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    similarity /= (mean_x**2 + mean_y**2 + C1) * (x.var(-1) + y.var(-1) + C2)
    return float(similarity.mean())


def _tiles(frame: NDArray[np.float64]) -> NDArray[np.float64]:
    """The pixels of each tile and channel: (rows, columns, channels, 49)."""
    down, across = frame.shape[0] // TILE, frame.shape[1] // TILE
    whole = frame[: down * TILE, : across * TILE]
    tiles = whole.reshape(down, TILE, across, TILE, -1).transpose(0, 2, 4, 1, 3)
    return tiles.reshape(down, across, -1, TILE**2)


def _check(metric: str, predicted: NDArray[np.floating], truth: Frame) -> None:
    if not np.issubdtype(predicted.dtype, np.floating):
        raise ValueError(f"{metric}: the prediction is {predicted.dtype}, wanted floats in [0, 1]")
    if truth.dtype != np.uint8 or truth.ndim != 3 or truth.shape[2] != 3:
        raise ValueError(
            f"{metric}: truth is {truth.dtype} {truth.shape}, wanted uint8 YUV (H, W, 3)"
        )
    if predicted.shape != truth.shape:
        raise ValueError(f"{metric}: the prediction is {predicted.shape}, truth is {truth.shape}")
