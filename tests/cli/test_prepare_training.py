"""`stvt prepare` of training sets, from the command line."""

import json
import subprocess
import sys
import time
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from stvt import datasets
from stvt.cli.main import main
from stvt.datasets.build import synthetic_set as photograph_set
from stvt.datasets.frames import write_frame
from stvt.datasets.training_set import load_training
from tests.builders.training_videos import film, write_video

SMALL = ("--training", "--min-side", "32", "--min-frames", "12", "--clip-frames", "24")


def test_one_file_becomes_a_training_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_video(tmp_path / "a.mkv", film(48))
    options = ["--source", str(source), "--root", str(tmp_path)]
    assert main(["prepare", "mine", *SMALL, *options]) == 0
    assert "mine: 2 clips (48 frames) of 1 of 1 videos" in capsys.readouterr().out
    made = json.loads((tmp_path / "mine" / "manifest.json").read_text())
    assert made["kind"] == "training"
    assert {(tmp_path / "mine" / clip["file"]).is_file() for clip in made["clips"]} == {True}
    assert main(["prepare", "mine", *SMALL, *options]) == 0
    assert "1 unchanged" in capsys.readouterr().out


def test_a_refused_video_is_told_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_video(tmp_path / "a.mkv", film(8))
    assert main(["prepare", "mine", *SMALL, "--source", str(source), "--root", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert "refused: a: 8 frames, fewer than the 12 of a clip" in said.err


def test_the_choice_of_a_finder_of_cuts_is_gone_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_video(tmp_path / "a.mkv", film(8))
    options = ["--source", str(source), "--root", str(tmp_path), "--cuts", "auto"]
    with pytest.raises(SystemExit) as end:
        main(["prepare", "mine", *SMALL, *options])
    assert end.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "argument --cuts: shot boundaries are found in one way now" in error
    assert not (tmp_path / "mine").exists()


def test_the_same_command_makes_the_same_set_whatever_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = np.concatenate([film(24, seed=1), film(24, seed=2)])
    source = write_video(tmp_path / "a.mkv", both)
    options = ["prepare", "mine", *SMALL, "--source", str(source), "--root"]
    assert main([*options, str(tmp_path / "without")]) == 0
    other = ModuleType("scenedetect")
    other.__spec__ = ModuleSpec("scenedetect", None)
    other.__version__ = "0.7.2"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "scenedetect", other)
    assert main([*options, str(tmp_path / "with")]) == 0
    assert contents(tmp_path / "with") == contents(tmp_path / "without")


def test_photographs_are_made_without_a_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = partial(photograph_set.prepare_photographs, frames=3, side=32)
    monkeypatch.setattr(datasets, "prepare_photographs", few)
    assert main(["prepare", "photographs", "--root", str(tmp_path), "--clips", "2"]) == 0
    assert str(tmp_path / "photographs") in capsys.readouterr().out
    fast = ["prepare", "fast", "--photographs", "--fastest", "12"]
    assert main([*fast, "--root", str(tmp_path), "--clips", "2"]) == 0
    assert "2 clips of the photographs of scikit-image" in capsys.readouterr().out
    made = json.loads((tmp_path / "photographs" / "manifest.json").read_text())
    assert [clip["frames"] for clip in made["clips"]] == [3, 3]


def test_pictures_of_ones_own_are_put_in_motion(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    random = np.random.default_rng(0)
    for k in range(12):
        write_frame(pictures / f"{k:02d}.png", random.integers(0, 256, (200, 180, 3), np.uint8))
    options = ["--photographs", str(pictures), "--clips", "12", "--fastest", "9"]
    options += ["--side", "96", "--storage", "magicyuv"]
    assert main(["prepare", "mine", "--root", str(tmp_path), *options]) == 0
    assert "12 clips" in capsys.readouterr().out
    made = load_training("mine", tmp_path)
    assert [clip.split for clip in made.clips].count("validation") == 1
    assert {(clip.height, clip.width) for clip in made.clips} == {(96, 96)}
    assert {Path(clip.file).suffix for clip in made.clips} == {".avi"}
    (pictures / "11.png").unlink()
    assert main(["prepare", "mine", "--root", str(tmp_path), *options]) == 2
    assert "11 pictures; 12 or more" in capsys.readouterr().err
    write_frame(pictures / "11.png", np.zeros((80, 200, 3), np.uint8))
    assert main(["prepare", "mine", "--root", str(tmp_path), *options]) == 2
    assert "11.png: 200x80 is too small" in capsys.readouterr().err
    assert main(["prepare", "mine", "--photographs", str(tmp_path / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fastest", "0.05"], "fastest 0.05 pixels a frame; give a finite number above 0.05"),
        (["--side", "8"], "side 8 is too small"),
        (["--storage", "zip"], "no storage 'zip'"),
        (["--vary", "light,rain"], "no clips vary by 'rain'; give occlusion, texture, rotation, "),
    ],
)
def test_photographs_that_cannot_be_are_one_line_and_leave_nothing(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["prepare", "x", "--photographs", "--root", str(tmp_path), *options]
    assert main([*command, "--clips", "1"]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x" / "manifest.json").exists()


def test_a_dry_run_says_what_would_be_read_and_does_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_video(tmp_path / "a.mkv", film(8))
    root = ["--root", str(tmp_path), "--dry-run"]
    assert main(["prepare", "mine", *SMALL, "--source", str(source), *root]) == 0
    assert f"a: {source}, " in (said := capsys.readouterr().out)
    assert "mine: 1 video, 0 to be transferred" in said
    lines = "video,start,end\na.mkv,0,2\na.mkv,3,4\nabcdefghijk,,\n"
    (tmp_path / "clips.csv").write_text(lines)
    assert main(["prepare", "mine", "--list", str(tmp_path / "clips.csv"), *root]) == 0
    said = capsys.readouterr().out
    assert "2 sections of it" in said and "from https://" in said
    assert "mine: 2 videos, 1 to be transferred" in said
    assert main(["prepare", "mine", "--list", str(tmp_path / "none.csv"), *root]) == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.mkv", "clips.csv"]
    with pytest.raises(SystemExit):
        main(["prepare", "sample", "--cluster", "tcp://127.0.0.1:9", *root])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--height is for training sets"),
        (("--training", "--scale", "2"), "--scale is for test sets"),
        (("--training", "--from", "http://x"), "--from is for test sets"),
    ],
)
def test_an_option_that_would_not_be_read_is_one_line(
    tmp_path: Path, options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["prepare", "mine", "--source", str(tmp_path), "--height", "90", *options])
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_killing_one_of_two_cluster_workers_loses_no_video(
    tmp_path: Path, cluster: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    address, workers = cluster
    for number in range(8):
        write_video(tmp_path / "in" / f"v{number}.mkv", film(96, seed=number))
    # Relative paths: the workers are in another folder.
    options = ["--source", "in", "--root"]
    command = [sys.executable, "-m", "stvt", "prepare", "mine", *SMALL, *options]
    run = subprocess.Popen([*command, "far", "--cluster", address], cwd=tmp_path)
    while not list((tmp_path / "far").glob("mine/videos/*.json")):
        assert run.poll() is None
        time.sleep(0.02)
    workers[0].kill()
    assert run.wait() == 0 and workers[1].poll() is None
    subprocess.run([*command, "near"], check=True, cwd=tmp_path)
    assert contents(tmp_path / "far") == contents(tmp_path / "near")


def contents(root: Path) -> dict[str, bytes]:
    files = [file for file in root.rglob("*") if file.is_file()]
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in files}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("p --photographs --source .", "--source is not for photographs; name their folder by"),
        ("p --photographs --height 32", "--height is for training sets of videos; leave it out"),
        ("photographs --list a.csv", "--list is for training sets of videos; leave it out"),
        ("p --training --source . --fastest 3", "--fastest is for photographs in motion; say"),
    ],
)
def test_an_option_that_this_kind_of_training_set_does_not_read_is_refused(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["prepare", *words.split()])
    assert f"stvt prepare: {said}" in capsys.readouterr().err


def test_a_dry_run_looks_for_the_photographs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "none")
    assert main(["prepare", "p", "--photographs", missing, "--dry-run"]) == 2
    assert capsys.readouterr().err == f"stvt prepare: {missing}: no such folder of pictures\n"


def test_the_name_of_a_known_set_in_another_case_is_said_to_be_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_frame(tmp_path / "source" / "a" / "0.png", np.zeros((16, 16, 3), np.uint8))
    options = ["--source", str(tmp_path / "source"), "--root", str(tmp_path)]
    assert main(["prepare", "Vid4", *options]) == 0
    assert "Vid4 is a set of your own; the known one is called vid4" in capsys.readouterr().err


def test_a_training_set_that_is_not_there_is_made_by_the_command_that_is_named(
    tmp_path: Path,
) -> None:
    with pytest.raises(datasets.DatasetError, match=r"`stvt prepare x --training --source ...`$"):
        load_training("x", tmp_path)
    with pytest.raises(datasets.DatasetError, match=r"`stvt prepare photographs`$"):
        load_training("photographs", tmp_path)
    with pytest.raises(datasets.DatasetError, match=r"did you mean photographs\?$"):
        load_training("Photographs", tmp_path)
