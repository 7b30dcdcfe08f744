"""Training sets: from videos to clips, the same however the work was broken off."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stvt.datasets import DatasetError, prepare, verify
from stvt.datasets.build.engine import Job, one_by_one
from stvt.datasets.build.training_set import dry_run_training, prepare_training
from stvt.datasets.build.training_video import Settings
from stvt.datasets.clips.storage import open_clip
from stvt.datasets.training_set import load_training
from tests.builders.training_videos import SETTINGS, film, write_video


def manifest(root: Path, name: str = "set") -> dict[str, Any]:
    made: dict[str, Any] = json.loads((root / name / "manifest.json").read_text())
    return made


def reasons(root: Path) -> list[str]:
    return [each["reason"] for each in manifest(root)["refused"]]


def test_the_clips_hold_the_frames_of_the_video(tmp_path: Path) -> None:
    frames = film(48)
    write_video(tmp_path / "in" / "a.mkv", frames)
    outcome = prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    assert (outcome.clips, outcome.frames, outcome.kept) == (2, 48, 1)
    first, second = manifest(tmp_path)["clips"]
    assert (first["rate"], first["start"], first["end"]) == ("60/1", 0.0, 0.4)
    assert first["motion"]["median"] == pytest.approx(1.5, abs=0.2)
    stored = [
        open_clip(tmp_path / "set" / clip["file"]).read(range(24)) for clip in (first, second)
    ]
    np.testing.assert_array_equal(np.concatenate(stored), frames)


def test_a_doubled_film_is_found_and_keeps_its_distinct_frames(tmp_path: Path) -> None:
    frames = film(24, step=2)
    write_video(tmp_path / "in" / "a.mkv", np.repeat(frames, 2, axis=0))
    prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    (clip,) = manifest(tmp_path)["clips"]
    assert (clip["frames"], clip["rate"]) == (24, "30/1")
    np.testing.assert_array_equal(
        open_clip(tmp_path / "set" / clip["file"]).read(range(24)), frames
    )
    fast = Settings(min_rate="60", clip_frames=24, min_frames=12, min_side=32)
    prepare_training("set", tmp_path, tmp_path / "in", settings=fast)
    assert reasons(tmp_path) == [
        "repeated frames: each is shown 2 times, 30 frames a second, fewer than the 60 asked for"
    ]
    assert list((tmp_path / "set" / "clips").iterdir()) == []


def test_what_stands_still_fades_or_shows_nothing_is_left_out(tmp_path: Path) -> None:
    moving = film(40)
    fading = (moving[-1] * np.linspace(1, 0, 30)[:, None, None, None]).astype(np.uint8)
    still = np.repeat(film(1, seed=3), 40, axis=0)
    write_video(tmp_path / "in" / "fade.mkv", np.concatenate([moving, fading, fading[-1:] * 0]))
    write_video(tmp_path / "in" / "still.mkv", still)
    write_video(tmp_path / "in" / "void.mkv", still * 0)
    outcome = prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    assert {c["video"] for c in manifest(tmp_path)["clips"]} == {"fade"}
    assert outcome.frames <= 42
    said = "; ".join(outcome.refused) + "; " + "; ".join(reasons(tmp_path))
    assert "a fade" in said and "still: nothing moves" in said and "void: black" in said


def test_black_borders_are_cut_off(tmp_path: Path) -> None:
    frames = film(24)
    framed = np.pad(frames, ((0, 0), (20, 16), (0, 0), (0, 0)))
    write_video(tmp_path / "in" / "a.mkv", framed)
    prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    (clip,) = manifest(tmp_path)["clips"]
    assert (clip["height"], clip["width"]) == (92, 96)
    np.testing.assert_array_equal(
        open_clip(tmp_path / "set" / clip["file"]).read([5])[0], frames[5, 2:94]
    )


def test_of_an_odd_size_one_row_and_column_are_cut_off_and_nothing_is_resampled(
    tmp_path: Path,
) -> None:
    frames = film(24, side=97)
    write_video(tmp_path / "in" / "a.mkv", frames)
    prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    (clip,) = manifest(tmp_path)["clips"]
    stored = open_clip(tmp_path / "set" / clip["file"]).read(range(24))
    np.testing.assert_array_equal(stored, frames[:, :96, :96])


@pytest.mark.parametrize(("frames", "clips"), [(40, [40]), (47, [47]), (50, [25, 25])])
def test_no_clip_is_shorter_than_was_asked_for(
    frames: int, clips: list[int], tmp_path: Path
) -> None:
    write_video(tmp_path / "in" / "a.mkv", film(frames))
    settings = replace(SETTINGS, min_frames=24)
    prepare_training("set", tmp_path, tmp_path / "in", settings=settings)
    assert [clip["frames"] for clip in manifest(tmp_path)["clips"]] == clips


def test_of_clips_that_look_alike_in_two_videos_one_stays(tmp_path: Path) -> None:
    frames = film(24)
    smaller = np.stack([cv2.resize(f, (80, 80), interpolation=cv2.INTER_AREA) for f in frames])
    write_video(tmp_path / "in" / "a.mkv", frames)
    write_video(tmp_path / "in" / "b.mkv", smaller)
    write_video(tmp_path / "in" / "c.mkv", film(24, seed=9))
    prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    assert [c["video"] for c in manifest(tmp_path)["clips"]] == ["a", "c"]
    assert reasons(tmp_path) == ["looks like a_000000"]
    (tmp_path / "in" / "a.mkv").unlink()  # then the other is wanted after all
    with pytest.raises(DatasetError, match="holds clips of a, no longer in the source or list"):
        prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS, prune=True)
    assert [c["video"] for c in manifest(tmp_path)["clips"]] == ["b", "c"]


def test_where_frames_are_unevenly_timed_the_video_is_parted_or_refused(tmp_path: Path) -> None:
    gap = [*range(20), *range(24, 44)]
    write_video(tmp_path / "in" / "gap.mkv", film(40), rate=50, stamps=gap)
    wild = np.cumsum(np.random.default_rng(1).integers(1, 4, 40)).tolist()
    write_video(tmp_path / "in" / "wild.mkv", film(40, seed=2), rate=50, stamps=wild)
    prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    assert [(c["name"], c["frames"]) for c in manifest(tmp_path)["clips"]] == [
        ("gap_000000", 20),
        ("gap_000020", 20),
    ]
    assert any("variable frame rate" in why for why in reasons(tmp_path))


def test_clips_of_one_video_are_on_one_side_of_the_split(tmp_path: Path) -> None:
    for number in range(4):
        write_video(tmp_path / "in" / f"v{number}.mkv", film(48, seed=number))
    prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    sides: dict[str, set[str]] = {}
    for clip in manifest(tmp_path)["clips"]:
        sides.setdefault(clip["video"], set()).add(clip["split"])
    assert all(len(side) == 1 for side in sides.values())
    assert set.union(*sides.values()) == {"train", "validation"}


def test_a_list_takes_sections_rates_and_splits(tmp_path: Path) -> None:
    write_video(tmp_path / "slow.mkv", film(60), rate=30)
    (tmp_path / "list.csv").write_text(
        "video,start,end,rate,split\nslow.mkv,0,0.8,240,validation\nslow.mkv,1.2,,240,validation\n"
    )
    outcome = prepare_training(
        "set",
        tmp_path,
        clips_list=tmp_path / "list.csv",
        settings=Settings(min_rate="240", clip_frames=24, min_frames=12, min_side=32),
    )
    assert outcome.clips == 2
    clips = manifest(tmp_path)["clips"]
    assert [(c["rate"], c["split"], c["frames"]) for c in clips] == [
        ("240/1", "validation", 24)
    ] * 2


def test_a_file_that_is_missing_is_the_failure_of_its_row(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mkv", film())
    (tmp_path / "list.csv").write_text(f"video,sha256\nnone.mkv,{'0' * 64}\nlost.mp4,\na.mkv,\n")
    prepare_training("set", tmp_path, clips_list=tmp_path / "list.csv", settings=SETTINGS)
    assert {clip["video"] for clip in manifest(tmp_path)["clips"]} == {"a"}
    ledger = (tmp_path / "set" / "ledger.csv").read_text()
    assert ledger.count("there is no such file") == 2


def test_a_list_of_times_after_the_end_of_a_video_is_a_refusal(tmp_path: Path) -> None:
    write_video(tmp_path / "short.mkv", film(24))
    (tmp_path / "list.csv").write_text("video,start,end\nshort.mkv,70,80\n")
    outcome = prepare_training("set", tmp_path, clips_list=tmp_path / "list.csv", settings=SETTINGS)
    assert outcome.refused == ["short: no frames in its sections"]


@pytest.mark.parametrize(
    ("captured", "rate"), [("240.000000", "240/1"), ("29.5", "30/1"), ("?", "30/1")]
)
def test_slow_motion_is_of_the_rate_that_its_phone_wrote_down(
    tmp_path: Path, captured: str, rate: str
) -> None:
    write_video(tmp_path / "in" / "phone.mp4", film(30), rate=30, captured=captured)
    prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    assert [clip["rate"] for clip in manifest(tmp_path)["clips"]] == [rate]


def test_nothing_is_made_twice(tmp_path: Path) -> None:
    write_video(tmp_path / "in" / "a.mkv", film())
    prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)

    def never(work: Callable[[Job], Any], jobs: Sequence[Job]) -> Iterator[Any]:
        raise AssertionError(f"{jobs} are to be done")

    outcome = prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS, run=never)
    assert (outcome.unchanged, outcome.clips) == (1, 1)
    (tmp_path / "set" / "clips" / "a_000000.npy").unlink()
    assert prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS).unchanged == 0
    assert (tmp_path / "set" / "clips" / "a_000000.npy").is_file()


def test_a_video_whose_worker_died_is_told_and_done_the_next_time(tmp_path: Path) -> None:
    write_video(tmp_path / "in" / "a.mkv", film())
    write_video(tmp_path / "in" / "b.mkv", film(seed=1))

    def dying(work: Callable[[Job], Any], jobs: Sequence[Job]) -> Iterator[Any]:
        for job in jobs:
            yield job, None if job.name == "a" else work(job)

    outcome = prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS, run=dying)
    assert outcome.clips == 1 and "a: the process" in outcome.failures[0]
    outcome = prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    assert (outcome.clips, outcome.unchanged, outcome.failures) == (2, 1, [])


KILLED = """
import os, pathlib, signal, sys
from stvt.datasets.build.training_set import dry_run_training, prepare_training
from stvt.datasets.build.training_video import Settings

left, replace = int(sys.argv[1]), pathlib.Path.replace

def dying(self, target):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)

pathlib.Path.replace = dying
settings = Settings(min_rate="24", clip_frames=24, min_frames=12, min_side=32)
prepare_training("set", sys.argv[2], sys.argv[3], settings=settings)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL")
def test_killed_ten_times_and_continued_it_comes_out_the_same(tmp_path: Path) -> None:
    for number in range(6):
        write_video(tmp_path / "in" / f"v{number}.mkv", film(48, seed=number))
    prepare_training("set", tmp_path / "calm", tmp_path / "in", settings=SETTINGS)
    arguments = [str(tmp_path / "killed"), str(tmp_path / "in")]
    for kill in range(10):  # before each file of a video, its record and its move, and again
        command = [sys.executable, "-c", KILLED, str(1 + kill % 7), *arguments]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    prepare_training("set", tmp_path / "killed", tmp_path / "in", settings=SETTINGS)

    def content(root: Path) -> dict[str, bytes]:
        files = [f for f in sorted((root / "set").rglob("*")) if f.is_file()]
        return {str(f.relative_to(root)): f.read_bytes() for f in files}

    assert content(tmp_path / "killed") == content(tmp_path / "calm")


def test_a_set_whose_clips_were_being_changed_is_not_trained_on(tmp_path: Path) -> None:
    write_video(tmp_path / "in" / "a.mkv", film())
    prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    write_video(tmp_path / "in" / "a.mkv", film(seed=1))
    write_video(tmp_path / "in" / "b.mkv", film(seed=2))

    def interrupted(work: Callable[[Job], Any], jobs: Sequence[Job]) -> Iterator[Any]:
        yield jobs[0], work(jobs[0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS, run=interrupted)
    with pytest.raises(DatasetError, match="was cut short; prepare it again"):
        load_training("set", tmp_path)
    prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    assert {clip.video for clip in load_training("set", tmp_path).clips} == {"a", "b"}
    assert verify("set", tmp_path).problems == []


def test_what_is_left_out_of_a_source_is_said(tmp_path: Path) -> None:
    write_video(tmp_path / "in" / "a.mkv", film(24))
    (tmp_path / "in" / "b.exr").write_bytes(b"none")
    lines = dry_run_training("set", tmp_path, tmp_path / "in")
    outcome = prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    (note,) = outcome.notes
    assert note in lines and "1 of .exr is of a kind that is not read" in note


def test_without_list_or_source_it_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="--list"):
        prepare_training("set", tmp_path, run=one_by_one)


def test_a_training_set_is_verified_and_its_clips_are_made_again(tmp_path: Path) -> None:
    write_video(tmp_path / "in" / "a.mkv", film(48))
    prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    found = verify("set", tmp_path)
    assert (found.problems, found.files) == ([], 2)
    first, second = sorted((tmp_path / "set" / "clips").iterdir())
    whole = first.read_bytes()
    first.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # of the same size
    second.unlink()
    (tmp_path / "set" / "clips" / "Thumbs.db").touch()
    (tmp_path / "in" / "a.mkv").rename(tmp_path / "moved.mkv")
    gone = f"and cannot be made again: {tmp_path / 'in' / 'a.mkv'} is no longer there"
    assert verify("set", tmp_path, fix=True).problems == [
        f"clips/a_000000.npy: is altered, {gone}",
        f"clips/a_000024.npy: is missing, {gone}",
        "clips/Thumbs.db: is no file of the set",
    ]
    (tmp_path / "moved.mkv").rename(tmp_path / "in" / "a.mkv")
    found = verify("set", tmp_path, fix=True)
    assert found.problems == ["clips/Thumbs.db: is no file of the set"]
    assert found.fixed == [
        "clips/a_000000.npy: is altered; made again",
        "clips/a_000024.npy: is missing; made again",
    ]
    assert verify("set", tmp_path).problems == ["clips/Thumbs.db: is no file of the set"]
    assert first.read_bytes() == whole


def test_a_test_set_and_a_training_set_do_not_go_over_each_other(tmp_path: Path) -> None:
    write_video(tmp_path / "in" / "a.mkv", film(24))
    prepare("shown", tmp_path, tmp_path / "in")
    with pytest.raises(DatasetError, match="holds a test set"):
        prepare_training("shown", tmp_path, tmp_path / "in", settings=SETTINGS)
    prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    with pytest.raises(DatasetError, match="holds a training set"):
        prepare("set", tmp_path, tmp_path / "in")


def test_a_training_set_without_a_clip_keeps_its_name_from_no_test_set(tmp_path: Path) -> None:
    write_video(tmp_path / "in" / "still.mkv", np.repeat(film(1), 30, axis=0))
    outcome = prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    assert outcome.clips == 0 and (tmp_path / "set" / "manifest.json").is_file()
    (tmp_path / "bad").mkdir()
    with pytest.raises(DatasetError):
        prepare("set", tmp_path, tmp_path / "bad")
    assert (tmp_path / "set" / "ledger.csv").is_file()
    assert prepare("set", tmp_path, tmp_path / "in").prepared == ["still"]
    assert verify("set", tmp_path).problems == []
    assert not (tmp_path / "set" / "videos").exists()
