"""SSIM against scikit-image: on frames that make single precision suffer, too."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import metrics as skimage_metrics

from stvt.metrics.preprocess import luma
from stvt.metrics.ssim import ssim

SKIMAGE: Any = skimage_metrics  # it has no types
Frame = NDArray[np.uint8]
SHAPE = (151, 122, 3)  # three bands, the last one short
NEARNESS = 5e-6


def oracle(restored: NDArray[Any], truth: NDArray[Any]) -> float:
    return float(
        SKIMAGE.structural_similarity(
            restored,
            truth,
            channel_axis=2 if truth.ndim == 3 else None,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
    )


def noise(mean: float, spread: float, seed: int) -> Frame:
    values = np.random.default_rng(seed).normal(mean, spread, SHAPE).round()
    return np.asarray(values.clip(0, 255), np.uint8)


def flat(value: int) -> Frame:
    return np.full(SHAPE, value, np.uint8)


def halves() -> Frame:
    frame = flat(0)
    frame[:, SHAPE[1] // 2 :] = 255
    return frame


def ramp() -> Frame:
    line = np.linspace(0, 255, SHAPE[1]).astype(np.uint8)
    return np.broadcast_to(line[None, :, None], SHAPE).copy()


def near(frame: Frame, seed: int, spread: float = 5) -> Frame:
    moved = frame + np.random.default_rng(seed).normal(0, spread, frame.shape).round()
    return np.asarray(moved.clip(0, 255), np.uint8)


PAIRS: dict[str, Callable[[], tuple[Frame, Frame]]] = {
    "noise": lambda: (noise(128, 60, 1), noise(128, 60, 2)),
    "flat and bright": lambda: (flat(255), flat(254)),
    "bright, hardly noisy": lambda: (noise(253, 1, 1), noise(253, 1, 2)),
    "dark, hardly noisy": lambda: (noise(2, 1, 1), noise(2, 1, 2)),
    "black and white halves": lambda: (near(halves(), 1), near(halves(), 2)),
    "a negative": lambda: (halves(), 255 - halves()),
    "white for black": lambda: (flat(255), flat(0)),
    "a ramp": lambda: (near(ramp(), 1, 1), ramp()),
    "a ramp for flat grey": lambda: (ramp(), noise(128, 1, 1)),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_ssim_is_that_of_scikit_image(pair: str) -> None:
    restored, truth = PAIRS[pair]()
    assert ssim(restored, truth) == pytest.approx(oracle(restored, truth), abs=NEARNESS)
    expected = oracle(luma(restored), luma(truth))
    assert ssim(restored, truth, "y") == pytest.approx(expected, abs=NEARNESS)


@pytest.mark.parametrize("size", [(11, 11), (11, 30), (74, 12), (75, 11)])
def test_frames_as_small_as_the_window_have_a_value(size: tuple[int, int]) -> None:
    restored, truth = (noise(128, 40, seed)[: size[0], : size[1]] for seed in (1, 2))
    # scikit-image wants odd windows no larger than the frame, so it takes these too.
    assert ssim(restored, truth) == pytest.approx(oracle(restored, truth), abs=NEARNESS)


@pytest.mark.parametrize("channel", ["rgb", "y"])
def test_equal_frames_give_exactly_one(channel: Any) -> None:
    for frame in (noise(128, 60, 1), flat(255), halves()):
        assert ssim(frame, frame, channel) == 1.0


def test_the_inputs_are_left_as_they_were() -> None:
    restored, truth = noise(128, 40, 1), noise(128, 40, 2)
    kept = restored.copy(), truth.copy()
    ssim(restored, truth)
    np.testing.assert_array_equal(restored, kept[0])
    np.testing.assert_array_equal(truth, kept[1])
