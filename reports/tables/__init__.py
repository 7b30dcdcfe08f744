"""The tables of a run by name, in any format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ReportError
from ..published.stvun import TABLES
from ..run_info import RunInfo
from ..scores import averages, checked, one_signature
from .paper_tables import main_table, paper_table
from .render import render
from .run_tables import cost_table, scene_table
from .significance_tables import difference_table, time_table
from .table import Table

if TYPE_CHECKING:
    from pandas import DataFrame

NAMES = (*TABLES, "dataset", "scene", "time", "difference", "runtime")


def run_table(
    scores: DataFrame,
    info: RunInfo,
    format: str = "terminal",
    by: str = "dataset",
    quoted: bool = False,
) -> str:
    """One of a run's tables, as text.

    by:     "1", "2", "3": the paper's, with its numbers and the differences. "dataset": methods x
            data sets. "scene": scenes x methods. "time": by position between two input frames.
            "difference": of each two methods, with its confidence interval. "runtime": the cost.
    format: one of FORMATS; "latex" goes into a paper, "standalone" is a whole document.
    quoted: with rows of later papers in the paper's tables and in that by data set.

    Raises ReportError for scores that can share no table.
    """
    rows = checked(scores)
    one_signature(rows, info.signature)
    return render(_tables(rows, info, by, quoted), format)


def _tables(rows: DataFrame, info: RunInfo, by: str, quoted: bool) -> list[Table]:
    if by == "runtime":
        return [cost_table(info)]
    means = averages(rows, info)
    if by in TABLES:
        return [paper_table(means, info, TABLES[by], quoted)]
    if by == "dataset":
        return [main_table(means, info, quoted)]
    if by == "scene":
        return [scene_table(means, info, column) for column in means.columns]
    if by == "time":
        return [time_table(rows, means, info, column) for column in means.columns]
    if by == "difference":
        return [
            difference_table(rows, means, column, metric)
            for column in means.columns
            for metric in means.metrics[column]
        ]
    raise ReportError(f"no table by '{by}'; there are {', '.join(NAMES)}")
