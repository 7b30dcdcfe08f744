"""Detectors have one shape, and those of letterbox bars, fades and stills find what they are for."""

import inspect
from fractions import Fraction

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets.curation.duplicates import DuplicateDetector
from stvt.datasets.curation.filters import FadeDetector, FlickerDetector, StillDetector
from stvt.datasets.curation.frame_stats import FrameStatsMeter
from stvt.datasets.curation.letterbox import LetterboxDetector
from stvt.datasets.curation.shot_boundaries import ShotBoundaryDetector
from stvt.datasets.curation.watermark import WatermarkDetector
from stvt.datasets.frames import Box

Frame = NDArray[np.uint8]
NEEDED = {"height", "width", "rate"}  # what only the video can say
DETECTORS = (
    *(DuplicateDetector, FadeDetector, FlickerDetector, LetterboxDetector, ShotBoundaryDetector),
    *(StillDetector, WatermarkDetector),
)


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_detector_has_defaults_takes_frames_and_gives_a_result(detector: type) -> None:
    parameters = inspect.signature(detector).parameters.values()
    assert {one.name for one in parameters if one.default is inspect.Parameter.empty} <= NEEDED
    assert all(f"{one.name}" in (detector.__doc__ or "") for one in parameters)
    assert callable(detector.process_frame) and callable(detector.result)  # type: ignore[attr-defined]


def texture(seed: int, height: int = 48, width: int = 64) -> Frame:
    noise = np.random.default_rng(seed).integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def reasons(
    detector: FadeDetector | StillDetector | FlickerDetector, frames: list[Frame]
) -> list[str]:
    meter = FrameStatsMeter(Fraction(30))
    for k, frame in enumerate(frames):
        detector.process_frame(meter(k, Fraction(k, 30), frame))
    return detector.result()


def test_letterbox_bars_are_what_no_frame_ever_lights() -> None:
    detector = LetterboxDetector(48, 64)
    for seed in range(3):
        frame = texture(seed)
        frame[:8] = frame[-6:] = 20
        frame[:, :3] = 0
        detector.process_frame(frame)
    assert detector.result() == (Box(10, 5, 30, 59), "")
    detector.process_frame(texture(4))
    assert detector.result() == (None, "")


def test_what_letterbox_bars_leave_too_little_of_is_a_fault() -> None:
    frame = np.zeros((48, 64, 3), np.uint8)
    detector = LetterboxDetector(48, 64)
    detector.process_frame(frame)
    assert detector.result() == (None, "black: nothing is ever brighter than black")
    frame[10:20, 10:30] = 200
    detector.process_frame(frame)
    assert detector.result()[1] == "black borders: they leave only 16x6 of the picture"
    wide = LetterboxDetector(48, 64, margin=0, least=0.05)
    wide.process_frame(frame)
    assert wide.result() == (Box(10, 10, 10, 20), "")


def test_a_fade_from_black_and_one_to_black_are_left_out_as_far_as_they_go() -> None:
    gains = [0.0, 0.0, *np.linspace(0.1, 1, 10), *[1.0] * 20, *np.linspace(0.9, 0, 10)]
    frames = [np.asarray(texture(1) * gain, np.uint8) for gain in gains]
    found = reasons(FadeDetector(Fraction(30)), frames)
    assert found[0] == found[1] == found[-1] == "a plain picture"
    assert set(found[2:10]) == {"a fade"} == set(found[-9:-1])
    assert set(found[15:28]) == {""}


def test_a_rest_of_a_quarter_of_a_second_is_a_still_and_a_shorter_one_is_none() -> None:
    moving = [texture(k) for k in range(30)]
    long, short = moving[:10] + [moving[9]] * 9 + moving[10:], moving[:10] + [moving[9]] * 5
    found = reasons(StillDetector(Fraction(30)), long)
    assert [k for k, why in enumerate(found) if why] == list(range(10, 19))
    assert not any(reasons(StillDetector(Fraction(30)), short + moving[10:]))
