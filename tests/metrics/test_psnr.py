"""PSNR against scikit-image and by hand."""

import math
from typing import Any

import numpy as np
import pytest
from skimage import metrics as skimage_metrics

from stvt.metrics.preprocess import luma
from stvt.metrics.psnr import psnr

SKIMAGE: Any = skimage_metrics  # it has no types


def test_equal_frames_give_inf_in_both_channels() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    assert psnr(frame, frame) == math.inf
    assert psnr(frame, frame, "y") == math.inf


def test_the_error_of_one_channel_is_shared_by_three() -> None:
    black = np.zeros((4, 4, 3), np.uint8)
    red = black.copy()
    red[..., 0] = 30
    assert psnr(red, black) == pytest.approx(10 * math.log10(255**2 / (30**2 / 3)))
    assert psnr(red, black, "y") == pytest.approx(20 * math.log10(255 / (30 * 65.481 / 255)))


@pytest.mark.parametrize("spread", [1, 20, 200])
def test_psnr_is_that_of_scikit_image(spread: int) -> None:
    random = np.random.default_rng(spread)
    truth = random.integers(0, 256, (61, 83, 3), dtype=np.uint8)
    error = random.integers(-spread, spread + 1, truth.shape)
    restored = (truth + error).clip(0, 255).astype(np.uint8)
    expected = SKIMAGE.peak_signal_noise_ratio(truth, restored, data_range=255)
    assert psnr(restored, truth) == pytest.approx(expected, abs=1e-9)
    expected = SKIMAGE.peak_signal_noise_ratio(luma(truth), luma(restored), data_range=255)
    assert psnr(restored, truth, "y") == pytest.approx(expected, abs=5e-6)


def test_a_large_frame_of_the_largest_error_does_not_overflow() -> None:
    white = np.full((1080, 1920, 3), 255, np.uint8)
    assert psnr(white, 0 * white) == 0
