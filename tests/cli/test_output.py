"""What commands print: one JSON document with --json, progress and notes on stderr alone."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.cli.main import main
from stvt.core import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory,
    moving_square: Callable[..., list[NDArray[np.uint8]]],
    write_clip: Callable[..., Path],
) -> Path:
    folder = tmp_path_factory.mktemp("place")
    for scene in ("left", "right"):
        write_clip(folder / "source" / "squares" / scene, moving_square(5))
    return folder


def test_with_json_every_command_prints_one_document_and_nothing_else(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)

    def document(line: str, code: int = 0) -> Any:
        assert main([*line.split(), "--json"]) == code
        return json.loads(capfd.readouterr().out)

    (prepared,) = document("prepare squares --source source/squares")
    assert prepared["prepared"] == ["left", "right"] and prepared["failures"] == []
    assert document("verify squares") == {
        "name": "squares",
        "folder": "data/squares",
        "problems": [],
        "fixed": [],
        "files": 20,
    }
    evaluate = (
        "evaluate --datasets squares --methods bicubic+blend,bilinear+repeat --ends replicate"
    )
    run = document(f"{evaluate} --out runs/a")
    psnr = [one["value"] for one in run["values"] if one["metric"] == "psnr"]
    assert len(psnr) == 2 and all(isinstance(value, float) for value in psnr)
    assert Path(run["report"]).is_file() and "ends:replicate" in run["signature"]
    assert document("report runs/a")["values"] == run["values"]
    scene = document("report runs/a --table scene")["values"]
    assert {one["scene"] for one in scene} == {"left", "right"}
    compared = document("compare runs/a runs/a --methods bicubic+blend=bilinear+repeat", code=1)
    assert compared["worse"] is True and len(compared["differences"]) == 2
    assert all(isinstance(one["difference"], float) for one in compared["differences"])
    assert document("reproduce runs/a --device cpu")["differing"] == []
    assert len(document("results add runs/a")["files"]) == 2
    assert {one["method"] for one in document("results table")} == {
        *("bicubic+blend", "bilinear+repeat")
    }
    assert list(document("results check").values()) == [[], []]
    assert list(document("results check results").values()) == [[], []]
    assert document("inspect squares --max 1")["shown"] == 1
    assert ["Python", sys.version.split()[0]] in document("doctor")
    assert document("list metrics")[0]["metric"] == "psnr"
    pictures = sorted((place / "source" / "squares" / "left").iterdir())[:2]
    assert "flow.png" in document(f"flow {pictures[0]} {pictures[1]}")["files"]


def test_an_error_is_a_document_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "nowhere", "--json"]) == 2
    printed = capsys.readouterr()
    assert "no run.json there" in json.loads(printed.out)["error"]
    assert printed.err.count("\n") == 1 and printed.err.startswith("stvt report: nowhere")


def test_quietly_there_are_errors_but_no_notes(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    main(["prepare", "squares", "--source", "source/squares"])
    line = ["evaluate", "--datasets", "squares", "--methods", "bicubic+blend", "--out", "q"]
    assert main([*line, "--ends", "replicate", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["report", "nowhere", "--quiet"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_verbosely_an_error_has_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "nowhere", "--verbose"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_without_a_terminal_two_lines_of_progress_move_no_cursor(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    with progress.progress_line() as frames, progress.progress_line("method") as methods:
        frames(1, 2, "scoring")
        methods(1, 2, "counting")
        frames(2, 2, "scoring")
    said = capsys.readouterr().err
    assert "scoring: 2 of 2 frames" in said and "counting: 1 of 2 methods" in said
    assert not set("\x1b\r") & set(said)


def test_without_a_terminal_progress_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr("tqdm.std.time", lambda: now)
    with progress.progress_line("method") as show:
        for done in range(5):
            now = 20.0 * done
            show(done, 4, "timing edvr")
    err = capsys.readouterr().err
    assert "\r" not in err
    assert err.splitlines() == [
        "timing edvr: 2 of 4 methods, 20 s/method, 00:40 left",
        "timing edvr: 4 of 4 methods, 20 s/method, 00:00 left",
    ]


def test_on_a_terminal_a_note_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with progress.progress_line() as show:
        show(1, 4, "walk")
        progress.say("stvt evaluate: note: something")
        show(4, 4, "walk")
    lines = re.split(r"[\r\n]", terminal.getvalue())
    assert "stvt evaluate: note: something" in lines
    assert any(re.search(r"walk: +100 %\|.*\| 4 of 4 frames, .*frames?", line) for line in lines)


def test_nothing_is_coloured_where_no_color_is_asked_for() -> None:
    for words in (["--help"], ["evaluate", "--help"], ["list", "metrics"], ["report", "nowhere"]):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "stvt", *words],
            capture_output=True,
            env={**os.environ, "NO_COLOR": "1", "FORCE_COLOR": ""},
            check=False,
        )
        assert b"\x1b" not in done.stdout + done.stderr
