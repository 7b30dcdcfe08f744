"""Runs that go on: nothing is done twice, a set is read once, damage and company are one line."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import stvt
from stvt.cli.main import main
from stvt.core.files import locked, write_json
from stvt.evaluation import store
from stvt.evaluation.report import report

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


def stop_at(unit: str) -> Callable[[int, int | None, str], None]:
    """A progress that breaks a run off at the first frame of a unit: "set scene method"."""

    def show(done: int, total: int | None, what: str) -> None:
        if what == unit:
            raise KeyboardInterrupt

    return show


def test_a_run_that_is_broken_off_reports_no_scores_of_the_set_before_as_of_this_one(
    root: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(root / "squares" / "GT", source)
    data, run = tmp_path / "data", tmp_path / "run"
    stvt.prepare("mine", source, root=data)
    stvt.evaluate("mine", METHODS, root=data, out=run, metrics="psnr")
    first, second = (source / "left" / f"{n:08d}.png" for n in (0, 1))
    shutil.copyfile(first, second)
    for frame in (source / "right").glob("*.png"):
        shutil.copyfile(first, frame)
    stvt.prepare("mine", source, root=data)

    stop = stop_at("mine left bilinear+repeat")
    with pytest.raises(KeyboardInterrupt):
        stvt.evaluate("mine", METHODS, root=data, out=run, metrics="psnr,ssim", progress=stop)
    table = report(run)
    assert {*zip(table.scene, table.method, strict=True)} == {("left", "bicubic+blend")}
    assert table.attrs["failures"] == [
        "mine: 'left' by bilinear+repeat: not run yet",
        "mine: 'right' by bicubic+blend: not run yet",
        "mine: 'right' by bilinear+repeat: not run yet",
    ]


def test_scores_that_a_broken_off_run_passed_over_are_there_again_for_who_goes_back(
    root: Path, tmp_path: Path
) -> None:
    net, run = tmp_path / "net.py", tmp_path / "run"
    for name in ("net.py", "kept.py"):
        (tmp_path / name).write_text(
            "class M:\n"
            "    def __call__(self, window, times):\n"
            "        large = window.repeat_interleave(4, -1).repeat_interleave(4, -2)\n"
            "        return large.repeat(1 + len(times), 1, 1, 1)\n"
        )
    method = f"mine={net}:M"
    before = stvt.evaluate("squares", method, root=root, out=run)
    unit = store.unit_file(run, "squares", "right", "mine").read_bytes()
    net.write_text(net.read_text().replace("large.repeat", "0.5 * large.repeat"))

    with pytest.raises(KeyboardInterrupt):
        stvt.evaluate("squares", method, root=root, out=run, progress=stop_at("squares left mine"))
    assert report(run).empty
    shutil.copyfile(tmp_path / "kept.py", net)
    again = stvt.evaluate("squares", method, root=root, out=run)
    assert not again.attrs["computed"]
    assert store.unit_file(run, "squares", "right", "mine").read_bytes() == unit
    pd.testing.assert_frame_equal(again, before)


def test_a_metric_that_was_added_before_a_run_was_broken_off_is_said_to_be_missing(
    root: Path, run: Path
) -> None:
    stop = stop_at("squares left bilinear+repeat")
    with pytest.raises(KeyboardInterrupt):
        stvt.evaluate("squares", METHODS, root=root, out=run, metrics="psnr,tof", progress=stop)
    table = report(run)
    assert {*table.metric} == {"psnr", "tof"} and table[table.metric == "psnr"].scene.nunique() == 2
    assert table.attrs["failures"] == [
        "squares: 'left' by bilinear+repeat: tof: not run yet",
        "squares: 'right' by bicubic+blend: tof: not run yet",
        "squares: 'right' by bilinear+repeat: tof: not run yet",
    ]


def test_a_time_stays_where_none_is_asked_for_and_goes_with_the_method_that_it_is_of(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stvt.evaluation.run.TIMED", 0.0)

    def run(methods: str, **options: Any) -> dict[str, object]:
        table = stvt.evaluate("squares", methods, root=root, out=tmp_path / "run", **options)
        about = table.attrs["info"].methods["x"]
        return {
            "time": about.runtime and about.runtime.size,
            "cost_size": about.cost_size,
            "counted_at": about.counted_at,
        }

    options: dict[str, Any] = {
        "untrained": True,
        "limit": 1,
        "ends": "replicate",
        "scenes": "left",
        "metrics": "psnr",
    }
    timed = run("x=stvun-s", runtime=True, runtime_size=(32, 32), **options)
    assert timed == {"time": "32x32", "cost_size": (32, 32), "counted_at": (32, 32)}
    both = "x=stvun-s,y=stvun-s"
    assert run(both, **options) == timed  # the time was lost
    counted = store.read_json(store.runtime_file(tmp_path / "run", "y"))
    assert counted is not None and counted["counted_at"] == [32, 32]  # as the other is
    assert run("x=bicubic+blend", **options) == {
        "time": None,
        "cost_size": None,
        "counted_at": None,
    }


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
