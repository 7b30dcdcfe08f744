"""The paper's rows below ours, where they may stand there."""

from __future__ import annotations

from collections.abc import Sequence

from .grid import Entry, Grid
from .published import TABLE_1, Printed, PrintedMethod, PrintedTable
from .scores import Averages, Column, Facts
from .units import NOTHING, count, number, seconds

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
}


def paper_departures(facts: Facts) -> list[str] | None:
    """What a run of the preset `paper` changed in it; None for a run of another preset."""
    protocol = facts.get("protocol") or {}
    if protocol.get("name") != "paper":
        return None
    return [
        f"{key} is {protocol[key]}"
        for key, wanted in PAPER_PROTOCOL.items()
        if key in protocol and protocol[key] != wanted
    ]


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
        row += [_printed(grid, means, column, method) for column in columns]
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


def _printed(grid: Grid, means: Averages, column: Column, method: PrintedMethod) -> Entry:
    dataset, channel = column
    if channel != "rgb" or dataset not in method.cells:
        return Entry((NOTHING,))
    cell: Printed = method.cells[dataset]
    texts = []
    for metric in means.metrics[column]:
        value = {"psnr": cell.psnr, "ssim": cell.ssim}.get(metric)
        texts.append(NOTHING if value is None else number(metric, value))
    notes = (grid.note(cell.doubt),) if cell.doubt else ()
    return Entry(tuple(texts), notes=notes)
