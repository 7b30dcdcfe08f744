"""Verifying names every file that is not as it was made, and mends those alone."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets import DatasetError, load, prepare, verify
from stvt.datasets.frames import read_frame, write_frame

Clip = Callable[..., list[NDArray[np.uint8]]]
Write = Callable[..., Path]


@pytest.fixture
def prepared(tmp_path: Path, moving_square: Clip, write_clip: Write) -> Path:
    write_clip(tmp_path / "source" / "walk", moving_square(5))
    prepare("mine", tmp_path, tmp_path / "source")
    prepare("mine", tmp_path, degradation="BI")
    return tmp_path / "mine"


def spoil(prepared: Path) -> dict[Path, bytes]:
    """Alter a true frame keeping its size and time, lose a small one; what they were."""
    truth, small = prepared / "GT/walk/00000002.png", prepared / "BIx4/walk/00000001.png"
    whole = {truth: truth.read_bytes(), small: small.read_bytes()}
    time = truth.stat().st_mtime_ns
    truth.write_bytes(whole[truth][:-1] + b"x")
    os.utime(truth, ns=(time, time))
    small.unlink()
    return whole


def test_an_intact_set_has_no_problems(prepared: Path) -> None:
    found = verify("mine", prepared.parent)
    assert (found.problems, found.fixed, found.files) == ([], [], 15)


def test_every_missing_altered_and_surplus_file_is_named(prepared: Path) -> None:
    spoil(prepared)
    (prepared / "GT/walk/Thumbs.db").touch()
    assert sorted(verify("mine", prepared.parent).problems) == [
        "BIx4/walk/00000001.png: is missing",
        "GT/walk/00000002.png: is altered",
        "GT/walk/Thumbs.db: is no file of the set",
    ]


def test_a_list_of_scenes_that_is_no_text_is_written_again(prepared: Path) -> None:
    file = prepared / "meta_info_mine_GT.txt"
    text = file.read_bytes()
    file.write_bytes(b"\xff\xfe")
    assert verify("mine", prepared.parent).problems == [f"{file.name}: is missing or altered"]
    assert verify("mine", prepared.parent, fix=True).problems == []
    assert file.read_bytes() == text


def test_what_is_spoilt_is_made_again_and_nothing_else(prepared: Path) -> None:
    whole = spoil(prepared)
    times = {file: file.stat().st_ctime_ns for file in prepared.rglob("*.png") if file not in whole}
    found = verify("mine", prepared.parent, fix=True)
    assert found.problems == []
    assert len(found.fixed) == 2
    assert {file: file.read_bytes() for file in whole} == whole
    assert {file: file.stat().st_ctime_ns for file in times} == times
    assert prepare("mine", prepared.parent).unchanged == ["walk"]


def test_without_the_source_small_frames_are_mended_and_true_ones_said(prepared: Path) -> None:
    whole = spoil(prepared)
    (prepared.parent / "source").rename(prepared.parent / "moved")
    found = verify("mine", prepared.parent, fix=True)
    assert [line.split(":")[0] for line in found.fixed] == ["BIx4/walk/00000001.png"]
    (line,) = found.problems
    assert line.startswith("GT/walk/00000002.png: is altered, and cannot be made again: ")
    assert line.endswith("source is no longer there")
    assert (prepared / "BIx4/walk/00000001.png").read_bytes() in whole.values()


def test_a_source_that_changed_since_is_not_taken(prepared: Path) -> None:
    spoil(prepared)
    frame = prepared.parent / "source/walk/00000002.png"
    write_frame(frame, 255 - read_frame(frame))
    before = (prepared / "GT/walk/00000002.png").read_bytes()
    found = verify("mine", prepared.parent, fix=True)
    assert len(found.problems) == 1
    assert "has changed; prepare the set again" in found.problems[0]
    assert (prepared / "GT/walk/00000002.png").read_bytes() == before


def test_a_set_that_is_not_prepared_or_whose_manifest_is_damaged_is_one_line(
    prepared: Path,
) -> None:
    with pytest.raises(DatasetError, match="run `stvt prepare other --source ...`"):
        verify("other", prepared.parent)
    (prepared / "manifest.json").write_text("{")
    for call in (verify, load):
        with pytest.raises(DatasetError, match=r"manifest\.json: is damaged"):
            call("mine", prepared.parent)


def test_a_degradation_that_is_lacking_is_said_with_the_command(prepared: Path) -> None:
    loaded = load("mine", prepared.parent)
    loaded.require("BIx4")
    assert loaded.degradations["BIx4"]["phase"] == 1.5
    with pytest.raises(DatasetError, match=r"`stvt prepare mine --degradation BI --scale 2`"):
        loaded.require("BIx2")
    with pytest.raises(IndexError):
        loaded.scenes["walk"].gt_path(5)


def test_a_sets_checksum_is_of_its_frames_and_not_of_where_they_came_from(prepared: Path) -> None:
    root = prepared.parent
    before = load("mine", root)
    (root / "source").rename(root / "moved")
    prepare("mine", root / "elsewhere", root / "moved")
    after = load("mine", root / "elsewhere")
    assert after.digest("BDx4") == before.digest("BDx4")
    assert after.manifest_sha256 != before.manifest_sha256  # it lacks BIx4
