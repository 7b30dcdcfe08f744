"""The paper's Tables 1, 2 and 3 with a run's numbers in them, and rows of the paper below ours."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from ..averages import Averages, Column
from ..formatting import NOTHING, count, name, number, seconds, signed
from ..published import PrintedCell, PrintedMethod, PrintedTable
from ..published.later_papers import TABLES, ZSM
from ..published.stvun import SCENES, TABLE_1, TABLE_2
from ..run_info import MethodInfo, RunInfo
from .run_tables import frame_numbers, metric_names, missing_reason, row_of, summary_table
from .table import EMPTY, Cell, Row, RowKind, Table, label

SIZE = "960x540"
RGB: dict[str, object] = {"channel": "rgb"}  # of the paper's numbers, whatever the run's is


def _departures(info: RunInfo, options: Mapping[str, object]) -> list[str]:
    """The options of a run's protocol that differ from these, in words."""
    if not info.protocol:
        return ["it is not known"]
    return [
        f"{key} is {_option(info.protocol[key])}, there {_option(there)}"
        for key, there in options.items()
        if key in info.protocol and info.protocol[key] != there
    ]


def _option(value: object) -> str:
    return "none" if value is None else str(value)


def _lacks(info: RunInfo, dataset: str) -> str:
    """What makes a data set of the run another than the paper's, or nothing."""
    return info.datasets[dataset].lacks if dataset in info.datasets else ""


def _not_the_set(info: RunInfo, dataset: str) -> str:
    differences = _lacks(info, dataset)
    return f"{dataset}: not the paper's set ({differences}), so its numbers are not set beside."


def _sets(printed: PrintedTable) -> list[str]:
    """The data sets of a printed table, in its order."""
    return list(dict.fromkeys(dataset for method in printed.methods for dataset in method.cells))


# ---- the run's main table


def main_table(means: Averages, quoted: bool = False) -> Table:
    """Methods x data sets, with the paper's rows where the run is under its protocol.

    quoted: with rows of later papers, too.
    """
    table = summary_table(means)
    _add_paper(table, means)
    if quoted:
        _add_quoted(table, means)
    return table


def _add_paper(table: Table, means: Averages) -> None:
    info, printed = means.info, TABLE_1
    theirs = [dataset for dataset in means.scenes if dataset in _sets(printed)]
    if info.protocol.get("name") != "paper" or not theirs:
        return
    if differs := _departures(info, printed.options):
        why = f"not its protocol ({', '.join(differs)})"
        if not _departures(info, TABLE_2.options):
            scale = printed.options["scale"]
            why = f"they are of scale {scale}; of this scale `--table 2` has them"
        table.remarks.append(f"The paper's own rows are left out: {why}.")
        return
    whole = [dataset for dataset in theirs if not _lacks(info, dataset)]
    table.remarks += [_not_the_set(info, dataset) for dataset in theirs if dataset not in whole]
    if not whole:
        return
    note = f"As printed in the paper's {printed.name}, timed on a {printed.device}."
    for like in printed.methods:

        def quality(column: Mapping[str, str], like: PrintedMethod = like) -> Cell:
            beside = column["channel"] == "rgb" and column["dataset"] in whole
            return _printed_cell(like, column) if beside else EMPTY

        first = label(f"{like.name} (paper)", note)
        table.rows.append(_printed_row(table, first, quality, printed, like, note, "quoted"))
    table.remarks.append(f"Paper's rows: {printed.source}. {printed.remarks}")


def _printed_row(
    table: Table,
    first: Cell,
    quality: Callable[[Mapping[str, str]], Cell],
    printed: PrintedTable,
    like: PrintedMethod,
    note: str,
    kind: RowKind,
) -> Row:
    """A method of the paper, with its parameters and time; note: on the time."""
    device: dict[str, object] = {"device": printed.device}
    costs = {
        "parameters": Cell(like.parameters, count(like.parameters)),
        "seconds": Cell(like.seconds, seconds(like.seconds), (note,), details=device),
    }
    keys = {"method": like.name, "source": "paper"}
    return row_of(table, first, quality, costs, kind=kind, keys=keys)


def _printed_cell(like: PrintedMethod, column: Mapping[str, str]) -> Cell:
    """What the paper prints for a method, in RGB."""
    printed, metric = like.cells.get(column["dataset"]), column["metric"]
    if printed is None:
        return EMPTY
    notes = (f"Unclear: {printed.doubt}.",) if printed.doubt else ()
    if printed.psnr is None and printed.ssim is None:
        return Cell(None, "unreadable", notes, details=RGB)
    value = printed.value(metric)
    if value is None:
        return EMPTY
    text = number(metric, value)
    return Cell(text, _doubted(text, printed), notes, details=RGB)


def _doubted(text: str, printed: PrintedCell) -> str:
    return f"{text} ?" if printed.doubt else text


def _add_quoted(table: Table, means: Averages) -> None:
    """Rows of later papers, where the protocol is theirs and a data set is one of their own."""
    info = means.info
    quoted = next((one for one in TABLES if not _departures(info, one.options)), ZSM)
    differs = _departures(info, quoted.options)
    if differs or not set(_sets(quoted)) & set(means.scenes):
        theirs = f"their protocol is {quoted.name} ({quoted.caption}), this run's is another"
        why = f"{theirs}: {'; '.join(differs)}" if differs else "none of their data sets is here"
        table.remarks.append(f"Numbers of later papers are left out: {why}.")
        return
    note = (
        f"Quoted from {quoted.source}; protocol {quoted.name}: {quoted.caption}. Speed as printed "
        "there, on a device that is not known here."
    )
    for place, method in enumerate(quoted.methods):
        costs = {}
        if method.parameters is not None:
            costs["parameters"] = Cell(method.parameters, count(method.parameters))
        if speed := method.frames_per_second:
            costs["seconds"] = Cell(round(1 / speed, 4), f"{speed:.2f} frames/s")
        keys = {"method": method.name, "source": "quoted", "protocol": quoted.name}
        row = row_of(
            table,
            label(f"{method.name} (quoted)", note),
            partial(_quoted_cell, method),
            costs,
            kind="quoted",
            keys=keys,
            spaced=not place,
        )
        table.rows.append(row)


def _quoted_cell(method: PrintedMethod, column: Mapping[str, str]) -> Cell:
    printed = method.cells.get(column["dataset"]) if column["channel"] == "y" else None
    value = printed.value(column["metric"]) if printed else None
    if value is None:
        return EMPTY
    text = number(column["metric"], value)
    return Cell(text, text)


# ---- the paper's tables


def paper_table(means: Averages, printed: PrintedTable, quoted: bool = False) -> Table:
    """A printed table: each method of the run; under it the paper's row and the difference.

    Where a difference would mean nothing its place says why: another protocol, untrained weights,
    scenes missing, another device. Methods that only the paper has come last.
    quoted: with rows of later papers, if the run is under their protocol.
    """
    info, theirs = means.info, _sets(printed)
    differs = _departures(info, printed.options)
    not_theirs = (
        [f"The run's protocol is not the paper's: {'; '.join(differs)}."] if differs else []
    )
    channels = list(dict.fromkeys(channel for _, channel in means.columns)) or ["rgb"]
    columns: list[Column] = [
        *[(dataset, channel) for dataset in theirs for channel in channels],
        *[column for column in means.columns if column[0] not in theirs],
    ]
    table = summary_table(means, columns, SIZE, _caption(means, printed))
    # A method's specification decides which is its row in the paper, for a name may be anything.
    specs = {spec: like for like in printed.methods for spec in like.specs}
    likes = [specs.get(info.method(method).spec or method) for method in means.methods]

    def printed_row(like: PrintedMethod, kind: RowKind) -> Row:
        def quality(column: Mapping[str, str]) -> Cell:
            if _lacks(info, column["dataset"]):
                return label("other set", _not_the_set(info, column["dataset"]))
            return _printed_cell(like, column)

        first = label(f"{like.name} (paper)", *not_theirs)
        timed = f"In the paper timed on a {printed.device}."
        return _printed_row(table, first, quality, printed, like, timed, kind)

    rows: list[Row] = []
    for method, like, own in zip(means.methods, likes, table.rows, strict=True):
        rows.append(replace(own, spaced=any(likes) and bool(rows)))
        if like:
            about = info.method(method)
            difference = partial(_difference, means, method, like, not_theirs)
            costs = {"parameters": _larger(about, like), "seconds": _slower(about, like)}
            keys = {"method": method, "source": f"difference to {like.name} (paper)"}
            first = label("difference")
            rows.append(printed_row(like, "subrow"))
            rows.append(row_of(table, first, difference, costs, kind="subrow", keys=keys))
    others = [like for like in printed.methods if like not in likes]
    table.rows = rows + [printed_row(like, "quoted") for like in others]
    if others and means.methods:
        listed = ", ".join(like.name for like in others)
        table.remarks.append(f"Of the paper's methods this run lacks {listed}.")
    if quoted:
        _add_quoted(table, means)
    table.remarks.append(f"Paper's rows: {printed.source}. {printed.remarks}")
    return table


def _caption(means: Averages, printed: PrintedTable) -> str:
    ours = metric_names(means, means.columns[0]) if means.columns else ""
    channels = dict.fromkeys(name(channel) for _, channel in means.columns if channel)
    text = f"The paper's {printed.name}: {printed.caption}. {ours or 'PSNR/SSIM'}"
    text += f" of {' and '.join(channels)}" if channels else ""
    numbers = frame_numbers(means, means.scenes)
    return f"{text}, mean over frames and then over scenes. {numbers}".rstrip()


def _difference(
    means: Averages,
    method: str,
    like: PrintedMethod,
    not_theirs: Sequence[str],
    measured: Mapping[str, str],
) -> Cell:
    """Ours minus the paper's, or the reason where it would mean nothing."""
    column, metric = (measured["dataset"], measured["channel"]), measured["metric"]
    printed = like.cells.get(column[0])
    if printed is None or column not in means.metrics:
        return EMPTY
    mean, theirs = means.mean(column, method, metric), printed.value(metric)
    scenes, of = len(means.scenes[column[0]]), SCENES.get(column[0], 0)
    if reason := missing_reason(means, column, method, mean):
        return label(reason)
    if not_theirs:
        return label("other protocol", *not_theirs)
    if _lacks(means.info, column[0]):
        return label("other set")
    if scenes < of:
        return label(f"{scenes} of {of} scenes")
    if theirs is None:
        return label("unreadable") if metric in ("psnr", "ssim") else EMPTY
    if math.isinf(mean.value):
        return Cell(math.nan, NOTHING)
    difference = mean.value - theirs
    return Cell(difference, _doubted(signed(metric, difference), printed))


def _larger(about: MethodInfo, like: PrintedMethod) -> Cell:
    """How many parameters more ours has."""
    if about.parameters is None or like.parameters is None:
        return EMPTY
    more = about.parameters - like.parameters
    return Cell(more, f"{more / 1e6:+.1f} M".replace("-0.0", "+0.0"))


def _slower(about: MethodInfo, like: PrintedMethod) -> Cell:
    """How many seconds longer ours takes, where both are of one frame size and device."""
    runtime = about.runtime
    if runtime is None or runtime.median is None or like.seconds is None:
        return EMPTY
    if runtime.size != SIZE:
        return label("other frame size")
    if not re.search(r"titan x\b", runtime.device, re.IGNORECASE):
        return label("other device")
    return Cell(runtime.median - like.seconds, f"{runtime.median - like.seconds:+.2f} s")
