"""`stvt evaluate` with metrics of sequences: one's own, as a user writes them, and those of stvt."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stvt.cli.main import main
from stvt.datasets.frames import read_frame
from stvt.reports import WHOLE_SCENE, read_scores

FILE = """
import numpy as np


class Flicker:
    '''How much the error changes from frame to frame.'''

    higher_is_better = False
    unit = "levels"

    def __init__(self):
        self.before, self.changes = None, []

    def add(self, restored, truth):
        error = restored.astype(float) - truth
        restored[:] = 0  # its own copy
        if self.before is not None:
            self.changes.append(np.abs(error - self.before).mean())
        self.before = error

    def result(self):
        return np.mean(self.changes)


class EachFrame(Flicker):
    def result(self):
        return [None, *self.changes]


class Short(Flicker):
    def result(self):
        return self.changes


class Nan(Flicker):
    def result(self):
        return [None, *(float("nan") for _ in self.changes)]


class Raises(Flicker):
    def add(self, restored, truth):
        raise ValueError("never")


class NoBegin(Flicker):
    def __init__(self):
        raise OSError("no begin")


class NoResult:
    def add(self, restored, truth):
        pass
"""
METHODS = "bicubic+blend,bilinear+repeat"
FAILING = {
    "Short": "the sequence: Short gave ",
    "Nan": "the sequence: Nan gave nan for frame 2 of ",
    "Raises": "ValueError: never",
    "NoBegin": "the sequence: NoBegin: OSError: no begin",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(FILE)
    return tmp_path / "own.py"


def evaluate(root: Path, out: Path, metrics: str, *options: str) -> int:
    words = ["evaluate", "--datasets", "squares", "--root", str(root), "--out", str(out)]
    words += ["--methods", METHODS, "--metrics", metrics]
    return main([*words, *(options or ("--frames", "all"))])


def test_a_class_scores_the_scored_frames_of_a_scene_in_the_order_of_time(
    root: Path, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, again = tmp_path / "run", tmp_path / "again"
    metrics = f"psnr,{file}:Flicker,each={file}:EachFrame,tof"
    assert evaluate(root, run, metrics, "--frames", "all", "--save-frames") == 0
    assert "Flicker (levels)" in capsys.readouterr().out
    assert main(["report", str(run), "--crop", "left:99:0,0,8,8"]) == 2
    assert "it scored 0, 1, 2, 3," in capsys.readouterr().err  # not the scene as a whole
    rows = read_scores(run / "report" / "scores.csv")
    for (scene, method), here in rows.groupby(["scene", "method"]):
        frames = sorted(here[here.metric == "psnr"].frame)
        folder = run / "frames" / str(method) / "squares" / str(scene)
        errors = [
            read_frame(folder / f"{frame:08d}.png").astype(float)
            - read_frame(root / "squares" / "GT" / str(scene) / f"{frame:08d}.png")
            for frame in frames
        ]
        changes = [np.abs(b - a).mean() for a, b in pairwise(errors)]
        each = here[here.metric == "each"]
        assert list(each.frame) == frames[1:]
        assert list(each.value) == pytest.approx(changes, abs=1e-5)
        whole = here[here.metric == "Flicker"]
        assert list(whole.value) == pytest.approx([np.mean(changes)], abs=1e-5)
        assert list(whole.frame) == [WHOLE_SCENE] and list(whole.kind) == ["scene"]
        assert list(here[here.metric == "tof"].frame) == frames[1:]

    assert main(["report", str(run), "--table", "dataset", "--format", "csv"]) == 0
    (tmp_path / "table.csv").write_text(capsys.readouterr().out)
    cells = pd.read_csv(tmp_path / "table.csv", keep_default_na=False)
    for metric in ("Flicker", "each", "tof"):
        values = rows[rows.metric == metric].groupby(["method", "scene"]).value.mean()
        means = values.groupby("method").mean()
        mine = cells[cells.metric == metric].set_index("method")
        assert dict(mine["rank"].astype(int)) == {means.idxmin(): 1, means.idxmax(): 2}
        assert set(mine.better) == {"low"}
    for table, format in (("time", "latex"), ("difference", "terminal"), ("scene", "html")):
        assert main(["report", str(run), "--table", table, "--format", format]) == 0
    page = (run / "report" / "report.md").read_text()
    assert "| tOF | lower | pixels | the sequence of scored frames | tof farneback" in page

    # Processes give the same; what is there is not made again.
    assert evaluate(root, again, metrics, "--frames", "all", "--workers", "2") == 0
    capsys.readouterr()
    assert main(["compare", str(run), str(again)]) == 0
    assert "the same" in capsys.readouterr().out
    units = sorted((again / "units").rglob("*.json"))
    before = {unit: unit.stat().st_mtime_ns for unit in units}
    assert evaluate(root, again, metrics) == 0
    assert before == {unit: unit.stat().st_mtime_ns for unit in units}


def test_a_leaderboard_knows_the_direction_of_a_metric_of_sequences(
    root: Path, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(root, tmp_path / "run", f"tof,{file}:Flicker") == 0
    rows = read_scores(tmp_path / "run" / "report" / "scores.csv")
    assert main(["results", "add", str(tmp_path / "run"), "--to", str(tmp_path / "board")]) == 0
    capsys.readouterr()
    assert main(["results", "table", str(tmp_path / "board"), "--format", "markdown"]) == 0
    printed = capsys.readouterr().out
    for metric in ("tof", "Flicker"):
        values = rows[rows.metric == metric].groupby(["method", "scene"]).value.mean()
        assert f"**{values.groupby('method').mean().min():.4f}**" in printed


def test_a_sequence_metric_that_fails_costs_only_its_own_scores(
    root: Path, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    metrics = ",".join(["psnr", *(f"{file}:{name}" for name in FAILING), "tof"])
    assert evaluate(root, run, metrics) == 2
    printed = capsys.readouterr().err
    for name, says in FAILING.items():
        lines = [line for line in printed.splitlines() if says in line and f" {name}: " in line]
        assert len(lines) == 4, name
    assert "Traceback" not in printed
    assert set(read_scores(run / "report" / "scores.csv").metric) == {"psnr", "tof"}
    assert evaluate(root, tmp_path / "other", f"{file}:NoResult") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "a class scores sequences, by add(restored, truth) and result()" in line


def test_one_scored_frame_has_no_motion_and_keeps_its_other_scores(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(root, tmp_path / "run", "psnr,tof", "--limit", "1") == 2
    assert "tof: the sequence: tof has no score of a sequence of 1 frame" in capsys.readouterr().err
    records = [json.loads(f.read_text()) for f in (tmp_path / "run" / "units").rglob("*.json")]
    assert all(record["metrics"] == {"psnr": "psnr peak255"} for record in records)
