"""The tables of a run: methods x data sets, its scenes, and what each method costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..formatting import NOTHING, count, memory_size, name, number, of_channel, seconds, with_unit
from ..run_info import MethodInfo, RunInfo, Runtime
from ..scores import Averages, Column, Mean
from .table import EMPTY, Cell, Row, Table, TableColumn, label

UNTRAINED = (
    "untrained: the network ran on seeded random weights, for its running time, memory and "
    "parameters; its frames mean nothing and no quality is given."
)
STATED = "As stated by who made the frames, not measured here."


def summary_table(means: Averages, info: RunInfo, cost: bool = True) -> Table:
    """Methods x data sets; cost: with parameters and time."""
    runtimes = [of.runtime for of in info.methods.values() if of.runtime]
    sizes = {runtime.size for runtime in runtimes}
    size = sizes.pop() if len(sizes) == 1 else ""
    heads = [(column, dataset_title(means.columns, column)) for column in means.columns]
    table = Table(
        summary_caption(means, info),
        [
            TableColumn("method"),
            *(measured for head in heads for measured in quality_columns(means, *head)),
            *cost_columns(f"time, one {size} frame" if size else "time")[: 2 * cost],
        ],
    )
    for method in means.methods:
        cells = [c for column in means.columns for c in quality_cells(means, info, column, method)]
        costs = cost_cells(info.method(method))[: 2 * cost]
        mismatch = info.method(method).mismatch
        first = label(method, *[f"{mismatch}."] if mismatch else ())
        table.rows.append(Row([first, *cells, *costs], keys=own_keys(method)))
    return table


def scene_table(means: Averages, info: RunInfo, column: Column) -> Table:
    """Scenes x methods of one data set, the mean of its scenes in the last row."""
    dataset, channel = column
    table = Table(
        f"{dataset}, {metric_names(means, column)}{of_channel(channel)}, per scene.",
        [
            TableColumn("scene"),
            *(
                measured
                for method in means.methods
                for measured in quality_columns(means, column, method, own_keys(method))
            ),
        ],
    )
    for scene in means.scenes[dataset]:
        table.rows.append(Row(_over_methods(means, info, column, scene), keys={"scene": scene}))
    if len(table.rows) > 1:
        table.rows.append(Row(_over_methods(means, info, column), "mean"))
    if means.untrained:
        table.remarks.append(UNTRAINED)
    return table


def _over_methods(
    means: Averages, info: RunInfo, column: Column, scene: str | None = None
) -> list[Cell]:
    cells = (quality_cells(means, info, column, method, scene) for method in means.methods)
    first = label("mean of scenes" if scene is None else scene)
    return [first, *(cell for group in cells for cell in group)]


def cost_table(info: RunInfo) -> Table:
    """The cost of each method: parameters, operations, time, memory, and its stages."""
    table = Table(
        "Cost of each method.",
        [
            TableColumn("method"),
            TableColumn("parameters", key="parameters", better="low"),
            TableColumn("multiply-accumulates", key="multiply_accumulates", better="low"),
            TableColumn("median", key="median", better="low"),
            TableColumn("p10 to p90"),
            TableColumn("runs", key="n"),
            TableColumn("peak memory", key="peak_memory_bytes", better="low"),
            TableColumn("frame"),
            TableColumn("precision", key="precision"),
            TableColumn("device", key="device"),
            TableColumn("stages"),
        ],
    )
    for method, about in info.methods.items():
        table.rows.append(Row([label(method), *_costs(about)], keys={"method": method}))
    return table


def _costs(about: MethodInfo) -> list[Cell]:
    runtime = about.runtime or Runtime()
    listed = ", ".join(f"{op} ({n})" for op, n in sorted((about.uncounted or {}).items()))
    note = f"Operators whose multiply-accumulates are not counted: {listed}."
    stages = "; ".join(
        f"{stage} {seconds(runtime.stages[stage])}, {count(held)} parameters"
        if stage in runtime.stages
        else f"{stage} {count(held)} parameters"
        for stage, held in about.stages.items()
    )
    ran = not runtime.out_of_memory
    low, high, memory = runtime.p10, runtime.p90, runtime.peak_memory_bytes
    return [
        _parameters(about),
        Cell(
            about.multiply_accumulates,
            count(about.multiply_accumulates),
            (note,) if listed else (STATED,) if "operations" in about.stated else (),
        ),
        time_cell(about),
        Cell(
            None,
            f"{seconds(low)} to {seconds(high)}" if ran and low else NOTHING,
            details={"p10": low, "p90": high},
        ),
        Cell(runtime.n, str(runtime.n) if ran and runtime.n else NOTHING),
        Cell(memory, memory_size(memory) if memory else NOTHING),
        Cell(
            None,
            runtime.size or NOTHING,
            details={"height": runtime.height, "width": runtime.width},
        ),
        Cell(runtime.precision, runtime.precision or NOTHING),
        Cell(runtime.device, runtime.device or NOTHING),
        label(stages if len(about.stages) > 1 else NOTHING),
    ]


def metric_table(info: RunInfo) -> Table:
    """What each metric of a run is; its definition is part of the signature of its scores."""
    heads = ("metric", "better", "unit", "scores", "definition")
    table = Table("Metrics.", [TableColumn(head) for head in heads])
    for metric in info.metrics:
        about = info.metric(metric)
        better = "higher" if about.higher_is_better else "lower"
        scores = "each frame" if about.input == "frame" else "the sequence of scored frames"
        texts = (name(metric), better, about.unit, scores, about.definition)
        table.rows.append(Row([label(text or NOTHING) for text in texts], keys={"metric": metric}))
    return table


def own_keys(method: str) -> dict[str, str]:
    """The keys of a method of this run, in CSV."""
    return {"method": method, "source": "this run"}


def dataset_title(columns: Iterable[Column], column: Column) -> str:
    """The data set, and its channel where there are several."""
    dataset, channel = column
    several = len({channel for _, channel in columns}) > 1
    return f"{dataset} ({name(channel)})" if several else dataset


def quality_columns(
    means: Averages,
    column: Column,
    title: str,
    keys: dict[str, str] | None = None,
    metrics: Sequence[str] = (),
) -> list[TableColumn]:
    """A column a metric, one without any where nothing was scored; keys: for CSV."""
    dataset, channel = column
    return [
        TableColumn(
            title,
            name(metric),
            about.better,
            {
                **(keys or {}),
                "dataset": dataset,
                "channel": channel,
                "metric": metric,
                "unit": about.unit,
                "better": about.better,
            },
        )
        for metric in means.metrics.get(column, metrics)
        for about in [means.about(metric)]
    ] or [TableColumn(title)]


def cost_columns(time: str) -> list[TableColumn]:
    return [
        TableColumn("parameters", key="parameters", better="low"),
        TableColumn(time, key="seconds", better="low"),
    ]


def cost_cells(about: MethodInfo) -> list[Cell]:
    """The cells of `cost_columns`."""
    device: dict[str, object] = {"device": about.runtime.device if about.runtime else None}
    time = time_cell(about)
    return [_parameters(about), replace(time, details=device)]


def _parameters(about: MethodInfo) -> Cell:
    notes = (STATED,) if "params" in about.stated else ()
    return Cell(about.parameters, count(about.parameters), notes)


def time_cell(about: MethodInfo) -> Cell:
    """The median running time, with a note of where it was measured."""
    runtime = about.runtime
    if runtime is None:
        return EMPTY
    notes = (f"Median on {runtime.conditions}.",) if runtime.conditions else ()
    notes = (STATED,) if "seconds" in about.stated else notes
    text = "out of memory" if runtime.out_of_memory else seconds(runtime.median)
    return Cell(runtime.median, text, notes, details={"out_of_memory": runtime.out_of_memory})


def summary_caption(means: Averages, info: RunInfo) -> str:
    """The caption of the main table: what its cells hold, with the protocol's signature."""
    if not means.columns or not means.methods:
        return "Nothing was scored."
    channels = " and ".join(dict.fromkeys(name(c) for _, c in means.columns if c))
    names = metric_names(means, means.columns[0]) or "Scores"
    text = f"{names}{f' of {channels}' if channels else ''}, mean over frames"
    text += " and then over scenes."
    lower = [name(m) for m in means.metrics[means.columns[0]] if means.about(m).better == "low"]
    text += f" Lower is better in {' and '.join(lower)}." if lower else ""
    return f"{text} Protocol: {info.signature}." if info.signature else text


def metric_names(means: Averages, column: Column) -> str:
    """ "PSNR/SSIM", as far as they were measured, custom ones with their unit."""
    return "/".join(with_unit(m, means.about(m).unit) for m in means.metrics[column])


def missing_reason(
    means: Averages, info: RunInfo, column: Column, method: str, mean: Mean, scene: str | None
) -> str:
    """Why a cell shows no mean, or nothing where it does: a mean of fewer scenes is not shown."""
    if method in means.untrained:
        return "untrained"
    if mean.complete:
        return ""
    failed = any(
        f.dataset == column[0] and f.method == method and scene in (None, f.scene)
        for f in info.failures
    )
    if math.isnan(mean.value):
        return "failed" if failed else NOTHING
    return f"{mean.scenes} of {mean.of} scenes" if scene is None else "frames missing"


def quality_cells(
    means: Averages, info: RunInfo, column: Column, method: str, scene: str | None = None
) -> list[Cell]:
    """A method's means on a data set, or on one scene of it, one a metric, or why there are none."""
    cells = []
    for metric in means.metrics.get(column) or [""]:
        mean = means.mean(column, method, metric, scene)
        details: dict[str, object] = {
            "scenes": mean.scenes,
            "scenes_expected": mean.of,
            "identical_left_out": mean.identical,
        }
        if reason := missing_reason(means, info, column, method, mean, scene):
            cells.append(Cell(None, reason, details=details))
            continue
        notes = (_identical(mean),) if mean.identical else ()
        rank = means.ranks(column, metric, scene).get(method)
        cells.append(Cell(mean.value, number(metric, mean.value), notes, rank, details))
    return cells


def _identical(mean: Mean) -> str:
    frames = f"{mean.identical} identical frame{'s' * (mean.identical > 1)}"
    if math.isinf(mean.value):
        return f"{frames}: all are equal to the truth."
    dropped = f", among them all of {mean.dropped} scene(s)" if mean.dropped else ""
    return f"{frames} left out of the mean{dropped}."
