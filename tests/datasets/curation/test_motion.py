"""Three frames, a flow and the motion of a scene."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets.curation.motion import PREVIEW_PAIRS, optical_flow, preview

Frame = NDArray[np.uint8]


@pytest.fixture(scope="module")
def ground() -> Frame:
    """A texture of shapes of some pixels."""
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (240, 180), interpolation=cv2.INTER_CUBIC), np.uint8)


def test_the_flow_of_a_moved_picture_is_its_motion(ground: Frame) -> None:
    flow = optical_flow(ground[8:-8, 8:-8], ground[6:-10, 5:-11], fine=True)
    assert flow.shape == (2, 164, 224) and flow.dtype == np.float32
    np.testing.assert_allclose(np.median(flow, (1, 2)), (3, 2), atol=0.1)


def test_the_flow_of_a_large_picture_is_in_its_own_pixels(ground: Frame) -> None:
    large = np.asarray(cv2.resize(ground, (960, 720), interpolation=cv2.INTER_LINEAR), np.uint8)
    flow = optical_flow(large[:, :-12], large[:, 12:], fine=True)
    assert max(flow.shape) == 480
    assert np.median(flow[0]) == pytest.approx(-12, abs=0.5)


@pytest.mark.parametrize(
    ("frames", "shown"), [(1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (41, [0, 20, 40])]
)
def test_the_first_the_middle_and_the_last_are_shown(
    moving_square: Callable[..., list[Frame]], frames: int, shown: list[int]
) -> None:
    clip = moving_square(frames, 24, 96)
    read: list[int] = []

    def one(number: int) -> Frame:
        read.append(number)
        return clip[number]

    seen = preview(frames, one)
    assert [number for number, _ in seen.frames] == shown
    assert all(np.array_equal(frame, clip[number]) for number, frame in seen.frames)
    assert len(read) <= 3 + 2 * (PREVIEW_PAIRS + 1)
    assert (seen.flow is None) == (frames == 1)


def test_what_stands_still_has_no_motion(ground: Frame) -> None:
    median, p95 = preview(5, lambda number: ground).motion()
    assert median == pytest.approx(0, abs=0.01) and p95 == pytest.approx(0, abs=0.01)
    assert preview(1, lambda number: ground).motion() == (0, 0)
