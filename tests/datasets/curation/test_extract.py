"""What is taken of a video: its sections, and what lies next to where a damaged file stops."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from stvt.datasets.curation.extract import PATCHED, Section, survey
from stvt.datasets.curation.segments import ClipRequirements
from tests.builders.training_videos import film


class Damaged:
    """A film of 60 frames at 60 a second, behind which the file is damaged."""

    height = width = 96

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.facts: dict[str, object] = {"partial": True}

    def timed(self) -> Iterator[tuple[Fraction | None, Any]]:
        yield from ((Fraction(k, 60), frame) for k, frame in enumerate(film(60)))


def frames_taken(start: Fraction, min_frames: int = 12) -> list[int]:
    required = ClipRequirements(Fraction(24), 120, min_frames)
    result = survey(Damaged(), [Section(start)], required, Fraction(60), True)
    lost = sum(rejection.frames for rejection in result.rejections)
    taken = [number for segment in result.segments for number in segment.frames]
    assert len(taken) + lost == result.frames
    return taken


def test_only_the_frames_next_to_the_damage_are_left_out_of_a_section_too() -> None:
    assert frames_taken(Fraction(0)) == [*range(60 - PATCHED)]
    assert frames_taken(Fraction(1, 3)) == [*range(20, 60 - PATCHED)]


def test_a_clip_that_is_too_short_without_them_is_none() -> None:
    assert frames_taken(Fraction(0), min_frames=60) == []
    assert frames_taken(Fraction(0), min_frames=60 - PATCHED) == [*range(60 - PATCHED)]
