"""Quality against running time: a panel a data set, with the line of the methods none betters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt.core.formatting import plain

from ..averages import Averages, Column
from ..formatting import count, name, of_channel
from ..run_info import RunInfo
from ..tables.run_tables import missing_reason
from .style import (
    COLUMN_WIDTH,
    TEXT_WIDTH,
    MethodStyle,
    figure_style,
    legend_below,
    log_ticks,
    method_styles,
    save,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

MOST_PANELS = 12
FRONT: dict[str, Any] = {"color": "#9A9A9A", "linewidth": 0.9}


def runtime_plot(means: Averages, folder: Path) -> tuple[list[Path], list[str]]:
    """Mean PSNR against seconds for one frame, for the methods that were timed.

    The legend says their parameters. Untrained methods stand hollow on the axis below, for they
    have a time and no quality. Returns the files, none where nothing was timed, and a sentence
    for each method that is not in it.
    """
    times: dict[str, float] = {}
    left_out = []
    for method in means.methods:
        runtime = means.info.method(method).runtime
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
    panels: dict[Column, dict[str, float]] = {}
    for column in columns:
        panels[column] = {}
        for method in times:
            mean = means.mean(column, method, means.metrics[column][0])
            why = missing_reason(means, column, method, mean)
            if not why and math.isfinite(mean.value):
                panels[column][method] = mean.value
            elif why != "untrained":
                left_out.append(f"{method} has no mean to compare on {column[0]} ({why or 'inf'})")
    if len(columns) < len(measured):
        left_out.append(f"the first {len(columns)} of {len(measured)} data sets are drawn")
    with figure_style():
        figure = _figure(means, panels, times)
        return save(figure, folder / "quality-runtime"), left_out


def pareto_front(
    times: Mapping[str, float], quality: Mapping[str, float], higher_is_better: bool = True
) -> list[str]:
    """The methods than which no other is as fast and better, or as good and faster; fastest first.

    >>> pareto_front({"a": 1, "b": 2, "c": 3}, {"a": 20.0, "b": 19.0, "c": 21.0})
    ['a', 'c']
    """
    sign = 1 if higher_is_better else -1
    front: list[str] = []
    for method in sorted(quality, key=lambda m: (times[m], -sign * quality[m])):
        if not front or sign * quality[method] > sign * quality[front[-1]]:
            front.append(method)
    return front


def _figure(
    means: Averages,
    panels: Mapping[Column, Mapping[str, float]],
    times: Mapping[str, float],
) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    across = min(len(panels), 2)
    down = math.ceil(len(panels) / across)
    width = TEXT_WIDTH if across == 2 else COLUMN_WIDTH
    style = method_styles(means.methods)
    legend = [
        _marker(style[method], method in means.untrained, _label(means, method)) for method in times
    ]
    legend.append(Line2D([], [], drawstyle="steps-post", label="Pareto front", **FRONT))
    words = wrapped(_conditions(means.info, times), width - 0.2, 7)
    figure = Figure(figsize=(width, 2.1 * down + 0.13 * len(words)), layout="constrained")
    figure.suptitle("\n".join(words), fontsize=7, color="#444444")
    all_axes = figure.subplots(down, across, squeeze=False).flat
    for axes, (column, quality) in zip(all_axes, panels.items(), strict=False):
        _panel(axes, means, column, quality, times)
    for axes in list(all_axes)[len(panels) :]:
        axes.set_visible(False)
    legend_below(figure, legend, handle=1)
    return figure


def _conditions(info: RunInfo, times: Mapping[str, float]) -> str:
    """What was timed on what, in the words of the machine that was used."""
    runtimes = [runtime for method in times if (runtime := info.method(method).runtime)]
    sizes = dict.fromkeys(r.size for r in runtimes if r.size)
    devices = dict.fromkeys(plain(r.conditions) for r in runtimes if r.conditions)
    frame = f"one {' or '.join(sizes)} frame" if sizes else "one frame"
    where = f" on {'; '.join(devices)}" if devices else ""
    sizes_of = (
        "; in brackets the parameters" if any(info.method(m).parameters for m in times) else ""
    )
    return f"Time of {frame}{where}{sizes_of}"


def _label(means: Averages, method: str) -> str:
    facts = [count(number)] if (number := means.info.method(method).parameters) else []
    facts += ["untrained, time only"] * (method in means.untrained)
    return f"{plain(method)} ({', '.join(facts)})" if facts else plain(method)


def _marker(style: MethodStyle, hollow: bool, label: str = "") -> Line2D:
    marker = style.line(label)
    marker.set(linestyle="", markersize=5.5, markeredgewidth=0.6)
    marker.set(markeredgecolor=style.colour if hollow else "white")
    marker.set_markerfacecolor("none" if hollow else style.colour)
    return marker


def _panel(
    axes: Axes,
    means: Averages,
    column: Column,
    quality: Mapping[str, float],
    times: Mapping[str, float],
) -> None:
    from matplotlib.ticker import MaxNLocator

    dataset, channel = column
    metric = means.metrics[column][0]
    about = means.info.metric(metric)
    style = method_styles(means.methods)
    front = pareto_front(times, quality, about.higher_is_better)
    x, y = [times[m] for m in front], [quality[m] for m in front]
    axes.step(x, y, where="post", zorder=1, **FRONT)
    for method, seconds in times.items():
        hollow = method in means.untrained
        if hollow or method in quality:
            marker = _marker(style[method], hollow)
            marker.set_data([seconds], [0.0 if hollow else quality[method]])
            if hollow:
                marker.set(transform=axes.get_xaxis_transform(), clip_on=False)
            marker.set_zorder(3)
            axes.add_line(marker)
    axes.update_datalim([(times[m], quality[m]) for m in quality])
    axes.margins(y=0.12)
    axes.autoscale_view(scalex=False)
    low, high = min(times.values()) / 2, max(times.values()) * 2
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    log_ticks(axes.xaxis, low, high)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.set_title("\n".join(wrapped(dataset, 2.6, 8)), loc="left", pad=3)
    axes.set_xlabel("seconds for one frame")
    unit = f" ({about.unit})" if about.unit else ""
    axes.set_ylabel(f"{name(metric)}{of_channel(channel)}{unit}")
    if not quality:
        axes.set_yticks([])
        look: dict[str, Any] = {"ha": "center", "va": "center", "transform": axes.transAxes}
        axes.text(0.5, 0.5, "no mean to compare", **look)
