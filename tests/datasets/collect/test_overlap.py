"""What two training sets have in common: by id, by section, by hash; and why the rest is lost."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stvt.datasets.clips.storage import write_clip
from stvt.datasets.collect.clip_index import Holding, Section, read_holding
from stvt.datasets.collect.overlap import Lost, coverage
from stvt.datasets.errors import DatasetError


def clip(
    video: str, start: float, end: float, sha256: str = "", hashes: str = ""
) -> dict[str, Any]:
    return {
        "name": f"{video}-{start:g}",
        "video": video,
        "start": start,
        "end": end,
        "frames": round((end - start) * 240),
        "sha256": sha256 or f"{video}{start}",
        "hashes": hashes.split(),
    }


def write(root: Path, name: str, clips: list[Any], refused: list[Any] | None = None) -> Path:
    manifest = {"format": 1, "kind": "training", "name": name, "clips": clips}
    file = root / name / "manifest.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**manifest, "refused": refused or []}))
    return file


def test_two_sets_are_compared_by_id_by_section_and_by_frames(tmp_path: Path) -> None:
    one = [clip("u", 0, 1, "same"), clip("u", 1, 2), clip("v", 5, 6), clip("w", 0, 1)]
    other = [clip("u", 0, 1.5, "else"), clip("v", 5.25, 6.25), clip("x", 3, 4, "same")]
    write(tmp_path, "one", one)
    write(tmp_path, "other", other)
    a, b = coverage(read_holding("one", tmp_path), read_holding("other", tmp_path)).halves
    assert (a.videos, a.videos_shared, b.videos, b.videos_shared) == (3, 2, 3, 2)
    assert (a.seconds, a.seconds_shared) == (4, 1.5 + 0.75)
    assert (b.seconds, b.seconds_shared) == (3.5, 1.5 + 0.75)
    assert (a.sections, a.clips_same, a.frames_same, b.clips_same) == (4, 1, 240, 1)
    assert a.lost == [
        Lost("u", 1.5, 2, "in none of the set's sections"),
        Lost("v", 5, 5.25, "in none of the set's sections"),
        Lost("w", 0, 1, "video not in the set"),
    ]


def test_a_set_covers_itself() -> None:
    held = [Section("u", 0, 2, "a", 9, "x", (5, 6)), Section("u", 1, 3, "b", 9, "y")]
    a, b = coverage(Holding("s", False, held), Holding("s", False, held)).halves
    assert a == b and not a.lost
    assert (a.seconds, a.seconds_shared, a.clips_same, a.pictures_shared) == (3, 3, 2, 2)


def test_what_is_lost_is_lost_for_the_reasons_that_the_other_side_gives() -> None:
    one = Holding("one", False, [Section("u", 0, 10), Section("v", 0, 4)])
    refused = [
        Section("u", 2, 5, reason="repeated frames"),
        Section("v", 0, None, reason="removed"),
    ]
    other = Holding("other", False, [Section("u", 0, 3), Section("u", 8, 9)], refused)
    half = coverage(one, other).halves[0]
    assert half.lost == [
        Lost("u", 3, 5, "repeated frames"),
        Lost("u", 5, 8, "in none of the set's sections"),
        Lost("u", 9, 10, "in none of the set's sections"),
        Lost("v", 0, 4, "removed"),
    ]
    assert half.reasons()[0] == ("in none of the set's sections", 2, 4.0)
    assert half.seconds_shared == 14 - sum(lost.seconds for lost in half.lost)


def test_pictures_that_look_alike_are_found_in_videos_of_other_names() -> None:
    one = Holding("one", False, [Section("u", 0, 1, "a", 24, "x", (0x0F0F, 0xFFFF0000FFFF0000))])
    near = 0x0F0F ^ 0b11111111  # of 8 bits, which another coding may cost
    other = Holding("other", False, [Section("v", 0, 1, "b", 24, "y", (near,))])
    a, b = coverage(one, other).halves
    assert (a.pictures, a.pictures_shared, b.pictures, b.pictures_shared) == (2, 1, 1, 1)
    far = Holding("far", False, [Section("v", 0, 1, "b", 24, "y", (near ^ 0x100,))])
    assert coverage(one, far).halves[0].pictures_shared == 0


def test_a_list_is_compared_with_what_could_be_made_of_it(tmp_path: Path) -> None:
    file = tmp_path / "clips.csv"
    file.write_text(
        "# found by hand\nurl,start,end\nhttps://www.youtube.com/watch?v=abc,0:05,0:15\n"
        "def,1:00:00,3601.5\nghi,,\n"
    )
    refused = [{"video": "def", "start": None, "end": None, "reason": "private"}]
    write(tmp_path, "set", [clip("abc", 5, 10), clip("ghi", 2, 3)], refused)
    wanted = read_holding(str(file))
    half = coverage(wanted, read_holding("set", tmp_path)).halves[0]
    assert (half.videos, half.videos_shared, half.seconds, half.seconds_shared) == (3, 2, 11.5, 5)
    assert half.lost == [
        Lost("abc", 10, 15, "in none of the set's sections"),
        Lost("def", 3600, 3601.5, "private"),
    ]


def test_frames_are_compared_one_by_one_where_clips_are_there(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), np.uint8)
    for name, file, part in (
        ("one", "clips/a.npy", frames[:6]),
        ("two", "clips/b.avi", frames[4:]),
    ):
        write_clip(tmp_path / name / file, part)
        write(tmp_path, name, [{**clip("u", 0, 1, name), "file": file}])
    one, two = (read_holding(name, tmp_path) for name in ("one", "two"))
    seen: list[int] = []
    a, b = coverage(one, two, read_frames=True, progress=lambda n, *_: seen.append(n)).halves
    assert (a.frames_read, a.frames_shared, b.frames_read, b.frames_shared) == (6, 2, 4, 2)
    assert seen == [1, 2]
    (tmp_path / "two" / "clips" / "b.avi").unlink()
    with pytest.raises(DatasetError, match="b.avi: cannot be read"):
        coverage(one, two, read_frames=True)


def test_looks_are_taken_from_what_is_remembered_of_videos(tmp_path: Path) -> None:
    line = clip("u", 0, 1)
    del line["hashes"]
    file = write(tmp_path, "set", [line])
    records = file.parent / "videos"
    records.mkdir()
    (records / "u.json").write_text(json.dumps({"clips": [{"name": "u-0", "hashes": ["ff"]}]}))
    (records / "damaged.json").write_text("{")
    assert read_holding(str(file.parent)).held[0].hashes == (255,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "names no column video or id or url"),
        ("id,start\nx,soon\n", "row 1: 'soon' is no time"),
        ("id,start,end\nx,1,2\ny,5,4\n", "row 2: it ends before it starts"),
    ],
)
def test_a_list_that_cannot_be_read_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(DatasetError, match=said):
        read_holding(str(tmp_path / "l.csv"))


def test_other_files_are_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nothing: is no training set under"):
        read_holding("nothing", tmp_path)
    file = write(tmp_path, "set", [])
    file.write_text('{"kind": "test"}')
    with pytest.raises(DatasetError, match="no manifest of a training set"):
        read_holding("set", tmp_path)
    file.write_text('{"kind": "training", "name": "set"}')
    with pytest.raises(DatasetError, match="is damaged"):
        read_holding("set", tmp_path)
