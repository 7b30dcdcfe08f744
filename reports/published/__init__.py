"""Numbers that papers print, as data with their source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PrintedCell:
    """One printed cell: PSNR and SSIM. None is a value that cannot be read; `doubt` says why one is uncertain."""

    psnr: float | None
    ssim: float | None
    doubt: str = ""

    def value(self, metric: str) -> float | None:
        """None too for a metric that is not printed."""
        return {"psnr": self.psnr, "ssim": self.ssim}.get(metric)


@dataclass(frozen=True)
class PrintedMethod:
    """A method of a printed table: its cells by data set, its size and speed, None if not printed.

    parameters: as printed, rounded to 0.1 M.
    seconds:    for one 960x540 frame, on the table's device.
    frames_per_second: on a device that is not known here.
    specs:      what `stvt evaluate --methods` calls it.
    """

    name: str
    cells: Mapping[str, PrintedCell]
    parameters: int | None
    seconds: float | None
    frames_per_second: float | None
    specs: tuple[str, ...]


@dataclass(frozen=True)
class PrintedTable:
    """A printed table, all of one protocol.

    name:    of the table, or of the protocol. caption: what it is of, or the protocol in words.
    options: of a run's protocol that must be these for the numbers to stand beside its own.
    remarks: what a reader who compares with it has to know.
    """

    name: str
    caption: str
    source: str
    options: Mapping[str, object]
    methods: tuple[PrintedMethod, ...]
    device: str = ""
    remarks: str = ""


def printed_methods(
    rows: str, sets: Sequence[str], doubts: Mapping[str, str] = {}
) -> tuple[PrintedMethod, ...]:
    """Methods from a line each: name | PSNR/SSIM on each set | speed | parameters, M | specs.

    The speed is in frames a second or, as "0.30 s", in seconds; "-" stands for what is not printed,
    and "?" for what cannot be read. doubts: the value as it stands here -> why it is uncertain.
    """
    methods = []
    for line in rows.strip().splitlines():
        name, values, speed, millions, *specs = map(str.strip, line.split("|"))
        cells = {}
        for dataset, value in zip(sets, values.split(), strict=True):
            psnr, ssim = (None, None) if value == "?" else map(float, value.split("/"))
            cells[dataset] = PrintedCell(psnr, ssim, doubts.get(value, ""))
        in_seconds = speed.endswith(" s")
        methods.append(
            PrintedMethod(
                name,
                cells,
                None if millions == "-" else round(sum(map(float, millions.split("+"))) * 1e6),
                seconds=float(speed[:-2]) if in_seconds else None,
                frames_per_second=None if in_seconds or speed == "-" else float(speed),
                specs=tuple(specs[0].split()) if specs else (),
            )
        )
    return tuple(methods)
