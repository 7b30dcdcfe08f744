"""The log of a training: two CSV files, their curves, and TensorBoard's events."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stvt.core.errors import UsageError
from stvt.core.files import read_json, write_json, write_text
from stvt.core.records import from_dict
from stvt.training.checkpoints import writing
from stvt.training.validation import BASELINE

_NUMBER = r"-?([0-9]{1,30}(\.[0-9]{1,30})?(e[-+]?[0-9]{1,3})?|inf|nan)"
_LINE = re.compile(rf"[0-9]{{1,18}}(,{_NUMBER})*\n")  # a step, then numbers


@dataclass(frozen=True)
class Baseline:
    """The contents of `baseline.json`: a method's PSNR in dB by the columns of `validation.csv`."""

    psnr: dict[str, float]
    method: str = BASELINE


class TrainingLog:
    """`loss.csv` and `validation.csv` of a run, from which continued runs cut what they repeat.

    enabled: whether this process is the one that writes.
    """

    def __init__(self, out: Path, enabled: bool, tensorboard: bool = False) -> None:
        self.out, self.enabled = out, enabled
        self.board = _summary_writer(out) if tensorboard and enabled else None
        self._reset()

    def _reset(self) -> None:
        self.sums: dict[str, float] = {}
        self.steps = 0
        self.waited = self.computed = 0.0

    def truncate(self, step: int) -> None:
        """Cuts the lines of later steps than this one."""
        for name in ("loss.csv", "validation.csv"):
            if self.enabled and (self.out / name).exists():
                _truncate(self.out / name, step)

    def add(self, losses: dict[str, float], waited: float, computed: float) -> None:
        """Adds a step to the next line: its losses, its seconds of waiting for data and of computing."""
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.steps += 1
        self.waited += waited
        self.computed += computed

    def write_losses(self, step: int, rate: float, batch: int) -> None:
        """A line of the means since the last one, with the speed and the share of waiting for data."""
        seconds = max(self.waited + self.computed, 1e-9)
        line = {
            "step": step,
            **{name: repr(total / self.steps) for name, total in self.sums.items()},
            "rate": repr(rate),
            "windows_per_second": f"{batch * self.steps / seconds:.2f}",
            "data_wait": f"{self.waited / seconds:.3f}",
        }
        self._append("loss.csv", line)
        self._reset()

    def write_scores(self, step: int, scores: dict[str, float]) -> None:
        """A line of a validation."""
        self._append("validation.csv", {"step": step, **{k: f"{v:.6f}" for k, v in scores.items()}})

    def plot(self, title: str, baseline: Callable[[], dict[str, float]], loss: str) -> None:
        """Draws the curves, `loss.png`, `validation.png` and the same as SVG.

        loss:     of the frames, "l1", "charbonnier" or "mse".
        baseline: the scores of BASELINE, computed once and left in `baseline.json`.
        """
        import pandas

        from stvt.reports import training_curves

        for name in ("loss", "validation"):
            file = self.out / f"{name}.csv"
            if not self.enabled or not file.exists() or not file.stat().st_size:
                continue
            others = Baseline({})
            if name == "validation":
                stored = self.out / "baseline.json"
                if not stored.exists():
                    with writing(stored):
                        write_json(stored, asdict(Baseline(baseline())))
                others = from_dict(Baseline, read_json(stored, UsageError), str(stored), UsageError)
            with writing(file.with_suffix(".png")):
                lines = pandas.read_csv(file)
                training_curves(
                    lines, name, title, self.out / name, others.method, others.psnr, loss
                )

    def _append(self, name: str, line: dict[str, Any]) -> None:
        if not self.enabled:
            return
        file = self.out / name
        new = not file.exists() or not file.stat().st_size
        if self.board is not None:
            for key, value in line.items():
                if key != "step":
                    self.board.add_scalar(f"{file.stem}/{key}", float(value), line["step"])
        with writing(file), file.open("a", newline="") as opened:
            writer = csv.DictWriter(opened, list(line), lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow(line)


def _summary_writer(out: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UsageError(
            "--tensorboard needs `pip install stvt[tensorboard]`; without it, loss.csv and "
            "validation.csv have the same numbers"
        ) from error
    return SummaryWriter(str(out / "tensorboard"))


def _truncate(file: Path, step: int) -> None:
    """Leaves the header and the lines until a step; a line that was not written whole goes."""
    lines = file.read_text(errors="replace").splitlines(keepends=True)
    header, *whole = [line for line in lines if line.endswith("\n")] or [""]
    columns = header.count(",")
    strange = [line for line in whole if not _LINE.fullmatch(line) or line.count(",") > columns]
    if header and not header.startswith("step,"):
        strange.insert(0, header)
    if strange:
        raise UsageError(
            f"{file}: {strange[0].strip()[:40]!r} is no line of a log; move the file away, and the "
            "same command begins a new one"
        )
    lines = [line for line in whole if int(line.split(",", 1)[0]) <= step]
    with writing(file):
        write_text(file, "".join([header, *lines]))
