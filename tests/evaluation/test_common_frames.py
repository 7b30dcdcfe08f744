"""Methods of different windows in one run: which frames are scored of each, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stvt.cli.main import main
from stvt.datasets import read_frame

WIDE = """
class Wide:
    before = after = 1
    def __call__(self, window, times):
        large = window[1:2].repeat_interleave(4, 2).repeat_interleave(4, 3)
        return large.repeat(1 + len(times), 1, 1, 1)


class Late(Wide):
    before, after = 0, 3

    def __call__(self, window, times):
        return super().__call__(window[-1:].repeat(3, 1, 1, 1), times)
"""


def evaluate(root: Path, run: Path, methods: str, *options: str) -> int:
    (run.parent / "own.py").write_text(WIDE)
    for name in ("wide", "late"):
        methods = methods.replace(name, f"{name}={run.parent / 'own.py'}:{name.title()}")
    words = ["evaluate", "--datasets", "squares", "--root", str(root), "--out", str(run)]
    return main([*words, "--methods", methods, *options])


def frames(run: Path) -> dict[str, list[int]]:
    """Method -> the frames of scene `left`, of nine, that were scored."""
    scores = pd.read_csv(run / "report" / "scores.csv")
    rows = scores[(scores.scene == "left") & (scores.metric == "psnr")]
    return {str(method): sorted(of.frame) for method, of in rows.groupby("method")}


def test_one_line_says_that_another_methods_window_leaves_frames_out(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert evaluate(root, run, "bicubic+blend,wide") == 0
    assert frames(run) == {"bicubic+blend": [3, 5, 7], "wide": [3, 5, 7]}
    said = "(1+1 input frames, that of wide)"
    (line,) = [line for line in capsys.readouterr().out.splitlines() if said in line]
    assert "bicubic+blend: 7 frames of squares" in line and "--common-frames off" in line
    page = (run / "report" / "report.html").read_text()
    assert said in page and "n: squares 5 frames of 2 scenes" in page
    assert evaluate(root, tmp_path / "alone", "bicubic+blend") == 0
    assert "--common-frames" not in capsys.readouterr().out


def test_without_common_frames_each_method_is_scored_as_if_it_were_alone(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert evaluate(root, run, "bicubic+blend,wide", "--common-frames", "off") == 0
    assert frames(run) == {"bicubic+blend": [1, 3, 5, 7], "wide": [3, 5, 7]}
    printed = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1] for line in printed.splitlines() if "/0." in line}
    assert rows == {"bicubic+blend": "7", "wide": "5"}
    assert "nobody is marked as best" in printed and "*" not in printed
    info = json.loads((run / "run.json").read_text())
    assert "|window:own|" in info["signature"] and "--common-frames off" in info["command"]
    assert info["title"] == "paper, but common frames off"
    for table in ("scene", "time", "difference", "1"):
        assert main(["report", str(run), "--table", table]) == 0
    # Scores over other frames are not of this run, whatever the windows.
    assert evaluate(root, run, "bicubic+blend,wide") == 2
    assert "window:own there, now" in capsys.readouterr().err


def test_without_common_frames_the_frame_that_is_shown_is_one_of_every_method(
    root: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    alone = ("--common-frames", "off", "--scenes", "left")
    assert evaluate(root, run, "bicubic+blend", *alone) == 0
    assert json.loads((run / "run.json").read_text())["shown"] == {"squares": {"left": 5}}
    # bicubic+blend alone has frames 1, 3, 5, 7 and late 1, 3, so that 5 is not of both.
    assert evaluate(root, run, "bicubic+blend,late", *alone, "--save-frames") == 0
    assert frames(run) == {"bicubic+blend": [1, 3, 5, 7], "late": [1, 3]}
    assert json.loads((run / "run.json").read_text())["shown"] == {"squares": {"left": 3}}
    for method in ("bicubic+blend", "late"):
        shown = run / "pictures/squares/left/methods" / f"{method}.png"
        saved = run / "frames" / method / "squares/left/00000003.png"
        np.testing.assert_array_equal(read_frame(shown), read_frame(saved))
    truth = read_frame(run / "pictures/squares/left/truth.png")
    np.testing.assert_array_equal(truth, read_frame(root / "squares/GT/left/00000003.png"))


def test_where_all_frames_are_scored_there_are_no_common_ones(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--ends", "replicate", "--common-frames", "off")
    assert evaluate(root, tmp_path / "run", "bicubic+blend", *options) == 2
    assert "common frames off is for ends valid" in capsys.readouterr().err


def test_an_exported_page_is_named_by_data_sets_protocol_and_date(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert evaluate(root, run, "bicubic+blend", "--limit", "2") == 0
    session = tmp_path / "run" / "seconds" / "run.json"
    facts = json.loads(session.read_text())
    facts["sessions"][0]["began"] = "2025-03-04T23:59:59+00:00"
    session.write_text(json.dumps(facts))
    assert main(["report", str(run), "--export", str(tmp_path / "pages")]) == 0
    (page,) = (tmp_path / "pages").iterdir()
    assert page.name == "squares-paper-limit2-2025-03-04.html"
    assert "<h1>squares: paper, but limit 2 (2025-03-04)</h1>" in page.read_text()
    assert "<title>squares: paper, but limit 2 (2025-03-04)" in page.read_text()
    first = page.read_bytes()
    assert main(["report", str(run), "--export", str(page.parent)]) == 0  # the same page again
    page.write_text("of another run of that day")
    assert main(["report", str(run), "--export", str(page.parent)]) == 0
    assert page.read_text() == "of another run of that day"
    names = {one.name: one.read_bytes() for one in page.parent.iterdir() if one != page}
    assert names == {"squares-paper-limit2-2025-03-04-2.html": first}
    assert main(["report", str(run), "--export", str(page)]) == 2
    assert f"--export {page}: is no folder" in capsys.readouterr().err


def test_figures_and_an_exported_page_are_not_asked_for_together(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, folder = tmp_path / "run", tmp_path / "pages"
    assert evaluate(root, run, "bicubic+blend") == 0
    crop = ["--crop", "left:3:0,0,8,8", "--root", str(root)]
    assert main(["report", str(run), *crop, "--export", str(folder)]) == 2  # no page, and no word
    assert "--export is of the report" in capsys.readouterr().err


def test_a_table_shows_chosen_methods_columns_and_marks(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert evaluate(root, run, "bicubic+blend,bilinear+repeat,bicubic+repeat") == 0
    capsys.readouterr()
    chosen = ["--methods", "bicubic+repeat,bicubic+blend", "--columns", "parameters,psnr"]
    assert main(["report", str(run), *chosen, "--split", "--highlight", "best"]) == 0
    head, _, *rows = capsys.readouterr().out.splitlines()[2:6]
    assert head.split() == ["method", "parameters", "squares", "PSNR"]
    assert [row.split()[0] for row in rows] == ["bicubic+repeat", "bicubic+blend"]
    assert sum("*" in row for row in rows) == 1 and not any("°" in row for row in rows)
    for wrong, said in (
        (["--columns", "moon"], "no column 'moon' in the table; it has squares, parameters, time"),
        (["--methods", "moon"], "no method 'moon' in the run; it has bicubic+blend"),
        (["--highlight", "third"], "no mark 'third' to highlight; there are best, second"),
    ):
        assert main(["report", str(run), *wrong]) == 2
        assert said in capsys.readouterr().err
