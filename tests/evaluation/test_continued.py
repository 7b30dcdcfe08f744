"""Runs that go on: nothing is done twice, a set is read once, damage and company are one line."""

import json
import os
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

import stvt
from stvt.cli.main import main
from stvt.core.files import locked, write_json
from stvt.evaluation import store

METHODS = "bicubic+blend,bilinear+repeat"
opened: list[str] = []
watching = [False]


def watch(event: str, arguments: tuple[object, ...]) -> None:
    # Audit hooks outlive the module, whose names are None at the interpreter's end.
    if watching and watching[0] and event == "open":
        opened.append(str(arguments[0]))


sys.addaudithook(watch)


def evaluate(root: Path, out: Path, *options: str) -> int:
    return main(
        ["evaluate", "--datasets", "squares", "--root", str(root), "--out", str(out), *options]
    )


@pytest.fixture
def run(root: Path, tmp_path: Path) -> Path:
    """A finished run."""
    assert evaluate(root, tmp_path / "run", "--methods", METHODS) == 0
    return tmp_path / "run"


def test_the_manifest_is_read_once_however_many_scenes_and_methods(
    root: Path, tmp_path: Path
) -> None:
    os.utime(root / "squares" / "manifest.json")  # so that no earlier test has read this one
    opened.clear()
    watching[0] = True
    try:
        stvt.evaluate("squares", METHODS, root=root, out=tmp_path / "run")
    finally:
        watching[0] = False
    manifests = [path for path in opened if Path(path).name == "manifest.json"]
    assert manifests == [str(root / "squares" / "manifest.json")]


def test_with_nothing_to_do_nothing_is_written_but_the_session(run: Path, root: Path) -> None:
    def times() -> dict[Path, int]:
        return {
            file: file.stat().st_mtime_ns
            for folder in ("report", "units", "pictures", "clips")
            for file in (run / folder).rglob("*")
        }

    before, scores = times(), (run / "report" / "scores.csv").read_bytes()
    again = stvt.evaluate("squares", METHODS, root=root, out=run)
    assert times() == before
    assert Path(again.attrs["report"]).is_file() and not again.attrs["failures"]
    assert len(again) == len(pd.read_csv(run / "report" / "scores.csv"))
    assert (run / "report" / "scores.csv").read_bytes() == scores


def test_the_report_is_made_again_when_a_unit_was_or_it_was_not_finished(
    run: Path, root: Path
) -> None:
    page = run / "report" / "report.html"
    unit = store.unit_file(run, "squares", "left", "bicubic+blend")

    def is_new() -> bool:
        before = page.stat().st_mtime_ns if page.exists() else 0
        assert evaluate(root, run, "--methods", METHODS) == 0
        return page.stat().st_mtime_ns != before

    assert not is_new()
    unit.unlink()
    assert is_new()
    page.unlink()
    assert is_new()
    sessions = run / "seconds" / "run.json"
    sessions.write_text(sessions.read_text().replace('"ended"', '"broken off"'))
    assert is_new()
    assert evaluate(root, run, "--methods", "bicubic+blend") == 0
    assert "bilinear+repeat" not in page.read_text()
    assert is_new()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}', '"\\ud800"', "\xff"])
def test_a_damaged_record_is_said_by_the_report_and_made_again(
    text: str, run: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unit = store.unit_file(run, "squares", "left", "bicubic+blend")
    whole = unit.read_bytes()
    unit.write_bytes(text.encode("latin-1"))
    assert main(["report", str(run)]) == 2
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "damaged" in line)
    assert "'left' by bicubic+blend" in line and "delete it, and the same `stvt evaluate`" in line
    assert evaluate(root, run, "--methods", METHODS) == 0
    assert unit.read_bytes() == whole


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_damaged_run_is_one_line(
    text: str, run: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "run.json").write_text(text)
    for command in (["report", str(run)], ["compare", str(run), str(run)]):
        assert main(command) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "run.json: is damaged" in line and "delete it" in line
    assert evaluate(root, run, "--methods", METHODS) == 2
    assert "run.json: is damaged" in capsys.readouterr().err
    (run / "run.json").unlink()
    assert evaluate(root, run, "--methods", METHODS) == 0


def test_a_second_evaluation_into_one_folder_is_one_line(
    run: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    half = run / "runtime" / ".x.json.stvt-1-0123abcd.tmp"
    half.parent.mkdir(exist_ok=True)
    half.touch()  # of the first one
    with locked(run, "being evaluated into"):
        assert evaluate(root, run, "--methods", "bicubic+blend") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{run}: is being evaluated into by another process" in line
    assert half.exists() and "bilinear" in (run / "run.json").read_text()


def test_a_metric_is_added_to_the_scores_that_are_there_and_none_is_made_again(
    run: Path, root: Path
) -> None:
    unit = store.unit_file(run, "squares", "left", "bicubic+blend")
    whole = json.loads(unit.read_bytes())
    scores = stvt.evaluate("squares", METHODS, root=root, out=run, metrics="ssim")
    assert set(scores["metric"]) == {"ssim"} and json.loads(unit.read_bytes()) == whole
    other = {**whole, "metrics": {"ssim": whole["metrics"]["ssim"]}}
    other["scores"] = [row for row in whole["scores"] if row[2] == "ssim"]
    write_json(unit, other)
    again = stvt.evaluate("squares", METHODS, root=root, out=run)
    assert set(again["metric"]) == {"psnr", "ssim"} and json.loads(unit.read_bytes()) == whole


@pytest.fixture
def altered(root: Path, tmp_path: Path) -> Path:
    """The root of a copy of the set, in which one true frame has been replaced by another."""
    shutil.copytree(root, tmp_path / "data", copy_function=shutil.copy2)
    frames = tmp_path / "data" / "squares" / "GT" / "left"
    shutil.copy(frames / "00000003.png", frames / "00000001.png")
    return tmp_path / "data"


def test_altered_frames_are_named_and_nothing_is_scored(
    altered: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(altered, tmp_path / "run", "--methods", METHODS) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "left/00000001.png is not as the manifest says" in line
    assert "stvt verify squares --fix" in line
    (altered / "squares" / "GT" / "left" / "00000001.png").unlink()
    assert evaluate(altered, tmp_path / "run", "--methods", METHODS) == 2
    assert "00000001.png is missing" in capsys.readouterr().err


def test_frames_altered_without_a_trace_are_found_by_verify(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(root, tmp_path / "data", copy_function=shutil.copy2)
    frame = tmp_path / "data" / "squares" / "BDx4" / "left" / "00000002.png"
    times, data = frame.stat(), bytearray(frame.read_bytes())
    data[-1] ^= 1
    frame.write_bytes(data)
    os.utime(frame, ns=(times.st_atime_ns, times.st_mtime_ns))
    options = ("--methods", "bicubic+blend", "--limit", "1", "--ends", "replicate")
    assert evaluate(tmp_path / "data", tmp_path / "run", *options, "--verify") == 2
    assert "BDx4/left/00000002.png is not as" in capsys.readouterr().err
    assert evaluate(root, tmp_path / "run", *options, "--verify") == 0
    facts = json.loads((tmp_path / "run" / "run.json").read_bytes())
    assert facts["datasets"]["squares"]["checked"] == "sha256" and "--verify" in facts["command"]
    assert evaluate(root, tmp_path / "run", *options) == 0
    facts = json.loads((tmp_path / "run" / "run.json").read_bytes())
    assert facts["datasets"]["squares"]["checked"] == "sizes and times"


def test_a_copied_set_whose_times_are_new_is_scored(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "data", copy_function=shutil.copyfile)
    assert evaluate(tmp_path / "data", tmp_path / "run", "--methods", "bicubic+blend") == 0


def test_with_nothing_to_do_each_record_is_read_once_and_the_scenes_are_sorted_once(
    run: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sorted_names: list[str] = []

    def key(name: str) -> str:
        sorted_names.append(name)
        return name

    monkeypatch.setattr("stvt.datasets.test_set.natural_key", key)
    opened.clear()
    watching[0] = True
    try:
        stvt.evaluate("squares", METHODS, root=root, out=run)
    finally:
        watching[0] = False
    units = [path for path in opened if "/units/" in path]
    assert len(units) == len(set(units)) == 4
    assert sorted(sorted_names) == ["left", "right"]
