"""The presets, and which frames of a sequence they score."""

from __future__ import annotations

import pytest

from stvt.core.errors import UsageError
from stvt.evaluation.protocol import positions, with_options

VID4 = {"calendar": 41, "city": 34, "foliage": 49, "walk": 47}


def scored(length: int, preset: str, **options: object) -> list[int]:
    return [position.frame for position in positions(length, with_options(preset, **options))]


def test_whole_clips_of_seven_are_the_160_frames_that_zooming_slow_mo_gives_on_vid4() -> None:
    numbers = {name: len(scored(frames, "zsm", clip=7)) for name, frames in VID4.items()}
    assert numbers == {"calendar": 37, "city": 31, "foliage": 49, "walk": 43}
    assert scored(13, "zsm", clip=7) == list(range(13)) and scored(6, "zsm", clip=7) == []
    # All that lies between input frames: of an even number of frames the last one does not.
    assert [len(scored(frames, "zsm")) for frames in VID4.values()] == [41, 33, 49, 47]


def test_videoinr_scores_nine_frames_of_eight_steps_or_their_first_centre_and_last() -> None:
    assert scored(9, "videoinr") == list(range(9))
    assert scored(18, "videoinr", frames="centre") == [0, 4, 8, 12, 16]
    protocol = with_options("videoinr", frames="centre")
    assert protocol.scored_times == (0, 0.5) and protocol.label() == "videoinr-centre"
    line = protocol.signature((0, 0))
    assert "degradation:BI" in line and "step:8|frames:centre|ends:replicate" in line
    assert "channel:y" in line


def test_clips_are_part_of_the_signature_only_where_they_are_asked_for() -> None:
    assert "clip" not in with_options("zsm").signature((0, 0))
    clips = with_options("zsm", clip=7)
    assert "|clip:7|" in clips.signature((0, 0)) and clips.label() == "zsm-clip7"


@pytest.mark.parametrize(
    "options, said",
    [
        ({"clip": 6}, "a clip of 6 frames does not begin and end with input frames; .* 3, 5, ..."),
        ({"clip": 1}, "a clip of 1 frames"),
        ({"frames": "centre", "time_step": 3}, "a time step of 3 has no frame halfway"),
    ],
)
def test_what_does_not_fit_is_said(options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        with_options("zsm", **options)
