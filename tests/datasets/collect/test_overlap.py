"""What two training sets share: by id, by section, by checksum; and why the rest is missing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stvt.datasets.clips.storage import write_clip
from stvt.datasets.collect.overlap import (
    ClipIndex,
    ClipRange,
    MissingRange,
    coverage,
    read_clip_index,
)
from stvt.datasets.collect.video_list import read_list
from stvt.datasets.errors import DatasetError


def clip(video: str, start: float, end: float, sha256: str = "") -> dict[str, Any]:
    return {
        "name": f"{video}-{start:g}",
        "video": video,
        "start": start,
        "end": end,
        "frames": round((end - start) * 240),
        "sha256": sha256 or f"{video}{start}",
        "file": f"clips/{video}-{start:g}.npy",
        "height": 16,
        "width": 16,
    }


def write(root: Path, name: str, clips: list[Any], refused: list[Any] | None = None) -> Path:
    manifest = {"schema": 2, "kind": "training", "name": name, "clips": clips}
    file = root / name / "manifest.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**manifest, "refused": refused or []}))
    return file


def test_two_sets_are_compared_by_id_by_section_and_by_frames(tmp_path: Path) -> None:
    one = [clip("u", 0, 1, "same"), clip("u", 1, 2), clip("v", 5, 6), clip("w", 0, 1)]
    other = [clip("u", 0, 1.5, "else"), clip("v", 5.25, 6.25), clip("x", 3, 4, "same")]
    write(tmp_path, "one", one)
    write(tmp_path, "other", other)
    a, b = coverage(read_clip_index("one", tmp_path), read_clip_index("other", tmp_path)).sides
    assert (a.videos, a.videos_shared, b.videos, b.videos_shared) == (3, 2, 3, 2)
    assert (a.seconds, a.seconds_shared) == (4, 1.5 + 0.75)
    assert (b.seconds, b.seconds_shared) == (3.5, 1.5 + 0.75)
    assert (a.sections, a.clips_same, a.frames_same, b.clips_same) == (4, 1, 240, 1)
    assert a.missing == [
        MissingRange("u", 1.5, 2, "in none of the set's sections"),
        MissingRange("v", 5, 5.25, "in none of the set's sections"),
        MissingRange("w", 0, 1, "video not in the set"),
    ]


def test_a_set_covers_itself() -> None:
    held = [ClipRange("u", 0, 2, "a", 9, "x"), ClipRange("u", 1, 3, "b", 9, "y")]
    a, b = coverage(ClipIndex("s", False, held), ClipIndex("s", False, held)).sides
    assert a == b and not a.missing
    assert (a.seconds, a.seconds_shared, a.clips_same) == (3, 3, 2)


def test_what_is_lost_is_lost_for_the_reasons_that_the_other_side_gives() -> None:
    one = ClipIndex("one", False, [ClipRange("u", 0, 10), ClipRange("v", 0, 4)])
    refused = [
        ClipRange("u", 2, 5, reason="repeated frames"),
        ClipRange("v", 0, None, reason="removed"),
    ]
    other = ClipIndex("other", False, [ClipRange("u", 0, 3), ClipRange("u", 8, 9)], refused)
    side = coverage(one, other).sides[0]
    assert side.missing == [
        MissingRange("u", 3, 5, "repeated frames"),
        MissingRange("u", 5, 8, "in none of the set's sections"),
        MissingRange("u", 9, 10, "in none of the set's sections"),
        MissingRange("v", 0, 4, "removed"),
    ]
    assert side.reasons()[0] == ("in none of the set's sections", 2, 4.0)
    assert side.seconds_shared == 14 - sum(one.seconds for one in side.missing)


def test_a_list_is_compared_with_what_could_be_made_of_it(tmp_path: Path) -> None:
    file = tmp_path / "clips.csv"
    file.write_text(
        "# found by hand\nurl,start,end\nhttps://www.youtube.com/watch?v=abc,0:05,0:15\n"
        "def,1:00:00,3601.5\nghi,,\n"
    )
    refused = [{"video": "def", "start": None, "end": None, "reason": "private"}]
    write(tmp_path, "set", [clip("abc", 5, 10), clip("ghi", 2, 3)], refused)
    wanted = read_clip_index(str(file))
    side = coverage(wanted, read_clip_index("set", tmp_path)).sides[0]
    assert (side.videos, side.videos_shared, side.seconds, side.seconds_shared) == (3, 2, 11.5, 5)
    assert side.missing == [
        MissingRange("abc", 10, 15, "in none of the set's sections"),
        MissingRange("def", 3600, 3601.5, "private"),
    ]


def test_a_list_covers_the_set_that_was_made_of_it(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    for name in ("a walk.mkv", "Café (1).mp4", "pan.MOV"):
        (tmp_path / "films" / name).write_bytes(b"video")
    file = tmp_path / "films" / "list.csv"
    file.write_text(
        "video,start,end\na walk.mkv,0,10\nCafé (1).mp4,5,8\npan.MOV,0,2\n"
        "https://example.org/films/walk.mp4?key=1,1,2\n"
    )
    clips = [
        clip(video.name, float(one.start), float(one.end or 0))
        for video in read_list(file)
        for one in video.sections
    ]
    write(tmp_path, "set", clips)
    ours, theirs = coverage(read_clip_index(str(file)), read_clip_index("set", tmp_path)).sides
    assert (ours.videos_shared, ours.seconds_shared) == (4, 16)
    assert not ours.missing and not theirs.missing


def test_frames_are_compared_one_by_one_where_clips_are_there(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), np.uint8)
    for name, file, part in (
        ("one", "clips/a.npy", frames[:6]),
        ("two", "clips/b.avi", frames[4:]),
    ):
        write_clip(tmp_path / name / file, part)
        write(tmp_path, name, [{**clip("u", 0, 1, name), "file": file}])
    one, two = (read_clip_index(name, tmp_path) for name in ("one", "two"))
    seen: list[int] = []
    a, b = coverage(one, two, read_frames=True, progress=lambda n, *_: seen.append(n)).sides
    assert (a.frames_read, a.frames_shared, b.frames_read, b.frames_shared) == (6, 2, 4, 2)
    assert seen == [1, 2]
    (tmp_path / "two" / "clips" / "b.avi").unlink()
    with pytest.raises(DatasetError, match="b.avi: there is no such file"):
        coverage(one, two, read_frames=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", ":1: the first line names the columns: video"),
        ("id,start\nx,soon\n", ":2: start is 'soon'"),
        ("id,start,end\nx,1,2\ny,5,4\n", ":3: its end is not after its start"),
    ],
)
def test_a_list_that_cannot_be_read_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(DatasetError, match=said):
        read_clip_index(str(tmp_path / "l.csv"))


def test_other_files_are_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nothing: is no training set under"):
        read_clip_index("nothing", tmp_path)
    file = write(tmp_path, "set", [])
    file.write_text('{"schema": 2, "kind": "test", "name": "set", "recipe": null, "multiple": 4}')
    with pytest.raises(DatasetError, match="no manifest of a training set"):
        read_clip_index("set", tmp_path)
    file.write_text('{"schema": 2, "kind": "training"}')
    with pytest.raises(DatasetError, match="name: is missing"):
        read_clip_index("set", tmp_path)
