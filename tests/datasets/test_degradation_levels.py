"""`degrade` gives the levels of float64 sums added up in one order, on pictures made to trip it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets import degradation as module
from stvt.datasets.degradation import SCALES, blur_downsample, degrade
from stvt.datasets.frames import read_frame

Frame = NDArray[np.uint8]


def by_definition(frame: Frame, kind: module.Degradation, scale: int) -> Frame:
    """One tap after the other, rows first, over a frame mirrored by NumPy."""
    taps, first = module._taps(kind, scale)
    mode = {"BD": "reflect", "BI": "symmetric", "BDC": "edge"}[kind]
    values = frame.astype(np.float64)
    for axis in (0, 1):
        kept = values.shape[axis] // scale
        around = [(0, 0)] * 3
        around[axis] = (len(taps), len(taps))
        padded = np.pad(values, around, mode=mode)  # type: ignore[call-overload]
        values = np.zeros([*values.shape[:axis], kept, *values.shape[axis + 1 :]])
        for k, weight in enumerate(taps):
            places = len(taps) + first + k + scale * np.arange(kept)
            values += padded.take(places, axis) * weight
    return np.floor(np.clip(values, 0, 255) + 0.5).astype(np.uint8)


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
def test_the_levels_are_those_of_the_sums_in_one_order(
    kind: module.Degradation, scale: int
) -> None:
    sizes = [(scale, scale), (scale, 9 * scale), (2 * scale, 3 * scale), (24, 36), (120, 96)]
    for size in sizes:
        for name, frame in pictures(*size).items():
            expected = by_definition(frame, kind, scale)
            np.testing.assert_array_equal(degrade(frame, kind, scale), expected, f"{name} {size}")


@pytest.mark.parametrize("kind", module.DEGRADATIONS)
def test_the_levels_of_real_frames_are_those_too(kind: module.Degradation, shared: Path) -> None:
    for file in sorted((shared / "data" / "vid4").rglob("*.png"))[::40][:4]:
        frame = read_frame(file)
        height, width = (size // 12 * 12 for size in frame.shape[:2])
        frame = np.ascontiguousarray(frame[:height, :width])
        for scale in SCALES:
            expected = by_definition(frame, kind, scale)
            np.testing.assert_array_equal(degrade(frame, kind, scale), expected)


def test_a_clip_in_floats_is_blurred_frame_by_frame_of_any_number_of_channels() -> None:
    clip = np.random.default_rng(0).random((2, 3, 21, 18, 1))
    small = blur_downsample(clip, 3)
    assert small.shape == (2, 3, 8, 7, 1)
    np.testing.assert_array_equal(small[1, 2], blur_downsample(clip[1, 2], 3))
