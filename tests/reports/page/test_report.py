"""The report's folder: what is in it, that it is the same twice, and that odd runs make one."""

from __future__ import annotations

import hashlib
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stvt.reports import FrameFiles, ReportError, write_report
from stvt.reports.figures import per_frame as plots
from stvt.reports.figures.crops import scene_picture
from stvt.reports.figures.style import method_styles
from tests.builders.reports import (
    NASTY,
    SIGNATURE,
    example_info,
    example_picture,
    example_scores,
    run_info,
)


def digests(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def linked(page: Path) -> list[Path]:
    return [page.parent / link for link in re.findall(r"\]\(([^)#]+)\)", page.read_text())]


def test_of_many_methods_the_leading_ones_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = [f"m{number}" for number in range(30)]  # each better than the one before
    drawn = []

    def picture(files: FrameFiles, *_: object) -> list[str]:
        drawn.append(list(files.methods))
        return []

    monkeypatch.setattr("stvt.reports.page.report.scene_picture", picture)
    shown = {"vid4": {"s": example_picture(tmp_path / "in", methods, (48, 64))}}
    scores = example_scores(methods, ["s"], frames=1)
    page = write_report(scores, example_info(methods), shown, tmp_path / "out")
    assert drawn == [methods[-24:]]
    text = page.read_text()
    assert "the 24 leading methods of 30" in text
    assert all(f"| {method} |" in text for method in methods)  # the table names all


def test_a_report_is_whole_and_the_same_twice(tmp_path: Path) -> None:
    methods = ["a+b", "net"]
    scores = example_scores(methods, ["s", "t"], kinds=("new", "existing"), untrained=["net"])
    shown = {"vid4": {"s": example_picture(tmp_path / "in", methods, (48, 64))}}
    info = example_info(methods)
    page = write_report(scores, info, shown, tmp_path / "one")
    write_report(scores.sample(frac=1, random_state=0), info, shown, tmp_path / "two")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert set(digests(tmp_path / "one")) == {
        "report.html",
        "report.md",
        "scores.csv",
        "table1.md",
        "table1.tex",
        "table1_standalone.tex",
        "figures/frames-vid4-rgb-1.pdf",
        "figures/frames-vid4-rgb-1.png",
        "figures/quality-runtime.pdf",
        "figures/quality-runtime.png",
        "figures/quality-runtime.svg",
        "figures/scene-vid4-s.png",
    }
    assert all(file.is_file() for file in linked(page))
    text = page.read_text()
    assert "random weights" in text and SIGNATURE in text
    assert "### New frames only" in text and "### Existing frames only" in text
    assert "untrained" in (tmp_path / "one" / "figures" / "quality-runtime.svg").read_text()


def test_a_report_made_again_keeps_no_figure_of_the_last(tmp_path: Path) -> None:
    shown = {"vid4": {"s": example_picture(tmp_path / "in", ["a"], (48, 64))}}
    write_report(example_scores(["a"], ["s"]), example_info(["a"]), shown, tmp_path / "out")
    (tmp_path / "out" / "figures" / "mine.png").write_bytes(b"")
    write_report(example_scores(["a"], ["s"]), run_info(), {}, tmp_path / "out")
    left = {name for name in digests(tmp_path / "out") if name.startswith("figures/")}
    assert left == {
        "figures/mine.png",
        "figures/frames-vid4-rgb-1.pdf",
        "figures/frames-vid4-rgb-1.png",
    }


def test_odd_names_values_and_failures_make_a_report_without_injection(tmp_path: Path) -> None:
    methods = [NASTY, "b"]
    scores = example_scores(methods, ["s", NASTY], frames=1)
    scores.loc[scores["method"] == "b", "value"] = math.inf
    failure = {"dataset": "vid4", "scene": "x|y", "method": "<c>", "reason": "line 1\n| line 2"}
    info = example_info(methods, failures=[failure], warnings=["<script>"], protocol={"name": "p"})
    picture = example_picture(tmp_path / "in", methods, (48, 64))
    picture = replace(picture, methods={**picture.methods, "b": tmp_path / "missing.png"})
    page = write_report(scores, info, {"vid4": {NASTY: picture}}, tmp_path / "out")
    text = page.read_text()
    assert "<script>" not in text and "<b>" not in text and "<c>" not in text
    assert "| vid4 | x\\|y | &lt;c&gt; | line 1 \\| line 2 |" in text
    assert "missing.png" in text
    assert all(file.is_file() for file in linked(page))


def test_a_unit_that_two_metrics_failed_in_is_counted_once(tmp_path: Path) -> None:
    place = {"dataset": "vid4", "scene": "s", "method": "a"}
    failures = [{**place, "reason": f"{m}: no", "metric": m} for m in ("lpips", "dists")]
    info = example_info(["a"], failures=failures)
    page = write_report(example_scores(["a"], ["s"]), info, {}, tmp_path)
    for file in (page, page.with_suffix(".html")):
        assert "1 of the run's units (a scene by a method) lack scores" in file.read_text()


def test_a_run_without_methods_or_scores_makes_a_report(tmp_path: Path) -> None:
    empty = example_scores([], [])
    assert "No method was scored" in write_report(empty, run_info(), {}, tmp_path / "a").read_text()
    methods = {"a": {"parameters": 1, "weights": "untrained"}}
    info = run_info(methods=methods, datasets={"vid4": {"scenes": ["s", "t"]}})
    assert "untrained" in write_report(empty, info, {}, tmp_path / "b").read_text()


def test_what_is_listed_has_spaces_between(tmp_path: Path) -> None:
    methods = ["a", "b"]
    info = example_info(methods)
    text = write_report(
        example_scores(methods, ["s"], untrained=methods), info, {}, tmp_path
    ).read_text()
    assert "> **a**, **b**: untrained: the network" in text
    slow = {"runtime": {"out_of_memory": True}}
    info = example_info([*methods, "c"])
    info = replace(
        info, methods={"c": info.methods["c"], **run_info(methods={"a": slow, "b": slow}).methods}
    )
    text = write_report(example_scores([*methods, "c"], ["s"]), info, {}, tmp_path).read_text()
    assert "Not drawn: a ran out of memory; b ran out of memory.\n" in text


def test_scores_that_cannot_share_a_table_write_nothing(tmp_path: Path) -> None:
    scores = example_scores(["a"], ["s"])
    scores.loc[0, "signature"] = "scale:2|channel:rgb"
    with pytest.raises(ReportError, match="scale is 2 or 4"):
        write_report(scores, run_info(), {}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_three_hundred_scenes_are_listed_and_the_first_few_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "PANELS_A_PAGE", 2)
    monkeypatch.setattr(plots, "PAGES_A_DATASET", 2)
    scenes = [f"{number:03}" for number in range(300)]
    page = write_report(example_scores(["a"], scenes, frames=1), run_info(), {}, tmp_path)
    text = page.read_text()
    assert "The first 2 of 300 scenes are drawn." in text
    assert all(f"| {scene} |" in text for scene in scenes)
    assert len(list((tmp_path / "figures").glob("frames-*.png"))) == 1


def test_a_method_keeps_its_style_when_others_fail() -> None:
    assert method_styles(["a", "b", "c"])["b"] == method_styles(["a", "b"])["b"]
    assert len({s.colour for s in method_styles([str(n) for n in range(8)]).values()}) == 8


def test_the_crop_is_where_trained_methods_err_most(tmp_path: Path) -> None:
    truth = np.full((192, 256, 3), 90, np.uint8)
    wrong, wild = truth.copy(), truth.copy()
    wrong[100:130, 160:200] = 200
    wild[:60, :80] = 255
    for name, frame in (("truth", truth), ("wrong", wrong), ("wild", wild)):
        Image.fromarray(frame).save(tmp_path / f"{name}.png")
    files = {name: tmp_path / f"{name}.png" for name in ("wrong", "wild")}
    shown = FrameFiles(1, tmp_path / "truth.png", None, files)
    out = tmp_path / "out.png"
    assert scene_picture(shown, "t", out, ["wrong", "wild"], frozenset({"wild"}), {}) == []
    picture = np.asarray(Image.open(out).convert("RGB")).astype(int)
    assert picture.shape[1] <= 2100
    # The colour of the error fills much of a tile only if the crop was put on it.
    assert (np.abs(picture - 200).max(axis=2) < 3).sum() > 10_000
    assert (np.abs(picture - 255).max(axis=2) < 3).sum() < picture.shape[0] * picture.shape[1]


def test_a_scene_whose_truth_is_gone_has_no_picture(tmp_path: Path) -> None:
    shown = FrameFiles(1, tmp_path / "no.png", None, {})
    lost = scene_picture(shown, "t", tmp_path / "out.png", [], frozenset(), {})
    assert "no.png" in lost[0] and not (tmp_path / "out.png").exists()


def test_importing_reports_loads_nothing_heavy() -> None:
    heavy = "{'matplotlib', 'pandas', 'PIL', 'torch', 'tabulate', 'jinja2', 'scipy'}"
    program = f"import sys, stvt.reports; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    assert done.stdout.strip() == "[]"
