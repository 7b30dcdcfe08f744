"""The scores of FISR's authors: their golden case, and what they count and leave out."""

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.metrics import MetricError
from tests.golden_cases import GOLDEN, load_case
from tests.reference.fisr_scores import psnr_yuv, ssim_tiles


def agree(golden: Path) -> None:
    case = load_case("fisr", "metrics", golden)
    predicted, truth = (case[name].transpose(1, 2, 0) for name in ("prediction", "target"))
    assert psnr_yuv(predicted, truth) == pytest.approx(float(case["psnr"]), abs=1e-9)
    assert ssim_tiles(predicted, truth) == pytest.approx(float(case["ssim"]), abs=1e-12)


def test_the_scores_are_the_published_ones() -> None:
    agree(GOLDEN)


def test_the_kept_copy_is_the_case_itself(shared: Path) -> None:
    agree(shared / "golden")


def frame(height: int = 21, width: int = 16, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_every_byte_of_a_file_is_the_byte_that_it_was() -> None:
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    for predicted in (levels / 255, (levels / 255).astype(np.float32)):
        assert ssim_tiles(predicted, levels) == pytest.approx(1, abs=1e-12)
    assert psnr_yuv(levels / 255, levels) == math.inf


def test_predictions_are_truncated_for_one_and_not_rounded_for_the_other() -> None:
    truth = frame()
    almost = np.minimum(truth / 255 + 0.9 / 255, 1)
    assert ssim_tiles(almost, truth) == 1
    assert psnr_yuv(almost, truth) < 50
    outside = np.where(truth == 255, 7.0, truth / 255)
    assert psnr_yuv(outside, truth) == math.inf and ssim_tiles(outside, truth) == 1


def test_what_fills_no_tile_is_ignored() -> None:
    truth = frame(21, 16)
    damaged = (truth / 255).copy()
    damaged[:, 14:] = 0
    assert ssim_tiles(damaged, truth) == 1
    damaged[:, 13] = 0
    assert ssim_tiles(damaged, truth) < 1


def test_what_cannot_be_compared_is_refused() -> None:
    truth = frame()
    with pytest.raises(ValueError, match="wanted floats"):
        psnr_yuv(truth, truth)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="wanted uint8 YUV"):
        ssim_tiles(truth / 255, truth / 255)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="truth is"):
        psnr_yuv(truth[:-1] / 255, truth)
    with pytest.raises(MetricError, match="16x6 is too small"):
        ssim_tiles(truth[:6] / 255, truth[:6])
