"""What was prepared outlives full disks, missing manifests, faulty sources and mistyped names."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets import DatasetError, load, prepare, prepare_training, verify
from stvt.datasets.build.engine import BUILDING, Job, building, remove_files
from stvt.datasets.frames import read_frame, write_frame
from stvt.datasets.manifest import FILE, PREPARING
from stvt.datasets.training_set import load_training
from tests.builders.folders import tree
from tests.builders.training_videos import SETTINGS, film, write_video

Clip = Callable[..., list[NDArray[np.uint8]]]
Write = Callable[..., Path]


@pytest.fixture
def source(tmp_path: Path, moving_square: Clip, write_clip: Write) -> Path:
    for scene in "abc":
        write_clip(tmp_path / "source" / scene, moving_square(4))
    return tmp_path / "source"


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A folder of three videos, prepared as `t` below the folder it is in."""
    for number, name in enumerate("abc"):
        write_video(tmp_path / "films" / f"{name}.mkv", film(24, seed=number))
    train(tmp_path)
    return tmp_path / "films"


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


def train(root: Path, *, prune: bool = False, source: Path | None = None) -> list[str]:
    """Prepares the training set `t`; its failures."""
    source = source or root / "films"
    return prepare_training("t", root, source, settings=SETTINGS, prune=prune).failures


def clips(root: Path) -> list[str]:
    return sorted(file.name[0] for file in (root / "t" / "clips").iterdir())


def invert(source: Path) -> None:
    for file in source.rglob("*.png"):
        write_frame(file, 255 - read_frame(file))


@contextmanager
def full_disk(move: int, stays_full: bool) -> Iterator[list[int]]:
    """The disk refuses the move of that number of a unit's file; the number of moves that are left."""
    left, moves = [move], {name: getattr(Path, name) for name in ("replace", "rename")}

    def refusing(name: str) -> Callable[[Path, Path], Any]:
        def refused(path: Path, target: Path) -> Any:
            moving = ".ready" in str(path) or ".whole" in str(path)
            left[0] -= moving
            if left[0] == 0 and (moving or stays_full):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return moves[name](path, target)

        return refused

    with pytest.MonkeyPatch.context() as full:
        for name in moves:
            full.setattr(Path, name, refusing(name))
        yield left


@pytest.mark.parametrize("stays_full", [True, False])
@pytest.mark.parametrize("move", [1, 2, 3, 5, 6, 7, 10, 11, 19])
def test_a_move_that_the_disk_refuses_is_ended_by_the_next_run(
    move: int, stays_full: bool, source: Path, tmp_path: Path
) -> None:
    """A scene of old and new frames is not evaluated on, and nothing of the new ones is lost."""
    root = tmp_path / "root"
    prepare("mine", root, source, workers=1)
    olds = tree(root)
    invert(source)
    prepare("mine", tmp_path / "calm", source, workers=1)
    with full_disk(move, stays_full) as left:
        failures = prepare("mine", root, source, workers=1).failures
    assert left[0] <= 0
    assert "no space left on device; stopped there" in failures[0]
    now, news = tree(root), tree(tmp_path / "calm")
    assert all(now[name] in (old, news[name]) for name, old in olds.items() if "png" in name)
    problems = verify("mine", root).problems
    assert not any("is no file of the set" in line for line in problems)
    if problems:  # else no scene was being moved
        with pytest.raises(DatasetError, match="not wholly prepared"):
            load("mine", root)
    assert prepare("mine", root, source, workers=1).failures == []
    assert tree(root) == news


@pytest.mark.parametrize("again", ["the new source", "the old source"])
@pytest.mark.parametrize("move", [1, 3, 6, 13])
def test_a_full_disk_while_another_source_is_taken(
    move: int, again: str, source: Path, tmp_path: Path
) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    shutil.copytree(source, other)
    invert(other)
    prepare("mine", root, source, workers=1)
    chosen = source if "old" in again else other
    prepare("mine", tmp_path / "calm", chosen, workers=1)
    with full_disk(move, False):
        try:
            assert prepare("mine", root, other, workers=1).failures
        except OSError as error:
            assert error.errno == errno.ENOSPC
    with pytest.raises(DatasetError, match="not wholly prepared"):
        load("mine", root)
    assert prepare("mine", root, chosen, workers=1).failures == []
    assert tree(root) == tree(tmp_path / "calm")


def test_clips_that_a_dead_worker_was_moving_are_moved(films: Path, tmp_path: Path) -> None:
    write_video(films / "a.mkv", film(48, seed=7))

    def dying(work: Callable[[Job], Any], jobs: Sequence[Job]) -> Iterator[Any]:
        replace = Path.replace

        def killed(path: Path, target: Path) -> Path:
            if path.name == "a_000024.npy":
                raise KeyboardInterrupt
            return replace(path, target)

        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Path, "replace", killed)
            work(jobs[0])
        yield jobs[0], None

    prepare_training("t", tmp_path, films, settings=SETTINGS, run=dying)
    assert verify("t", tmp_path).problems == []
    assert train(tmp_path) == []
    assert [clip.name for clip in load_training("t", tmp_path).clips] == [
        *("a_000000", "a_000024", "b_000000", "c_000000")
    ]


@pytest.mark.parametrize("state", ["missing", "empty", "cut", "of another version"])
def test_clips_of_other_videos_stay_whatever_became_of_the_manifest(
    state: str, films: Path, tmp_path: Path
) -> None:
    file = tmp_path / "t" / FILE
    text = {
        "empty": "",
        "cut": file.read_text()[:99],
        "of another version": '{"schema": 99, "kind": "training"}',
    }
    file.write_text(text[state]) if state in text else file.unlink()
    before = tree(tmp_path)
    with pytest.raises(DatasetError, match="holds clips of b, c, no longer in the source or list"):
        train(tmp_path, source=films / "a.mkv")
    assert tree(tmp_path) == before
    assert train(tmp_path, source=films / "a.mkv", prune=True) == []
    assert clips(tmp_path) == ["a"]


@pytest.mark.parametrize("text", ["", "[]", '{"kind": 3}', None])
def test_a_set_whose_manifest_is_damaged_is_not_gone_over_by_another_kind(
    text: str | None, films: Path, source: Path, tmp_path: Path
) -> None:
    prepare("mine", tmp_path, source)
    for name in ("t", "mine"):
        file = tmp_path / name / FILE
        file.unlink() if text is None else file.write_text(text)
    before = tree(tmp_path)
    with pytest.raises(DatasetError, match="holds a training set"):
        prepare("t", tmp_path, source)
    with pytest.raises(DatasetError, match="holds a test set"):
        prepare_training("mine", tmp_path, films, settings=SETTINGS)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("damage", ["gap", "unreadable"])
def test_pruning_spares_the_clips_of_what_is_faulty_this_time(
    damage: str, tmp_path: Path, moving_square: Clip
) -> None:
    films = tmp_path / "films"
    write_video(films / "a.mkv", film(24))
    write_video(films / "gone.mkv", film(24, seed=2))
    for index, frame in enumerate(film(24, seed=1)):
        (films / "b").mkdir(exist_ok=True)
        write_frame(films / "b" / f"{index:08d}.png", frame)
    settings = {**vars(SETTINGS), "rate": "60"}

    def run(prune: bool) -> list[str]:
        chosen = type(SETTINGS)(**settings)
        return prepare_training("t", tmp_path, films, settings=chosen, prune=prune).failures

    assert run(False) == []
    assert clips(tmp_path) == ["a", "b", "g"]
    (films / "gone.mkv").unlink()
    victim = films / "b" / "00000005.png"
    victim.unlink() if damage == "gap" else victim.write_bytes(b"?")
    before = tree(tmp_path / "t")
    failures = run(True)
    assert any(line.startswith("b: ") for line in failures)
    assert tree(tmp_path / "t") == before
    assert verify("t", tmp_path).problems == []
    assert len(load_training("t", tmp_path).clips) == 3
    write_frame(victim, film(24, seed=1)[5])
    assert run(True) == []
    assert clips(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("first", [True, False])
def test_a_mistyped_source_costs_no_work_of_a_run_that_was_stopped(
    first: bool, source: Path, tmp_path: Path
) -> None:
    if not first:
        prepare("mine", tmp_path, source)
        invert(source)

    def stop(done: int, total: int | None, scene: str) -> None:
        if scene == "c":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare("mine", tmp_path, source, progress=stop, workers=1)
    before = {name: known for name, known in tree(tmp_path).items() if ".part" not in name}
    (tmp_path / "empty").mkdir()
    for wrong in ("typo", "empty"):
        with pytest.raises(DatasetError):
            prepare("mine", tmp_path, tmp_path / wrong)
    assert tree(tmp_path) == before
    scenes: list[str] = []
    prepare("mine", tmp_path, source, progress=lambda _, __, scene: scenes.append(scene))
    assert set(scenes) == {"c"}


def test_another_source_that_is_refused_leaves_nothing_of_its_own(
    source: Path, tmp_path: Path
) -> None:
    prepare("mine", tmp_path, source)
    shutil.copytree(source, tmp_path / "other")
    invert(tmp_path / "other")
    (tmp_path / "other" / "c" / "00000002.png").write_bytes(b"?")
    before = tree(tmp_path)
    with pytest.raises(DatasetError, match="nothing was taken of"):
        prepare("mine", tmp_path, tmp_path / "other")
    assert tree(tmp_path) == before
    assert not (tmp_path / "mine" / BUILDING).exists()


def test_low_resolution_frames_stay_in_the_manifest_when_the_source_moves(
    source: Path, tmp_path: Path
) -> None:
    """A true frame that is altered, at the same size, is why those of it cannot be made again."""
    prepare("mine", tmp_path, source)
    truth = tmp_path / "mine" / "GT" / "a" / "00000001.png"
    data = bytearray(truth.read_bytes())
    data[-20] ^= 1
    truth.write_bytes(data)
    (tmp_path / "mine" / "BDx4" / "a" / "00000002.png").unlink()
    source.rename(tmp_path / "moved")
    (failure,) = prepare("mine", tmp_path, tmp_path / "moved").failures
    assert "00000001.png: is altered" in failure
    assert json.loads((tmp_path / "mine" / FILE).read_text())["scenes"]["a"]["lr"].keys() == {
        "BDx4"
    }
    assert verify("mine", tmp_path, fix=True).problems == []
    load("mine", tmp_path).require("BDx4")


def test_faults_are_found_and_repaired_by_one_process_alone(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Repairing what another process is about to replace would mix two states of a set."""
    pytest.importorskip("fcntl")
    monkeypatch.setattr("stvt.core.files.WAIT_SECONDS", 0.05)
    prepare("mine", tmp_path, source)
    victim = tmp_path / "mine" / "GT" / "a" / "00000001.png"
    victim.unlink()
    with building(tmp_path / "mine"):
        for _ in verify("mine", tmp_path).problems:  # reading alone disturbs nobody
            with pytest.raises(DatasetError, match="by another process"):
                verify("mine", tmp_path, fix=True)
    assert not victim.exists()
    (tmp_path / "mine" / "meta_info_mine_GT.txt").unlink()
    read: list[str] = []
    with building(tmp_path / "mine"), pytest.raises(DatasetError, match="by another process"):
        verify("mine", tmp_path, fix=True, progress=lambda _, __, what: read.append(what))
    assert read == []
    assert verify("mine", tmp_path, fix=True).problems == []


def test_only_folders_of_units_are_removed_with_their_files(tmp_path: Path) -> None:
    for folder in ("GT/a", "clips", "drafts/a"):
        (tmp_path / folder).mkdir(parents=True)
    remove_files(tmp_path, ["GT/a/00000000.png", "drafts/a/00000000.png", "clips/../drafts/x.npy"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", "drafts"]
    assert (tmp_path / "drafts" / "a").is_dir()
    assert not (tmp_path / PREPARING).exists()
