"""The curves of a training: losses, or scores on what was held back, against the step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt.core.formatting import plain

from .style import (
    COLOURS,
    COLUMN_WIDTH,
    DASHES,
    MARKERS,
    MethodStyle,
    figure_style,
    legend_below,
    log_ticks,
    save,
    wrapped,
)

if TYPE_CHECKING:
    from pandas import DataFrame

NOT_CURVES = ("step", "rate", "windows_per_second", "data_wait")  # columns that are no curve
NAMES = {"flow": "L_M, moved frames", "space": "L_S, existing frames", "between": "L_F, new frames"}
LEVELS = 127.5  # 8-bit levels of a difference of 1 in [-1, 1]
UNITS = {  # of the losses of frames; that of the flow is a mean absolute error always
    "l1": (LEVELS, "mean absolute error, levels of 255"),
    "charbonnier": (LEVELS, "Charbonnier and absolute error, levels of 255"),
    "mse": (1.0, "mean squared (L_M: absolute) error, [-1, 1]"),
}
AXIS = 1.3  # inches of the vertical axis, at least
FEWEST = 20  # points of a curve that is smoothed


def training_curves(
    lines: DataFrame,
    what: str,
    title: str,
    file: Path,
    baseline: str = "",
    scores: Mapping[str, float] | None = None,
    loss: str = "l1",
) -> list[Path]:
    """Draws a run's `loss.csv` or `validation.csv`, raw and smoothed, as FILE.png and FILE.svg.

    lines:    a column "step", and one for each curve. what: "loss" or "validation".
    baseline: a method, whose scores by column are dashed lines across.
    loss:     of the frames, "l1", "charbonnier" or "mse".
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    factor, unit = UNITS[loss] if what == "loss" else (1.0, "PSNR of RGB (dB)")
    names = [name for name in lines.columns if name not in NOT_CURVES]
    span = max(1, len(lines) // FEWEST)
    with figure_style():
        figure = Figure(figsize=(COLUMN_WIDTH, 2.4), layout="constrained")
        axes = figure.add_subplot()
        figure.suptitle("\n".join(wrapped(title, COLUMN_WIDTH - 0.2, 8)), fontsize=8)
        legend = []
        for place, name in enumerate(names):
            colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
            values = lines[name] * factor
            marked = marker if len(lines) <= 2 * FEWEST else ""
            raw: dict[str, Any] = {
                "color": colour,
                "linewidth": 0.6,
                "alpha": 0.4 if span > 1 else 1,
            }
            axes.plot(lines["step"], values, marker=marked, markersize=2.5, **raw)
            if span > 1:
                smooth = values.ewm(span=span).mean()
                axes.plot(lines["step"], smooth, color=colour, linewidth=1.2)
            legend.append(MethodStyle(colour, marked, ()).line(plain(NAMES.get(name, name))))
            if scores and name in scores:
                style, score = MethodStyle(colour, "", DASHES[1]), scores[name]
                axes.axhline(score, color=colour, linewidth=0.9, linestyle=(0, style.dash))
                legend.append(style.line(f"{plain(name)}, {baseline}: {score:.2f} dB"))
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        axes.set_xlabel("step" if span == 1 else f"step (bold: smoothed over {span} points)")
        axes.set_ylabel("\n".join(wrapped(unit, AXIS, 8)))
        if what == "loss":
            axes.set_yscale("log")
            log_ticks(axes.yaxis, *axes.get_ylim())
        legend_below(figure, legend)
        return save(figure, file, ("png", "svg"))
