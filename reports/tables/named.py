"""The tables by name, in any format: what `stvt report --table` and `stvt.reports.table` give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ReportError
from ..published.stvun import TABLES
from ..scores import Facts, averages, checked, one_signature
from ..significance import difference_grid, time_grid
from .paper_tables import paper_grid
from .published_rows import add_quoted
from .run_tables import runtime_grid, scene_grid, summary_grid
from .table import FORMATS, Grid

if TYPE_CHECKING:
    from pandas import DataFrame

NAMES = (*TABLES, "dataset", "scene", "time", "difference", "runtime")


def table(
    scores: DataFrame,
    facts: Facts,
    format: str = "terminal",
    by: str = "dataset",
    quoted: bool = False,
) -> str:
    """One of a run's tables.

    by:     "1", "2", "3": the paper's, with its numbers and the differences. "dataset": methods x
            data sets. "scene": scenes x methods. "time": by position between two input frames.
            "difference": of each two methods, with its confidence interval. "runtime": the cost.
    format: one of FORMATS; "latex" goes into a paper, "standalone" is a whole document.
    quoted: with rows of later papers in the paper's tables and in that by data set.

    Raises ReportError for scores that can share no table.
    """
    if format not in FORMATS:
        raise ReportError(f"no table format '{format}'; there are {', '.join(FORMATS)}")
    return FORMATS[format](_grids(scores, facts, by, quoted))


def _grids(scores: DataFrame, facts: Facts, by: str, quoted: bool) -> list[Grid]:
    rows = checked(scores)
    one_signature(rows, str(facts.get("signature") or ""))
    if by == "runtime":
        return [runtime_grid(facts)]
    means = averages(rows, facts)
    if by in TABLES:
        return [paper_grid(means, facts, TABLES[by], quoted)]
    if by == "dataset":
        grid = summary_grid(means, facts)
        if quoted:
            add_quoted(grid, means.columns, means, facts)
        return [grid]
    if by == "scene":
        return [scene_grid(means, facts, column) for column in means.columns]
    if by == "time":
        return [time_grid(rows, means, facts, column) for column in means.columns]
    if by == "difference":
        return [
            difference_grid(rows, means, column, metric)
            for column in means.columns
            for metric in means.metrics[column]
        ]
    raise ReportError(f"no table by '{by}'; there are {', '.join(NAMES)}")
