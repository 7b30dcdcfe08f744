"""What a training writes of itself: two CSV files and their curves."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

from stvt.core.errors import UsageError
from stvt.training.checkpoints import write_whole


class Log:
    """`loss.csv` and `validation.csv` of a run, from which continued runs cut what they repeat."""

    def __init__(self, out: Path, writing: bool) -> None:
        self.out, self.writing = out, writing
        self.sums: dict[str, float] = {}
        self.count = 0
        self.board: Any = None

    def open_tensorboard(self) -> None:
        """Writes for TensorBoard, too. Raises UsageError if that is not installed."""
        if not self.writing:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UsageError(
                "--tensorboard needs `pip install stvt[tensorboard]`; without it, loss.csv and "
                "validation.csv have the same numbers"
            ) from error
        self.board = SummaryWriter(str(self.out / "tensorboard"))

    def begin(self, step: int) -> None:
        """Forgets the lines of later steps than this one."""
        if not self.writing:
            return
        for name in ("loss.csv", "validation.csv"):
            file = self.out / name
            if file.exists():
                _cut(file, step)

    def add(self, losses: dict[str, float]) -> None:
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1

    def write(self, step: int, rate: float, speed: float, share: float) -> None:
        """A line of the means since the last one, with the speed and the share of waiting for data."""
        if not self.writing:
            return
        line = {
            "step": step,
            **{name: repr(total / self.count) for name, total in self.sums.items()},
            "rate": repr(rate),
            "windows_per_second": f"{speed:.2f}",
            "data_wait": f"{share:.3f}",
        }
        self._append("loss.csv", line)
        self.sums, self.count = {}, 0

    def validation(self, step: int, scores: dict[str, float]) -> None:
        self._append("validation.csv", {"step": step, **{k: f"{v:.6f}" for k, v in scores.items()}})

    def plots(self) -> None:
        """`loss.png` and `validation.png`."""
        import pandas

        from stvt.reports import curves

        for name in ("loss", "validation"):
            file = self.out / f"{name}.csv"
            if file.exists():
                curves(pandas.read_csv(file), name, self.out / f"{name}.png")

    def _append(self, name: str, line: dict[str, Any]) -> None:
        file = self.out / name
        new = not file.exists() or not file.stat().st_size
        if self.board is not None:
            for key, value in line.items():
                if key != "step":
                    self.board.add_scalar(f"{file.stem}/{key}", float(value), line["step"])
        with file.open("a", newline="") as opened:
            writer = csv.DictWriter(opened, list(line), lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow(line)


def _cut(file: Path, step: int) -> None:
    """Leaves the header and the lines until a step; a line that was not written whole goes."""
    lines = file.read_text(errors="replace").splitlines(keepends=True)
    header, *whole = [line for line in lines if line.endswith("\n")] or [""]
    if strange := [line for line in whole if not re.match(r"\d+,", line)]:
        raise UsageError(
            f"{file}: {strange[0].strip()[:40]!r} is no line of a log; move the file away, and the "
            "same command begins a new one"
        )
    kept = [line for line in whole if int(line.split(",", 1)[0]) <= step]
    write_whole(file, lambda part: part.write_text("".join([header, *kept])))
