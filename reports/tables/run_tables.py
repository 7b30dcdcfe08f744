"""The tables of a run: methods x data sets, its scenes, and what each method costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from ..averages import Averages, Column, Mean
from ..formatting import NOTHING, count, memory_size, name, number, of_channel, seconds, with_unit
from ..protocol import protocol_phrase
from ..run_info import MethodInfo, RunInfo, Runtime
from ..scores import signature_parts
from .table import EMPTY, Cell, Row, Table, TableColumn, label

UNTRAINED = (
    "untrained: the network ran on seeded random weights, for its running time, memory and "
    "parameters; its frames mean nothing and no quality is given."
)
OWN_FRAMES = (
    "Each method is scored on all frames of its own window (n): where these are not the same, nobody "
    "is marked as best."
)
STATED = "As stated by who made the frames, not measured here."
PARAMETERS = TableColumn("parameters", key="parameters", better="low")


def summary_table(
    means: Averages, columns: Sequence[Column] = (), size: str = "", caption: str = ""
) -> Table:
    """Methods x data sets, with parameters and time.

    columns: all of the run if none; those that it lacks say so, in the metrics of the paper.
    size:    of the frames that times are of, "960x540"; others have a note. That of all if empty.
    """
    info = means.info
    sizes = {of.runtime.size for of in info.methods.values() if of.runtime}
    size = size or (sizes.pop() if len(sizes) == 1 else "")
    columns = columns or means.columns
    table = Table(
        caption or _summary_caption(means),
        [
            TableColumn("method"),
            *([] if info.common_frames else [TableColumn("n", key="n")]),
            *(part for column in columns for part in quality_columns(means, column, columns)),
            PARAMETERS,
            TableColumn(f"time, one {size} frame" if size else "time", key="seconds", better="low"),
        ],
        signature=info.signature,
        remarks=[UNTRAINED] * bool(means.untrained) + _frames_left_out(means),
    )
    for method in means.methods:
        about = info.method(method)
        numbers = "/".join(str(means.frame_count(d, None, method)) for d in means.scenes)
        costs = {
            "n": Cell(numbers, numbers),
            "parameters": _parameters(about),
            "seconds": _time_cell(about, size),
        }
        first = label(method, *[f"{about.mismatch}."] if about.mismatch else ())
        quality = partial(quality_cell, means, method=method)
        table.rows.append(row_of(table, first, quality, costs, keys=own_keys(method)))
    return table


def row_of(
    table: Table,
    first: Cell,
    quality: Callable[[Mapping[str, str]], Cell],
    others: Mapping[str, Cell] = {},
    **facts: Any,
) -> Row:
    """A row with a cell for each column of the table.

    quality: gives the cell of a column that is measured, from what it says of itself.
    others:  the cells of other columns, by their keys. facts: of `Row`.
    """
    cells = [
        quality(column.measured) if column.measured else others.get(column.key, EMPTY)
        for column in table.columns[1:]
    ]
    return Row([first, *cells], **facts)


def _frames_left_out(means: Averages) -> list[str]:
    """A sentence where other frames are scored of a method than of it alone."""
    info = means.info
    if not info.common_frames:
        return [OWN_FRAMES]
    alone: dict[str, list[str]] = {}
    for method in means.methods:
        if frames := info.method(method).frames_alone:
            listed = ", ".join(f"{n} frames of {dataset}" for dataset, n in frames.items())
            alone.setdefault(listed, []).append(method)
    if not alone:
        return []
    window = signature_parts(info.signature).get("window", "")
    widest = [name for name, of in info.methods.items() if of.window == window]
    whose = f"{window} input frames" + (f", that of {widest[0]}" if widest else "")
    others = "; ".join(f"{', '.join(names)}: {frames}" for frames, names in alone.items())
    sentence = (
        f"Only frames for which every method has its whole window ({whose}) are scored. Alone, some "
        f"would have others, and other means ({others}); --common-frames off scores those."
    )
    return [sentence]


def frame_numbers(means: Averages, datasets: Iterable[str]) -> str:
    """How many frames and scenes means are over, in a sentence."""
    words = []
    for dataset in datasets:
        scenes = sum(bool(means.frame_count(dataset, one)) for one in means.scenes[dataset])
        frames = f"{_frame_range(means, dataset)} frames of "
        if not scenes:
            whole = len({scene for of, _, scene, *_ in means.scene if of == dataset})
            scenes, frames = (whole, "") if whole else (0, frames)  # scored as wholes
        words.append(f"{dataset} {frames}{scenes} scene{'s' * (scenes != 1)}")
    return f"n: {', '.join(words)}." if words else ""


def _frame_range(means: Averages, dataset: str, scene: str | None = None) -> str:
    counts = {means.frame_count(dataset, scene, method) for method in means.methods} - {0} or {0}
    if means.info.common_frames or len(counts) == 1:
        return str(means.frame_count(dataset, scene))
    return f"{min(counts)} to {max(counts)}"


def scene_table(means: Averages, column: Column) -> Table:
    """Scenes x methods of one data set, the mean of its scenes in the last row."""
    dataset, channel = column
    table = Table(
        f"{dataset}, {metric_names(means, column)}{of_channel(channel)}, per scene. "
        f"{frame_numbers(means, [dataset])}",
        [
            TableColumn("scene"),
            TableColumn("n", key="n"),
            *(
                measured
                for method in means.methods
                for measured in quality_columns(means, column, (), method, own_keys(method))
            ),
        ],
        remarks=[UNTRAINED] * bool(means.untrained),
        signature=means.info.signature,
    )
    for scene in [*means.scenes[dataset], *[None] * (len(means.scenes[dataset]) > 1)]:
        number = _frame_range(means, dataset, scene)
        first = label("mean of scenes" if scene is None else scene)
        others = {"n": Cell(number, number)}
        quality = partial(quality_cell, means, scene=scene)
        if scene is None:
            table.rows.append(row_of(table, first, quality, others, kind="mean"))
        else:
            table.rows.append(row_of(table, first, quality, others, keys={"scene": scene}))
    return table


def cost_table(info: RunInfo) -> Table:
    """The cost of each method: parameters, operations, time, memory, and its stages."""
    table = Table(
        "Cost of each method.",
        [
            TableColumn("method"),
            PARAMETERS,
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
    notes = [STATED] if "operations" in about.stated else []
    if listed:
        notes.append(f"Operators whose multiply-accumulates are not counted: {listed}.")
    at, size_of = about.counted_at, about.cost_size
    if at and size_of and at != size_of:
        notes.append(f"Counted of a frame of {at[1]}x{at[0]} and scaled by area.")
    stages = "; ".join(
        f"{stage} {seconds(runtime.stages[stage])}, {count(held)} parameters"
        if stage in runtime.stages
        else f"{stage} {count(held)} parameters"
        for stage, held in about.stages.items()
    )
    ran = not runtime.out_of_memory
    low, high, memory = runtime.p10, runtime.p90, runtime.peak_memory_bytes
    height, width = size_of or (runtime.height, runtime.width)
    size = f"{width}x{height}" if width and height else NOTHING
    return [
        _parameters(about),
        Cell(
            about.multiply_accumulates,
            count(about.multiply_accumulates),
            tuple(notes),
        ),
        _time_cell(about, runtime.size),
        Cell(
            None,
            f"{seconds(low)} to {seconds(high)}" if ran and low else NOTHING,
            details={"p10": low, "p90": high},
        ),
        Cell(runtime.n, str(runtime.n) if ran and runtime.n else NOTHING),
        Cell(memory, memory_size(memory) if memory else NOTHING),
        Cell(None, size, details={"height": height, "width": width}),
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


def quality_columns(
    means: Averages,
    column: Column,
    columns: Iterable[Column] = (),
    title: str = "",
    keys: Mapping[str, str] = {},
) -> list[TableColumn]:
    """A column a metric; where nothing was scored, those of the paper or one without any.

    title: the data set if empty, with its channel where `columns` have several. keys: for CSV.
    """
    dataset, channel = column
    several = len({channel for _, channel in columns}) > 1
    title = title or (f"{dataset} ({name(channel)})" if several else dataset)
    parts = []
    for metric in means.metrics.get(column, ("psnr", "ssim")) or [""]:
        about = means.info.metric(metric)
        said = {"dataset": dataset, "channel": channel, "metric": metric}
        said |= {"unit": about.unit, "better": about.better}
        parts.append(TableColumn(title, name(metric), about.better, {**keys, **said}))
    return parts


def _parameters(about: MethodInfo) -> Cell:
    notes = (STATED,) if "params" in about.stated else ()
    return Cell(about.parameters, count(about.parameters), notes)


def _time_cell(about: MethodInfo, size: str) -> Cell:
    """The median running time, with notes of where it was measured, and of a frame of another size."""
    runtime = about.runtime
    if runtime is None:
        return EMPTY
    notes: tuple[str, ...] = (f"Median on {runtime.conditions}.",) if runtime.conditions else ()
    notes = (STATED,) if "seconds" in about.stated else notes
    if runtime.size not in ("", size):
        notes += (f"Of a frame of {runtime.size}.",)
    text = "out of memory" if runtime.out_of_memory else seconds(runtime.median)
    details = {"out_of_memory": runtime.out_of_memory, "device": runtime.device}
    return Cell(runtime.median, text, notes, details=details)


def _summary_caption(means: Averages) -> str:
    """What the cells of the main table hold, under which protocol, over how much."""
    if not means.columns or not means.methods:
        return "Nothing was scored."
    channels = " and ".join(dict.fromkeys(name(c) for _, c in means.columns if c))
    text = metric_names(means, means.columns[0]) or "Scores"
    text += f" of {channels}" if channels else ""
    text += f" for {words}" if (words := protocol_phrase(means.info.protocol)) else ""
    text += ", mean over frames and then over scenes."
    metrics = means.metrics[means.columns[0]]
    lower = [name(m) for m in metrics if not means.info.metric(m).higher_is_better]
    text += f" Lower is better in {' and '.join(lower)}." if lower else ""
    return f"{text} {frame_numbers(means, means.scenes)}"


def metric_names(means: Averages, column: Column, without: Collection[str] = ()) -> str:
    """ "PSNR/SSIM", as far as they were measured, custom ones with their unit."""
    metrics = [metric for metric in means.metrics[column] if metric not in without]
    return "/".join(with_unit(metric, means.info.metric(metric).unit) for metric in metrics)


def missing_reason(
    means: Averages, column: Column, method: str, mean: Mean, scene: str | None = None
) -> str:
    """Why a cell shows no mean, or nothing where it does: a mean of fewer scenes is not shown."""
    if method in means.untrained:
        return "untrained"
    if mean.complete:
        return ""
    if math.isnan(mean.value):
        return "failed" if _failures(means.info, column[0], method, scene) else NOTHING
    return f"{mean.scenes} of {mean.of} scenes" if scene is None else "frames missing"


def _failures(
    info: RunInfo, dataset: str, method: str, scene: str | None, metric: str = ""
) -> dict[str, list[str]]:
    """Reason -> the scenes that a method has no scores of a metric, or any, for."""
    reasons: dict[str, list[str]] = {}
    for failure in info.failures:
        is_of = (failure.dataset, failure.method) == (dataset, method)
        of_metric = not metric or failure.metric in ("", metric)
        if is_of and of_metric and scene in (None, failure.scene):
            reasons.setdefault(failure.reason, []).append(failure.scene)
    return reasons


def quality_cell(
    means: Averages, measured: Mapping[str, str], method: str = "", scene: str | None = None
) -> Cell:
    """A method's mean of a metric on a data set, or one scene of it, or why there is none.

    measured: what the column says of itself (`quality_columns`), the method if it is of one.
    """
    column, metric = (measured["dataset"], measured["channel"]), measured["metric"]
    method = method or measured["method"]
    if column not in means.metrics:
        return label("not run")
    mean = means.mean(column, method, metric, scene)
    details: dict[str, object] = {
        "scenes": mean.scenes,
        "scenes_expected": mean.of,
        "frames": means.frame_count(column[0], scene, method),
        "identical_left_out": mean.identical,
    }
    reason = missing_reason(means, column, method, mean, scene)
    if reason == "untrained":
        return Cell(None, reason, details=details)
    if reason:
        failures = _failures(means.info, column[0], method, scene, metric)
        notes = tuple(f"{_listed(scenes)}: {why}." for why, scenes in failures.items())
        return Cell(None, reason, notes, details=details)
    notes = (_identical(mean),) if mean.identical else ()
    rank = means.ranks(column, metric, scene).get(method)
    return Cell(mean.value, number(metric, mean.value), notes, rank, details)


def _listed(scenes: Sequence[str]) -> str:
    return ", ".join(scenes[:3]) + (f" and {len(scenes) - 3} more" if len(scenes) > 3 else "")


def _identical(mean: Mean) -> str:
    frames = f"{mean.identical} identical frame{'s' * (mean.identical > 1)}"
    if math.isinf(mean.value):
        return f"{frames}: all are equal to the truth."
    dropped = f", among them all of {mean.dropped} scene(s)" if mean.dropped else ""
    return f"{frames} left out of the mean{dropped}."
