"""PSNR and SSIM in a user's own code: arrays and tensors, bytes and floats, one and many."""

from typing import Any

import numpy as np
import pytest
import torch

from stvt.metrics import psnr, ssim
from stvt.metrics.preprocess import cropped

BOTH = pytest.mark.parametrize("metric", [psnr, ssim], ids=["psnr", "ssim"])
RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.integers(0, 256, (3, 24, 28, 3), dtype=np.uint8)
RESTORED = np.clip(TRUTH + RANDOM.normal(0, 9, TRUTH.shape), 0, 255).astype(np.uint8)


def tensor(frames: Any) -> torch.Tensor:
    return torch.from_numpy(frames).movedim(-1, -3)


@BOTH
@pytest.mark.parametrize("channel", ["rgb", "y"])
def test_every_form_of_the_same_images_has_the_same_value(metric: Any, channel: str) -> None:
    each = [metric(x, y, channel, 2) for x, y in zip(RESTORED, TRUTH, strict=True)]
    assert len(set(each)) == 3
    assert metric(RESTORED, TRUTH, channel, 2).tolist() == each
    assert metric(tensor(RESTORED), tensor(TRUTH), channel, 2).tolist() == each
    for scale in (1.0, 255.0, 1023.0):
        x, y = (frames * (scale / 255) for frames in (RESTORED, TRUTH))
        for pair in ((x, y), (tensor(x), tensor(y)), (tensor(x).float(), y.astype(np.float32))):
            assert metric(*pair, channel, 2, data_range=scale) == pytest.approx(each, abs=1e-5)
        one = metric(tensor(x)[0], tensor(y)[0], channel, 2, data_range=scale)
        assert isinstance(one, float) and one == pytest.approx(each[0], abs=1e-5)


@BOTH
@pytest.mark.parametrize(
    ("x", "y", "data_range", "says"),
    [
        (TRUTH / 255, TRUTH / 255, None, "say the range"),
        (TRUTH / 1.0, TRUTH / 1.0, 1.0, "truth holds 0 to 255, beyond"),
        (TRUTH / 127.5 - 1, TRUTH / 127.5 - 1, 1.0, "beyond"),
        (TRUTH * np.nan, TRUTH / 255, 1.0, "not finite"),
        (TRUTH, TRUTH, 1.0, "beyond"),
        (TRUTH[0], TRUTH, None, "restored is"),
        (TRUTH[..., :1], TRUTH[..., :1], None, "wanted uint8 RGB"),
        (TRUTH / 255, TRUTH / 255, 0, "say the range"),
        (tensor(TRUTH)[0, 0], tensor(TRUTH)[0, 0], None, "wanted uint8 RGB"),
    ],
)
def test_a_range_or_shape_that_is_not_so_is_refused(
    metric: Any, x: Any, y: Any, data_range: float | None, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        metric(x, y, data_range=data_range)


def test_the_perceptual_metrics_still_take_bytes_alone() -> None:
    with pytest.raises(ValueError, match="wanted uint8"):
        cropped("lpips", TRUTH[0] / 255, TRUTH[0] / 255, 0)
