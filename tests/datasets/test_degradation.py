"""The reductions against the published code's numbers and against dense sums over the image."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets.degradation import (
    DEGRADATIONS,
    SCALES,
    Degradation,
    _filtered,
    authors_finish,
    authors_low_resolution,
    authors_padding,
    blur_downsample,
    degrade,
    parameters,
    phase,
)
from stvt.datasets.errors import DatasetError

GOLDEN = Path(__file__).parents[1] / "golden" / "datasets"
Floats = NDArray[np.float64]


@pytest.mark.parametrize("scale", SCALES)
def test_the_blur_is_that_of_the_published_code(scale: int) -> None:
    case = np.load(GOLDEN / "duf_downsample.npz")
    small = blur_downsample(case["image"] / 255, scale).transpose(2, 0, 1)
    np.testing.assert_allclose(small, case[f"lr_x{scale}"], atol=1e-7)


def test_the_authors_input_is_that_of_the_published_demo() -> None:
    case = np.load(GOLDEN / "preprocess_odd.npz")
    np.testing.assert_allclose(authors_low_resolution(case["image"]), case["lr"], atol=1e-7)


@pytest.mark.parametrize("name", ["preprocess", "preprocess_odd"])
def test_the_authors_saved_frames_are_those_of_the_published_demo(name: str) -> None:
    case = np.load(GOLDEN / f"{name}.npz")
    height, width = case["image"].shape[:2]
    assert (authors_padding(height), authors_padding(width)) == tuple(case["pad"])
    np.testing.assert_array_equal(authors_finish(case["output"], height, width), case["saved"])


@pytest.mark.parametrize("name", ["duf_downsample", "preprocess", "preprocess_odd"])
def test_the_whole_golden_cases_agree_too(name: str, shared: Path) -> None:
    case = np.load(shared / "golden" / "stvun" / "cases" / f"{name}.npz")
    if name == "duf_downsample":
        for scale in SCALES:
            small = blur_downsample(case["image"] / 255, scale).transpose(2, 0, 1)
            np.testing.assert_allclose(small, case[f"lr_x{scale}"], atol=1e-7)
    else:
        np.testing.assert_allclose(authors_low_resolution(case["image"]), case["lr"], atol=1e-7)
        saved = authors_finish(case["output"], *case["image"].shape[:2])
        np.testing.assert_array_equal(saved, case["saved"])


def test_a_clip_is_reduced_as_its_frames_are() -> None:
    clip = np.random.default_rng(0).integers(0, 256, (2, 30, 40, 3), np.uint8)
    both = authors_low_resolution(clip)
    assert both.shape == (2, 3, 64, 64)
    np.testing.assert_array_equal(both[1], authors_low_resolution(clip[1]))
    assert authors_finish(both.repeat(4, -1).repeat(4, -2), 30, 40).shape == (2, 30, 40, 3)


def _gaussian(x: float, scale: int) -> float:
    return float(np.exp(-0.5 * (x / (0.4 * scale)) ** 2)) if abs(x) < 0.4 * scale * 4 + 0.5 else 0


def _keys(x: float) -> float:
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0


def _dense(size: int, scale: int, degradation: str) -> Floats:
    """All weights of all pixels for all samples, one at a time, by the definition."""
    weights = np.zeros((size // scale, size))
    for k in range(size // scale):
        centre = scale * k + (0 if degradation == "BD" else (scale - 1) / 2)
        for pixel in range(-8 * scale - size, size + 8 * scale):
            away = pixel - centre
            weight = _gaussian(away, scale) if degradation == "BD" else _keys(away / scale)
            if degradation == "BD" and abs(away) > int(1.6 * scale + 0.5):
                weight = 0
            inside = pixel
            while not 0 <= inside < size:  # about the edge sample, or about the edge itself
                inside = -inside - (degradation == "BI") if inside < 0 else inside
                last = size - 1
                inside = 2 * last + (degradation == "BI") - inside if inside > last else inside
            weights[k, inside] += weight
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("degradation", ["BD", "BI"])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("blocks", [(8, 9), (1, 2), (3, 1)])
def test_both_reductions_are_what_their_definitions_say(
    degradation: str, scale: int, blocks: tuple[int, int]
) -> None:
    height, width = blocks[0] * scale, blocks[1] * scale
    frame = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    down, across = _dense(height, scale, degradation), _dense(width, scale, degradation)
    expected = np.einsum("ij,jkc,lk->ilc", down, frame.astype(float), across)
    small = degrade(frame, degradation, scale)
    assert small.shape == (*blocks, 3)
    assert small.dtype == np.uint8
    assert np.abs(small - np.clip(expected, 0, 255)).max() <= 0.5 + 1e-9


def test_bicubic_reads_sixteen_pixels_at_scale_4_and_the_blur_thirteen() -> None:
    impulse = np.zeros((64, 64, 3), np.uint8)
    impulse[32, 32] = 255
    assert parameters("BI", 4)["kernel_size"] == 16
    assert parameters("BD", 4)["kernel_size"] == 13
    small = blur_downsample(impulse.astype(float), 4)[..., 0]
    assert np.flatnonzero(small[8]).tolist() == [7, 8, 9]  # pixels 28, 32 and 36 are within 6


@pytest.mark.parametrize("degradation", DEGRADATIONS)
@pytest.mark.parametrize("scale", SCALES)
def test_the_recorded_size_of_the_kernel_is_the_number_of_pixels_that_a_sample_reads(
    degradation: Degradation, scale: int
) -> None:
    impulses = np.eye(16 * scale)[:, None].repeat(scale, 1)
    reads = [
        row
        for row in range(16 * scale)
        if _filtered(impulses[..., row : row + 1], degradation, scale)[8, 0, 0] != 0
    ]
    assert parameters(degradation, scale)["kernel_size"] == reads[-1] - reads[0] + 1


@pytest.mark.parametrize("degradation", ["BD", "BI"])
def test_a_flat_frame_stays_as_it_is(degradation: str) -> None:
    assert (degrade(np.full((12, 12, 3), 201, np.uint8), degradation, 3) == 201).all()


def test_bicubic_takes_the_middle_of_a_block_and_the_blur_its_first_pixel() -> None:
    slope = np.repeat(np.arange(64, dtype=np.uint8)[None, :, None] * 3, 16, axis=0).repeat(3, 2)
    assert degrade(slope, "BD", 4)[2, 8, 0] == 3 * 32
    assert degrade(slope, "BI", 4)[2, 8, 0] == 3 * 32 + 5  # 3 * 33.5 = 100.5, halves up
    assert phase("BD", 4) == 0
    assert phase("BI", 4) == 1.5
    assert phase("BI", 3) == 1


@pytest.mark.parametrize(("scale", "size"), [(2, 9), (3, 9), (3, 10), (4, 9), (4, 1), (2, 2)])
def test_odd_and_tiny_sizes_have_the_published_number_of_samples(scale: int, size: int) -> None:
    kept = size // 3 + 1 if scale == 3 else -(-size // scale)
    assert blur_downsample(np.ones((size, size, 3)), scale).shape == (kept, kept, 3)
    np.testing.assert_allclose(blur_downsample(np.ones((size, size, 3)), scale), 1)


def test_a_size_that_the_scale_does_not_divide_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no multiple of 4"):
        degrade(np.zeros((8, 9, 3), np.uint8), "BD", 4)


@pytest.mark.parametrize(("degradation", "scale"), [("JPEG", 4), ("BD", 5)])
def test_an_unknown_degradation_ends_in_one_line(degradation: str, scale: int) -> None:
    with pytest.raises(DatasetError, match="there are BD, BI and BDC at the scales 2, 3, 4"):
        degrade(np.zeros((20, 20, 3), np.uint8), degradation, scale)


def test_the_centred_bd_is_that_of_rdns_script() -> None:
    """`golden/degradation`: two-dimensional kernels, float64."""
    golden = dict(np.load(GOLDEN.parent / "degradation" / "bd_centred.npz"))
    assert np.array_equal(degrade(golden["frame"], "BDC", 4), golden["centred_u8"])
    assert np.array_equal(degrade(golden["frame"], "BD", 4), golden["phase0_u8"])
    centred = _filtered(golden["frame"], "BDC", 4)
    np.testing.assert_allclose(centred, golden["centred"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_samples_of_the_centred_bd_lie_in_the_middle(scale: int) -> None:
    ramp = np.arange(60, dtype=np.float64)[None, :, None].repeat(60, 0).repeat(3, 2)
    inside = _filtered(ramp, "BDC", scale)[9, 4:12, 0]
    np.testing.assert_allclose(inside, scale * np.arange(4, 12) + phase("BDC", scale))
    assert phase("BDC", scale) == phase("BI", scale) == (scale - 1) / 2
    assert parameters("BDC", scale)["sigma"] == 1.6
