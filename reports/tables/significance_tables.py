"""Tables of differences with their confidence intervals, and of means by time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from ..averages import Averages, Column, averages
from ..formatting import NOTHING, name, number, of_channel, signed
from ..run_info import DatasetInfo
from ..scores import of_frames
from ..significance import CONFIDENCE, RESAMPLES, Difference, difference
from .run_tables import (
    frame_numbers,
    metric_names,
    own_keys,
    quality_cell,
    quality_columns,
    row_of,
)
from .table import Cell, Row, Table, TableColumn, label

if TYPE_CHECKING:
    from pandas import DataFrame

METHOD = (
    f"{CONFIDENCE:.0%} confidence interval by resampling the scenes {RESAMPLES:,} times "
    "(bootstrap, paired)"
)


def _difference_columns(verdict: str) -> list[TableColumn]:
    return [
        TableColumn("difference", key="difference"),
        TableColumn("interval"),
        TableColumn("scenes", key="scenes"),
        TableColumn(verdict, key="verdict"),
    ]


def _difference_cells(of: Difference, verdict: str) -> list[Cell]:
    """Of `_difference_columns`; verdict: as it is printed."""
    mean = NOTHING if math.isnan(of.mean) else signed(of.metric, of.mean)
    ends = f"{signed(of.metric, of.low)} to {signed(of.metric, of.high)}"
    return [
        Cell(of.mean, mean, tuple(of.notes())),
        Cell(of.low, ends if of.scenes > 1 else NOTHING, details={"low": of.low, "high": of.high}),
        Cell(of.scenes, str(of.scenes)),
        Cell(of.verdict, verdict),
    ]


def difference_table(rows: DataFrame, means: Averages, column: Column, metric: str) -> Table:
    """Each two methods of a run on one data set: the difference, its interval, if it is one."""
    dataset, channel = column
    table = Table(
        f"{dataset}, differences in {name(metric)}{of_channel(channel)} of each two methods: "
        f"mean over scenes, {METHOD}. {frame_numbers(means, [dataset])}",
        [TableColumn("methods"), *_difference_columns("significant")],
        signature=means.info.signature,
    )
    verdicts = {"same": "no", "not significant": "no", "not comparable": NOTHING}
    of = rows[(rows["dataset"] == dataset) & (rows["metric"] == metric)]
    if metric in ("psnr", "ssim"):  # LPIPS has no channel to choose
        of = of[of["channel"] == channel]
    of = of.drop_duplicates(["method", "scene", "frame"]).set_index(["scene", "frame"])
    parts = dict(iter(of["value"].groupby(of["method"].array)))
    trained = [m for m in means.methods if m not in means.untrained and m in parts]
    higher = means.info.metric(metric).higher_is_better
    for a, b in combinations(trained, 2):
        result = difference(parts[a], parts[b], metric, higher_is_better=higher)
        keys = {"dataset": dataset, "channel": channel, "metric": metric, "a": a, "b": b}
        verdict = verdicts.get(result.verdict, f"yes, {result.verdict}")
        cells = [label(f"{b} against {a}"), *_difference_cells(result, verdict)]
        table.rows.append(Row(cells, keys=keys))
    if not table.rows:
        table.remarks.append("There are no two methods with scores and trained weights.")
    return table


def comparison_table(
    differences: Iterable[tuple[Column, str, str, Difference]], remarks: Sequence[str]
) -> Table:
    """Two runs: ((data set, channel), method of the first, of the second, difference) as rows."""
    table = Table(
        "The second run against the first: means over scenes that both have, the difference and "
        f"its {METHOD}.",
        [
            *(TableColumn(title) for title in ("data set", "metric", "method")),
            TableColumn("first"),
            TableColumn("second"),
            *_difference_columns("second is"),
        ],
        remarks=[*remarks],
    )
    for (dataset, channel), a, b, of in differences:
        metric = f"{name(of.metric)} of {name(channel)}"
        texts = (dataset, metric, a if a == b else f"{b} against {a}")
        values = [NOTHING if math.isnan(v) else number(of.metric, v) for v in (of.a, of.b)]
        cells = [*map(label, (*texts, *values)), *_difference_cells(of, of.verdict)]
        keys = {"dataset": dataset, "channel": channel, "first": a, "second": b}
        table.rows.append(Row(cells, keys={**keys, "metric": of.metric}))
    return table


def time_table(rows: DataFrame, means: Averages, column: Column) -> Table:
    """Methods x positions between two input frames (t = 0 is in register with one)."""
    dataset, channel = column
    rows = rows[rows["dataset"] == dataset]
    here = of_frames(rows)
    whole = [m for m in means.metrics[column] if m in {*rows["metric"]} - {*here["metric"]}]
    about = means.info.datasets.get(dataset, DatasetInfo([]))
    failures = [failure for failure in means.info.failures if failure.metric not in whole]
    only = replace(means.info, datasets={dataset: about}, failures=failures)
    times = sorted(here["time"].unique())
    parts = {f"{t:.6g}": averages(here[here["time"] == t], only) for t in times}
    columns = []
    for t, of in parts.items():
        title = (
            f"t = {float(t):.4g}{'' if float(t) else ' (existing)'}, n {of.frame_count(dataset)}"
        )
        if column in of.metrics:
            columns += quality_columns(of, column, (), title, {"t": t})
    table = Table(
        f"{dataset}, {metric_names(means, column, whole) or 'scores'}{of_channel(channel)} by the time t between "
        f"two input frames, mean over n frames and then over {len(means.scenes[dataset])} scenes.",
        [TableColumn("method"), *columns],
        remarks=[f"Scores of whole scenes, which have no t: {', '.join(whole)}."] * bool(whole),
        signature=means.info.signature,
    )
    for method in means.methods:

        def quality(of: Mapping[str, str], method: str = method) -> Cell:
            return quality_cell(parts[of["t"]], of, method)

        table.rows.append(row_of(table, label(method), quality, keys=own_keys(method)))
    return table
