"""The paper's Tables 1, 2 and 3 with a run's numbers in them, and rows of the paper below ours."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..formatting import NOTHING, count, name, number, seconds, signed
from ..published.later_papers import TABLES, ZSM, QuotedMethod
from ..published.stvun import PROTOCOL, SCENES, TABLE_1, TABLE_2, PrintedMethod, PrintedTable
from ..run_info import MethodInfo, RunInfo
from ..scores import Averages, Column
from .run_tables import (
    UNTRAINED,
    cost_cells,
    cost_columns,
    dataset_title,
    metric_names,
    missing_reason,
    own_keys,
    quality_cells,
    quality_columns,
    summary_table,
)
from .table import EMPTY, Cell, Row, RowKind, Table, TableColumn, label

METRICS = ("psnr", "ssim")  # that the paper prints
SIZE = (540, 960)
RGB: dict[str, object] = {"channel": "rgb"}  # of the paper's numbers, whatever the run's is


def departures(info: RunInfo, options: Mapping[str, object]) -> list[str]:
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


def lacks(info: RunInfo, dataset: str) -> str:
    """What makes a data set of the run another than the paper's, or nothing."""
    return info.datasets[dataset].lacks if dataset in info.datasets else ""


def not_the_set(info: RunInfo, dataset: str) -> str:
    differences = lacks(info, dataset)
    return f"{dataset}: not the paper's set ({differences}), so its numbers are not set beside."


# ---- the run's main table


def main_table(means: Averages, info: RunInfo, quoted: bool = False) -> Table:
    """Methods x data sets, with the paper's rows where the run is under its protocol.

    quoted: with rows of later papers, too.
    """
    table = summary_table(means, info)
    _add_paper(table, means, info)
    if means.untrained:
        table.remarks.append(UNTRAINED)
    if quoted:
        _add_quoted(table, means.columns, means, info)
    return table


def _add_paper(table: Table, means: Averages, info: RunInfo) -> None:
    printed = TABLE_1
    theirs = {dataset for method in printed.methods for dataset in method.cells}
    if info.protocol.get("name") != "paper" or not theirs & {d for d, _ in means.columns}:
        return
    if differs := departures(info, PROTOCOL):
        others = departures(info, {**PROTOCOL, "scale": TABLE_2.scale})
        why = f"not its protocol ({', '.join(differs)})"
        if not others:
            why = f"they are of scale {PROTOCOL['scale']}; of this scale `--table 2` has them"
        table.remarks.append(f"The paper's own rows are left out: {why}.")
        return
    whole = {d for d, _ in means.columns if d in theirs and not lacks(info, d)}
    for dataset in theirs & {d for d, _ in means.columns} - whole:
        table.remarks.append(not_the_set(info, dataset))
    if not whole:
        return
    note = f"As printed in the paper's {printed.name}, timed on a {printed.device}."
    for like in printed.methods:
        first = label(f"{like.name} (paper)", note)
        cells = [
            cell
            for column in means.columns
            for cell in _printed_cells(
                like, column[0], means.metrics[column], column[1] == "rgb" and column[0] in whole
            )
        ]
        table.rows.append(_printed_row(printed, like, [first, *cells], note, "quoted"))
    table.remarks.append(f"Paper's rows: {printed.source}. " + " ".join(printed.remarks))


def _printed_row(
    printed: PrintedTable, like: PrintedMethod, cells: Sequence[Cell], note: str, kind: RowKind
) -> Row:
    """A method of the paper, with its parameters and time; note: on the time."""
    device: dict[str, object] = {"device": printed.device}
    costs = [
        Cell(like.parameters, count(like.parameters)),
        Cell(like.seconds, seconds(like.seconds), (note,), details=device),
    ]
    return Row([*cells, *costs], kind, {"method": like.name, "source": "paper"})


def _printed_cells(
    like: PrintedMethod, dataset: str, metrics: Sequence[str], rgb: bool = True
) -> list[Cell]:
    """What the paper prints for a method on a data set, in RGB, a cell a metric."""
    if not rgb or dataset not in like.cells:
        return [EMPTY] * max(1, len(metrics))
    printed = like.cells[dataset]
    notes = (f"Unclear: {printed.doubt}.",) if printed.doubt else ()
    if printed.psnr is None and printed.ssim is None:
        return [Cell(None, "unreadable", notes, details=RGB)] * len(metrics)
    values = [(metric, printed.value(metric)) for metric in metrics]
    cells = [
        EMPTY if v is None else Cell(number(m, v), number(m, v), notes, details=RGB)
        for m, v in values
    ]
    return [*cells[:-1], _doubted(cells[-1]) if printed.doubt else cells[-1]]


def _doubted(cell: Cell) -> Cell:
    return replace(cell, text=f"{cell.text} ?")


def _add_quoted(table: Table, columns: Sequence[Column], means: Averages, info: RunInfo) -> None:
    """Rows of later papers, where the protocol is theirs and a data set is one of their own."""
    quoted = next((one for one in TABLES if not departures(info, one.options)), ZSM)
    differs = departures(info, quoted.options)
    known = {dataset for method in quoted.methods for dataset in method.cells}
    if differs or not known & set(means.scenes):
        theirs = f"their protocol is {quoted.protocol} ({quoted.words}), this run's is another"
        why = f"{theirs}: {'; '.join(differs)}" if differs else "none of their data sets is here"
        table.remarks.append(f"Numbers of later papers are left out: {why}.")
        return
    note = (
        f"Quoted from {quoted.source}; protocol {quoted.protocol}: {quoted.words}. Speed as printed "
        "there, on a device that is not known here."
    )
    for place, method in enumerate(quoted.methods):
        cells = [
            cell
            for column in columns
            for cell in _quoted_cells(column, means.metrics.get(column, METRICS) or [""], method)
        ]
        speed = method.frames_per_second
        costs = [
            EMPTY
            if method.parameters is None
            else Cell(method.parameters, count(method.parameters)),
            EMPTY if speed is None else Cell(round(1 / speed, 4), f"{speed:.2f} frames/s"),
        ]
        first = label(f"{method.name} (quoted)", note)
        keys = {"method": method.name, "source": "quoted", "protocol": quoted.protocol}
        table.rows.append(Row([first, *cells, *costs], "quoted", keys, spaced=not place))


def _quoted_cells(column: Column, metrics: Sequence[str], method: QuotedMethod) -> list[Cell]:
    dataset, channel = column
    printed = method.cells.get(dataset) if channel == "y" else None
    values = [(metric, printed.value(metric) if printed else None) for metric in metrics]
    return [
        EMPTY if value is None else Cell(number(metric, value), number(metric, value))
        for metric, value in values
    ]


# ---- the paper's tables


def paper_table(
    means: Averages, info: RunInfo, printed: PrintedTable, quoted: bool = False
) -> Table:
    """A printed table: each method of the run; under it the paper's row and the difference.

    Where a difference would mean nothing its place says why: another protocol, untrained weights,
    scenes missing, another device. Methods that only the paper has come last.
    quoted: with rows of later papers, if the run is under their protocol.
    """
    return _PaperTable(means, info, printed).table(quoted)


def _like(method: str, info: RunInfo, printed: PrintedTable) -> PrintedMethod | None:
    """The paper's row of a method: its specification decides, for a name may be anything."""
    spec = info.method(method).spec or method
    return next((like for like in printed.methods if spec in like.specs), None)


class _PaperTable:
    """What the rows of one of the paper's tables have in common."""

    def __init__(self, means: Averages, info: RunInfo, printed: PrintedTable) -> None:
        self.means, self.info, self.printed = means, info, printed
        differs = departures(info, {**PROTOCOL, "scale": printed.scale})
        note = f"The run's protocol is not the paper's: {'; '.join(differs)}."
        self.not_theirs = (note,) if differs else ()
        theirs = dict.fromkeys(d for method in printed.methods for d in method.cells)
        channels = list(dict.fromkeys(channel for _, channel in means.columns)) or ["rgb"]
        self.columns: list[Column] = [
            *[(dataset, channel) for dataset in theirs for channel in channels],
            *[column for column in means.columns if column[0] not in theirs],
        ]
        self.timed = f"In the paper timed on a {printed.device}."

    def table(self, quoted: bool) -> Table:
        means, printed = self.means, self.printed
        height, width = SIZE
        heads = [(column, dataset_title(self.columns, column)) for column in self.columns]
        quality = (c for head in heads for c in quality_columns(means, *head, metrics=METRICS))
        time = f"time, one {width}x{height} frame"
        table = Table(self._caption(), [TableColumn("method"), *quality, *cost_columns(time)])
        likes = {method: _like(method, self.info, printed) for method in means.methods}
        spaced = any(likes.values())
        for method, like in likes.items():
            table.rows.append(replace(self._own(method), spaced=spaced and bool(table.rows)))
            if like:
                table.rows += [self._printed(like, "subrow"), self._difference(method, like)]
        others = [like for like in printed.methods if like not in likes.values()]
        table.rows += [self._printed(like, "quoted") for like in others]
        if others and means.methods:
            listed = ", ".join(like.name for like in others)
            table.remarks.append(f"Of the paper's methods this run lacks {listed}.")
        if quoted:
            _add_quoted(table, self.columns, means, self.info)
        if means.untrained:
            table.remarks.append(UNTRAINED)
        table.remarks.append(f"Paper's rows: {printed.source}. " + " ".join(printed.remarks))
        return table

    def _caption(self) -> str:
        ours = metric_names(self.means, self.means.columns[0]) if self.means.columns else ""
        text = f"The paper's {self.printed.name}: {self.printed.caption}. {ours or 'PSNR/SSIM'}"
        channels = dict.fromkeys(name(channel) for _, channel in self.columns if channel)
        text += f" of {' and '.join(channels)}" if channels else ""
        text += ", mean over frames and then over scenes."
        return (
            f"{text} Protocol of the run: {self.info.signature}." if self.info.signature else text
        )

    def _metrics(self, column: Column) -> Sequence[str]:
        return self.means.metrics.get(column, METRICS) or [""]

    def _own(self, method: str) -> Row:
        about = self.info.method(method)
        row = [label(method)]
        for column in self.columns:
            if column in self.means.metrics:
                row += quality_cells(self.means, self.info, column, method)
            else:
                row += [label("not run")] * len(self._metrics(column))
        parameters, time = cost_cells(about)
        runtime = about.runtime
        if runtime and runtime.size and (runtime.height, runtime.width) != SIZE:
            time = replace(time, notes=(*time.notes, f"Of a frame of {runtime.size}."))
        return Row([*row, parameters, time], keys=own_keys(method))

    def _printed(self, like: PrintedMethod, kind: RowKind) -> Row:
        """The paper's row: under ours, or among the last where we have none."""
        cells = [label(f"{like.name} (paper)", *self.not_theirs)]
        for column in self.columns:
            if lacks(self.info, column[0]):
                other = label("other set", not_the_set(self.info, column[0]))
                cells += [other] * len(self._metrics(column))
            else:
                cells += _printed_cells(like, column[0], self._metrics(column))
        return _printed_row(self.printed, like, cells, self.timed, kind)

    def _difference(self, method: str, like: PrintedMethod) -> Row:
        about = self.info.method(method)
        cells = [c for column in self.columns for c in self._differences(column, method, like)]
        parameters = EMPTY
        if about.parameters is not None:
            more = about.parameters - like.parameters
            parameters = Cell(more, f"{more / 1e6:+.1f} M".replace("-0.0", "+0.0"))
        keys = {"method": method, "source": f"difference to {like.name} (paper)"}
        row = [label("difference"), *cells, parameters, _slower(about, like)]
        return Row(row, "subrow", keys)

    def _differences(self, column: Column, method: str, like: PrintedMethod) -> list[Cell]:
        """Ours minus the paper's, a cell a metric; one reason where it would mean nothing."""
        dataset, _ = column
        metrics = self._metrics(column)
        printed = like.cells.get(dataset)
        if printed is None or column not in self.means.metrics:
            return [EMPTY] * len(metrics)
        if reason := self._reason(column, method, like):
            notes = self.not_theirs if reason == "other protocol" else ()
            return [label(reason, *notes)] * len(metrics)
        cells = []
        for metric in metrics:
            theirs = printed.value(metric)
            ours = self.means.mean(column, method, metric).value
            if theirs is None:
                cells.append(EMPTY)
            elif math.isinf(ours):
                cells.append(Cell(math.nan, NOTHING))
            else:
                difference = ours - theirs
                cells.append(Cell(difference, signed(metric, difference)))
        return [*cells[:-1], _doubted(cells[-1]) if printed.doubt else cells[-1]]

    def _reason(self, column: Column, method: str, like: PrintedMethod) -> str:
        """Why there is no difference on a data set, or nothing."""
        dataset, _ = column
        scenes, of = len(self.means.scenes[dataset]), SCENES.get(dataset, 0)
        for metric in self._metrics(column):
            mean = self.means.mean(column, method, metric)
            if metric not in METRICS:
                continue
            if reason := missing_reason(self.means, self.info, column, method, mean, None):
                return reason
            if self.not_theirs:
                return "other protocol"
            if lacks(self.info, dataset):
                return "other set"
            if scenes < of:
                return f"{scenes} of {of} scenes"
            if like.cells[dataset].value(metric) is None:
                return "unreadable"
        return ""


def _slower(about: MethodInfo, like: PrintedMethod) -> Cell:
    """How many seconds longer ours takes, where both are of one frame size and device."""
    runtime = about.runtime
    if runtime is None or runtime.median is None:
        return EMPTY
    if (runtime.height, runtime.width) != SIZE:
        return label("other frame size")
    if not re.search(r"titan x\b", runtime.device, re.IGNORECASE):
        return label("other device")
    return Cell(runtime.median - like.seconds, f"{runtime.median - like.seconds:+.2f} s")
