"""The curves of a training: losses, or scores on what was held back, against the step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

NOT_CURVES = ("step", "rate", "windows_per_second", "data_wait")  # columns that are no curve


def curves(lines: DataFrame, what: str, file: Path) -> None:
    """Draw a run's `loss.csv` or `validation.csv` as PNG.

    lines: a column "step", and one for each curve. what: "loss" or "validation".
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for name in lines.columns:
        if name not in NOT_CURVES:
            axes.plot(lines["step"], lines[name], label=name, linewidth=1.2)
    axes.set_xlabel("step")
    axes.set_ylabel("mean absolute difference, of 2" if what == "loss" else "PSNR, dB, RGB")
    if what == "loss":
        axes.set_yscale("log")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file)
