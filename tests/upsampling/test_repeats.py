"""Frames that only repeat the one before: not computed, or left out so that motion is even."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from torch import Tensor

from stvt.baselines.classical.temporal import Blend
from stvt.datasets import mark_repeats
from stvt.datasets.video.reader import open_video
from stvt.upsampling.sequence import Repeats

from .clips import Frame, carry_out, job_of, scenery, video


def brightness(path: Path) -> list[int]:
    return [round(float(frame.mean())) for frame in open_video(path)]


def levels(*values: int) -> list[Frame]:
    return [np.full((16, 16, 3), value, np.uint8) for value in values]


def test_repeats_are_shown_again_and_not_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows: list[int] = []

    def count(self: Blend, window: Tensor, times: Sequence[float]) -> Tensor:
        windows.append(len(times))
        return blend(self, window, times)

    blend = Blend.__call__
    monkeypatch.setattr(Blend, "__call__", count)
    source = video(tmp_path / "in.mp4", levels(20, 20, 40, 40, 60, 60, 60, 80))
    job = job_of(source, tmp_path / "out.mp4", method="blend", cuts=False)
    made = carry_out(job, scale=1)
    assert (made.frames, made.repeats, made.outputs) == (8, 4, 16)
    held = [20, 20, 20, 30, 40, 40, 40, 50, 60, 60, 60, 60, 60, 70, 80, 80]
    assert brightness(job.output) == held
    assert len(windows) == 4  # one for each picture
    carry_out(replace(job, repeats="compute", overwrite=True), scale=1)
    assert brightness(job.output) == held


def test_motion_is_spread_evenly_where_that_is_asked_for(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", levels(20, 20, 40, 40, 60, 60, 80, 80))
    job = job_of(source, tmp_path / "out.mp4", method="blend", cuts=False, repeats="even")
    made = carry_out(job, scale=1)
    even = [20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 80, 80, 80]
    assert (made.repeats, brightness(job.output)) == (4, even)
    job = replace(job, overwrite=True, fps=Fraction(10))
    assert carry_out(job, scale=1).rate == 10
    assert brightness(job.output) == even[::2]


def test_a_picture_that_stands_still_does_not_creep(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", levels(20, 20, 20, 20, 20, 40))
    job = job_of(source, tmp_path / "out.mp4", method="blend", cuts=False, repeats="even")
    carry_out(job, scale=1)
    assert brightness(job.output) == [20] * 9 + [30, 40, 40]


@pytest.mark.parametrize("repeats", ["hold", "even"])
def test_film_on_twos_is_said_with_what_treats_it(tmp_path: Path, repeats: str) -> None:
    frames = [frame for frame in scenery(1, 12) for _ in range(2)]
    source = video(tmp_path / "in.mp4", frames)
    made = carry_out(job_of(source, tmp_path / "out.mp4", repeats=repeats), scale=1)
    (note,) = [note for note in made.notes if "repeat the one before" in note]
    offer = "left out, and motion spread evenly" if repeats == "even" else "--repeats even"
    assert note.startswith("12 frames repeat") and "held for 2" in note and offer in note


def test_a_repeat_that_is_coded_anew_is_one_and_small_motion_is_none(tmp_path: Path) -> None:
    base = [np.kron(frame, np.ones((4, 4, 1), np.uint8)) for frame in scenery(1, 10)]
    with av.open(str(tmp_path / "in.mkv"), "w") as output:
        stream = output.add_stream("libx264", rate=10, options={"crf": "30"})
        stream.height, stream.width, stream.pix_fmt = *base[0].shape[:2], "yuv420p"
        for frame in base:
            for _ in range(2):
                output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(stream.encode())
    coded = list(open_video(tmp_path / "in.mkv"))
    assert not all(np.array_equal(coded[k], coded[k + 1]) for k in range(0, 20, 2))
    assert [again for again, _ in mark_repeats(coded, lambda frame: frame)] == [False, True] * 10
    # Between large steps, a mouth that opens: a small part of the picture.
    for k in range(1, 20, 2):
        coded[k] = coded[k - 1].copy()
        coded[k][40:52, 60:72] ^= 128
    assert not any(again for again, _ in mark_repeats(coded, lambda frame: frame))


def test_a_slow_fade_is_no_repeat() -> None:
    picture = scenery(1, 1)[0].astype(np.float32) / 255
    fade = [np.rint(255 * picture * (1 - k / 200)).astype(np.uint8) for k in range(20)]
    assert not any(again for again, _ in mark_repeats(fade, lambda frame: frame))


@pytest.mark.parametrize("repeats", ["hold", "even", "compute"])
def test_without_hold_the_repeats_at_the_end_are_shown_too(
    tmp_path: Path, repeats: Repeats
) -> None:
    source = video(tmp_path / "in.mp4", levels(20, 40, 60, 60, 60, 60))
    job = job_of(source, tmp_path / "out.mp4", method="blend", cuts=False, hold=False)
    made = carry_out(replace(job, repeats=repeats), scale=1)
    assert made.outputs == (6 - 1) * 2 + 1
    assert brightness(job.output) == [20, 30, 40, 50] + [60] * 7
