"""The paper's tables by name, quoted rows, and every table in every format whatever the names."""

from __future__ import annotations

import csv
import io
import math
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stvt.reports import COLUMNS, FORMATS, NAMES, TABLE_1, TABLE_2, ReportError
from stvt.reports.published.later_papers import ZSM
from tests.builders.reports import table

SIGNATURE = "scale:4|degradation:BD|channel:rgb|stvt:0.1.0"
PAPER: dict[str, Any] = {
    "name": "paper",
    "scale": 4,
    "degradation": "BD",
    "time_step": 2,
    "frames": "new",
    "ends": "valid",
    "channel": "rgb",
    "crop_border": 0,
    "limit": None,
    "inputs": "prepared",
}
LATER = {**PAPER, "name": "zsm", "degradation": "BI", "frames": "all", "ends": "replicate"}
LATER["channel"] = "y"
NASTY = "[a_b] & 50% #1 {x} ~^\\input{y} $z$ <script>|*c*--''``\"\n\x1b[31m日é"


def made(
    values: Mapping[str, float],
    scenes: Sequence[str] = ("calendar", "city", "foliage", "walk"),
    dataset: str = "vid4",
    metrics: Sequence[str] = ("psnr", "ssim"),
    channel: str = "rgb",
    weights: str = "",
    frames: int = 2,
) -> pd.DataFrame:
    """Scores of methods whose PSNR is their value and whose SSIM is a hundredth of it."""
    found = [
        (dataset, scene, method, 2 * k + 1, 0.5, "new", metric, channel)
        + (value if metric == "psnr" else value / 100, weights, SIGNATURE)
        for method, value in values.items()
        for scene in scenes
        for k in range(frames)
        for metric in metrics
    ]
    return pd.DataFrame(found, columns=list(COLUMNS))


def timed(seconds: float, device: str, parameters: int = 30_900_000) -> dict[str, Any]:
    runtime = {"median": seconds, "device": device, "height": 540, "width": 960, "n": 3}
    return {"parameters": parameters, "runtime": runtime}


def cells(text: str, first: str, place: int = 0) -> list[str]:
    """The cells of a row of a Markdown table, by the text in its first cell."""
    lines = [line for line in text.splitlines() if re.match(rf"\| \*?{re.escape(first)}", line)]
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", lines[place])[1:-1]]


def test_table_1_has_ours_the_papers_and_the_difference() -> None:
    scores = made({"stvun": 26.59, "v2f": 26.0, "bicubic+blend": 20.0})
    facts = {
        "protocol": PAPER,
        "methods": {
            "stvun": timed(0.25, "NVIDIA TITAN X (Pascal)"),
            "v2f": timed(0.5, "NVIDIA TITAN Xp", 44_000_000) | {"spec": "edvr+dain"},
            "bicubic+blend": {},
        },
    }
    text = table(scores, facts, "markdown", by="1")
    assert text == table(scores, facts, "md", by="1")
    assert cells(text, "stvun")[1] == "**26.59/0.2659**"
    assert cells(text, "STVUN (paper)")[1:5] == [
        "26.49/0.8231",
        "27.58/0.8134",
        "23.78/0.6601",
        "27.23/0.8644",
    ]
    assert cells(text, "difference") == [
        "*difference*",
        r"\+0.10/\-0.5572",
        *["–"] * 3,
        r"\+0.0 M",
        r"\-0.05 s",
    ]
    assert cells(text, "v2f")[1] == "<ins>26.00/0.2600</ins>"
    assert cells(text, "difference", 1)[1] == r"\-0.39/\-0.5563"
    assert cells(text, "difference", 1)[-2:] == [r"\-0.7 M", "other device"]
    assert cells(text, "F→V (paper)")[1] == "25.22/0.7506"
    assert "this run lacks F→V" in text and "Titan X" in text


@pytest.mark.parametrize(
    ("protocol", "scores", "said"),
    [
        ({**PAPER, "channel": "y"}, made({"stvun": 26.0}), "other protocol"),
        (PAPER, made({"stvun": 26.0}, weights="untrained"), "untrained"),
        (PAPER, made({"stvun": 26.0}, scenes=["city", "walk"]), "2 of 4 scenes"),
        ({}, made({"stvun": 26.0}), "other protocol"),
        (PAPER, made({"stvun": math.inf}), "–/"),
    ],
)
def test_what_cannot_be_compared_says_why(
    protocol: dict[str, Any], scores: pd.DataFrame, said: str
) -> None:
    facts = {"protocol": protocol, "methods": {"stvun": {}}}
    text = table(scores, facts, "markdown", by="1")
    assert cells(text, "difference")[1].startswith(said)
    if said == "other protocol" and protocol:
        assert "channel is y, there rgb" in text
    found = list(csv.DictReader(io.StringIO(table(scores, facts, "csv", by="1"))))
    differences = [row for row in found if row["source"].startswith("difference")]
    assert differences[0]["value"] in ("", "–")


def test_scenes_that_were_not_scored_keep_the_difference_away() -> None:
    failure = {"dataset": "vid4", "scene": "walk", "method": "stvun", "reason": "out of memory"}
    facts = {"protocol": PAPER, "failures": [failure], "methods": {"stvun": {}}}
    text = table(
        made({"stvun": 26.0}, scenes=["calendar", "city", "foliage"]), facts, "markdown", by="1"
    )
    assert cells(text, "stvun")[1] == "3 of 4 scenes¹" and "¹ walk: out of memory." in text
    assert cells(text, "difference")[1] == "3 of 4 scenes"


def test_table_2_keeps_its_damaged_row_marked() -> None:
    facts = {"protocol": {**PAPER, "scale": 2}, "methods": {"fisr": {}, "stvun": {}}}
    scores = made({"fisr": 24.0, "stvun": 25.0}, scenes=["000", "001"], dataset="reds_vtsr")
    text = table(scores, facts, "markdown", by="2")
    reds = 3  # its column
    assert cells(text, "STVUN (paper)")[reds].startswith("unreadable")
    assert cells(text, "difference", 1)[reds] == "unreadable"
    assert cells(text, "FISR (paper)")[reds].startswith("23.89 ?/0.6601 ?")
    assert cells(text, "difference")[reds] == r"\+0.11 ?/\-0.4201 ?"
    assert "may blend two cells" in text
    found = list(csv.DictReader(io.StringIO(table(scores, facts, "csv", by="2"))))
    (lost,) = [
        row
        for row in found
        if (row["method"], row["source"]) == ("STVUN", "paper")
        and (row["dataset"], row["metric"]) == ("reds_vtsr", "psnr")
    ]
    assert lost["value"] == "" and "unreadable" in lost["note"]


def test_table_3_knows_the_ablations_by_their_specifications() -> None:
    facts = {"protocol": PAPER, "methods": {"early": {"spec": "stvun-wo-efst"}}}
    scenes = [f"{n:02d}" for n in range(12)]
    text = table(made({"early": 27.0}, scenes=scenes, dataset="stvt"), facts, "markdown", by="3")
    assert cells(text, "w/o EFST (paper)")[1] == "27.06/0.8613"
    assert cells(text, "difference")[1] == r"\-0.06/\-0.5913"


def test_later_papers_are_quoted_only_when_asked_and_under_their_protocol() -> None:
    scores = made({"stvun": 26.0}, channel="y")
    later = {"protocol": LATER, "methods": {"stvun": {}}}
    assert "quoted" not in table(scores, later, "markdown", by="1")
    text = table(scores, later, "markdown", by="1", quoted=True)
    row = cells(text, "Zooming Slow\\-Mo (quoted)") if "Slow\\-Mo" in text else []
    row = row or cells(text, "Zooming Slow-Mo (quoted)")
    assert row[1:5] == ["26.31/0.7976", "–", "–", "–"]
    assert row[5:] == ["11.1 M", "16.50 frames/s"]
    assert "luma (Y)" in text and "TMNet" in text
    assert "26.43/0.8016" in table(scores, later, "markdown", quoted=True)
    paper = {"protocol": PAPER, "methods": {"stvun": {}}}
    refused = table(made({"stvun": 26.0}), paper, "markdown", by="1", quoted=True)
    assert "26.31" not in refused and "degradation is BD, there BI" in refused
    elsewhere = made({"stvun": 26.0}, channel="y", dataset="mine")
    assert "none of their data sets" in table(elsewhere, later, "markdown", quoted=True)


@pytest.mark.parametrize(
    "degradation, there, not_there",
    [
        ("BI", ["27.24/0.8251", "27.35/0.8264"], "27.96/0.8553"),
        ("BDC", ["27.96/0.8553", "29.04/0.8753"], "27.38/0.8329"),
        ("BD", ["27.38/0.8329"], "27.96/0.8553"),
    ],
)
def test_tables_of_space_alone_are_split_by_degradation(
    degradation: str, there: list[str], not_there: str
) -> None:
    scores = made({"basicvsr": 27.0}, channel="y")
    protocol = {**LATER, "degradation": degradation, "frames": "existing", "time_step": 1}
    text = table(scores, {"protocol": protocol, "methods": {"basicvsr": {}}}, "csv", quoted=True)
    markdown = table(
        scores, {"protocol": protocol, "methods": {"basicvsr": {}}}, "markdown", quoted=True
    )
    assert all(value in markdown for value in there) and not_there not in markdown
    assert f"x4 in space by {degradation}" in markdown and "Zooming" not in markdown
    assert f"{degradation}, space alone" in text


def test_weights_of_another_degradation_are_marked() -> None:
    line = "basicvsr: its weights were trained on BI frames, and these are BDC"
    facts = {"protocol": PAPER, "methods": {"basicvsr": {"mismatch": line}, "bicubic": {}}}
    text = table(made({"basicvsr": 27.0, "bicubic": 26.0}), facts, "terminal")
    assert "basicvsr [1]" in text and f"[1] {line}." in text and "bicubic [" not in text


def test_the_quoted_numbers_are_those_of_the_source() -> None:
    by_name = {method.name: method for method in ZSM.methods}
    assert len(by_name) == 15
    cascade = by_name["DAIN + EDVR"]
    assert cascade.parameters == 44_700_000  # as the paper's Table 1 has it: 24.0 M and 20.7 M
    assert cascade.parameters == TABLE_1.methods[0].parameters
    star = by_name["STARnet"].cells
    assert (star["vimeo_fast"].psnr, star["vimeo_slow"].ssim) == (36.19, 0.9164)


def test_the_papers_own_sums_hold() -> None:
    f2v, v2f, stvun = TABLE_1.methods
    assert f2v.seconds and v2f.seconds and stvun.seconds and v2f.parameters and stvun.parameters
    assert round(v2f.seconds / stvun.seconds, 1) == 7.1
    assert round(f2v.seconds / stvun.seconds, 1) == 1.7
    assert stvun.parameters < 0.7 * v2f.parameters
    assert TABLE_2.methods[0].cells["reds_vtsr"].psnr == 23.89


ELEMENTS = {
    "div",
    "table",
    "caption",
    "thead",
    "tbody",
    "tfoot",
    "tr",
    "th",
    "td",
    "b",
    "u",
    "sup",
    "p",
    "br",
}


class Fragment(HTMLParser):
    """What an HTML fragment holds: its elements in order, and that they close in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert {name for name, _ in attrs} <= {"class", "scope", "data-better", "data-value"}
        self.seen.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


COMMANDS = {
    *("documentclass", "usepackage", "begin", "end", "centering", "small", "footnotesize"),
    *("setlength", "tabcolsep", "belowcaptionskip", "caption", "toprule", "midrule", "bottomrule"),
    *("addlinespace", "textbf", "textit", "underline", "textsuperscript", "smallskip", "linewidth"),
    *("par", "to", "times", "textbackslash", "textasciicircum", "textasciitilde", "textless"),
    *("textgreater", "textbar", "allowbreak", "begingroup", "endgroup"),
    *("endfirsthead", "endhead", "endfoot", "shortstack", "resizebox"),
}


def parse(tex: str) -> None:
    """Fails unless braces and environments pair, rows have their columns, commands are known."""
    text = re.sub(r"(?<!\\)%.*", "", tex)
    assert set(re.findall(r"\\([A-Za-z]+)", text.replace(r"\\", ""))) <= COMMANDS
    assert not re.search(r"[^\x00-\xff]|\x1b", text)
    opened: list[str] = []
    for what, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", text):
        if what == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    bare = re.sub(r"\\[\\{}$&#_%]", " ", text)
    depth = 0
    for letter in bare:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    assert not re.search(r"[#_^$]", re.sub(r"\$\\(to|times|uparrow|downarrow)\$", "", bare))
    for columns, body in re.findall(
        r"\\begin\{(?:tabular|longtable)\}\{(l[lr]*)\}(.*?)\\end\{(?:tabular|longtable)\}",
        text,
        re.DOTALL,
    ):
        for line in body.splitlines():
            if line.endswith(r"\\") and not line.lstrip().startswith(r"\caption"):
                assert len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1
                assert not line.lstrip().startswith(("[", "*"))


def hostile(scenes: int) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Names that are code elsewhere, identical frames, a one-frame scene, failed units."""
    names = [f"{NASTY}{n}" for n in range(scenes)]
    common: dict[str, Any] = {"dataset": "vid4"}
    parts = [
        made({NASTY: 20.0, "_ & % < >": 21.0, "x→y": 22.0}, names, **common),
        made({"exact": math.inf}, names, **common),
        made({NASTY: 20.0, "exact": 9.0}, ["one"], dataset=f"{NASTY}d", frames=1),
        made({"net": 20.0}, names, weights="untrained", **common),
    ]
    failure = {"dataset": "vid4", "scene": "lost", "method": "x→y", "reason": NASTY}
    failures = [failure, {**failure, "method": "never"}]
    methods = {"stvun": {}, NASTY: timed(0.5, NASTY), "net": {"parameters": 7}}
    facts = {"protocol": PAPER, "signature": SIGNATURE, "failures": failures, "methods": methods}
    return pd.concat(parts, ignore_index=True), facts


@pytest.mark.parametrize("by", NAMES)
def test_every_table_is_well_formed_in_every_format_whatever_the_names(by: str) -> None:
    for scores, facts in (hostile(3), hostile(300) if by == "scene" else hostile(2)):
        text = {name: table(scores, facts, name, by=by, quoted=True) for name in FORMATS}
        parse(text["latex"])
        parse(text["standalone"])
        seen = Fragment(text["html"]).seen
        assert set(seen) <= ELEMENTS
        assert "<script" not in text["html"] + text["markdown"]
        assert not any("\x1b" in text[name] for name in FORMATS if name != "csv")
        lengths = {len(row) for row in csv.reader(io.StringIO(text["csv"]))}
        assert len(lengths) <= 1
        assert text["terminal"].count("\n") >= 3


@pytest.mark.parametrize("by", NAMES)
def test_a_run_without_any_score_makes_its_tables(by: str) -> None:
    failures = [{"dataset": "vid4", "scene": "s", "method": "a", "reason": "no"}]
    facts: dict[str, Any] = {
        "failures": failures,
        "methods": {"a": {}},
        "datasets": {"vid4": {"scenes": ["s"]}},
        "protocol": PAPER,
    }
    for format in FORMATS:
        table(made({}), facts, format, by=by)


def test_several_tables_are_one_csv_and_one_document() -> None:
    scores = pd.concat([made({"a": 20.0}), made({"a": 21.0}, dataset="other")])
    found = list(csv.DictReader(io.StringIO(table(scores, {}, "csv", by="scene"))))
    assert {row["dataset"] for row in found} == {"vid4", "other"} and len(found) == 16
    whole = table(scores, {}, "standalone", by="scene")
    assert whole.count(r"\documentclass") == 1 and whole.count(r"\begin{table}") == 2


def test_an_unknown_table_is_refused_with_those_there_are() -> None:
    with pytest.raises(ReportError, match="no table by '4'; there are 1, 2, 3, dataset"):
        table(made({"a": 1.0}), {}, by="4")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex; a parser checks instead")
@pytest.mark.parametrize("by", NAMES)
def test_latex_takes_every_table_as_it_is(by: str, tmp_path: Path) -> None:
    scores, facts = hostile(60)
    (tmp_path / "t.tex").write_text(table(scores, facts, "standalone", by=by, quoted=True))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert (tmp_path / "t.pdf").stat().st_size > 1000


PAPER_TEMPLATE = r"""\documentclass[twocolumn]{article}
\usepackage{booktabs,graphicx}
\begin{document}
Text of a paper. %s
\end{document}
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex")
def test_tables_fit_into_a_paper_of_two_columns(tmp_path: Path) -> None:
    scores = made({"stvun": 26.0, "bicubic+flow": 20.0, "edvr-s+flow": 21.0})
    scores = pd.concat([scores, made({"stvun": 25.0}, ["a"], dataset="other")])
    methods = {name: timed(0.1, "cpu") for name in ("stvun", "bicubic+flow", "edvr-s+flow")}
    facts = {"protocol": PAPER, "methods": methods, "signature": SIGNATURE}
    choices: list[dict[str, Any]] = [
        {},
        {"split": True},
        {"columns": ["vid4", "time"], "methods": ["bicubic+flow", "STVUN (paper)"]},
        {"by": "1", "split": True},
        {"by": "scene"},
    ]
    text = "".join(table(scores, facts, "latex", **choice) for choice in choices)
    kinds = re.findall(r"\\begin\{(table\*?)\}", text)
    assert {"table", "table*"} == set(kinds)  # of one column where it fits, else of both
    assert f"% protocol: {SIGNATURE}\n" in text and text.count(SIGNATURE) == len(kinds)
    (tmp_path / "paper.tex").write_text(PAPER_TEMPLATE % text)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said[-2000:]
    assert "Overfull" not in said


def test_latex_has_no_empty_column_and_says_its_protocol_in_words() -> None:
    facts = {"protocol": PAPER, "signature": SIGNATURE, "methods": {"a": {}, "b": {}}}
    scores = made({"a": 20.0, "b": 21.0}, dataset="mine")
    text = table(scores, facts, "latex")
    assert r"method & mine \\" in text  # neither parameters nor a time is known
    assert "x4 in space and x2 in time (BD, new frames)" in text
    assert "n: mine 8 frames of 4 scenes" in text
    split = table(scores, facts, "latex", split=True, columns=["mine:ssim", "mine:psnr"])
    assert r"\multicolumn{2}{c}{mine}" in split and r"\cmidrule(lr){2-3}" in split
    assert r" & SSIM$\uparrow$ & PSNR$\uparrow$ \\" in split
