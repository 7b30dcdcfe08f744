"""The engine: a unit is whole in its place or not there, whenever the run is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.core.safe_names import UnsafeName
from stvt.datasets import DatasetError, load, prepare, verify
from stvt.datasets.build.engine import BUILDING, CannotWrite, building
from stvt.datasets.frames import read_frame, write_frame
from stvt.datasets.manifest import FILE, read_manifest
from stvt.datasets.schema import FileRecord
from tests.datasets.build.test_test_set import tree

Clip = Callable[..., list[NDArray[np.uint8]]]
Write = Callable[..., Path]


@dataclass(frozen=True)
class TextRecord:
    fingerprint: str
    texts: tuple[str, ...]

    def files(self, unit: str) -> dict[str, FileRecord]:
        return {
            f"clips/{unit}_{number}.npy": FileRecord(len(text), "")
            for number, text in enumerate(self.texts)
        }

    def check(self, unit: str, folder: Path, file: Path) -> None:
        pass


@dataclass(frozen=True)
class TextUnit:
    """Writes texts as files; one that is "bad" cannot be had, at "full" the disk is."""

    record_type: ClassVar[type[Any]] = TextRecord

    name: str
    texts: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        return " ".join(self.texts)

    def is_current(self, record: TextRecord) -> bool:
        return record.fingerprint == self.fingerprint

    def build(self, folder: Path) -> TextRecord:
        (folder / "clips").mkdir()
        for number, text in enumerate(self.texts):
            if text == "bad":
                raise DatasetError("is bad")
            if text == "full":
                raise OSError("no space")
            (folder / "clips" / f"{self.name}_{number}.npy").write_text(text)
        return TextRecord(self.fingerprint, self.texts)


def build(folder: Path, *units: TextUnit) -> dict[str, tuple[bool, str]]:
    """Whether each unit was built, and why not."""
    with building(folder, "videos") as builder:
        results = builder.build(units)
    return {name: (result.built, result.failure) for name, result in results.items()}


def files(folder: Path) -> dict[str, str]:
    clips = (folder / "clips").glob("*")
    return {file.name: file.read_text() for file in sorted(clips)}


def test_units_are_built_once_and_again_when_their_inputs_or_files_change(tmp_path: Path) -> None:
    assert build(tmp_path, TextUnit("a", ("1", "2"))) == {"a": (True, "")}
    assert build(tmp_path, TextUnit("a", ("1", "2"))) == {"a": (False, "")}
    (tmp_path / "clips" / "a_1.npy").unlink()
    assert build(tmp_path, TextUnit("a", ("1", "2"))) == {"a": (True, "")}
    assert build(tmp_path, TextUnit("a", ("3",)), TextUnit("b", ("4",)))["a"] == (True, "")
    assert files(tmp_path) == {"a_0.npy": "3", "b_0.npy": "4"}
    assert not (tmp_path / BUILDING).exists()


def test_what_is_there_stays_if_what_replaces_it_cannot_be_had(tmp_path: Path) -> None:
    build(tmp_path, TextUnit("a", ("1",)), TextUnit("b", ("2",)))
    before = tree(tmp_path)
    assert build(tmp_path, TextUnit("a", ("9", "bad"))) == {"a": (True, "is bad")}
    assert tree(tmp_path) == before
    with pytest.raises(CannotWrite, match="cannot be written: no space"):
        build(tmp_path, TextUnit("a", ("9", "full")))
    assert {n: k for n, k in tree(tmp_path).items() if not n.startswith(BUILDING)} == before


def test_files_of_others_are_never_removed(tmp_path: Path) -> None:
    build(tmp_path, TextUnit("a", ("1", "2")))
    (tmp_path / "clips" / "a_7.npy").write_text("mine")
    (tmp_path / "clips" / "notes.txt").write_text("mine")
    build(tmp_path, TextUnit("a", ("3",)))
    assert files(tmp_path) == {"a_0.npy": "3", "a_7.npy": "mine", "notes.txt": "mine"}


def test_units_may_be_moved_to_their_places_together(tmp_path: Path) -> None:
    units = [TextUnit("a", ("1",)), TextUnit("b", ("2",))]
    with building(tmp_path, "videos") as builder:
        builder.build(units, commit=False)
        assert not (tmp_path / "clips").exists()
        builder.commit(["a", "b"])
    assert files(tmp_path) == {"a_0.npy": "1", "b_0.npy": "2"}


@pytest.mark.parametrize(
    "content",
    [
        {"removes": ["../victim.npy"], "record": {}},
        {"removes": ["manifest.json"], "record": {}},
        {"removes": ["GT/../../victim/00000000.png"], "record": {}},
        ["no record"],
    ],
)
def test_a_hostile_record_of_a_move_removes_nothing(content: object, tmp_path: Path) -> None:
    (tmp_path / "victim.npy").write_text("precious")
    folder = tmp_path / "set"
    ready = folder / BUILDING / "a.ready"
    ready.mkdir(parents=True)
    (folder / FILE).write_text("{}")
    (ready / "unit.json").write_text(json.dumps(content))
    with pytest.raises(UnsafeName, match="delete"), building(folder):
        pass
    assert (tmp_path / "victim.npy").exists() and (folder / FILE).exists()


KILLED = """
import os, pathlib, signal, sys
from stvt.datasets import prepare

left, moves = int(sys.argv[1]), {name: getattr(pathlib.Path, name) for name in ("replace", "rename")}

def dying(name):
    def move(self, target):
        global left
        if "0000" not in self.name or ".building" in str(self) and ".part" not in str(self):
            left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return moves[name](self, target)
    return move

for name in moves:
    setattr(pathlib.Path, name, dying(name))
prepare("mine", sys.argv[2], sys.argv[3], workers=1)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL")
def test_a_set_that_takes_changed_frames_may_be_killed_before_any_move(
    tmp_path: Path, moving_square: Clip, write_clip: Write
) -> None:
    """Every frame is the old or the new one, the set is not evaluated on, and the end is the same."""
    source = tmp_path / "source"
    for scene in ("a", "b"):
        write_clip(source / scene, moving_square(3))
    prepare("mine", tmp_path / "killed", source)
    olds = tree(tmp_path / "killed")
    for file in source.rglob("*.png"):
        write_frame(file, 255 - read_frame(file))
    prepare("mine", tmp_path / "calm", source)
    news = tree(tmp_path / "calm")
    kills = 0
    for at in range(1, 60):
        command = [sys.executable, "-c", KILLED, str(at), str(tmp_path / "killed"), str(source)]
        ended = subprocess.run(command, check=False).returncode
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        kills += 1
        now = tree(tmp_path / "killed")
        for name, old in olds.items():
            assert now[name] in (old, news[name]), name
        if {name: now[name] for name in olds} not in (olds, news):
            with pytest.raises(DatasetError, match="not wholly prepared"):
                load("mine", tmp_path / "killed")
    assert kills > 5
    assert tree(tmp_path / "killed") == news


def test_scenes_of_two_sources_are_each_kept_up_to_date_from_their_own(
    tmp_path: Path, moving_square: Clip, write_clip: Write
) -> None:
    frames = moving_square(4)
    write_clip(tmp_path / "one" / "a", frames)
    write_clip(tmp_path / "one" / "b", frames)
    prepare("mine", tmp_path, tmp_path / "one")
    write_clip(tmp_path / "two" / "b", [255 - frame for frame in frames])
    prepare("mine", tmp_path, tmp_path / "two")
    manifest = json.loads((tmp_path / "mine" / FILE).read_text())
    paths = {name: scene["gt"]["source"]["path"] for name, scene in manifest["scenes"].items()}
    assert paths == {"a": str(tmp_path / "one"), "b": str(tmp_path / "two")}
    before = tree(tmp_path / "mine")
    assert prepare("mine", tmp_path).unchanged == ["a", "b"]
    assert tree(tmp_path / "mine") == before
    write_frame(tmp_path / "one" / "a" / "00000001.png", 255 - frames[1])
    assert prepare("mine", tmp_path).prepared == ["a"]
    victim = tmp_path / "mine" / "GT" / "b" / "00000002.png"
    victim.write_bytes(b"?")
    assert verify("mine", tmp_path, fix=True).problems == []
    np.testing.assert_array_equal(read_frame(victim), 255 - frames[2])
    (tmp_path / "two").rename(tmp_path / "moved")
    outcome = prepare("mine", tmp_path, degradation="BI")
    assert outcome.prepared == ["a", "b"]
    assert outcome.notes == [
        f"{tmp_path / 'two'} is no longer there: the true frames are taken as they are"
    ]


def test_a_manifest_is_read_once_as_long_as_it_stays(
    tmp_path: Path, moving_square: Clip, write_clip: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(tmp_path / "source" / "a", moving_square(3))
    prepare("mine", tmp_path, tmp_path / "source")
    assert load("mine", tmp_path).manifest is load("mine", tmp_path).manifest
    prepare("mine", tmp_path, degradation="BI")
    assert load("mine", tmp_path).degradations.keys() == {"BDx4", "BIx4"}


def test_a_set_of_another_version_is_made_anew_where_its_source_is_given(
    tmp_path: Path, moving_square: Clip, write_clip: Write
) -> None:
    write_clip(tmp_path / "source" / "a", moving_square(3))
    prepare("mine", tmp_path, tmp_path / "source")
    before = tree(tmp_path / "mine")
    (tmp_path / "mine" / FILE).write_text(json.dumps({"schema": 1, "scenes": {}}))
    for call in (lambda: prepare("mine", tmp_path), lambda: load("mine", tmp_path)):
        with pytest.raises(DatasetError, match="of another version .* prepare the set again"):
            call()
    (note,) = prepare("mine", tmp_path, tmp_path / "source").notes
    assert "of another version" in note and note.endswith("(made anew)")
    assert tree(tmp_path / "mine") == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"schema": 1, "scenes": {}}, "of another version .* prepare the set again"),  # of 0.1.0
        ({"kind": "training", "format": 1}, "of another version .* prepare the set again"),
        ({"schema": 2, "kind": "test", "name": 3}, "name: is 3, expected str"),
        ({"schema": 2, "kind": "test", "name": "mine"}, "recipe: is missing"),
        ({"schema": 2, "kind": "other", "name": "mine"}, "kind: is 'other', expected"),
    ],
)
def test_a_manifest_that_is_not_this_versions_is_one_line_that_names_the_field(
    content: object, said: str, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / FILE).write_text(json.dumps(content))
    for call in (lambda: read_manifest(tmp_path / "mine"), lambda: verify("mine", tmp_path)):
        with pytest.raises(DatasetError, match=said) as caught:
            call()
        assert "\n" not in str(caught.value)
