"""The tables of a run by name, in any format."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..averages import averages
from ..errors import ReportError
from ..published.stvun import TABLES
from ..run_info import RunInfo
from ..scores import checked, one_signature
from .paper_tables import main_table, paper_table
from .render import render
from .run_tables import cost_table, scene_table
from .significance_tables import difference_table, time_table
from .table import Table

if TYPE_CHECKING:
    from pandas import DataFrame

MARKS = ("best", "second")
NAMES = (*TABLES, "dataset", "scene", "time", "difference", "runtime")


def run_table(
    scores: DataFrame,
    info: RunInfo,
    format: str = "terminal",
    by: str = "dataset",
    quoted: bool = False,
    *,
    methods: Sequence[str] = (),
    columns: Sequence[str] = (),
    split: bool = False,
    highlight: Collection[str] = MARKS,
) -> str:
    """One of a run's tables, as text.

    by:     "1", "2", "3": the paper's, with its numbers and the differences. "dataset": methods x
            data sets. "scene": scenes x methods. "time": by position between two input frames.
            "difference": of each two methods, with its confidence interval. "runtime": the cost.
    format: one of FORMATS; "latex" goes into a paper, "standalone" is a whole document.
    quoted: with rows of later papers in the paper's tables and in that by data set.
    methods: only these, in this order, and of somebody else's rows those named ("STVUN (paper)").
    columns: only these, in this order: a data set, a metric, both ("vid4:psnr"), "parameters" ...
    split:   each metric of a data set in a column of its own.
    highlight: the marks that are shown, of "best" and "second".

    Raises ReportError for scores that can share no table, and for names that are not in it.
    """
    rows = checked(scores)
    one_signature(rows, info.signature)
    if unknown := set(highlight) - set(MARKS):
        raise ReportError(f"no mark '{min(unknown)}' to highlight; there are {', '.join(MARKS)}")
    own = [method for method in methods if method in info.methods]
    if own:
        rows = rows[rows["method"].isin(own)]
        failures = [failure for failure in info.failures if failure.method in own]
        info = replace(info, methods={m: info.methods[m] for m in own}, failures=failures)
    tables = _tables(rows, info, by, quoted)
    named = {table_row.cells[0].text for table in tables for table_row in table.rows}
    for method in methods:
        if method not in own and method not in named:
            raise ReportError(f"no method '{method}' in the run; it has {', '.join(info.methods)}")
    if methods:
        for table in tables:
            others = [row for row in table.rows if row.kind == "quoted"]
            chosen = [row for m in methods for row in others if row.cells[0].text == m]
            table.rows = [row for row in table.rows if row.kind != "quoted"] + chosen
    if columns:
        tables = [table.choose(columns) for table in tables]
    return render([replace(t.highlight(highlight), split=split) for t in tables], format)


def _tables(rows: DataFrame, info: RunInfo, by: str, quoted: bool) -> list[Table]:
    if by == "runtime":
        return [cost_table(info)]
    means = averages(rows, info)
    if by in TABLES:
        return [paper_table(means, TABLES[by], quoted)]
    if by == "dataset":
        return [main_table(means, quoted)]
    if by == "scene":
        return [scene_table(means, column) for column in means.columns]
    if by == "time":
        return [time_table(rows, means, column) for column in means.columns]
    if by == "difference":
        return [
            difference_table(rows, means, column, metric)
            for column in means.columns
            for metric in means.metrics[column]
        ]
    raise ReportError(f"no table by '{by}'; there are {', '.join(NAMES)}")
