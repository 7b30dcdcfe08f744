"""Several runs in one table, and runs of some scenes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pandas import DataFrame

import stvt
from stvt.cli.main import main
from stvt.reports import COLUMNS, ReportError, RunInfo, join_runs
from tests.builders.reports import run_info


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory,
    moving_square: Callable[..., list[NDArray[np.uint8]]],
    write_clip: Callable[..., Path],
) -> Path:
    """Runs of one protocol: `monday` of two methods, `tuesday` of one of them and another."""
    folder = tmp_path_factory.mktemp("runs")
    for scene in ("left", "right"):
        write_clip(folder / "source" / scene, moving_square(5))
    stvt.prepare("squares", folder / "source", root=folder / "data")
    days = {
        "monday": "bicubic+blend,bilinear+repeat",
        "tuesday": "bicubic+blend,bilinear+blend",
    }
    for day, methods in days.items():
        out = folder / day
        stvt.evaluate("squares", methods, root=folder / "data", out=out, ends="replicate")
    return folder


def test_runs_share_a_table_and_a_method_of_both_is_in_it_twice(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = json.loads((runs / "tuesday" / "run.json").read_text())
    facts["device"] = "another machine"
    facts["signature"] = facts["signature"].replace("|stvt:", "|stvt:9.")
    (runs / "later").mkdir()
    (runs / "later" / "units").symlink_to(runs / "tuesday" / "units")
    (runs / "later" / "run.json").write_text(json.dumps(facts))
    assert main(["report", str(runs / "monday"), str(runs / "tuesday"), "--format", "csv"]) == 0
    rows = [line.split(",")[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert set(rows) == {
        *("bicubic+blend (monday)", "bicubic+blend (tuesday)"),
        *("bilinear+repeat", "bilinear+blend"),
    }
    main(["report", str(runs / "monday"), str(runs / "later"), "--format", "csv"])
    err = capsys.readouterr().err
    assert "monday and later: device: " in err and "-> another machine" in err


def test_the_run_of_the_working_folder_has_the_name_of_its_folder(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs / "monday")
    assert main(["report", ".", "../tuesday", "--format", "csv"]) == 0
    printed = capsys.readouterr().out
    assert "bicubic+blend (monday)" in printed and "bicubic+blend (tuesday)" in printed


def test_runs_of_two_protocols_share_no_table(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = runs / "other"
    stvt.evaluate("squares", "bilinear+blend", root=runs / "data", out=other, frames="all")
    assert main(["report", str(runs / "monday"), str(other)]) == 2
    printed = capsys.readouterr()
    assert "frames is new or all" in printed.err and printed.err.count("\n") == 1
    assert printed.out == ""


def test_runs_of_other_frames_share_no_table(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (runs / "tuesday" / "run.json").read_text()
    facts = json.loads(text)
    facts["datasets"]["squares"]["manifest_sha256"] = "0" * 64
    (tmp_path / "run.json").write_text(json.dumps(facts))
    assert main(["report", str(runs / "monday"), str(tmp_path)]) == 2
    assert "the frames of the two runs differ" in capsys.readouterr().err


def test_runs_differ_too_where_the_first_has_nothing_of_it() -> None:
    def run(method: str, dataset: str, data: str, definition: str) -> tuple[DataFrame, RunInfo]:
        row = (dataset, "s", method, 1, 0.5, "new", "mine", "rgb", 1.0, "", "scale:4")
        facts = {
            "datasets": {dataset: {"scenes": ["s"], "manifest_sha256": data}},
            "methods": {method: {}},
            "measures": {"mine": {"definition": definition}} if definition else {},
        }
        return DataFrame([row], columns=list(COLUMNS)), run_info(facts, signature="scale:4")

    first = run("a", "other", "1", "")
    join_runs({"1": first, "2": run("b", "set", "2", "x"), "3": run("c", "set", "2", "x")})
    with pytest.raises(ReportError, match="set: the frames of the two runs differ"):
        join_runs({"1": first, "2": run("b", "set", "2", "x"), "3": run("c", "set", "3", "x")})
    with pytest.raises(ReportError, match="mine: the two runs have two metrics of that name"):
        join_runs({"1": first, "2": run("b", "set", "2", "x"), "3": run("c", "set", "2", "y")})


def test_chosen_scenes_alone_are_scored_and_the_rest_is_done_later(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    line = ["evaluate", "--datasets", "squares", "--methods", "bicubic+blend", "--out", str(run)]
    line += ["--root", str(runs / "data"), "--ends", "replicate"]
    assert main([*line, "--scenes", "right"]) == 0
    assert "not the whole set: 1 of 2 scenes, as chosen" in capsys.readouterr().err
    info = json.loads((run / "run.json").read_text())
    assert info["datasets"]["squares"]["scenes"] == ["right"]
    assert "--scenes right" in info["command"]
    unit = run / "units" / "squares" / "right" / "bicubic+blend.json"
    stamp = unit.stat().st_mtime_ns
    assert main(["reproduce", str(run), "--out", str(tmp_path / "again")]) == 0
    assert "the same" in capsys.readouterr().out
    assert main(line) == 0
    assert unit.stat().st_mtime_ns == stamp  # not scored again
    assert len(list((run / "units").rglob("*.json"))) == 2


def test_a_scene_that_there_is_not_is_one_line(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["evaluate", "--datasets", "squares", "--methods", "bicubic+blend"]
    assert main([*line, "--root", str(runs / "data"), "--scenes", "rigth"]) == 2
    assert "did you mean right?" in capsys.readouterr().err
