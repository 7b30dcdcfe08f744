"""`stvt evaluate` for real: what lands on disk, what survives, what goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from torch import Tensor

from stvt.baselines.tiling import auto
from stvt.baselines.tiling.tiles import Tiles
from stvt.cli.main import main
from stvt.core.files import write_json
from stvt.datasets.frames import read_frame, write_frame
from stvt.evaluation import store as results
from stvt.metrics.psnr import psnr
from stvt.reports import COLUMNS

METHODS = "bicubic+blend,bilinear+repeat"


def evaluate(root: Path, out: Path, *options: str) -> int:
    return main(
        ["evaluate", "--datasets", "squares", "--root", str(root), "--out", str(out), *options]
    )


def test_the_scores_are_those_of_the_frames_that_were_saved(root: Path, tmp_path: Path) -> None:
    assert evaluate(root, tmp_path, "--methods", METHODS, "--frames", "all", "--save-frames") == 0
    scores = pd.read_csv(tmp_path / "report" / "scores.csv", keep_default_na=False)
    assert tuple(scores.columns) == COLUMNS
    assert set(scores.method) == {"bicubic+blend", "bilinear+repeat"}
    left = scores[(scores.scene == "left") & (scores.metric == "psnr")]
    assert sorted(left[left.method == "bicubic+blend"].frame) == list(range(9))
    for method, frame, t, kind, value in zip(
        left.method, left.frame, left.time, left.kind, left.value, strict=True
    ):
        assert (kind, t) == (("new", 0.5) if int(frame) % 2 else ("existing", 0.0))
        name = f"{int(frame):08d}.png"
        made = read_frame(tmp_path / "frames" / str(method) / "squares" / "left" / name)
        truth = read_frame(root / "squares" / "GT" / "left" / name)
        assert float(value) == pytest.approx(psnr(made, truth), abs=1e-5)


def test_a_finished_run_is_not_computed_again_and_a_killed_one_ends_the_same(
    root: Path, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert evaluate(root, whole, "--methods", METHODS) == 0
    before = {file: file.stat().st_mtime_ns for file in (whole / "units").rglob("*.json")}
    assert evaluate(root, whole, "--methods", METHODS) == 0
    assert before == {file: file.stat().st_mtime_ns for file in (whole / "units").rglob("*.json")}

    command = [sys.executable, "-m", "stvt", "evaluate", "--datasets", "squares", "--root"]
    command += [str(root), "--out", str(killed), "--methods", METHODS]
    for units in range(1, 4):  # killed when so many units of four have landed
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while len(list((killed / "units").rglob("*.json"))) < units and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True, capture_output=True)
    assert _contents(killed) == _contents(whole)


def test_a_method_that_fails_on_one_scene_costs_only_that_scene(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.py").write_text(
        "class Picky:\n"
        "    def begin(self, scene):\n"
        "        if scene.name == 'left':\n"
        "            raise ValueError('no scenes to the left')\n"
        "    def __call__(self, window, times):\n"
        "        return window.repeat_interleave(4, 2).repeat_interleave(4, 3)"
        ".repeat(1 + len(times), 1, 1, 1)\n"
    )
    methods = f"picky={tmp_path / 'own.py'}:Picky,bicubic+blend"
    assert evaluate(root, tmp_path / "run", "--methods", methods) == 2
    printed = capsys.readouterr()
    (line,) = [line for line in printed.err.splitlines() if "no scenes to the left" in line]
    assert "'left' by picky" in line and "own.py:4" in line
    scores = pd.read_csv(tmp_path / "run" / "report" / "scores.csv")
    assert set(zip(scores.scene, scores.method, strict=True)) == {
        ("right", "picky"),
        ("left", "bicubic+blend"),
        ("right", "bicubic+blend"),
    }
    # Mended, it is tried again; what had been scored stays.
    own = (tmp_path / "own.py").read_text().replace("'left'", "'nowhere'")
    (tmp_path / "own.py").write_text(own)
    assert evaluate(root, tmp_path / "run", "--methods", methods) == 0


def test_a_method_that_cannot_be_timed_costs_nobody_the_report(root: Path, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "class Bad:\n    def __call__(self, window, times):\n        raise ValueError('never')\n"
    )
    methods = f"bad={tmp_path / 'own.py'}:Bad,bicubic+blend"
    size = ("--runtime-size", "64x32")
    assert evaluate(root, tmp_path / "run", "--methods", methods, *size) == 2
    scores = pd.read_csv(tmp_path / "run" / "report" / "scores.csv")
    assert set(scores.method) == {"bicubic+blend"}
    runtime = json.loads((tmp_path / "run" / "runtime" / "bicubic+blend.json").read_text())
    assert runtime["runtime"]["median"] > 0


SPATIAL, SPACE_TIME = ("bicubic", "edvr-s"), ("bicubic+blend", "stvun-s")


@pytest.mark.parametrize(
    ("frames", "methods", "runtime"),
    [
        ("new", SPACE_TIME, True),
        ("all", SPACE_TIME, True),
        ("existing", (*SPATIAL, *SPACE_TIME), True),
        ("existing", (*SPATIAL, *SPACE_TIME), False),
    ],
)
def test_every_kind_of_method_is_counted_and_timed_for_every_choice_of_frames(
    root: Path, tmp_path: Path, frames: str, methods: tuple[str, ...], runtime: bool
) -> None:
    options = ["--methods", ",".join(methods), "--frames", frames, "--ends", "replicate"]
    size = ["--runtime-size", "64x32"] if runtime else []
    assert evaluate(root, tmp_path / "run", *options, "--limit", "1", *size) == 0
    costs = {
        name: json.loads((tmp_path / "run" / "runtime" / f"{name}.json").read_text())
        for name in methods
        if runtime or name.endswith("-s")  # without a network there is nothing to count
    }
    for name, cost in costs.items():
        assert "failure" not in cost
        assert not runtime or cost["runtime"]["median"] > 0
        assert (cost["multiply_accumulates"] is None) == name.startswith("bicubic")


@pytest.mark.parametrize(
    ("frames", "method"),
    [
        *((frames, method) for frames in ("new", "all") for method in SPATIAL),
        *((frames, "blend") for frames in ("new", "existing", "all")),
    ],
)
def test_a_method_that_cannot_make_the_frames_is_refused(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], frames: str, method: str
) -> None:
    options = ("--methods", method, "--frames", frames, "--runtime")
    assert evaluate(root, tmp_path / "run", *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{method} makes no " in line


@pytest.mark.parametrize("frames", ["existing", "new"])
def test_a_spatial_method_of_ones_own_is_timed_or_its_failure_said(
    root: Path, tmp_path: Path, frames: str
) -> None:
    (tmp_path / "own.py").write_text(
        "class Spatial:\n"
        "    def __call__(self, window, times):\n"
        "        return window.repeat_interleave(4, 2).repeat_interleave(4, 3)\n"
    )
    options = ("--methods", f"mine={tmp_path / 'own.py'}:Spatial", "--frames", frames)
    code = evaluate(root, tmp_path / "run", *options, "--runtime-size", "64x32")
    cost = json.loads((tmp_path / "run" / "runtime" / "mine.json").read_text())
    if frames == "existing":
        assert code == 0
        assert cost["runtime"]["median"] > 0
    else:
        assert code == 2
        assert "returned shape" in cost["failure"]


def test_only_half_written_files_of_a_run_itself_are_removed(root: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert evaluate(root, run, "--methods", METHODS) == 0
    unit = run / "units" / "squares" / "left"
    own = [
        folder / f".{name}.stvt-4321-0123abcd.tmp"
        for folder, name in (
            (unit, "bicubic+blend.json"),
            (run / "runtime", "a%2Fb.json"),
            (run / "seconds", "run.json"),
            (run, "run.json"),
            (run / "report", "report.html"),
            (run / "report" / "videos", "left.mp4"),
        )
    ]
    theirs = [
        run / ".notes.tmp",
        unit / ".notes.json.tmp",
        unit / ".bicubic+blend.json.4321.tmp",
        run / "deep" / ".run.json.stvt-4321-0123abcd.tmp",
    ]
    for file in (*own, *theirs):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{")
    folder, link = (run / f".run.json.stvt-{n}-0123abcd.tmp" for n in (1, 2))
    folder.mkdir()
    link.symlink_to(theirs[0])
    assert evaluate(root, run, "--methods", METHODS) == 0
    assert not any(file.exists() for file in own)
    assert all(file.exists() for file in (*theirs, folder, link))


def test_what_is_left_half_written_is_removed_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = results.unit_file(tmp_path, "squares", "left", "bicubic+blend")
    monkeypatch.setattr(Path, "replace", lambda *_: None)  # as if killed before
    write_json(file, {})
    monkeypatch.undo()
    assert len(list(file.parent.iterdir())) == 1
    results.remove_leftovers(tmp_path)
    assert list(file.parent.iterdir()) == []


def test_frames_made_elsewhere_score_as_the_method_that_made_them(
    root: Path, tmp_path: Path
) -> None:
    assert evaluate(root, tmp_path / "a", "--methods", "bicubic+blend", "--save-frames") == 0
    made = tmp_path / "a" / "frames" / "bicubic+blend"
    assert evaluate(root, tmp_path / "b", "--methods", f"mine=frames:{made}") == 0
    first, second = (
        pd.read_csv(tmp_path / run / "report" / "scores.csv").drop(columns="method") for run in "ab"
    )
    # Without a method that reads neighbours the window differs, and so does the signature.
    pd.testing.assert_frame_equal(
        first.drop(columns="signature"), second.drop(columns="signature"), check_dtype=False
    )
    # Made anew under the same names, they are scored anew.
    for file in made.rglob("*.png"):
        write_frame(file, 255 - read_frame(file))
    assert evaluate(root, tmp_path / "b", "--methods", f"mine=frames:{made}") == 0
    again = pd.read_csv(tmp_path / "b" / "report" / "scores.csv")
    assert (again.value < second.value).all()


def test_untrained_networks_say_so_in_every_row(root: Path, tmp_path: Path) -> None:
    options = ("--ends", "replicate", "--limit", "1", "--methods", "stvun,bicubic+blend")
    assert evaluate(root, tmp_path, "--untrained", *options) == 0
    scores = pd.read_csv(tmp_path / "report" / "scores.csv", keep_default_na=False)
    assert set(scores[scores.method == "stvun"].weights) == {"untrained"}
    assert set(scores[scores.method == "bicubic+blend"].weights) == {""}
    table = (tmp_path / "report" / "table1.md").read_text()
    (row,) = [line for line in table.splitlines() if line.startswith("| stvun")]
    assert "untrained" in row


def test_two_workers_find_the_same_scores_as_one(root: Path, tmp_path: Path) -> None:
    assert evaluate(root, tmp_path / "one", "--methods", METHODS) == 0
    assert evaluate(root, tmp_path / "two", "--methods", METHODS, "--workers", "2") == 0
    assert _contents(tmp_path / "one") == _contents(tmp_path / "two")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--methods", "bicubik+blend"], "bicubic"),
        (["--methods", "bicubic"], "bicubic+blend"),
        (["--methods", "stvun"], "--untrained"),
        (["--methods", METHODS, "--metrics", "vmaff"], "psnr"),
        (["--methods", METHODS, "--scale", "2"], "stvt prepare"),
        (["--methods", METHODS, "--degradation", "BI"], "stvt prepare"),
        (["--methods", METHODS, "--time-step", "1"], "time step"),
        (["--methods", METHODS, "--device", "cuda:9"], "cuda:9"),
        (["--methods", METHODS, "--protocol", "authors"], "stvun"),
        (["--methods", "mine=frames:/nowhere/at/all"], "/nowhere/at/all"),
        (["--methods", METHODS, "--weights", "stvum=x.pth"], "stvum"),
        (["--methods", "stvun", "--protocol", "authors", "--degradation", "BI"], "authors"),
    ],
)
def test_a_mistake_is_one_line_and_costs_nothing(
    root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    said: str,
) -> None:
    assert evaluate(root, tmp_path / "run", *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "run").exists()


def test_a_set_that_is_not_prepared_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "--datasets", "vid4", "--root", str(tmp_path), "--methods", METHODS]
    assert main(command) == 2
    assert "stvt prepare vid4" in capsys.readouterr().err


def test_scores_of_two_protocols_do_not_share_a_run(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(root, tmp_path, "--methods", METHODS) == 0
    assert evaluate(root, tmp_path, "--methods", METHODS, "--channel", "y") == 2
    assert "channel:rgb there, channel:y now" in capsys.readouterr().err


def test_the_report_can_be_made_again_from_the_stored_scores(root: Path, tmp_path: Path) -> None:
    assert evaluate(root, tmp_path, "--methods", METHODS) == 0
    before = _contents(tmp_path / "report")
    for file in (tmp_path / "report").rglob("*.*"):
        file.unlink()
    assert main(["report", str(tmp_path)]) == 0
    assert _contents(tmp_path / "report") == before


@pytest.mark.slow
def test_killing_one_of_two_cluster_workers_loses_nothing(
    root: Path, tmp_path: Path, cluster: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    address, _ = cluster
    (tmp_path / "slow.py").write_text(
        "import os, time\n"
        "class Slow:\n"
        "    def __call__(self, window, times):\n"
        f"        open({str(tmp_path)!r} + f'/begun-{{os.getpid()}}', 'a').close()\n"
        "        time.sleep(0.5)\n"
        "        return window.repeat_interleave(4, 2).repeat_interleave(4, 3)"
        ".repeat(1 + len(times), 1, 1, 1)\n"
    )
    methods = f"slow={tmp_path / 'slow.py'}:Slow,bicubic+blend"
    command = [sys.executable, "-m", "stvt", "evaluate", "--datasets", "squares", "--root"]
    command += [str(root), "--methods", methods, "--out"]
    # Relative, as most people type it: the workers were started elsewhere.
    run = subprocess.Popen([*command, "far", "--cluster", address], cwd=tmp_path)
    while not list(tmp_path.glob("begun-*")):
        assert run.poll() is None
        time.sleep(0.05)
    (begun, *_) = tmp_path.glob("begun-*")
    os.kill(int(begun.name.removeprefix("begun-")), signal.SIGKILL)
    assert run.wait() == 0
    subprocess.run([*command, str(tmp_path / "near")], check=True)
    assert _contents(tmp_path / "far") == _contents(tmp_path / "near")


def _contents(folder: Path) -> dict[str, bytes]:
    """What a run leaves, the time it took aside."""
    files = (file for file in folder.rglob("*") if file.is_file())
    names = {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}
    return {name: data for name, data in names.items() if not name.startswith("seconds/")}


def test_the_signature_says_what_a_score_depends_on(root: Path, tmp_path: Path) -> None:
    options = ("--methods", METHODS, "--ends", "replicate", "--metrics", "psnr, ssim")
    assert evaluate(root, tmp_path, *options) == 0
    facts = json.loads((tmp_path / "run.json").read_text())
    parts = dict(part.split(":") for part in facts["signature"].split("|"))
    assert parts["ends"] == "replicate" and parts["degradation"] == "BD" and parts["scale"] == "4"


def test_a_set_that_is_not_whole_is_scored_with_a_warning(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = ["--partial", "--scenes", "walk", "--source", str(shared / "data" / "vid4")]
    assert main(["prepare", "vid4", "--root", str(tmp_path), *part]) == 0
    command = ["evaluate", "--datasets", "vid4", "--methods", "bicubic+blend", "--limit", "1"]
    assert main([*command, "--root", str(tmp_path), "--out", str(tmp_path / "run")]) == 0
    assert "WARNING: vid4: not the whole set: 1 of 4 scenes" in capsys.readouterr().err


def test_where_memory_runs_out_tiles_are_smaller_and_the_scores_say_so(
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    of = Tiles.of

    def limited(self: Tiles, frame: Tensor) -> int | None:
        side = of(self, frame)
        if side is None and max(frame.shape[-2:]) > 8:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return side

    options = ["--methods", "edvr-s+blend", "--untrained", "--device", "cpu", "--ends", "replicate"]
    # Counting, at 960x540, would take thousands of such tiles.
    monkeypatch.setattr("stvt.evaluation.run._cost_all", lambda *_: 0)
    with monkeypatch.context() as little:
        little.setattr(Tiles, "of", limited)
        little.setattr(auto, "LEAST", 8)
        assert evaluate(root, tmp_path / "whole", *options) == 2
        assert "out of memory; try --tile auto" in capsys.readouterr().err
        assert evaluate(root, tmp_path / "auto", *options, "--tile", "auto") == 0
        lines = [line for line in capsys.readouterr().err.splitlines() if "tiles of 8" in line]
        assert lines == [
            "stvt evaluate: WARNING: edvr-s+blend: in tiles of 8 pixels, for memory ran out"
        ]
    assert evaluate(root, tmp_path / "fixed", *options, "--tile", "8") == 0
    found, expected = (
        pd.read_csv(tmp_path / name / "report" / "scores.csv").drop(columns="signature")
        for name in ("auto", "fixed")
    )
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize("command", ["evaluate", "upsample"])
def test_memory_ends_in_one_line_that_names_what_replaces_it(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--memory", "4GiB"])
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == 2 and "--tile auto" in line
