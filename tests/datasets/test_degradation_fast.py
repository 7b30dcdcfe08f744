"""The short cut of `degrade` gives the levels of the sums in float64, on pictures made to trip it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets import degradation as module
from stvt.datasets.degradation import SCALES, degrade

Frame = NDArray[np.uint8]


def by_definition(frame: Frame, kind: module.Degradation, scale: int) -> Frame:
    height, width = frame.shape[0] // scale, frame.shape[1] // scale
    exact = module._reduce(frame, kind, scale, height, width)
    return np.floor(np.clip(exact, 0, 255) + 0.5).astype(np.uint8)


def pictures(height: int, width: int) -> dict[str, Frame]:
    random = np.random.default_rng(height * 1000 + width)
    rows, columns = np.mgrid[:height, :width]
    board = np.where((rows + columns) % 2, 8, 7)  # blurred to 7.5, everywhere
    extremes = random.integers(0, 2, (height, width, 3)) * 255
    return {
        "noise": random.integers(0, 256, (height, width, 3)).astype(np.uint8),
        "extremes": extremes.astype(np.uint8),
        "halves": np.stack([board] * 3, -1).astype(np.uint8),
        "white": np.full((height, width, 3), 255, np.uint8),
        "slope": np.stack([rows + columns] * 3, -1).astype(np.uint8),
    }


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kind", module.DEGRADATIONS)
def test_the_short_cut_gives_the_levels_of_the_sums(kind: module.Degradation, scale: int) -> None:
    sizes = [(scale, scale), (scale, 9 * scale), (2 * scale, 3 * scale), (24, 36), (120, 96)]
    for size in sizes:
        for name, frame in pictures(*size).items():
            expected = by_definition(frame, kind, scale)
            np.testing.assert_array_equal(degrade(frame, kind, scale), expected, f"{name} {size}")


@pytest.mark.parametrize("kind", module.DEGRADATIONS)
def test_one_sample_computed_anew_is_that_of_the_whole(kind: module.Degradation) -> None:
    frame = pictures(48, 64)["noise"]
    whole = module._reduce(frame, kind, 4, 12, 16)
    places = np.array([0, 17, 575, 300])
    samples = module._samples(frame, kind, 4, places)
    np.testing.assert_array_equal(samples, whole.reshape(-1)[places])  # bit by bit


def test_float32_errs_by_less_than_what_counts_as_doubtful() -> None:
    """The bound that the comment at _DOUBT gives, for the weights there are."""
    for kind in module.DEGRADATIONS:
        for scale in SCALES:
            taps = np.array(module._taps(kind, scale)[0])
            most = 255 * np.abs(taps).sum() ** 2
            assert (2 * (len(taps) + 1) + 1) * 2**-24 * most < module._DOUBT
