"""The paper's Tables 1, 2 and 3 with a run's numbers in them: ours, printed, and the difference."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from ..formatting import NOTHING, count, name, seconds, signed
from ..published.stvun import SCENES, PrintedMethod, PrintedTable
from ..scores import Averages, Column, Facts
from .published_rows import PAPER_PROTOCOL, add_quoted, departures, printed_entry
from .run_tables import UNTRAINED, metric_names, quality_entry, records_of, time_entry, why_empty
from .table import Entry, Grid

PRINTED_METRICS = ("psnr", "ssim")
SIZE = (540, 960)


def paper_grid(means: Averages, facts: Facts, printed: PrintedTable, quoted: bool = False) -> Grid:
    """A printed table: each method of the run; under it the paper's row and the difference.

    Where a difference would mean nothing its place says why: another protocol, untrained weights,
    scenes missing, another device. Methods that only the paper has come last.
    quoted: with rows of later papers, if the run is under their protocol.
    """
    wanted = {**PAPER_PROTOCOL, "scale": printed.scale}
    table = _Table(means, facts, printed, departures(facts, wanted))
    grid = table.grid
    matched = {method: _match(method, facts, printed) for method in means.methods}
    for method, like in matched.items():
        if grid.rows and any(matched.values()):
            grid.rules.add(len(grid.rows))
        table.add_ours(method)
        if like:
            table.add_printed(like, aside=True)
            table.add_difference(method, like)
    missing = [like for like in printed.methods if like not in matched.values()]
    for like in missing:
        table.add_printed(like, aside=False)
    if missing and means.methods:
        listed = ", ".join(like.name for like in missing)
        grid.remarks.append(f"Of the paper's methods this run lacks {listed}.")
    if quoted:
        add_quoted(grid, table.columns, means, facts)
    if means.untrained:
        grid.remarks.append(UNTRAINED)
    grid.remarks.append(f"Paper's rows: {printed.source}. " + " ".join(printed.remarks))
    return grid


def _match(method: str, facts: Facts, printed: PrintedTable) -> PrintedMethod | None:
    """The paper's row of a method: its specification decides, for a name may be anything."""
    spec = str(facts.get("methods", {}).get(method, {}).get("spec") or method)
    return next((like for like in printed.methods if spec in like.specs), None)


class _Table:
    """A grid on its way, and what its rows have in common."""

    def __init__(
        self, means: Averages, facts: Facts, printed: PrintedTable, differs: Sequence[str]
    ) -> None:
        self.means, self.facts, self.printed, self.differs = means, facts, printed, differs
        theirs = dict.fromkeys(d for method in printed.methods for d in method.cells)
        channels = list(dict.fromkeys(channel for _, channel in means.columns)) or ["rgb"]
        self.columns: list[Column] = [
            *[(dataset, channel) for dataset in theirs for channel in channels],
            *[column for column in means.columns if column[0] not in theirs],
        ]
        several = len(channels) > 1
        heads = [f"{d} ({name(channel)})" if several else d for d, channel in self.columns]
        height, width = SIZE
        self.grid = Grid(
            caption=self._caption(channels),
            header=["method", *heads, "parameters", f"time, one {width}x{height} frame"],
        )

    def _caption(self, channels: Sequence[str]) -> str:
        ours = metric_names(self.means, self.means.columns[0]) if self.means.columns else ""
        text = f"The paper's {self.printed.name}: {self.printed.caption}. {ours or 'PSNR/SSIM'}"
        text += f" of {' and '.join(name(c) for c in channels if c)}" if any(channels) else ""
        text += ", mean over frames and then over scenes."
        signature = str(self.facts.get("signature") or "")
        return f"{text} Protocol of the run: {signature}." if signature else text

    def metrics(self, column: Column) -> Sequence[str]:
        return self.means.metrics.get(column, PRINTED_METRICS)

    def _not_theirs(self) -> tuple[int, ...]:
        listed = "; ".join(self.differs)
        note = f"The run's protocol is not the paper's: {listed}."
        return (self.grid.note(note),) if self.differs else ()

    def add_ours(self, method: str) -> None:
        known = self.facts.get("methods", {}).get(method, {})
        row = [Entry((method,))]
        for column in self.columns:
            if column in self.means.metrics:
                row.append(quality_entry(self.grid, self.means, self.facts, column, method))
                self.grid.records += records_of(self.means, self.facts, column, method)
            else:
                row.append(Entry(("not run",)))
        row += [Entry((count(known.get("parameters")),)), self._our_time(known)]
        self.grid.rows.append(row)

    def _our_time(self, known: Mapping[str, object]) -> Entry:
        runtime = known.get("runtime")
        if not isinstance(runtime, Mapping):
            return Entry((NOTHING,))
        entry = time_entry(self.grid, runtime)
        size = runtime.get("height"), runtime.get("width")
        if size not in (SIZE, (None, None)):
            note = self.grid.note(f"Of a frame of {size[1]}x{size[0]}.")
            entry = Entry(entry.texts, notes=(*entry.notes, note))
        return entry

    def add_printed(self, like: PrintedMethod, aside: bool) -> None:
        """The paper's row: set aside under ours, or among the last where we have none."""
        grid = self.grid
        if aside:
            grid.aside.add(len(grid.rows))
        else:
            grid.quoted += 1
        first = Entry((f"{like.name} (paper)",), notes=self._not_theirs())
        device = grid.note(f"In the paper timed on a {self.printed.device}.")
        cells = [
            printed_entry(grid, (dataset, "rgb"), self.metrics((dataset, channel)), like)
            for dataset, channel in self.columns
        ]
        time = Entry((seconds(like.seconds),), notes=(device,))
        grid.rows.append([first, *cells, Entry((count(like.parameters),)), time])
        for dataset, cell in like.cells.items():
            for metric, value in (("psnr", cell.psnr), ("ssim", cell.ssim)):
                grid.records.append(
                    {
                        "method": like.name,
                        "source": "paper",
                        "dataset": dataset,
                        "channel": "rgb",
                        "metric": metric,
                        "value": "" if value is None else value,
                        "note": cell.doubt,
                        "parameters": like.parameters,
                        "seconds": like.seconds,
                        "device": self.printed.device,
                    }
                )

    def add_difference(self, method: str, like: PrintedMethod) -> None:
        known = self.facts.get("methods", {}).get(method, {})
        self.grid.aside.add(len(self.grid.rows))
        row = [Entry(("difference",))]
        row += [self._difference(column, method, like) for column in self.columns]
        size = known.get("parameters")
        more = NOTHING if size is None else f"{(size - like.parameters) / 1e6:+.1f} M"
        row += [Entry((more.replace("-0.0", "+0.0"),)), self._slower(known, like)]
        self.grid.rows.append(row)

    def _difference(self, column: Column, method: str, like: PrintedMethod) -> Entry:
        dataset, _ = column
        cell = like.cells.get(dataset)
        if cell is None or column not in self.means.metrics:
            return Entry((NOTHING,))
        values, reason, notes = [], "", list[int]()
        for metric in self.metrics(column):
            theirs = {"psnr": cell.psnr, "ssim": cell.ssim}.get(metric)
            if metric not in PRINTED_METRICS:
                values.append(NOTHING)
                continue
            mean = self.means.mean(column, method, metric)
            reason = why_empty(self.means, self.facts, column, method, mean, None)
            short = len(self.means.scenes[dataset]) < SCENES.get(dataset, 0)
            if reason:
                pass
            elif self.differs:
                reason = "other protocol"
                notes += self._not_theirs()
            elif short:
                reason = f"{len(self.means.scenes[dataset])} of {SCENES[dataset]} scenes"
            elif theirs is None:
                reason = "unreadable"
            if reason or theirs is None:
                break
            exact = math.isinf(mean.value)
            values.append(NOTHING if exact else signed(metric, mean.value - theirs))
        self._record(column, method, like, values, reason)
        if reason:
            return Entry((reason,), notes=tuple(dict.fromkeys(notes)))
        if cell.doubt:
            values[-1] += " ?"
        return Entry(tuple(values))

    def _record(
        self,
        column: Column,
        method: str,
        like: PrintedMethod,
        values: Sequence[str],
        reason: str,
    ) -> None:
        for place, metric in enumerate(self.metrics(column)):
            if metric in PRINTED_METRICS:
                self.grid.records.append(
                    {
                        "method": method,
                        "source": f"difference to {like.name} (paper)",
                        "dataset": column[0],
                        "channel": column[1],
                        "metric": metric,
                        "value": "" if reason else values[place],
                        "note": reason or like.cells[column[0]].doubt,
                    }
                )

    def _slower(self, known: Mapping[str, object], like: PrintedMethod) -> Entry:
        runtime = known.get("runtime")
        if not isinstance(runtime, Mapping) or runtime.get("median") is None:
            return Entry((NOTHING,))
        if (runtime.get("height"), runtime.get("width")) != SIZE:
            return Entry(("other frame size",))
        if not re.search(r"titan x\b", str(runtime.get("device")), re.IGNORECASE):
            return Entry(("other device",))
        return Entry((f"{float(runtime['median']) - like.seconds:+.2f} s",))
