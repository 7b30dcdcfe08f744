"""Preparing: what comes out, that it comes out the same however it was stopped, and what fails."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stvt.datasets import DATASETS, DatasetError, dry_run, load, prepare, verify
from stvt.datasets.build.engine import building
from stvt.datasets.degradation import degrade
from stvt.datasets.frames import read_frame, write_frame
from stvt.datasets.manifest import PREPARING
from stvt.datasets.recipes.recipe import Published, Recipe
from tests.builders.folders import tree

Clip = Callable[..., list[NDArray[np.uint8]]]
Write = Callable[..., Path]


@pytest.fixture
def source(tmp_path: Path, moving_square: Clip, write_clip: Write) -> Path:
    """Two scenes: `even`, 32x24, and `odd`, 35x26."""
    write_clip(tmp_path / "source" / "even", moving_square(5))
    write_clip(tmp_path / "source" / "odd", moving_square(4, 26, 35), first=1)
    return tmp_path / "source"


def test_a_prepared_set_is_laid_out_as_other_tools_read_it(source: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    outcome = prepare(
        "mine", tmp_path, source, progress=lambda done, total, _: seen.append((done, total))
    )
    assert outcome.prepared == ["even", "odd"]
    assert outcome.failures == []
    assert outcome.notes == ["odd: cropped from 35x26 to 32x24, a multiple of 4"]
    assert seen[-1] == (18, 18)  # nine frames, and as many of low resolution
    frames = {"even": 5, "odd": 4}
    assert set(tree(tmp_path / "mine")) == {
        "manifest.json",
        "meta_info_mine_GT.txt",
        *(
            f"{kind}/{scene}/{index:08d}.png"
            for kind in ("GT", "BDx4")
            for scene, count in frames.items()
            for index in range(count)
        ),
    }
    assert (tmp_path / "mine" / "meta_info_mine_GT.txt").read_text() == (
        "even 5 (24,32,3)\nodd 4 (24,32,3)\n"
    )


def test_frames_are_the_sources_cropped_and_the_small_ones_made_of_them(
    source: Path, tmp_path: Path
) -> None:
    prepare("mine", tmp_path, source)
    prepare("mine", tmp_path, degradation="BI", scale=2)
    scene = load("mine", tmp_path).scenes["odd"]
    for index in range(scene.frames):
        original = read_frame(source / "odd" / f"{index + 1:08d}.png")
        truth = read_frame(scene.gt_path(index))
        np.testing.assert_array_equal(truth, original[:24, :32])
        small = read_frame(scene.lr_path(index, "BDx4"))
        np.testing.assert_array_equal(small, degrade(truth, "BD", 4))
        small = read_frame(scene.lr_path(index, "BIx2"))
        np.testing.assert_array_equal(small, degrade(truth, "BI", 2))


def test_the_manifest_says_all_of_it_and_no_time(source: Path, tmp_path: Path) -> None:
    prepare("mine", tmp_path / "a", source)
    manifest = json.loads((tmp_path / "a" / "mine" / "manifest.json").read_text())
    assert (manifest["schema"], manifest["kind"]) == (2, "test")
    blur = manifest["degradations"]["BDx4"]
    assert (blur["kind"], blur["scale"], blur["phase"], blur["sigma"]) == ("BD", 4, 0.0, 1.6)
    odd = manifest["scenes"]["odd"]["gt"]
    assert (odd["source"]["path"], odd["source"]["name"]) == (str(source), "odd")
    assert odd["original"] == [26, 35]
    assert (odd["height"], odd["width"], len(odd["frames"])) == (24, 32, 4)
    for unit, said in (("GT", odd), ("BDx4", manifest["scenes"]["odd"]["lr"]["BDx4"])):
        last = (tmp_path / "a" / "mine" / unit / "odd" / "00000003.png").read_bytes()
        known = {"bytes": len(last), "sha256": hashlib.sha256(last).hexdigest()}
        assert said["frames"][3] == known

    time.sleep(0.01)
    prepare("mine", tmp_path / "b", source, workers=1)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_preparing_again_does_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare("mine", tmp_path, source)
    before = {file: file.stat() for file in (tmp_path / "mine").rglob("*") if file.is_file()}

    def decode(data: bytes, path: Path) -> None:
        raise AssertionError(f"{path} was decoded")

    monkeypatch.setattr("stvt.datasets.build.scene_units.decode", decode)
    outcome = prepare("mine", tmp_path, source)
    assert (outcome.prepared, outcome.unchanged) == ([], ["even", "odd"])
    assert {file: file.stat().st_ctime_ns for file in before} == {
        file: status.st_ctime_ns for file, status in before.items()
    }


def test_a_copied_set_is_found_unchanged_by_its_content(source: Path, tmp_path: Path) -> None:
    prepare("mine", tmp_path, source)
    before = tree(tmp_path)
    for file in (tmp_path / "mine").rglob("*.png"):
        os.utime(file)
    outcome = prepare("mine", tmp_path, source)
    assert (outcome.prepared, outcome.unchanged) == ([], ["even", "odd"])
    assert tree(tmp_path) == before


def test_a_scale_that_does_not_divide_the_frames_takes_them_cropped(
    source: Path, tmp_path: Path
) -> None:
    prepare("mine", tmp_path, source)
    outcome = prepare("mine", tmp_path, source, scale=3)
    assert outcome.notes == [
        "even: BDx3 was made of the frames cropped to 30x24",
        "odd: BDx3 was made of the frames cropped to 30x24",
    ]
    scene = load("mine", tmp_path).scenes["even"]
    assert scene.gt_size("BDx3") == (24, 30)
    assert scene.gt_size("BDx4") == (24, 32)
    assert read_frame(scene.lr_path(0, "BDx3")).shape == (8, 10, 3)


def test_a_changed_source_frame_is_noticed_and_only_what_comes_of_it_made_anew(
    source: Path, tmp_path: Path
) -> None:
    prepare("mine", tmp_path, source)
    before = tree(tmp_path / "mine")
    frame = read_frame(source / "even" / "00000002.png")
    write_frame(source / "even" / "00000002.png", 255 - frame)
    outcome = prepare("mine", tmp_path, source)
    assert (outcome.prepared, outcome.unchanged) == (["even"], ["odd"])
    assert outcome.notes == ["even: the source has changed; 1 of 5 frames differ"]
    after = tree(tmp_path / "mine")
    assert {name for name in before if before[name] != after[name]} == {
        "manifest.json",
        "GT/even/00000002.png",
        "BDx4/even/00000002.png",
    }


def test_frames_that_left_the_source_leave_the_set_and_scenes_when_pruned(
    source: Path, tmp_path: Path, moving_square: Clip, write_clip: Write
) -> None:
    prepare("mine", tmp_path, source)
    (source / "even" / "00000004.png").unlink()
    (source / "odd").rename(tmp_path / "elsewhere")
    outcome = prepare("mine", tmp_path, source)
    stays = "odd: no longer in the source; what is prepared stays, unless with --prune"
    assert stays in outcome.notes
    assert verify("mine", tmp_path).problems == []
    assert load("mine", tmp_path).scenes.keys() == {"even", "odd"}
    outcome = prepare("mine", tmp_path, source, prune=True)
    assert "odd: no longer in the source; removed" in outcome.notes
    (tmp_path / "again").mkdir()
    prepare("mine", tmp_path / "again", source)
    assert tree(tmp_path / "mine") == tree(tmp_path / "again" / "mine")


def test_a_degradation_is_added_even_when_the_source_is_gone(source: Path, tmp_path: Path) -> None:
    prepare("mine", tmp_path, source)
    source.rename(tmp_path / "moved")
    outcome = prepare("mine", tmp_path, degradation="BI")
    assert outcome.prepared == ["even", "odd"]
    assert outcome.notes == [f"{source} is no longer there: the true frames are taken as they are"]
    load("mine", tmp_path).require("BIx4")
    assert verify("mine", tmp_path).problems == []


def _broken_sources(source: Path, moving_square: Clip, write_clip: Write) -> None:
    whole = (source / "even" / "00000003.png").read_bytes()
    for scene in ("cut", "text", "sizes", "gap", "tiny"):
        write_clip(source / scene, moving_square(4, 24, 32))
    (source / "cut" / "00000001.png").write_bytes(whole[:90])
    (source / "text" / "00000002.png").write_text("not a picture")
    Image.new("RGB", (16, 16)).save(source / "sizes" / "00000003.png")
    (source / "gap" / "00000001.png").unlink()
    for file in (source / "tiny").iterdir():
        Image.new("RGB", (3, 9)).save(file)


def test_every_broken_scene_is_one_line_and_all_others_are_prepared(
    source: Path, tmp_path: Path, moving_square: Clip, write_clip: Write
) -> None:
    prepare("mine", tmp_path / "without", source)
    _broken_sources(source, moving_square, write_clip)
    outcome = prepare("mine", tmp_path / "with", source)
    lines = {line.split(":")[0]: line for line in outcome.failures}
    assert len(outcome.failures) == len(lines) == 5
    assert "00000001.png: broken PNG: cut off after 90 bytes" in lines["cut"]
    assert "00000002.png: cannot be read as a picture" in lines["text"]
    assert "00000000.png is 32x24, 00000003.png is 16x16" in lines["sizes"]
    assert "frame number 1 is missing" in lines["gap"]
    assert "3x9 is too small for scale 4" in lines["tiny"]
    assert not any("\n" in line for line in outcome.failures)
    assert tree(tmp_path / "with") == tree(tmp_path / "without")


def test_a_scene_that_was_mended_is_prepared_the_next_time(source: Path, tmp_path: Path) -> None:
    file = source / "even" / "00000003.png"
    whole = file.read_bytes()
    file.write_bytes(b"")
    assert prepare("mine", tmp_path, source).prepared == ["odd"]
    file.write_bytes(whole)
    outcome = prepare("mine", tmp_path)
    assert (outcome.prepared, outcome.unchanged) == (["even"], ["odd"])


def test_if_nothing_can_be_prepared_nothing_is_left(
    tmp_path: Path, moving_square: Clip, write_clip: Write
) -> None:
    write_clip(tmp_path / "source", moving_square(3))
    (tmp_path / "source" / "00000001.png").write_text("no")
    assert len(prepare("mine", tmp_path / "root", tmp_path / "source").failures) == 1
    assert not (tmp_path / "root" / "mine").exists()


@pytest.mark.parametrize("full_at", [12, 16])  # `even` has ten files, `odd` four and four
def test_a_full_disk_is_one_line_and_the_next_run_goes_on(
    full_at: int, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare("mine", tmp_path / "undisturbed", source)
    written = 0

    def write_bytes(path: Path, data: bytes, **options: bool) -> None:
        nonlocal written
        written += 1
        if written > full_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    with monkeypatch.context() as full:
        full.setattr("stvt.datasets.build.scene_units.write_bytes", write_bytes)
        outcome = prepare("mine", tmp_path / "full", source, workers=1)
    assert outcome.prepared == ["even"]
    assert len(outcome.failures) == 1
    assert "no space left on device; stopped there" in outcome.failures[0]
    with pytest.raises(DatasetError, match="not wholly prepared .* odd missing"):
        load("mine", tmp_path / "full")
    assert prepare("mine", tmp_path / "full", source).unchanged == ["even"]
    assert tree(tmp_path / "full") == tree(tmp_path / "undisturbed")


def test_an_interrupt_goes_up_and_the_next_run_goes_on(source: Path, tmp_path: Path) -> None:
    def interrupted(done: int, total: int | None, what: str) -> None:
        if done == 6:
            raise KeyboardInterrupt

    prepare("mine", tmp_path / "undisturbed", source)
    with pytest.raises(KeyboardInterrupt):
        prepare("mine", tmp_path / "root", source, progress=interrupted)
    with pytest.raises(DatasetError, match="was cut short; run `stvt prepare mine"):
        load("mine", tmp_path / "root")
    prepare("mine", tmp_path / "root", source)
    assert tree(tmp_path / "root") == tree(tmp_path / "undisturbed")


def frames_below(folder: Path) -> int:
    """How many frames are there, while folders come and go."""
    names = [name for _, _, files in os.walk(folder) for name in files]
    return sum(name.startswith("0") and name.endswith(".png") for name in names)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal")
def test_a_run_that_is_killed_goes_on_to_the_same_end(
    tmp_path: Path, moving_square: Clip, write_clip: Write
) -> None:
    for scene in ("a", "b"):
        write_clip(tmp_path / "source" / scene, moving_square(40, 120, 200))
    prepare("mine", tmp_path / "undisturbed", tmp_path / "source")
    line = (
        "import sys; from stvt.datasets import prepare; print('ready', flush=True); "
        "prepare('mine', sys.argv[1], sys.argv[2])"
    )
    command = [sys.executable, "-c", line, str(tmp_path / "root"), str(tmp_path / "source")]
    for files in (1, 50, 110):  # of 160: early, in the middle, late
        run = subprocess.Popen(command, stdout=subprocess.PIPE)
        while run.poll() is None and frames_below(tmp_path / "root") < files:
            time.sleep(0.002)
        run.kill()
        run.communicate()
        assert (tmp_path / "root" / "mine" / PREPARING).exists(), "it came to its end too soon"
    prepare("mine", tmp_path / "root", tmp_path / "source")
    assert tree(tmp_path / "root") == tree(tmp_path / "undisturbed")


def test_what_a_killed_run_made_of_another_source_is_not_taken_for_this_ones(
    source: Path, tmp_path: Path, write_clip: Write
) -> None:
    dark = [read_frame(file) // 2 for file in sorted((source / "even").iterdir())]
    other = write_clip(tmp_path / "other" / "even", dark).parent
    for file in [*source.rglob("*.png"), *other.rglob("*.png")]:
        os.utime(file, ns=(10**18, 10**18))  # as unpacking an archive may do

    def stop(done: int, total: int | None, what: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare("mine", tmp_path / "root", other, progress=stop)
    prepare("mine", tmp_path / "root", source)
    prepare("mine", tmp_path / "undisturbed", source)
    assert tree(tmp_path / "root") == tree(tmp_path / "undisturbed")


def test_a_known_set_that_is_not_as_published_is_one_line(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(
        "known",
        "",
        {"even": 5, "odd": 7, "more": 3},
        "",
        "",
        get="a folder",
        file=Published("x", ()),
    )
    monkeypatch.setitem(DATASETS, "known", recipe)
    with pytest.raises(DatasetError, match="say where it is with --source PATH"):
        prepare("known", tmp_path)
    outcome = prepare("known", tmp_path, source)
    assert outcome.prepared == ["even"]
    (line,) = outcome.failures
    assert "expected odd with 7 frames, found 4" in line
    assert "expected more with 3 frames, found none" in line
    with pytest.raises(DatasetError, match="not wholly prepared .* odd, more missing"):
        load("known", tmp_path)


def test_a_dry_run_counts_the_scenes_that_are_asked_for_and_knows_no_others(
    tmp_path: Path, moving_square: Clip, write_clip: Write
) -> None:
    for scene in ("a", "b", "c"):
        write_clip(tmp_path / "one" / scene, moving_square(3))
    write_clip(tmp_path / "two" / "c", moving_square(5))
    (plan,) = dry_run("set", tmp_path, tmp_path / "one", scenes=("a",))
    assert "would take 1 scenes, 3 frames of" in plan
    for name, source in (("set", tmp_path / "one"), ("sample", None)):
        with pytest.raises(DatasetError, match="expected scene nope, found "):
            dry_run(name, tmp_path, source, scenes=("nope",))
    # Of several sources each scene is taken from where it came from.
    prepare("set", tmp_path, tmp_path / "one")
    prepare("set", tmp_path, tmp_path / "two")
    plans = dry_run("set", tmp_path)
    assert [plan.split(" of ")[0] for plan in plans] == [
        "set: would take 2 scenes, 6 frames",
        "set: would take 1 scenes, 5 frames",
    ]
    (plan,) = dry_run("set", tmp_path, scenes=("c",))
    assert "1 scenes, 5 frames" in plan


def test_a_name_that_is_not_known_and_has_no_source_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="known are sample, vid4"):
        prepare("vid5", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written_is_one_line(source: Path, tmp_path: Path) -> None:
    (tmp_path / "root").write_text("a file where a folder should be")
    with pytest.raises(
        DatasetError, match=r"mine: cannot be written: (not a directory|file exists)"
    ):
        prepare("mine", tmp_path / "root", source)


def test_a_source_inside_the_set_is_refused(source: Path, tmp_path: Path) -> None:
    prepare("mine", tmp_path, source)
    with pytest.raises(DatasetError, match="lies inside the set"):
        prepare("mine", tmp_path, tmp_path / "mine" / "GT")


def test_two_runs_at_once_do_not_mix(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fcntl")
    monkeypatch.setattr("stvt.core.files.WAIT_SECONDS", 0.1)
    with (
        building(tmp_path / "mine"),
        pytest.raises(DatasetError, match="being prepared by another process"),
    ):
        prepare("mine", tmp_path, source)


SAMPLE_SCENES = ["crossing", "drift", "pan", "print", "tiles"]


def test_the_sample_is_prepared_without_any_source(tmp_path: Path) -> None:
    outcome = prepare("sample", tmp_path)
    assert outcome.prepared == SAMPLE_SCENES
    scene = load("sample", tmp_path).scenes["pan"]
    assert (scene.frames, scene.height, scene.width) == (29, 192, 256)
    assert scene.fps == Fraction(30)
    assert prepare("sample", tmp_path).unchanged == SAMPLE_SCENES
    with pytest.raises(DatasetError, match="leave the source out"):
        prepare("sample", tmp_path, tmp_path)
