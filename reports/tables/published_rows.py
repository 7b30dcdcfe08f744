"""The rows of the paper, and of later ones, below ours, where they may stand there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..formatting import NOTHING, count, number, seconds
from ..published.later_papers import SOURCE, ZSM, QuotedMethod
from ..published.stvun import TABLE_1, Printed, PrintedMethod, PrintedTable
from ..scores import Averages, Column, Facts
from .table import Entry, Grid

# What the preset `paper` stands for: a run that departs from any of it is not beside the paper's.
PAPER_PROTOCOL = {
    "degradation": "BD",
    "scale": 4,
    "frames": "new",
    "channel": "rgb",
    "crop_border": 0,
    "time_step": 2,
    "ends": "valid",
    "limit": None,
    "inputs": "prepared",
    "precision": "fp32",
    "tile": None,
}


def departures(facts: Facts, wanted: Mapping[str, object]) -> list[str]:
    """What of a run's protocol is otherwise than wanted, in words; nothing where they agree."""
    protocol = facts.get("protocol") or {}
    if not protocol:
        return ["it is not known"]
    return [
        f"{key} is {_said(protocol[key])}, there {_said(there)}"
        for key, there in wanted.items()
        if key in protocol and protocol[key] != there
    ]


def _said(value: object) -> str:
    return "none" if value is None else str(value)


def paper_departures(facts: Facts) -> list[str] | None:
    """What a run of the preset `paper` changed in it; None for a run of another preset."""
    protocol = facts.get("protocol") or {}
    if protocol.get("name") != "paper":
        return None
    return departures(facts, PAPER_PROTOCOL)


def add_paper(grid: Grid, means: Averages, facts: Facts) -> None:
    """The paper's rows, where the protocol is the paper's and a data set is one of its own."""
    printed: PrintedTable = TABLE_1
    departures = paper_departures(facts)
    known = {d for method in printed.methods for d in method.cells}
    columns: Sequence[Column] = means.columns
    if departures is None or not known & {dataset for dataset, _ in columns}:
        return
    if departures:
        grid.remarks.append(
            f"The paper's own rows are left out: not its protocol ({', '.join(departures)})."
        )
        return
    device = grid.note(f"As printed in the paper's {printed.name}, timed on a {printed.device}.")
    for method in printed.methods:
        row = [Entry((f"{method.name} (paper)",), notes=(device,))]
        row += [printed_entry(grid, column, means.metrics[column], method) for column in columns]
        time = Entry((seconds(method.seconds),), notes=(device,))
        row += [Entry((count(method.parameters),)), time]
        grid.rows.append(row)
        grid.quoted += 1
        for dataset, cell in method.cells.items():
            for metric, value in (("psnr", cell.psnr), ("ssim", cell.ssim)):
                if (dataset, "rgb") in columns and metric in means.metrics[dataset, "rgb"]:
                    grid.records.append(
                        {
                            "method": method.name,
                            "source": "paper",
                            "dataset": dataset,
                            "channel": "rgb",
                            "metric": metric,
                            "value": "" if value is None else value,
                            "note": cell.doubt,
                            "parameters": method.parameters,
                            "seconds": method.seconds,
                            "device": printed.device,
                        }
                    )
    grid.remarks.append(f"Paper's rows: {printed.source}. " + " ".join(printed.remarks))


def printed_entry(
    grid: Grid, column: Column, metrics: Sequence[str], method: PrintedMethod
) -> Entry:
    """What the paper prints for a method on a data set."""
    dataset, channel = column
    if channel != "rgb" or dataset not in method.cells:
        return Entry((NOTHING,))
    cell: Printed = method.cells[dataset]
    if cell.psnr is None and cell.ssim is None:
        return Entry(("unreadable",), notes=(grid.note(_sentence(cell.doubt)),))
    texts = []
    for metric in metrics:
        value = {"psnr": cell.psnr, "ssim": cell.ssim}.get(metric)
        texts.append(NOTHING if value is None else number(metric, value))
    if cell.doubt:
        texts[-1] += " ?"
    notes = (grid.note(_sentence(cell.doubt)),) if cell.doubt else ()
    return Entry(tuple(texts), notes=notes)


def _sentence(text: str) -> str:
    return f"Unclear: {text}."


def add_quoted(grid: Grid, columns: Sequence[Column], means: Averages, facts: Facts) -> None:
    """Rows of later papers, where the protocol is theirs and a data set is one of their own."""
    differs = departures(facts, ZSM.wanted)
    known = {dataset for method in ZSM.methods for dataset in method.cells}
    shared = [d for d in means.scenes if d in known]
    if differs or not shared:
        theirs = f"their protocol is {ZSM.protocol} ({ZSM.words}), this run's is another"
        why = f"{theirs}: {'; '.join(differs)}" if differs else "none of their data sets is here"
        grid.remarks.append(f"Numbers of later papers are left out: {why}.")
        return
    note = grid.note(
        f"Quoted from {SOURCE}; protocol {ZSM.protocol}: {ZSM.words}. Speed as printed there, on a "
        "device that is not known here."
    )
    grid.rules.add(len(grid.rows))
    for method in ZSM.methods:
        cells = [
            _quoted_entry(column, means.metrics.get(column, ("psnr", "ssim")), method)
            for column in columns
        ]
        speed = method.frames_per_second
        per_second = NOTHING if speed is None else f"{speed:.2f} frames/s"
        grid.rows.append(
            [
                Entry((f"{method.name} (quoted)",), notes=(note,)),
                *cells,
                Entry((count(method.parameters),)),
                Entry((per_second,)),
            ]
        )
        grid.quoted += 1
        grid.records += [
            {
                "method": method.name,
                "source": "quoted",
                "dataset": dataset,
                "channel": "y",
                "metric": metric,
                "value": value,
                "note": f"protocol {ZSM.protocol}",
                "parameters": method.parameters,
                "seconds": None if speed is None else f"{1 / speed:.4f}",
            }
            for dataset in shared
            for metric, value in vars(method.cells[dataset]).items()
            if metric != "doubt"
        ]


def _quoted_entry(column: Column, metrics: Sequence[str], method: QuotedMethod) -> Entry:
    dataset, channel = column
    if channel != "y" or dataset not in method.cells:
        return Entry((NOTHING,))
    printed = vars(method.cells[dataset])
    return Entry(tuple(number(m, printed[m]) if m in printed else NOTHING for m in metrics))
