"""What a metric compares: frames that fit, the crop, and luma."""

from typing import Any

import numpy as np
import pytest

from stvt.baselines import published_network
from stvt.metrics import METRICS, MetricError
from stvt.metrics.preprocess import luma
from stvt.metrics.psnr import psnr
from stvt.metrics.ssim import ssim

BOTH = pytest.mark.parametrize("metric", [psnr, ssim], ids=["psnr", "ssim"])


def frame(height: int = 32, width: int = 40, seed: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_luma_of_the_primaries_is_that_of_bt_601() -> None:
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    expected = [16 + 65.481, 16 + 128.553, 16 + 24.966, 235]
    np.testing.assert_allclose(luma(primaries)[0], expected, rtol=0, atol=1e-12)


def test_luma_is_not_rounded() -> None:
    assert luma(np.full((1, 1, 3), 100, np.uint8))[0, 0] % 1 != 0


@BOTH
@pytest.mark.parametrize("channel", ["rgb", "y"])
def test_cropping_is_as_if_the_frames_had_been_cut_before(metric: Any, channel: str) -> None:
    x, y = frame(seed=1), frame(seed=2)
    inner = np.s_[5:-5, 5:-5]
    assert metric(x, y, channel, 5) == metric(x[inner].copy(), y[inner].copy(), channel)


@BOTH
def test_frames_of_different_shapes_are_refused(metric: Any) -> None:
    with pytest.raises(ValueError, match=r"restored is \(32, 40, 3\), truth is \(32, 41, 3\)"):
        metric(frame(), frame(width=41))


@BOTH
@pytest.mark.parametrize("wrong", [np.zeros((32, 40), np.uint8), np.zeros((32, 40, 3), np.float32)])
def test_what_is_not_8_bit_rgb_is_refused(metric: Any, wrong: Any) -> None:
    with pytest.raises(ValueError, match="wanted uint8 RGB"):
        metric(wrong, wrong)


@BOTH
def test_an_unknown_channel_is_refused(metric: Any) -> None:
    with pytest.raises(ValueError, match="'cbcr'"):
        metric(frame(), frame(), "cbcr")


@BOTH
def test_a_crop_that_leaves_too_little_is_one_clear_line(metric: Any) -> None:
    with pytest.raises(MetricError, match="too small") as caught:
        metric(frame(), frame(), "rgb", 16)
    assert "\n" not in str(caught.value) and "40x32" in str(caught.value)


@BOTH
def test_a_negative_crop_is_refused(metric: Any) -> None:
    with pytest.raises(ValueError, match="crop_border is -1"):
        metric(frame(), frame(), "rgb", -1)


@pytest.mark.parametrize("name", ["psnr", "ssim"])
def test_each_metric_opens_to_the_function_of_its_name(name: str) -> None:
    measure = METRICS[name].open("cpu", published_network)
    x, y = frame(seed=1), frame(seed=2)
    assert measure(x, y, "y", 2) == {"psnr": psnr, "ssim": ssim}[name](x, y, "y", 2)


def test_the_registry_names_its_metrics_and_their_definitions_differ() -> None:
    assert [metric.name for metric in METRICS.values()] == list(METRICS)
    assert len({metric.definition for metric in METRICS.values()}) == len(METRICS)
