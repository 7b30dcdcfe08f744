"""The tables of a run: methods x data sets, its scenes, and what each method costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..formatting import NOTHING, count, memory_size, name, number, of_channel, seconds
from ..scores import Averages, Column, Facts, Mean
from .published_rows import add_paper
from .table import Entry, Grid

UNTRAINED = (
    "untrained: the network ran on seeded random weights, for its running time, memory and "
    "parameters; its frames mean nothing and no quality is given."
)


def summary_grid(means: Averages, facts: Facts) -> Grid:
    """Methods x data sets, parameters and time; below them the paper's rows where they belong."""
    several = len({channel for _, channel in means.columns}) > 1
    header = [
        f"{dataset} ({name(channel)})" if several else dataset for dataset, channel in means.columns
    ]
    height, width = frame_size(facts)
    size = f", one {width}x{height} frame" if height and width else ""
    grid = Grid(
        caption=summary_caption(means, facts),
        header=["method", *header, "parameters", f"time{size}"],
    )
    for method in means.methods:
        row = [Entry((method,))]
        for column in means.columns:
            row.append(quality_entry(grid, means, facts, column, method))
            grid.records += records_of(means, facts, column, method)
        known = facts.get("methods", {}).get(method, {})
        row.append(Entry((count(known.get("parameters")),)))
        row.append(time_entry(grid, known.get("runtime")))
        grid.rows.append(row)
    add_paper(grid, means, facts)
    if means.untrained:
        grid.remarks.append(UNTRAINED)
    return grid


def scene_grid(means: Averages, facts: Facts, column: Column) -> Grid:
    """Scenes x methods of one data set, the mean of its scenes in the last row."""
    dataset, channel = column
    grid = Grid(
        caption=f"{dataset}, {metric_names(means, column)}{of_channel(channel)}, per scene.",
        header=["scene", *means.methods],
    )
    for scene in means.scenes[dataset]:
        row = [Entry((scene,))]
        for method in means.methods:
            row.append(quality_entry(grid, means, facts, column, method, scene))
            grid.records += records_of(means, facts, column, method, scene)
        grid.rows.append(row)
    if len(grid.rows) > 1:
        mean = [quality_entry(grid, means, facts, column, method) for method in means.methods]
        grid.rows.append([Entry(("mean of scenes",)), *mean])
    if means.untrained:
        grid.remarks.append(UNTRAINED)
    return grid


def runtime_grid(facts: Facts) -> Grid:
    """What each method costs: parameters, operations, time, memory, and its stages."""
    grid = Grid(
        caption="Cost of each method.",
        header=[
            "method",
            "parameters",
            "multiply-accumulates",
            "median",
            "p10 to p90",
            "runs",
            "peak memory",
            "frame",
            "precision",
            "device",
            "stages",
        ],
    )
    for method, known in facts.get("methods", {}).items():
        runtime = known.get("runtime") or {}
        operations = known.get("multiply_accumulates")
        uncounted = known.get("uncounted") or {}
        notes = []
        if uncounted:
            listed = ", ".join(f"{op} ({n})" for op, n in sorted(uncounted.items()))
            notes.append(
                grid.note(f"Operators whose multiply-accumulates are not counted: {listed}.")
            )
        time = time_entry(grid, runtime)
        took = runtime.get("stages") or {}
        stages = known.get("stages") or {}
        by_stage = "; ".join(
            f"{stage} {seconds(took[stage])}, {count(held)} parameters"
            if stage in took
            else f"{stage} {count(held)} parameters"
            for stage, held in stages.items()
        )
        low, high, memory = (runtime.get(key) for key in ("p10", "p90", "peak_memory_bytes"))
        height, width = runtime.get("height"), runtime.get("width")
        ran = bool(runtime) and not runtime.get("out_of_memory")
        grid.rows.append(
            [
                Entry((method,)),
                Entry((count(known.get("parameters")),)),
                Entry((count(operations),), notes=tuple(notes)),
                time,
                Entry((f"{seconds(low)} to {seconds(high)}" if ran and low else NOTHING,)),
                Entry((str(runtime["n"]) if ran and runtime.get("n") else NOTHING,)),
                Entry((memory_size(memory) if memory else NOTHING,)),
                Entry((f"{width}x{height}" if width and height else NOTHING,)),
                Entry((str(runtime.get("precision") or NOTHING),)),
                Entry((str(runtime.get("device") or NOTHING),)),
                Entry((by_stage if len(stages) > 1 else NOTHING,)),
            ]
        )
        grid.records.append(
            {
                "method": method,
                "parameters": known.get("parameters"),
                "multiply_accumulates": operations,
                **{
                    key: runtime.get(key)
                    for key in ("median", "p10", "p90", "n", "peak_memory_bytes", "height")
                    + ("width", "precision", "device", "out_of_memory")
                },
            }
        )
    return grid


def summary_caption(means: Averages, facts: Facts) -> str:
    """What the main table's cells hold, in one sentence with the protocol's signature."""
    if not means.columns or not means.methods:
        return "Nothing was scored."
    channels = " and ".join(dict.fromkeys(name(c) for _, c in means.columns if c))
    counted = [metric_names(means, column) for column in means.columns[:1]]
    text = f"{counted[0] or 'Scores'}{f' of {channels}' if channels else ''}, mean over frames"
    text += " and then over scenes."
    signature = str(facts.get("signature") or "")
    return f"{text} Protocol: {signature}." if signature else text


def metric_names(means: Averages, column: Column) -> str:
    """ "PSNR/SSIM", as far as they were measured."""
    return "/".join(name(metric) for metric in means.metrics[column])


def frame_size(facts: Facts) -> tuple[int | None, int | None]:
    """(height, width) that every measured runtime is of, or (None, None) where they differ."""
    runtimes = [m.get("runtime") for m in facts.get("methods", {}).values()]
    sizes = {(r.get("height"), r.get("width")) for r in runtimes if r}
    return sizes.pop() if len(sizes) == 1 else (None, None)


def why_empty(
    means: Averages, facts: Facts, column: Column, method: str, mean: Mean, scene: str | None
) -> str:
    """Why a cell shows no mean, or nothing where it does: a mean of fewer scenes is not shown."""
    if method in means.untrained:
        return "untrained"
    if mean.complete:
        return ""
    failed = any(
        f["dataset"] == column[0] and f["method"] == method and scene in (None, f["scene"])
        for f in facts.get("failures", ())
    )
    if math.isnan(mean.value):
        return "failed" if failed else NOTHING
    return f"{mean.scenes} of {mean.of} scenes" if scene is None else "frames missing"


def quality_entry(
    grid: Grid,
    means: Averages,
    facts: Facts,
    column: Column,
    method: str,
    scene: str | None = None,
) -> Entry:
    """A method's means on a data set, or on one scene of it, or the reason why there are none."""
    texts, bold, second, notes, reasons = [], [], [], [], []
    for metric in means.metrics[column]:
        mean = means.mean(column, method, metric, scene)
        empty = why_empty(means, facts, column, method, mean, scene)
        if empty:
            texts.append(empty)
            bold.append(False)
            second.append(False)
            reasons.append(empty)
            continue
        texts.append(number(metric, mean.value))
        bold.append(method in means.best(column, metric, scene))
        second.append(method in means.second(column, metric, scene))
        if mean.identical:
            notes.append(grid.note(_identical(mean)))
    if not texts or (len(reasons) == len(texts) and len(set(reasons)) == 1):
        return Entry((*reasons, NOTHING)[:1])
    return Entry(tuple(texts), tuple(bold), tuple(dict.fromkeys(notes)), tuple(second))


def _identical(mean: Mean) -> str:
    frames = f"{mean.identical} identical frame{'s' * (mean.identical > 1)}"
    if math.isinf(mean.value):
        return f"{frames}: all are equal to the truth."
    dropped = f", among them all of {mean.dropped} scene(s): not compared" if mean.dropped else ""
    return f"{frames} left out of the mean{dropped}."


def records_of(
    means: Averages, facts: Facts, column: Column, method: str, scene: str | None = None
) -> list[dict[str, object]]:
    """The same as plain values for CSV, one a metric."""
    known = facts.get("methods", {}).get(method, {})
    runtime = known.get("runtime") or {}
    records: list[dict[str, object]] = []
    for metric in means.metrics[column]:
        mean = means.mean(column, method, metric, scene)
        empty = why_empty(means, facts, column, method, mean, scene)
        records.append(
            {
                "method": method,
                "source": "this run",
                "dataset": column[0],
                **({} if scene is None else {"scene": scene}),
                "channel": column[1],
                "metric": metric,
                "value": "" if empty else f"{mean.value:.6f}",
                "note": empty,
                "rank": means.ranks(column, metric, scene).get(method, ""),
                "scenes": mean.scenes,
                "scenes_expected": mean.of,
                "identical_left_out": mean.identical,
                "parameters": known.get("parameters"),
                "seconds": runtime.get("median"),
                "device": runtime.get("device"),
            }
        )
    return records


def time_entry(grid: Grid, runtime: Mapping[str, Any] | None) -> Entry:
    """The median running time, with a note of where it was measured."""
    if not runtime:
        return Entry((NOTHING,))
    where = ", ".join(str(runtime[key]) for key in ("device", "precision") if runtime.get(key))
    notes = (grid.note(f"Median on {where}."),) if where else ()
    if runtime.get("out_of_memory"):
        return Entry(("out of memory",), notes=notes)
    return Entry((seconds(runtime.get("median")),), notes=notes)
