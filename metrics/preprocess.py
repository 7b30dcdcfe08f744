"""Preprocessing of frames for metrics: a check that they fit each other, border crop, and luma of BT.601."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .errors import MetricError

Frame = NDArray[np.uint8]
Channel = Literal["rgb", "y"]

# Luma of BT.601 in studio range: Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255, so 16 to 235.
LUMA_WEIGHTS = np.array([[65.481, 128.553, 24.966]]) / 255
LUMA_OFFSET = 16.0


def luma(frame: Frame) -> NDArray[np.float64]:
    """The Y of `frame`, (H, W), 16 to 235, not rounded: the channel of most published tables.

    frame: uint8 RGB, (H, W, 3).

    >>> luma(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)).tolist()
    [[16.0, 235.0]]
    """
    return np.asarray(LUMA_OFFSET + frame @ LUMA_WEIGHTS[0], np.float64)


def cropped(
    metric: str,
    restored: Frame,
    truth: Frame,
    crop_border: int,
    smallest: int = 1,
    dtypes: tuple[type, ...] = (np.uint8,),
) -> tuple[Frame, Frame]:
    """Both frames without `crop_border` pixels on each side.

    smallest: how many rows and columns must remain for `metric` to be defined.
    dtypes:   what it is defined for.

    Raises ValueError if they are not two uint8 RGB frames of one shape, MetricError if too little
    of them remains.
    """
    for name, frame in (("restored", restored), ("truth", truth)):
        if frame.dtype not in dtypes or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(
                f"{metric}: {name} is {frame.dtype} {frame.shape}, wanted uint8 RGB (H, W, 3)"
            )
    if restored.shape != truth.shape:
        raise ValueError(f"{metric}: restored is {restored.shape}, truth is {truth.shape}")
    if crop_border < 0:
        raise ValueError(f"{metric}: crop_border is {crop_border}, wanted 0 or more")
    height, width = (side - 2 * crop_border for side in truth.shape[:2])
    if min(height, width) < smallest:
        raise MetricError(
            f"{metric}: a frame of {truth.shape[1]}x{truth.shape[0]} less {crop_border} pixels at "
            f"each border is too small, at least {smallest}x{smallest} must remain; "
            "crop less or leave this metric out"
        )
    inside = np.s_[crop_border : crop_border + height, crop_border : crop_border + width]
    return restored[inside], truth[inside]


def check_channel(metric: str, channel: str) -> None:
    """Raises ValueError unless `channel` is one that PSNR and SSIM know."""
    if channel not in ("rgb", "y"):
        raise ValueError(f"{metric}: channel is {channel!r}, wanted 'rgb' or 'y'")
