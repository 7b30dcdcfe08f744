"""Duplicate frames: found by what lies around them, and only the evenly spaced distinct ones stay."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

from stvt.datasets.curation.duplicates import DuplicateDetector, UniformRun, uniform_runs
from stvt.datasets.curation.frame_stats import FrameStats


def changes_of(holds: list[int], seed: int = 0) -> list[float]:
    """Changes of a film whose pictures are shown so many frames each, repeats coded anew."""
    random = np.random.default_rng(seed)
    made: list[float] = []
    for hold in holds:
        made.append(float(random.uniform(4, 8)))
        made += [float(value) for value in random.uniform(0.02, 0.3, hold - 1)]
    return made


def duplicates(changes: Sequence[float]) -> list[bool]:
    detector = DuplicateDetector()
    for k, change in enumerate(changes):
        detector.process_frame(FrameStats(k, Fraction(k), change, change, 50))
    return detector.result()


def runs(changes: Sequence[float]) -> list[UniformRun]:
    return uniform_runs(duplicates(changes))


def runs_of(holds: list[int]) -> list[tuple[int, str]]:
    return [(len(run.frames), run.hold) for run in runs(changes_of(holds))]


@pytest.mark.parametrize(
    ("holds", "expected"),
    [
        ([1] * 60, (60, "1")),
        ([2] * 40, (40, "2")),  # 30 fps as 60
        ([4] * 30, (30, "4")),  # 60 as 240
        ([10] * 12, (12, "10")),  # 24 as 240
        ([2, 3] * 20, (40, "2.5")),  # 24 as 60
        ([1, 1, 1, 2] * 15, (60, "1.25")),  # 24 as 30
        ([4, 5, 5, 5, 5] * 6, (30, "4.8")),  # 50 as 240
    ],
)
def test_a_stretched_film_gives_its_distinct_frames_and_how_long_each_is_shown(
    holds: list[int], expected: tuple[int, str]
) -> None:
    assert runs_of(holds) == [expected]


def test_where_a_film_begins_to_be_doubled_a_run_ends() -> None:
    assert runs_of([1] * 30 + [2] * 30) == [(30, "1"), (30, "2")]


def test_a_single_repeat_parts_what_is_before_from_what_is_after() -> None:
    found = runs_of([1] * 30 + [2] + [1] * 30)
    assert [count for count, hold in found if hold == "1"] == [30, 30]


def test_a_key_frame_among_repeats_does_not_break_their_period() -> None:
    changes = [14.0, 0.1] * 20
    changes[21] = 3.4
    assert [run.hold for run in runs(changes)] == ["2"]


def test_a_motion_that_slows_down_and_goes_on_repeats_nothing() -> None:
    slowing = [float(value) for value in 5 * np.abs(np.cos(np.linspace(0, 6, 80))) + 0.7]
    assert not any(duplicates(slowing))


def test_a_picture_held_for_long_belongs_to_no_run() -> None:
    changes = [5.0] * 31 + [0.0] * 39 + [5.0] * 30
    assert [len(run.frames) for run in runs(changes)] == [30, 30]
