"""Quality against running time: a panel a data set, the area of a bubble its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from stvt.core.formatting import plain

from ..formatting import count, name, of_channel
from ..run_info import RunInfo
from ..scores import Averages, Column
from ..tables.run_tables import missing_reason
from .style import TEXT_WIDTH, figure_style, method_styles, save, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

MOST_PANELS = 12
LETTERS = 15  # that fit in an inch of a line


def runtime_plot(means: Averages, info: RunInfo, folder: Path) -> tuple[list[Path], list[str]]:
    """Mean PSNR against seconds for one frame, for the methods that were timed.

    Each has a number, which the legend explains. Untrained methods stand hollow in a strip below,
    for they have a time and no quality. Returns the files, none where nothing was timed, and a
    sentence for each method that is not in it.
    """
    times: dict[str, float] = {}
    left_out = []
    for method in means.methods:
        runtime = info.method(method).runtime
        if runtime and runtime.out_of_memory:
            left_out.append(f"{method} ran out of memory")
        elif not runtime or not runtime.median:
            left_out.append(f"{method} has no running time")
        else:
            times[method] = runtime.median
    measured = [column for column in means.columns if means.metrics[column]]
    columns = measured[:MOST_PANELS]
    if not times or not columns:
        return [], left_out
    for column in columns:
        for method in times:
            mean = means.mean(column, method, means.metrics[column][0])
            why = missing_reason(means, info, column, method, mean, None)
            if why != "untrained" and (why or not math.isfinite(mean.value)):
                left_out.append(f"{method} has no mean to compare on {column[0]} ({why or 'inf'})")
    if len(columns) < len(measured):
        left_out.append(f"the first {len(columns)} of {len(measured)} data sets are drawn")
    with figure_style():
        figure = _figure(means, info, columns, times)
        return save(figure, folder / "quality-runtime", ("png", "pdf", "svg")), left_out


def _figure(
    means: Averages, info: RunInfo, columns: Sequence[Column], times: Mapping[str, float]
) -> Figure:
    from matplotlib.figure import Figure

    across = min(len(columns), 2)
    down = math.ceil(len(columns) / across)
    parts = 2 if any(method in means.untrained for method in times) else 1
    width = TEXT_WIDTH if across == 2 else 0.66 * TEXT_WIDTH
    legend_columns = across
    legend = 0.17 * math.ceil(len(times) / legend_columns) + 0.1
    height = (2.3 if parts == 1 else 2.9) * down + 0.3 + legend
    figure = Figure(figsize=(width, height))
    outer = figure.add_gridspec(
        down,
        across,
        left=0.55 / width,
        right=1 - 0.08 / width,
        top=1 - 0.5 / height,
        bottom=(0.42 + legend) / height,
        hspace=0.38,
        wspace=0.22,
    )
    limits = (min(times.values()) / 2.5, max(times.values()) * 2.5)
    for place, column in enumerate(columns):
        inner = outer[place].subgridspec(parts, 1, height_ratios=[4, 1][:parts], hspace=0.1)
        stack = [figure.add_subplot(inner[part]) for part in range(parts)]
        for axes in stack:
            axes.set_xscale("log")
            axes.set_xlim(*limits)
            _log_ticks(axes, limits)
        _quality(stack[0], means, info, column, times)
        if parts == 2:
            stack[0].tick_params(labelbottom=False)
            _untrained(stack[1], means, info, times)
        stack[-1].set_xlabel("seconds for one frame")
    conditions = fill(_conditions(info, times), int(figure.get_figwidth() * LETTERS))
    figure.text(0.5, 1 - 0.05 / height, conditions, ha="center", va="top", color="#444444")
    figure.legend(
        handles=[_legend_entry(means, info, method) for method in times],
        loc="lower center",
        ncols=legend_columns,
        handletextpad=0.3,
        borderaxespad=0.2,
    )
    return figure


def _conditions(info: RunInfo, times: Mapping[str, float]) -> str:
    """What was timed on what, in the words of the machine that was used."""
    runtimes = [runtime for method in times if (runtime := info.method(method).runtime)]
    sizes = dict.fromkeys(r.size for r in runtimes if r.size)
    devices = dict.fromkeys(plain(r.conditions) for r in runtimes if r.conditions)
    frame = f"one {' or '.join(sizes)} frame" if sizes else "one frame"
    where = f" on {'; '.join(devices)}" if devices else ""
    return shortened(f"Time of {frame}{where}. Area: parameters.", 110)


def _quality(
    axes: Axes, means: Averages, info: RunInfo, column: Column, times: Mapping[str, float]
) -> None:
    from matplotlib.ticker import MaxNLocator

    dataset, channel = column
    metric = means.metrics[column][0]
    bubbles = 0
    for method, seconds in times.items():
        mean = means.mean(column, method, metric)
        reason = missing_reason(means, info, column, method, mean, None)
        if not reason and math.isfinite(mean.value):
            _bubble(axes, means, info, method, seconds, mean.value)
            bubbles += 1
    axes.set_title(shortened(plain(dataset), 48), loc="left", pad=3)
    unit = f" ({unit})" if (unit := means.about(metric).unit) else ""
    axes.set_ylabel(f"{name(metric)}{of_channel(channel)}{unit}")
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.margins(y=0.22)
    if not bubbles:
        axes.set_yticks([])
        axes.text(
            0.5, 0.5, "no mean to compare", transform=axes.transAxes, ha="center", va="center"
        )


def _untrained(axes: Axes, means: Averages, info: RunInfo, times: Mapping[str, float]) -> None:
    axes.set_yticks([])
    axes.set_ylim(-1, 1)
    axes.set_ylabel("untrained", fontsize=7)
    for method, seconds in times.items():
        if method in means.untrained:
            _bubble(axes, means, info, method, seconds, 0.0)


def _bubble(axes: Axes, means: Averages, info: RunInfo, method: str, x: float, y: float) -> None:
    """A method: a disc as large as its parameters, or a small diamond without any; its number."""
    marker = _marker(means, info, method)
    marker.set_data([x], [y])
    axes.add_line(marker)
    axes.update_datalim([(x, y)])
    axes.autoscale_view(scalex=False)
    away = marker.get_markersize() / 2 + 1
    axes.annotate(
        str(means.methods.index(method) + 1),
        (x, y),
        xytext=(away, away),
        textcoords="offset points",
        fontsize=7,
    )


def _marker(means: Averages, info: RunInfo, method: str, largest: float = math.inf) -> Line2D:
    from matplotlib.lines import Line2D

    parameters = info.method(method).parameters or 0
    colour = method_styles(means.methods)[method].colour
    # 100 M parameters have a radius of 14 points; none is drawn smaller than 2.5.
    radius = max(2.5, 14 * math.sqrt(parameters / 1e8)) if parameters else 2.8
    return Line2D(
        [],
        [],
        marker="o" if parameters else "D",
        markersize=min(2 * radius, largest),
        markerfacecolor="none" if method in means.untrained else f"{colour}B0",
        markeredgecolor=colour,
        markeredgewidth=0.9,
        linestyle="",
    )


def _legend_entry(means: Averages, info: RunInfo, method: str) -> Line2D:
    parameters = info.method(method).parameters
    size = f" ({count(parameters)})" if parameters else ""
    marker = _marker(means, info, method, largest=5)
    number = means.methods.index(method) + 1
    marker.set_label(f"{number}  {shortened(plain(method), 40)}{size}")
    return marker


def _log_ticks(axes: Axes, limits: tuple[float, float]) -> None:
    """Ticks at 1, 2, 5 of each decade, or at decades alone where there are many, in plain digits."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    low, high = (math.floor(math.log10(limits[0])), math.ceil(math.log10(limits[1])))
    steps = (1, 2, 5) if high - low <= 3 else (1,)
    ticks = [step * 10.0**power for power in range(low, high + 1) for step in steps]
    axes.xaxis.set_major_locator(FixedLocator([t for t in ticks if limits[0] <= t <= limits[1]]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
