"""The spatial methods against sums written out, and where their pixels lie."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from stvt.baselines.classical.resize import KERNELS, enlarge
from stvt.baselines.method import Settings

NAMES = ["nearest", "bilinear", "bicubic", "lanczos"]


def enlarged(
    name: str, frame: NDArray[np.float64], scale: int, phase: float
) -> NDArray[np.float64]:
    method = enlarge(Settings(scale=scale, phase=phase), name)
    (made,) = method(torch.from_numpy(frame)[None], [])
    return np.asarray(made.double().numpy())


def written_out(name: str, line: NDArray[np.float64], at: float) -> float:
    """The value at a coordinate of a line, by the definition of the kernel."""

    def weight(d: float) -> float:
        d = abs(d)
        match name:
            case "bilinear":
                return max(1 - d, 0)
            case "bicubic":
                a = -0.5
                if d <= 1:
                    return (a + 2) * d**3 - (a + 3) * d**2 + 1
                return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0
            case _:
                if d == 0:
                    return 1
                return 3 * math.sin(math.pi * d) * math.sin(math.pi * d / 3) / (math.pi * d) ** 2

    reach = {"bilinear": 1, "bicubic": 2, "lanczos": 3}[name]
    taps = [k for k in range(-9, len(line) + 9) if abs(at - k) < reach]
    weights = [weight(at - k) for k in taps]
    values = [line[min(max(k, 0), len(line) - 1)] for k in taps]
    return float(np.average(values, weights=weights))


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", NAMES[1:])
def test_every_pixel_is_the_kernels_sum_around_its_coordinate(
    name: str, half: bool, scale: int
) -> None:
    phase = (scale - 1) / 2 if half else 0
    frame = np.random.default_rng(0).uniform(0.3, 0.7, (3, 5, 4))
    made = enlarged(name, frame, scale, phase)
    across = [
        [[written_out(name, row, (x - phase) / scale) for x in range(4 * scale)] for row in channel]
        for channel in frame
    ]
    expected = [
        [
            [
                written_out(name, np.array(channel)[:, x], (y - phase) / scale)
                for x in range(4 * scale)
            ]
            for y in range(5 * scale)
        ]
        for channel in across
    ]
    np.testing.assert_allclose(made, expected, atol=1e-6)


@pytest.mark.parametrize("phase", [0, 1.5])
def test_bilinear_is_what_scipy_reads_at_the_same_coordinates(phase: float) -> None:
    frame = np.random.default_rng(1).random((3, 6, 7))
    y, x = np.meshgrid((np.arange(24) - phase) / 4, (np.arange(28) - phase) / 4, indexing="ij")
    expected = [ndimage.map_coordinates(c, [y, x], order=1, mode="nearest") for c in frame]
    np.testing.assert_allclose(enlarged("bilinear", frame, 4, phase), expected, atol=1e-6)


def test_nearest_gives_each_pixel_to_the_sample_beside_it() -> None:
    frame = np.broadcast_to(np.array([0.1, 0.5, 0.9]), (3, 2, 3)).copy()
    centred = enlarged("nearest", frame, 4, 1.5)[0, 0]
    np.testing.assert_allclose(centred, np.repeat([0.1, 0.5, 0.9], 4), atol=1e-7)
    sampled = enlarged("nearest", frame, 4, 0)[0, 0]  # samples at 0, 4 and 8
    np.testing.assert_allclose(sampled, np.repeat([0.1, 0.5, 0.9], [2, 4, 6]), atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_in_register_with_bd_the_samples_themselves_come_back(name: str, scale: int) -> None:
    frame = np.random.default_rng(2).random((3, 5, 6))
    made = enlarged(name, frame, scale, 0)
    np.testing.assert_allclose(made[:, ::scale, ::scale], frame, atol=1e-6)


@pytest.mark.parametrize("name", ["bilinear", "bicubic"])
def test_half_pixel_centres_do_not_mind_the_degradation(name: str) -> None:
    frame = np.random.default_rng(3).random((3, 5, 6))
    half = enlarged(f"{name}-half", frame, 4, 0)
    np.testing.assert_array_equal(half, enlarged(f"{name}-half", frame, 4, 1.5))
    np.testing.assert_array_equal(half, enlarged(name, frame, 4, 1.5))
    assert abs(half - enlarged(name, frame, 4, 0)).max() > 0.05


def test_overshoot_is_clipped() -> None:
    frame = np.zeros((3, 4, 8))
    frame[..., 4:] = 1
    made = enlarged("bicubic", frame, 4, 1.5)
    assert made.min() == 0 and made.max() == 1


def test_kernels_are_zero_from_their_reach_on() -> None:
    for weight, reach in KERNELS.values():
        assert not weight(np.array([reach, -reach, 7.3])).any()
