"""Means, bold and the refusal to mix, on scores made here."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stvt.core.formatting import plain
from stvt.core.safe_names import file_name
from stvt.reports import (
    COLUMNS,
    TABLE_1,
    TABLE_2,
    ReportError,
    read_scores,
    write_scores,
)
from stvt.reports.averages import averages
from stvt.reports.run_info import MethodInfo
from stvt.reports.scores import checked
from stvt.reports.tables.escape import code, latex, markdown
from stvt.reports.tables.run_tables import cost_table
from tests.builders.reports import run_info, table

SIGNATURE = "scale:4|degradation:BD|channel:rgb|stvt:0.1.0"
PAPER = {"name": "paper", "scale": 4, "degradation": "BD", "frames": "new", "channel": "rgb"}


def rows(
    method: str,
    scene: str,
    values: Sequence[float],
    metric: str = "psnr",
    dataset: str = "vid4",
    weights: str = "",
    signature: str = SIGNATURE,
    channel: str = "rgb",
) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (dataset, scene, method, 2 * k + 1, 0.5, "new", metric, channel, v, weights, signature)
            for k, v in enumerate(values)
        ],
        columns=list(COLUMNS),
    )


def scores(*parts: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)


def cells(text: str, method: str) -> list[str]:
    """The cells of a method's row in a Markdown table."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {method} |"))
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_means_are_over_frames_and_then_over_scenes() -> None:
    made = scores(rows("a", "long", [20, 20, 20, 20]), rows("a", "short", [30]))
    assert cells(table(made, {}, "markdown"), "a")[1] == "25.00"


def test_the_order_of_the_rows_does_not_matter() -> None:
    made = scores(rows("a", "s", [20.1, 20.7, 33.3]), rows("b", "s", [20, 21, 22]))
    shuffled = made.sample(frac=1, random_state=1)
    facts: dict[str, Any] = {"methods": {"b": {}, "a": {}}}
    assert table(made, facts, "csv") == table(shuffled, facts, "csv")


def test_the_best_mean_is_bold_and_a_tie_as_printed_makes_two() -> None:
    made = scores(
        rows("a", "s", [20.001]),
        rows("b", "s", [20.002]),
        rows("c", "s", [19]),
        rows("a", "s", [0.5], "ssim"),
        rows("b", "s", [0.6], "ssim"),
        rows("c", "s", [0.4], "ssim"),
        rows("a", "s", [0.1], "lpips"),
        rows("b", "s", [0.2], "lpips"),
        rows("c", "s", [0.3], "lpips"),
    )
    text = table(made, {}, "markdown")
    assert cells(text, "a")[1] == "**20.00**/<ins>0.5000</ins>/**0.1000**"
    assert cells(text, "b")[1] == "**20.00**/**0.6000**/<ins>0.2000</ins>"
    assert cells(text, "c")[1] == "19.00/0.4000/0.3000"


def test_an_untrained_method_shows_no_quality_and_is_never_the_best() -> None:
    made = scores(
        rows("net", "s", [50], weights="untrained"),
        rows("two", "s", [60], weights="abc+untrained"),
        rows("a", "s", [20]),
        rows("b", "s", [21]),
    )
    text = table(made, {}, "markdown")
    assert cells(text, "net")[1] == cells(text, "two")[1] == "untrained"
    assert cells(text, "b")[1] == "**21.00**"
    assert "random weights" in text
    assert "50.00" not in table(made, {}, "terminal")


def test_scores_of_two_protocols_are_refused_by_the_part_that_differs() -> None:
    other = SIGNATURE.replace("channel:rgb", "channel:y")
    with pytest.raises(ReportError, match="channel is rgb or y") as refused:
        table(scores(rows("a", "s", [1]), rows("b", "s", [1], signature=other)), {})
    assert "scale" not in str(refused.value)
    with pytest.raises(ReportError, match="channel is rgb or y"):
        table(rows("a", "s", [1]), {"signature": other})


def test_scores_of_several_weights_or_given_twice_are_refused() -> None:
    with pytest.raises(ReportError, match="several weights"):
        table(scores(rows("a", "s", [1]), rows("a", "t", [1], weights="untrained")), {})
    with pytest.raises(ReportError, match="two values"):
        table(scores(rows("a", "s", [1]), rows("a", "s", [1])), {})
    with pytest.raises(ReportError, match="no column value"):
        table(rows("a", "s", [1]).drop(columns="value"), {})


def test_a_mean_over_fewer_scenes_is_not_shown_nor_compared() -> None:
    made = scores(rows("a", "s", [30]), rows("b", "s", [20]), rows("b", "t", [20]))
    text = table(made, {}, "markdown")
    assert cells(text, "a")[1] == "1 of 2 scenes"
    assert cells(text, "b")[1] == "20.00"
    scenes = table(made, {}, "markdown", by="scene")
    assert cells(scenes, "s") == ["s", "1", "**30.00**", "20.00"]


def test_a_scene_with_frames_missing_does_not_count() -> None:
    made = scores(rows("a", "s", [30]), rows("b", "s", [20, 20]))
    assert cells(table(made, {}, "markdown"), "a")[1] == "0 of 1 scenes"
    assert cells(table(made, {}, "markdown", by="scene"), "s") == [
        "s",
        "2",
        "frames missing",
        "20.00",
    ]


@pytest.mark.parametrize("by", ["dataset", "scene", "time"])
def test_a_metric_that_failed_everywhere_is_said_in_every_table(by: str) -> None:
    failures = [
        {
            "dataset": "vid4",
            "scene": "s",
            "method": method,
            "reason": "ssim: small",
            "metric": "ssim",
        }
        for method in ("a", "b")
    ]
    facts = {"failures": failures, "methods": {"a": {}, "b": {}}}
    text = table(scores(rows("a", "s", [30]), rows("b", "s", [20])), facts, "markdown", by=by)
    assert "PSNR/SSIM" in text and "**30.00**/failed" in text and "ssim: small" in text
    lines = table(rows("a", "s", [30]), facts, "csv", by=by).splitlines()
    assert any("ssim" in line and "failed" in line for line in lines)


def test_the_table_by_time_says_which_metrics_are_of_whole_scenes() -> None:
    of_scene = rows("a", "s", [0.5], "whole").assign(frame=-1, time=math.nan, kind="scene")
    text = table(scores(rows("a", "s", [30]), of_scene), {}, "markdown", by="time")
    assert text.startswith("vid4, PSNR of RGB by the time t")
    assert "Scores of whole scenes, which have no t: whole." in text
    assert "n: vid4 1 scene." in table(of_scene, {}, "markdown")


def test_failed_units_and_scenes_that_nobody_scored_are_said() -> None:
    failure = {"dataset": "vid4", "scene": "t", "method": "b", "reason": "out of memory"}
    facts = {"failures": [failure], "methods": {"a": {}, "b": {}}}
    text = table(rows("a", "s", [30]), facts, "markdown")
    assert cells(text, "a")[1] == "1 of 2 scenes"
    assert cells(text, "b")[1] == "failed¹" and "¹ t: out of memory." in text
    planned = {"datasets": {"vid4": {"scenes": ["s", "t", "u"]}}}
    assert cells(table(rows("a", "s", [30]), planned, "markdown"), "a")[1] == "1 of 3 scenes"
    named = {"datasets": {"vid4": {"scenes": ["s", "t"]}}}
    assert cells(table(rows("a", "s", [30]), named, "markdown"), "a")[1] == "1 of 2 scenes"


def test_identical_frames_are_left_out_of_the_mean_and_counted() -> None:
    made = scores(rows("a", "s", [20, math.inf, math.inf]), rows("b", "s", [1, 2, 3]))
    text = table(made, {}, "markdown")
    assert cells(text, "a")[1] == "**20.00**¹"
    assert "2 identical frames left out of the mean" in text


def test_only_identical_frames_give_inf_and_a_scene_of_them_is_won() -> None:
    same = [math.inf]
    text = table(scores(rows("a", "s", same), rows("b", "s", [30])), {}, "markdown")
    assert cells(text, "a")[1] == "**inf**¹"
    made = scores(rows("a", "s", same), rows("a", "t", [20]))
    made = scores(made, rows("b", "s", [30]), rows("b", "t", [10]), rows("c", "s", [5]))
    text = table(scores(made, rows("c", "t", [5])), {}, "markdown")
    assert cells(text, "a")[1] == "**20.00**¹"  # better than b in both scenes
    assert "all of 1 scene" in text
    assert cells(text, "b")[1] == "<ins>20.00</ins>"


def test_the_papers_numbers_stand_beside_ours_only_under_its_protocol() -> None:
    made = scores(rows("a", "s", [20]), rows("a", "s", [0.5], "ssim"))
    facts: dict[str, Any] = {"protocol": PAPER}
    text = table(made, facts, "markdown")
    assert "*STVUN (paper)¹* | 26.49/0.8231 | 30.9 M | 0.30 s¹" in text
    assert "Titan X" in text
    for key, value in (("name", "zsm"), ("channel", "y"), ("limit", 2), ("scale", 2)):
        assert "(paper)" not in table(made, {"protocol": {**PAPER, key: value}}, "markdown")
    assert "limit is 2" in table(made, {"protocol": {**PAPER, "limit": 2}}, "markdown")
    assert "`--table 2`" in table(made, {"protocol": {**PAPER, "scale": 2}}, "terminal")
    elsewhere = rows("a", "s", [20], dataset="my-clip")
    assert "(paper)" not in table(elsewhere, facts, "markdown")
    both = scores(made, elsewhere, rows("a", "s", [0.5], "ssim", dataset="my-clip"))
    assert "– | 26.49/0.8231 |" in table(both, facts, "markdown")


def test_the_papers_damaged_row_stays_marked() -> None:
    by_name = {method.name: method.cells["reds_vtsr"] for method in TABLE_2.methods}
    assert by_name["STVUN"].psnr is None and by_name["STVUN"].doubt
    assert by_name["FISR"].psnr == 23.89 and by_name["FISR"].doubt
    assert not any(cell.doubt for method in TABLE_1.methods for cell in method.cells.values())


def test_running_times_and_their_absence_are_said() -> None:
    made = scores(rows("a", "s", [20]), rows("b", "s", [20]), rows("c", "s", [20]))
    timed = {"median": 0.3, "p10": 0.2, "p90": 0.4, "n": 5, "device": "cpu", "precision": "fp32"}
    methods = {
        "a": {
            "parameters": 30_900_000,
            "stages": {"x": 30_900_000, "y": 0},
            "runtime": {**timed, "stages": {"x": 0.1, "y": 0.2}},
        },
        "b": {"parameters": 0, "runtime": {"out_of_memory": True}},
        "c": {"parameters": None, "uncounted": {"grid_sampler": 3}, "runtime": None},
    }
    text = table(made, {"methods": methods}, "markdown")
    assert cells(text, "a")[2:] == ["30.9 M", "0.30 s¹"]
    assert cells(text, "b")[2:] == ["0", "out of memory"]
    assert cells(text, "c")[2:] == ["–", "–"]
    costs = table(made, {"methods": methods}, "markdown", by="runtime")
    assert "x 0.10 s, 30.9 M parameters; y 0.20 s, 0 parameters" in costs
    assert "grid\\_sampler (3)" in costs


def test_operations_that_were_counted_without_a_time_have_their_frames_size() -> None:
    counted = MethodInfo("a", multiply_accumulates=2_000_000, cost_size=(540, 960))
    row = cost_table(replace(run_info(), methods={"a": counted})).rows[0]
    assert {"2.0 M", "960x540"} < {cell.text for cell in row.cells}
    assert not any(cell.notes for cell in row.cells)


def test_operations_that_were_scaled_from_a_smaller_frame_say_so() -> None:
    counted = MethodInfo("a", multiply_accumulates=16, cost_size=(540, 960), counted_at=(132, 240))
    cells = cost_table(replace(run_info(), methods={"a": counted})).rows[0].cells
    assert [note for cell in cells for note in cell.notes] == [
        "Counted of a frame of 240x132 and scaled by area."
    ]


def test_lpips_joins_the_columns_of_a_run_in_luma() -> None:
    made = scores(
        rows("a", "s", [20], channel="y"), rows("a", "s", [0.2], "lpips"), rows("b", "s", [21])
    )
    means = averages(checked(made[made["method"] == "a"]), run_info())
    assert means.columns == [("vid4", "y")]
    assert means.metrics["vid4", "y"] == ["psnr", "lpips"]


def test_csv_holds_one_row_a_mean_with_the_reason_where_there_is_none() -> None:
    made = scores(rows("a", "s", [20.25]), rows("net", "s", [5], weights="untrained"))
    found = list(csv.DictReader(io.StringIO(table(made, {"protocol": PAPER}, "csv"))))
    assert [(r["method"], r["source"], r["value"], r["note"]) for r in found[:3]] == [
        ("a", "this run", "20.250000", ""),
        ("net", "this run", "", "untrained"),
        ("F→V", "paper", "25.22", ""),
    ]


def test_stored_scores_come_back_as_they_were(tmp_path: Path) -> None:
    made = scores(
        rows("a", "001", [20.1234567, math.inf]), rows("NA", "001", [1, 2], weights="untrained")
    )
    write_scores(made, tmp_path / "scores.csv")
    text = (tmp_path / "scores.csv").read_text()
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert "vid4,001,a,1,0.5,new,psnr,rgb,20.123457,," in text
    assert ",inf," in text
    again = read_scores(tmp_path / "scores.csv")
    assert list(again["method"]) == ["NA", "NA", "a", "a"]
    assert list(again["scene"]) == ["001"] * 4
    write_scores(again, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_text() == text
    with pytest.raises(ReportError, match="no scores there"):
        read_scores(tmp_path / "nothing.csv")


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(ReportError, match="docx"):
        table(rows("a", "s", [1]), {}, "docx")
    with pytest.raises(ReportError, match="moon"):
        table(rows("a", "s", [1]), {}, by="moon")


NASTY = "[a_b] & 50% #1 {x} ~^\\input{y} $z$ <i>|*c*--''``\n\x1b[31m日é"


def well_formed(tex: str) -> bool:
    """Whether braces pair, no special letter stands bare, and each row has its columns."""
    bare = re.sub(r"\\([\\{}$&#_%])", " ", tex)
    depth = 0
    for letter in bare:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if depth < 0:
            return False
    return depth == 0 and not re.search(r"[#_^~%$]|[^\x00-\xff]", bare.replace(r"$\to$", ""))


def test_latex_is_well_formed_whatever_the_names() -> None:
    facts = {"protocol": PAPER, "signature": SIGNATURE}
    tex = table(scores(rows(NASTY, NASTY, [20]), rows("b", NASTY, [21])), facts, "latex")
    body = re.sub(r"(?m)^%.*", "", tex).replace("}~", "}")
    assert well_formed(body)
    assert r"\input" not in tex
    inside = tex[tex.index(r"\toprule") : tex.index(r"\bottomrule")]
    lines = [line for line in inside.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {3}
    assert not any(line.strip().startswith(("[", "*")) for line in lines)
    assert tex.count(r"\begin") == tex.count(r"\end") == 3
    assert not well_formed("50% of {x")


def test_latex_keeps_letters_apart_that_would_join() -> None:
    assert latex("a--b") == "a-{}-b"
    assert latex("F→V 日") == r"F$\to$V (U+65E5)"


def test_markdown_shows_any_name_literally() -> None:
    text = table(scores(rows(NASTY, "s", [20]), rows("b", "s", [21])), {}, "markdown")
    line = next(line for line in text.splitlines() if "50%" in line)
    assert len(re.findall(r"(?<!\\)\|", line)) == 5
    assert "<i>" not in text and "\x1b" not in text
    assert not re.search(r"(?<!\\)[*_`\[\]$]", line)
    assert markdown("http://x www.y @z") == r"http\://x www\.y \@z"
    assert markdown("1. x") == r"1\. x" and markdown("25.12") == "25.12"


def test_terminal_text_carries_no_control_characters() -> None:
    assert plain("a\x1b[2J\u202e\r\nb") == "a[2J b"
    assert "\x1b" not in table(rows(NASTY, "s", [20]), {}, "terminal")
    assert code("``") == "``` `` ```"


def test_file_names_are_safe_and_differ() -> None:
    names = ["a", "A", "a/b", "a-b", "..", "", "a b", "日", "x" * 300]
    made = [file_name(name) for name in names]
    assert len({name.lower() for name in made}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name) for name in made)


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x")', "+cmd|x", "-a", "@SUM(1)"])
def test_no_name_is_a_formula_in_csv_and_scores_read_back_have_it(
    name: str, tmp_path: Path
) -> None:
    made = scores(rows(name, "s", [-1.5]), rows("b", "s", [2.5]))
    for line in csv.reader(io.StringIO(table(made, {}, "csv"))):
        assert not any(cell[:1] in ("=", "+", "@") for cell in line)
    assert f"'{name[0]}" in table(made, {}, "csv") and ",-1.500000," in table(made, {}, "csv")
    write_scores(made, tmp_path / "scores.csv")
    assert f"'{name[0]}" in (tmp_path / "scores.csv").read_text()
    assert set(read_scores(tmp_path / "scores.csv")["method"]) == {name, "b"}


def test_the_papers_numbers_are_not_set_beside_another_set_than_its_own() -> None:
    made = scores(rows("stvun", "s", [20]), rows("stvun", "s", [21], dataset="stvt"))
    sets = {"vid4": {"scenes": ["s"], "lacks": "1 of 4 scenes"}, "stvt": {"scenes": ["s"]}}
    facts: dict[str, Any] = {"protocol": PAPER, "datasets": sets, "methods": {"stvun": {}}}
    text = table(made, facts, "markdown")
    assert "26.49" not in text and "27.23" in text
    assert "vid4: not the paper's set (1 of 4 scenes)" in text
    text = table(made, facts, "markdown", by="1")
    assert "26.49" not in text and "27.23" in text and "other set" in text
    alone = {**facts, "datasets": {"vid4": sets["vid4"]}}
    assert "(paper)" not in table(rows("stvun", "s", [20]), alone, "markdown")
