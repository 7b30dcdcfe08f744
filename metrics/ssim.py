"""Structural similarity: Wang et al., Image quality assessment, TIP 2004.

With sum s = x + y and difference d = x - y of the two frames, E the Gaussian average and
V the Gaussian variance,

    2 mean_x mean_y     = (E[s]^2 - E[d]^2) / 2      mean_x^2 + mean_y^2 = (E[s]^2 + E[d]^2) / 2
    2 covariance        = (V[s] - V[d]) / 2          V[x] + V[y]         = (V[s] + V[d]) / 2

so four averages do instead of five. What V[s] loses to cancellation in single precision stands in
the numerator and in the denominator alike and leaves their ratio alone; what V[d] loses does not,
and counts where the frames differ by much over a whole window: there V[d] is made in double. So
the result agrees with one made in double to 2e-6 (the worst frames tried; natural ones: 1e-8).
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .images import Images, each_pair
from .preprocess import LUMA_OFFSET, LUMA_WEIGHTS, Channel, Frame, check_channel, cropped

RADIUS = 5  # 3.5 sigma, as in the original: 11 taps
WINDOW = 2 * RADIUS + 1
SIGMA = 1.5
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2
LARGE = (
    48.0  # up to this mean difference single precision is enough (6e-7 off at 48, as its square)
)
BAND = 64  # rows at a time, so that the planes of a band stay in the cache

Plane = NDArray[Any]


def ssim(
    restored: Images,
    truth: Images,
    channel: Channel = "rgb",
    crop_border: int = 0,
    data_range: float | None = None,
) -> Any:  # a float; of a batch an array
    """Structural similarity of `restored` and `truth`: 1 for equal frames, lower is less alike.

    Both are RGB: uint8 arrays (H, W, 3), tensors (3, H, W), or batches of them (N, ...), which give
    an array of N; other numbers in [0, data_range], which is to be said. Gaussian window of 11x11
    pixels, sigma 1.5, population covariance, K1 = 0.01, K2 = 0.03; the mean over the positions where
    the window fits. "rgb": the mean of the three channels'. "y": of the BT.601 luma, not rounded.

    Raises ValueError if the frames do not fit each other, MetricError if less than 11x11 remains.

    >>> frame = np.arange(12 * 12 * 3, dtype=np.uint8).reshape(12, 12, 3)
    >>> ssim(frame, frame)
    1.0
    """
    check_channel("ssim", channel)
    measure = partial(_ssim, channel=channel, crop_border=crop_border)
    return each_pair("ssim", measure, restored, truth, data_range)


def _ssim(restored: Frame, truth: Frame, channel: Channel, crop_border: int) -> float:
    dtypes = (np.uint8, np.float64)
    restored, truth = cropped("ssim", restored, truth, crop_border, WINDOW, dtypes)
    weights = LUMA_WEIGHTS if channel == "y" else None
    offset = 2 * LUMA_OFFSET if channel == "y" else 0.0
    shift_sum, shift_difference = _middles(restored, truth, weights)
    total = 0.0
    rows = truth.shape[0] - 2 * RADIUS
    for top in range(0, rows, BAND):
        band = slice(top, top + BAND + 2 * RADIUS)
        x, y = restored[band], truth[band]
        s = _plane(cv2.add(x, y, dtype=cv2.CV_32F), weights, shift_sum)
        d = _plane(cv2.subtract(x, y, dtype=cv2.CV_32F), weights, shift_difference)
        total += _sum_of_similarities(s, d, shift_sum + offset, shift_difference)
    planes = 1 if channel == "y" else 3
    return float(total / (planes * rows * (truth.shape[1] - 2 * RADIUS)))


def _middles(x: Frame, y: Frame, weights: Plane | None) -> tuple[float, float]:
    """About the means of x + y and x - y, to take off before squaring: small squares lose less."""
    mean_x, mean_y = (np.array(cv2.mean(frame)[:3]) for frame in (x, y))
    mix = np.full(3, 1 / 3) if weights is None else weights[0]
    return float(round(mix @ (mean_x + mean_y))), float(round(mix @ (mean_x - mean_y)))


def _plane(values: Plane, weights: Plane | None, shift: float) -> Plane:
    values = values if weights is None else cv2.transform(values, weights)
    values -= np.float32(shift)
    return values


def _sum_of_similarities(s: Plane, d: Plane, mean_s: float, mean_d: float) -> float:
    """Over the positions of one band where the window fits; s and d are used up.

    mean_s, mean_d: what was taken off the sum and the difference.
    """
    e_s, v_s = _mean_and_variance(s, math.inf)
    e_d, v_d = _mean_and_variance(d, LARGE)
    e_s += np.float32(mean_s)
    e_d += np.float32(mean_d)
    e_s *= e_s
    e_d *= e_d
    e_s += np.float32(2 * C1)
    v_s += np.float32(2 * C2)
    similarity = e_s - e_d
    similarity *= v_s - v_d
    e_s += e_d
    v_s += v_d
    e_s *= v_s
    similarity /= e_s
    return float(sum(cv2.sumElems(similarity[:, RADIUS:-RADIUS])))  # accumulates in double


def _mean_and_variance(values: Plane, large: float) -> tuple[Plane, Plane]:
    """Under the Gaussian, for the rows where it fits; of the columns the outer five are not valid.

    large: the mean from which on the variance is made in double precision.
    """
    mean = _blurred(values)
    if cv2.norm(mean, cv2.NORM_INF) > large:
        _, variance = _mean_and_variance(values.astype(np.float64), math.inf)
        return mean, variance.astype(np.float32)
    values *= values
    variance = _blurred(values)
    variance -= mean * mean
    return mean, variance


_KERNEL = cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_64F)


def _blurred(values: Plane) -> Plane:
    blurred: Plane = cv2.sepFilter2D(values, -1, _KERNEL, _KERNEL)
    return blurred[RADIUS:-RADIUS]
