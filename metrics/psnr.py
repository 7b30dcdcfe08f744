"""Peak signal-to-noise ratio."""

from __future__ import annotations

import math

import cv2

from .preprocess import LUMA_WEIGHTS, Channel, Frame, check_channel, cropped

BAND = 64  # rows at a time: larger floats come from fresh memory each time, which costs more


def psnr(restored: Frame, truth: Frame, channel: Channel = "rgb", crop_border: int = 0) -> float:
    """Nearness of `restored` to `truth` in decibels: higher is nearer, equal frames give inf.

    Both are uint8 RGB, (H, W, 3); the peak is 255. "rgb": the squared error is averaged over all
    three channels before the logarithm, as the paper evaluates in RGB (section 3.3). "y": the
    squared error of the BT.601 luma, not rounded.

    Raises ValueError if the frames do not fit each other, MetricError if the crop leaves nothing.

    >>> import numpy as np
    >>> black = np.zeros((2, 2, 3), np.uint8)
    >>> round(psnr(black + np.uint8(16), black), 2)
    24.05
    """
    check_channel("psnr", channel)
    restored, truth = cropped("psnr", restored, truth, crop_border)
    if channel == "y":
        bands = [slice(top, top + BAND) for top in range(0, truth.shape[0], BAND)]
        squared = sum(_squared_luma(restored[band], truth[band]) for band in bands)
        count = truth.size // 3
    else:
        squared, count = cv2.norm(restored, truth, cv2.NORM_L2SQR), truth.size
    return 10 * math.log10(255**2 * count / squared) if squared else math.inf


def _squared_luma(restored: Frame, truth: Frame) -> float:
    # Luma is linear, so the difference of two lumas is the luma weights on the difference.
    difference = cv2.subtract(restored, truth, dtype=cv2.CV_32F)
    return cv2.norm(cv2.transform(difference, LUMA_WEIGHTS), cv2.NORM_L2SQR)
