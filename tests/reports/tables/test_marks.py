"""The best and the second are the same methods in every format of a table, and on report.html."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stvt.reports import COLUMNS
from stvt.reports.averages import Rank, averages
from stvt.reports.page.html import html_page
from stvt.reports.scores import checked
from tests.builders.reports import run_info, table

NUMBER = r"\d+\.\d+"
# How a number that is marked stands in each format.
MARKS = {
    "markdown": {"best": rf"\*\*{NUMBER}\*\*", "second": rf"<ins>{NUMBER}</ins>"},
    "latex": {"best": rf"\\textbf{{{NUMBER}}}", "second": rf"\\underline{{{NUMBER}}}"},
    "html": {"best": rf"<b>{NUMBER}</b>", "second": rf"<u>{NUMBER}</u>"},
    "terminal": {"best": rf"{NUMBER}\*", "second": rf"{NUMBER}°"},
    "page": {"best": rf"<b>{NUMBER}</b>", "second": rf"<u>{NUMBER}</u>"},
}


def scored(values: Mapping[str, float], metric: str) -> pd.DataFrame:
    rows = [
        ("set", "s", method, 1, 0.5, "new", metric, "rgb", value, "", "scale:4")
        for method, value in values.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def marked(text: str, format: str, methods: Mapping[str, float]) -> dict[str, str]:
    """The mark of each method, from the line of the text that its row is."""
    found, text = {}, re.sub(r"\n<td", "<td", text)
    for method in methods:
        (row,) = [line for line in text.splitlines() if re.search(rf"\b{method}\b.*{NUMBER}", line)]
        hits = [mark for mark, pattern in MARKS[format].items() if re.search(pattern, row)]
        found[method] = "".join(hits)
    return found


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        ({"one": 22.0, "two": 21.0, "three": 20.0}, ("best", "second", "")),
        ({"one": 20.001, "two": 20.002, "three": 19.0}, ("best", "best", "")),
        ({"one": 22.0, "two": 20.001, "three": 20.002}, ("best", "", "")),
        (
            {"one": 22.0, "two": 21.001, "three": 21.0, "four": 1.0},
            ("best", "second", "second", ""),
        ),
        ({"one": 21.0, "two": 22.0}, ("", "best")),
        ({"one": 21.0}, ("",)),
    ],
)
def test_all_formats_mark_the_same(
    values: dict[str, float], marks: tuple[str, ...], tmp_path: Path
) -> None:
    expected = dict(zip(values, marks, strict=True))
    rows = checked(scored(values, "psnr"))
    info = run_info(methods={method: {} for method in values})
    page = html_page(rows, averages(rows, info), {}, tmp_path)
    page = page[page.index('id="summary"') : page.index("</table>")]
    facts: dict[str, Any] = {"methods": {method: {} for method in values}}
    texts = {name: table(rows, facts, name) for name in MARKS if name != "page"} | {"page": page}
    for name, text in texts.items():
        assert marked(text, name, values) == expected, name
    lines = csv.DictReader(io.StringIO(table(rows, facts, "csv")))
    assert {line["method"]: line["mark"] for line in lines} == expected


def test_less_is_better_for_lpips_in_every_format() -> None:
    values = {"one": 0.3, "two": 0.1, "three": 0.2}
    for name in MARKS.keys() - {"page"}:
        found = marked(table(scored(values, "lpips"), {}, name), name, values)
        assert found == {"one": "", "two": "best", "three": "second"}, name


def test_a_second_is_marked_only_above_a_last() -> None:
    assert Rank(1, 1).mark == "best" and Rank(2, 3).mark == "second"
    assert Rank(2, 2).mark == Rank(3, 4).mark == ""


def test_a_mark_in_the_terminal_is_of_the_one_value_before_it() -> None:
    parts = [({"one": 22.0, "two": 21.0}, "psnr"), ({"one": 0.7, "two": 0.6}, "ssim")]
    lost = [*parts[:1], ({"one": 0.6, "two": 0.7}, "ssim")]
    methods: dict[str, Any] = {"methods": {"one": {}, "two": {}}}
    texts = [table(pd.concat([scored(*part) for part in of]), methods) for of in (parts, lost)]
    assert "22.00*/0.7000*" in texts[0]
    assert "22.00*/0.6000 " in texts[1] and "21.00/0.7000*" in texts[1]
