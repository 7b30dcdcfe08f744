"""Light that goes up and down is told from motion and from repeated frames."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets.build.training_set import prepare_training
from stvt.datasets.build.training_video import Settings
from stvt.datasets.curation.duplicates import DuplicateDetector
from stvt.datasets.curation.filters import FlickerDetector
from stvt.datasets.curation.frame_stats import FrameStats, FrameStatsMeter
from tests.datasets.build.test_training_set import film, write_video

Frames = NDArray[np.uint8]


def lit(frames: Frames, gains: NDArray[np.float64]) -> Frames:
    return np.asarray((frames * 0.85 * gains[:, None, None, None]).round(), np.uint8)


def mains(frames: int, period: float = 8.6, swing: float = 0.03) -> NDArray[np.float64]:
    return np.asarray(1 + swing * np.sin(2 * np.pi * np.arange(frames) / period))


def stats(frames: Frames, rate: int = 30) -> list[FrameStats]:
    meter = FrameStatsMeter(Fraction(rate))
    return [meter(k, Fraction(k, rate), frame) for k, frame in enumerate(frames)]


def flickering(frames: Frames) -> list[bool]:
    detector = FlickerDetector()
    for one in stats(frames):
        detector.process_frame(one)
    return [bool(why) for why in detector.result()]


def test_what_one_gain_explains_is_no_change() -> None:
    still = np.repeat(film(1), 40, axis=0)
    changes = [one.change for one in stats(lit(still, mains(40)))]
    assert max(changes) < 0.5  # the rounding to 8 bits stays
    assert max(abs(one.brightening) for one in stats(lit(still, mains(40)))) > 1


def test_a_slow_motion_under_lamps_flickers_and_repeats_nothing() -> None:
    frames = lit(film(64, step=0.3), mains(64))
    duplicates = DuplicateDetector()
    for one in stats(frames):
        duplicates.process_frame(one)
    assert all(flickering(frames)) and not any(duplicates.result())


@pytest.mark.parametrize(
    "gains", [np.ones(64), np.linspace(0.5, 1, 64), 1 - 0.4 * (np.arange(64) > 30)]
)
def test_steady_light_a_fade_or_a_lamp_switched_is_no_flicker(gains: NDArray[np.float64]) -> None:
    assert not any(flickering(lit(film(64), gains)))


def test_a_bright_thing_that_comes_and_goes_is_no_flicker() -> None:
    frames = film(64)
    frames[::4, 20:50, 20:50] = 255
    assert not any(flickering(frames))


def test_the_reason_is_the_flicker(tmp_path: Path) -> None:
    write_video(tmp_path / "in" / "lamp.mkv", lit(film(64, step=0.6), mains(64)))
    settings = Settings(min_rate="24", clip_frames=24, min_frames=12, min_side=32)
    outcome = prepare_training("set", tmp_path, tmp_path / "in", settings=settings)
    assert outcome.refused == ["lamp: flicker: the light goes up and down"]
    assert json.loads((tmp_path / "set" / "manifest.json").read_text())["clips"] == []
