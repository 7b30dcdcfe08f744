"""Peak signal-to-noise ratio."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import cv2
import numpy as np

from .images import Images, each_pair
from .preprocess import LUMA_WEIGHTS, Channel, Frame, check_channel, cropped

BAND = 64  # rows at a time: larger floats come from fresh memory each time, which costs more


def psnr(
    restored: Images,
    truth: Images,
    channel: Channel = "rgb",
    crop_border: int = 0,
    data_range: float | None = None,
) -> Any:  # a float; of a batch an array
    """Nearness of `restored` to `truth` in decibels: higher is nearer, equal frames give inf.

    Both are RGB: uint8 arrays (H, W, 3), tensors (3, H, W), or batches of them (N, ...), which give
    an array of N; other numbers in [0, data_range], which is to be said and is the peak. "rgb": the
    squared error is averaged over all three channels before the logarithm, as the paper evaluates
    in RGB (section 3.3). "y": the squared error of the BT.601 luma, not rounded, of peak 255.

    Raises ValueError if the frames do not fit each other, MetricError if the crop leaves nothing.

    >>> import numpy as np
    >>> black = np.zeros((2, 2, 3), np.uint8)
    >>> round(psnr(black + np.uint8(16), black), 2)
    24.05
    >>> black = np.zeros((4, 2, 2, 3))
    >>> psnr(black + 0.1, black, data_range=1.0).round(2).tolist()
    [20.0, 20.0, 20.0, 20.0]
    """
    check_channel("psnr", channel)
    measure = partial(_psnr, channel=channel, crop_border=crop_border)
    return each_pair("psnr", measure, restored, truth, data_range)


def _psnr(restored: Frame, truth: Frame, channel: Channel, crop_border: int) -> float:
    restored, truth = cropped("psnr", restored, truth, crop_border, dtypes=(np.uint8, np.float64))
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
