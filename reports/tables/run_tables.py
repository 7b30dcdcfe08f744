"""The tables of a run: methods x data sets, its scenes, and what each method costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
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


def summary_table(
    means: Averages,
    info: RunInfo,
    columns: Sequence[Column] = (),
    size: str = "",
    caption: str = "",
) -> Table:
    """Methods x data sets, with parameters and time.

    columns: all of the run if none; those that it lacks say so, in the metrics of the paper.
    size:    of the frames that times are of, "960x540"; others have a note. That of all if empty.
    """
    sizes = {of.runtime.size for of in info.methods.values() if of.runtime}
    size = size or (sizes.pop() if len(sizes) == 1 else "")
    columns = columns or means.columns
    datasets = dict.fromkeys(dataset for dataset, _ in means.columns)
    measured = [c for column in columns for c in quality_columns(means, columns, column)]
    table = Table(
        caption or summary_caption(means, info),
        [
            TableColumn("method"),
            *([] if info.common_frames else [TableColumn("n", key="n")]),
            *measured,
            TableColumn("parameters", key="parameters", better="low"),
            TableColumn(f"time, one {size} frame" if size else "time", key="seconds", better="low"),
        ],
        signature=info.signature,
        remarks=[UNTRAINED] * bool(means.untrained) + frames_left_out(means, info),
    )
    for method in means.methods:
        about = info.method(method)
        numbers = "/".join(str(means.frame_count(d, None, method)) for d in datasets)
        table.rows.append(
            row_of(
                table,
                label(method, *[f"{about.mismatch}."] if about.mismatch else ()),
                partial(quality_cell, means, info, method=method),
                {
                    "n": Cell(numbers, numbers),
                    "parameters": _parameters(about),
                    "seconds": time_cell(about, size),
                },
                keys=own_keys(method),
            )
        )
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


def frames_left_out(means: Averages, info: RunInfo) -> list[str]:
    """A sentence where other frames are scored of a method than of it alone."""
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


def frame_numbers(means: Averages, info: RunInfo, datasets: Iterable[str]) -> str:
    """How many frames and scenes means are over, in a sentence."""
    words = []
    for dataset in datasets:
        scenes = len(means.scenes[dataset])
        frames = _frame_range(means, info, dataset)
        words.append(f"{dataset} {frames} frames of {scenes} scene{'s' * (scenes != 1)}")
    return f"n: {', '.join(words)}." if words else ""


def _frame_range(means: Averages, info: RunInfo, dataset: str, scene: str | None = None) -> str:
    counts = {means.frame_count(dataset, scene, method) for method in means.methods} - {0} or {0}
    if info.common_frames or len(counts) == 1:
        return str(means.frame_count(dataset, scene))
    return f"{min(counts)} to {max(counts)}"


def scene_table(means: Averages, info: RunInfo, column: Column) -> Table:
    """Scenes x methods of one data set, the mean of its scenes in the last row."""
    dataset, channel = column
    table = Table(
        f"{dataset}, {metric_names(means, column)}{of_channel(channel)}, per scene. "
        f"{frame_numbers(means, info, [dataset])}",
        [
            TableColumn("scene"),
            TableColumn("n", key="n"),
            *(
                measured
                for method in means.methods
                for measured in quality_columns(means, [], column, method, own_keys(method))
            ),
        ],
        remarks=[UNTRAINED] * bool(means.untrained),
        signature=info.signature,
    )
    for scene in [*means.scenes[dataset], *[None] * (len(means.scenes[dataset]) > 1)]:
        number = _frame_range(means, info, dataset, scene)
        table.rows.append(
            row_of(
                table,
                label("mean of scenes" if scene is None else scene),
                partial(_of_own_method, means, info, scene),
                {"n": Cell(number, number)},
                kind="mean" if scene is None else "own",
                keys={} if scene is None else {"scene": scene},
            )
        )
    return table


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
        time_cell(about, runtime.size),
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


def quality_columns(
    means: Averages,
    columns: Iterable[Column],
    column: Column,
    title: str = "",
    keys: Mapping[str, str] = {},
) -> list[TableColumn]:
    """A column a metric; where nothing was scored, those of the paper or one without any.

    title: the data set if empty, with its channel where there are several. keys: for CSV.
    """
    dataset, channel = column
    several = len({channel for _, channel in columns}) > 1
    title = title or (f"{dataset} ({name(channel)})" if several else dataset)
    found = []
    for metric in metrics_of(means, column):
        about = means.about(metric)
        said = {"dataset": dataset, "channel": channel, "metric": metric}
        said |= {"unit": about.unit, "better": about.better}
        found.append(TableColumn(title, name(metric), about.better, {**keys, **said}))
    return found


def metrics_of(means: Averages, column: Column) -> Sequence[str]:
    """The metrics of a column: of one that is not in the run those that the paper prints."""
    return means.metrics.get(column, ("psnr", "ssim")) or [""]


def _parameters(about: MethodInfo) -> Cell:
    notes = (STATED,) if "params" in about.stated else ()
    return Cell(about.parameters, count(about.parameters), notes)


def time_cell(about: MethodInfo, size: str = "") -> Cell:
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


def summary_caption(means: Averages, info: RunInfo) -> str:
    """The caption of the main table: what its cells hold, under which protocol, over how much."""
    if not means.columns or not means.methods:
        return "Nothing was scored."
    channels = " and ".join(dict.fromkeys(name(c) for _, c in means.columns if c))
    names = metric_names(means, means.columns[0]) or "Scores"
    text = f"{names}{f' of {channels}' if channels else ''}"
    text += f" for {words}" if (words := protocol_phrase(info.protocol)) else ""
    text += ", mean over frames and then over scenes."
    lower = [name(m) for m in means.metrics[means.columns[0]] if means.about(m).better == "low"]
    text += f" Lower is better in {' and '.join(lower)}." if lower else ""
    return f"{text} {frame_numbers(means, info, dict.fromkeys(d for d, _ in means.columns))}"


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
    if math.isnan(mean.value):
        return "failed" if _failures(info, column[0], method, scene) else NOTHING
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
    means: Averages,
    info: RunInfo,
    measured: Mapping[str, str],
    method: str,
    scene: str | None = None,
) -> Cell:
    """A method's mean of a metric on a data set, or one scene of it, or why there is none.

    measured: what the column says of itself (`quality_columns`).
    """
    column, metric = (measured["dataset"], measured["channel"]), measured["metric"]
    if column not in means.metrics:
        return label("not run")
    mean = means.mean(column, method, metric, scene)
    details: dict[str, object] = {
        "scenes": mean.scenes,
        "scenes_expected": mean.of,
        "frames": means.frame_count(column[0], scene, method),
        "identical_left_out": mean.identical,
    }
    if reason := missing_reason(means, info, column, method, mean, scene):
        failures = (
            {} if reason == "untrained" else _failures(info, column[0], method, scene, metric)
        )
        notes = tuple(f"{_listed(scenes)}: {why}." for why, scenes in failures.items())
        return Cell(None, reason, notes, details=details)
    notes = (_identical(mean),) if mean.identical else ()
    rank = means.ranks(column, metric, scene).get(method)
    return Cell(mean.value, number(metric, mean.value), notes, rank, details)


def _of_own_method(
    means: Averages, info: RunInfo, scene: str | None, measured: Mapping[str, str]
) -> Cell:
    """The `quality_cell` of a column that is of one method."""
    return quality_cell(means, info, measured, measured["method"], scene)


def _listed(scenes: Sequence[str]) -> str:
    return ", ".join(scenes[:3]) + (f" and {len(scenes) - 3} more" if len(scenes) > 3 else "")


def _identical(mean: Mean) -> str:
    frames = f"{mean.identical} identical frame{'s' * (mean.identical > 1)}"
    if math.isinf(mean.value):
        return f"{frames}: all are equal to the truth."
    dropped = f", among them all of {mean.dropped} scene(s)" if mean.dropped else ""
    return f"{frames} left out of the mean{dropped}."
