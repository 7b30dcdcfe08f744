"""A source that is not good never costs what is prepared; scenes go only with --prune."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.cli.main import main
from stvt.datasets import DATASETS, Recipe, load, prepare, verify
from stvt.datasets.frames import read_frame, write_frame
from tests.datasets.build.test_test_set import tree
from tests.datasets.build.test_training_set import film, write_video
from tests.datasets.recipes.test_recipes import names, small, stand_in

Clip = Callable[..., list[NDArray[np.uint8]]]
Write = Callable[..., Path]
HTML = b"<!DOCTYPE html><html><title>Quota exceeded</title></html>"


@pytest.fixture
def vid4(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """A small recipe of the name, two scenes of three frames."""
    recipe = small(DATASETS["vid4"])
    monkeypatch.setitem(DATASETS, "vid4", recipe)
    return recipe


@pytest.fixture
def mine(tmp_path: Path, moving_square: Clip, write_clip: Write) -> Path:
    """A source of one's own, of the scenes a, b and c; prepared as `mine` below `root`."""
    for number, scene in enumerate("abc"):
        write_clip(tmp_path / "source" / scene, moving_square(4 + number))
    assert prepare("mine", tmp_path / "root", tmp_path / "source").failures == []
    return tmp_path / "source"


def without(archive: bytes, end: str) -> bytes:
    """A zip without the member whose name ends so."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            if not name.endswith(end):
                new.writestr(name, old.read(name))
    return made.getvalue()


def refused(root: Path, name: str, *options: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Prepare in vain: exit code 2, one line, and the root byte for byte as it was; the line."""
    before = tree(root)
    capsys.readouterr()
    assert main(["prepare", name, "--root", str(root), *options]) == 2
    told = capsys.readouterr().err.replace("\r", "\n").splitlines()
    lines = [line for line in told if line.startswith("stvt prepare: ")]
    assert len(lines) == 1, lines
    assert tree(root) == before
    return lines[0]


BAD = ("html.zip", "html.mp4", "notes.txt", "cut.zip", "hole.zip", "other", "empty", "nowhere")


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("prune", [(), ("--prune",)])
def test_a_bad_source_of_a_known_set_is_one_line_and_the_set_stays(
    kind: str,
    prune: tuple[str, ...],
    vid4: Recipe,
    tmp_path: Path,
    moving_square: Clip,
    write_clip: Write,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = tmp_path / "root"
    whole = stand_in(vid4, moving_square(3))
    good = tmp_path / "Vid4.zip"
    good.write_bytes(whole)
    assert main(["prepare", "vid4", "--root", str(root), "--source", str(good)]) == 0
    write_clip(tmp_path / "clips" / "walk", moving_square(3))
    prepare("other", root, tmp_path / "clips")
    bad = root / "other" if kind == "other" else tmp_path / "bad" / kind
    bad.parent.mkdir(exist_ok=True)
    hole = without(whole, f"GT/{names(vid4)[0]}/00000002.png")
    contents = {"cut.zip": whole[: len(whole) // 2], "hole.zip": hole, "notes.txt": b"to do"}
    if kind == "empty":
        bad.mkdir()
    elif kind not in ("other", "nowhere"):
        bad.write_bytes(contents.get(kind, HTML))
    refused(root, "vid4", "--source", str(bad), *prune, capsys=capsys)
    if kind.endswith(".zip"):  # under the good one's own name, found there without --source
        shutil.move(bad, good)
        refused(root, "vid4", "--source", str(good), *prune, capsys=capsys)
        refused(root, "vid4", *prune, capsys=capsys)
    assert verify("vid4", root).problems == []
    good.write_bytes(whole)
    assert main(["prepare", "vid4", "--root", str(root), "--source", str(good)]) == 0
    assert load("vid4", root).scenes.keys() == set(names(vid4))


@pytest.mark.parametrize("kind", ["html.zip", "html.mp4", "notes.txt", "cut picture", "gap"])
@pytest.mark.parametrize("prune", [(), ("--prune",)])
def test_a_bad_source_of_ones_own_set_is_one_line_and_the_set_stays(
    kind: str,
    prune: tuple[str, ...],
    mine: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = tmp_path / kind
    if kind in ("cut picture", "gap"):
        shutil.copytree(mine, bad)
        victim = bad / "b" / "00000002.png"
        os.truncate(victim, 60) if kind == "cut picture" else victim.unlink()
        write_frame(bad / "a" / "00000000.png", 255 - read_frame(bad / "a" / "00000000.png"))
    else:
        bad.write_bytes(HTML)
    refused(tmp_path / "root", "mine", "--source", str(bad), *prune, capsys=capsys)


def test_a_scene_that_broke_in_its_own_source_stays_as_it_was_prepared(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(tmp_path / "root")
    write_frame(mine / "b" / "00000000.png", 255 - read_frame(mine / "b" / "00000000.png"))
    (mine / "b" / "00000003.png").write_bytes(b"\x89PNG")
    assert main(["prepare", "mine", "--root", str(tmp_path / "root"), "--prune"]) == 2
    told = capsys.readouterr().err
    assert "stvt prepare: b: " in told and "what is prepared of it stays" in told
    assert tree(tmp_path / "root") == before
    (mine / "b" / "00000001.png").unlink()  # a gap: not even a scene any more
    assert main(["prepare", "mine", "--root", str(tmp_path / "root"), "--prune"]) == 2
    assert tree(tmp_path / "root") == before


def test_a_degradation_that_cannot_be_made_costs_no_scene(
    tmp_path: Path, write_clip: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = [np.full((3, 6, 3), 9 * shade, np.uint8) for shade in range(3)]
    write_clip(tmp_path / "source" / "a", tiny)
    assert prepare("mine", tmp_path / "root", tmp_path / "source", scale=2).failures == []
    before = tree(tmp_path / "root")
    assert main(["prepare", "mine", "--root", str(tmp_path / "root"), "--scale", "4"]) == 2
    assert "too small for scale 4" in capsys.readouterr().err
    assert tree(tmp_path / "root") == before


def test_a_lost_true_frame_whose_source_is_gone_costs_no_other(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine.rename(tmp_path / "moved")
    (tmp_path / "root" / "mine" / "GT" / "b" / "00000002.png").unlink()
    before = tree(tmp_path / "root")
    options = ["--root", str(tmp_path / "root"), "--degradation", "BI"]
    assert main(["prepare", "mine", *options]) == 2
    assert "b: GT/b/00000002.png is missing" in capsys.readouterr().err
    after = tree(tmp_path / "root")
    lost = {name for name, known in before.items() if after.get(name) != known}
    assert lost == {"mine/manifest.json"}  # which now knows of a and c in BIx4
    assert len(verify("mine", tmp_path / "root").problems) == 1


@pytest.mark.parametrize("extra", [(), ("--prune",)])
def test_scenes_that_were_not_asked_for_are_left_alone(
    extra: tuple[str, ...],
    vid4: Recipe,
    tmp_path: Path,
    moving_square: Clip,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good = tmp_path / "Vid4.zip"
    good.write_bytes(stand_in(vid4, moving_square(3)))
    first = names(vid4)[0]
    start = ["prepare", "vid4", "--root", str(tmp_path / "root")]
    assert main([*start, "--source", str(good)]) == 0
    before = tree(tmp_path / "root")
    for source in ([], ["--source", str(good)]):
        assert main([*start, "--scenes", first, *source, *extra]) == 0
        assert tree(tmp_path / "root") == before
    load("vid4", tmp_path / "root")
    assert "no longer" not in capsys.readouterr().err


def test_scenes_asked_for_one_after_the_other_add_up(
    vid4: Recipe, tmp_path: Path, moving_square: Clip
) -> None:
    good = tmp_path / "Vid4.zip"
    good.write_bytes(stand_in(vid4, moving_square(3)))
    for scene in names(vid4):
        options = ["--root", str(tmp_path), "--source", str(good), "--scenes", scene]
        assert main(["prepare", "vid4", *options]) == 0
    made = json.loads((tmp_path / "vid4" / "manifest.json").read_text())
    assert made["recipe"]["missing"]["share"] == "2 of 2 scenes, as chosen"
    assert made["recipe"]["missing"]["chosen"] == list(names(vid4))
    assert load("vid4", tmp_path).scenes.keys() == set(names(vid4))
    assert prepare("vid4", tmp_path).unchanged == list(names(vid4))


def test_scenes_that_left_a_good_source_stay_until_pruned(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    (root / "mine" / "GT" / "b" / "notes.txt").write_text("mine, not the set's")
    (root / "mine" / "drafts" / "b").mkdir(parents=True)
    (root / "mine" / "drafts" / "b" / "00000000.png").write_text("not the set's either")
    shutil.rmtree(mine / "b")
    shutil.rmtree(mine / "c")
    before = tree(root)
    assert main(["prepare", "mine", "--root", str(root)]) == 0
    told = capsys.readouterr().err
    assert (
        "note: b, c: no longer in the source; what is prepared stays, unless with --prune" in told
    )
    assert tree(root) == before
    assert main(["prepare", "mine", "--root", str(root), "--degradation", "BI"]) == 0
    load("mine", root).require("BIx4")  # of the true frames that stayed, too
    assert main(["prepare", "mine", "--root", str(root), "--prune"]) == 0
    assert "note: b, c: no longer in the source; removed" in capsys.readouterr().err
    assert load("mine", root).scenes.keys() == {"a"}
    left = {name for name in tree(root / "mine") if "/a/" not in name}
    assert left == {
        *("manifest.json", "meta_info_mine_GT.txt"),
        *("GT/b/notes.txt", "drafts/b/00000000.png"),
    }


def test_another_good_source_takes_the_place_of_the_first(
    mine: Path, tmp_path: Path, moving_square: Clip, write_clip: Write
) -> None:
    other = [255 - frame for frame in moving_square(4)]
    write_clip(tmp_path / "other" / "a", other)
    assert prepare("mine", tmp_path / "root", tmp_path / "other").prepared == ["a"]
    scenes = load("mine", tmp_path / "root").scenes
    assert scenes.keys() == {"a", "b", "c"}
    np.testing.assert_array_equal(read_frame(scenes["a"].gt_path(3)), other[3])
    assert verify("mine", tmp_path / "root").problems == []


TRAINING = ("--training", "--min-side", "32", "--min-frames", "12", "--clip-frames", "24")


def test_a_bad_source_costs_a_training_set_no_clip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    for number, name in enumerate("ab"):
        write_video(tmp_path / "in" / f"{name}.mkv", film(24, seed=number))
    options = [*TRAINING, "--storage", "npy"]
    assert (
        main(["prepare", "t", "--root", str(root), *options, "--source", str(tmp_path / "in")]) == 0
    )
    (tmp_path / "notes.txt").write_bytes(HTML)
    for bad in (tmp_path / "notes.txt", tmp_path / "in" / "a.mkv", tmp_path / "nowhere"):
        refused(root, "t", *options, "--source", str(bad), capsys=capsys)
    refused(root, "t", "--photographs", capsys=capsys)
    (tmp_path / "in" / "b.mkv").write_bytes(HTML)
    line = refused(root, "t", *options, "--source", str(tmp_path / "in"), capsys=capsys)
    assert "b: " in line and "the clips made before stay" in line
    (tmp_path / "in" / "b.mkv").unlink()
    again = ["prepare", "t", "--root", str(root), *options, "--source", str(tmp_path / "in")]
    assert main([*again, "--prune"]) == 0
    assert [file.name for file in (root / "t" / "clips").iterdir()] == ["a_000000.npy"]


def test_photographs_do_not_go_over_a_test_set(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(tmp_path / "root", "mine", "--photographs", capsys=capsys)
    assert "holds another kind of set" in line
