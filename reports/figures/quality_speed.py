"""Quality against running time: a panel a data set, the area of a bubble its parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from ..formatting import count, name, of_channel
from ..scores import Averages, Column, Facts
from ..tables.escape import plain
from ..tables.run_tables import why_empty
from .style import TEXT_WIDTH, figure_style, looks, save, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

MOST_PANELS = 12
LETTERS = 15  # that fit in an inch of a line


@dataclass(frozen=True)
class Bubble:
    """A method in a panel: its point in data coordinates, its radius in points, its label."""

    x: float
    y: float
    radius: float
    label: str
    colour: str


def runtime_plot(means: Averages, facts: Facts, folder: Path) -> tuple[list[Path], list[str]]:
    """Mean PSNR against seconds for one frame, for the methods that were timed.

    Untrained methods stand hollow in a strip below, for they have a time and no quality. Returns
    the files, none where nothing was timed, and a sentence for each method that is not in it.
    """
    times: dict[str, float] = {}
    left_out = []
    for method in means.methods:
        runtime = facts.get("methods", {}).get(method, {}).get("runtime") or {}
        if runtime.get("out_of_memory"):
            left_out.append(f"{method} ran out of memory")
        elif not runtime.get("median"):
            left_out.append(f"{method} has no running time")
        else:
            times[method] = float(runtime["median"])
    measured = [column for column in means.columns if means.metrics[column]]
    columns = measured[:MOST_PANELS]
    if not times or not columns:
        return [], left_out
    for column in columns:
        for method in times:
            mean = means.mean(column, method, means.metrics[column][0])
            why = why_empty(means, facts, column, method, mean, None)
            if why != "untrained" and (why or not math.isfinite(mean.value)):
                left_out.append(f"{method} has no mean to compare on {column[0]} ({why or 'inf'})")
    if len(columns) < len(measured):
        left_out.append(f"the first {len(columns)} of {len(measured)} data sets are drawn")
    with figure_style():
        figure = _figure(means, facts, columns, times)
        return save(figure, folder / "quality-runtime", ("png", "pdf", "svg")), left_out


def _figure(
    means: Averages, facts: Facts, columns: Sequence[Column], times: Mapping[str, float]
) -> Figure:
    from matplotlib.figure import Figure

    across = min(len(columns), 2)
    down = math.ceil(len(columns) / across)
    parts = 2 if any(method in means.untrained for method in times) else 1
    width = TEXT_WIDTH if across == 2 else 0.66 * TEXT_WIDTH
    height = (2.3 if parts == 1 else 2.9) * down + 0.3
    figure = Figure(figsize=(width, height))
    outer = figure.add_gridspec(
        down,
        across,
        left=0.55 / width,
        right=1 - 0.08 / width,
        top=1 - 0.5 / height,
        bottom=0.42 / height,
        hspace=0.38,
        wspace=0.22,
    )
    limits = (min(times.values()) / 2.5, max(times.values()) * 2.5)
    labelled: list[tuple[Axes, list[Bubble]]] = []
    for place, column in enumerate(columns):
        inner = outer[place].subgridspec(parts, 1, height_ratios=[4, 1][:parts], hspace=0.1)
        stack = [figure.add_subplot(inner[part]) for part in range(parts)]
        for axes in stack:
            axes.set_xscale("log")
            axes.set_xlim(*limits)
            _log_ticks(axes, limits)
        labelled.append((stack[0], _quality(stack[0], means, facts, column, times)))
        if parts == 2:
            stack[0].tick_params(labelbottom=False)
            labelled.append((stack[1], _untrained(stack[1], means, facts, times)))
        stack[-1].set_xlabel("seconds for one frame")
    conditions = fill(_conditions(facts, times), int(figure.get_figwidth() * LETTERS))
    figure.text(0.5, 1 - 0.05 / height, conditions, ha="center", va="top", color="#444444")
    for axes, bubbles in labelled:
        _label(axes, bubbles)
    return figure


def _conditions(facts: Facts, times: Mapping[str, float]) -> str:
    """ "Time of one 960x540 frame on ...", with every device that was used."""
    runtimes = [facts["methods"][method]["runtime"] for method in times]
    sizes = dict.fromkeys(f"{r['width']}x{r['height']}" for r in runtimes if r.get("width"))
    devices = dict.fromkeys(
        plain(", ".join(str(r[key]) for key in ("device", "precision") if r.get(key)))
        for r in runtimes
    )
    frame = f"one {' or '.join(sizes)} frame" if sizes else "one frame"
    where = "; ".join(device for device in devices if device)
    text = f"Time of {frame}{f' on {where}' if where else ''}. Area: parameters."
    return shortened(text, 110)


def _quality(
    axes: Axes, means: Averages, facts: Facts, column: Column, times: Mapping[str, float]
) -> list[Bubble]:
    from matplotlib.ticker import MaxNLocator

    dataset, channel = column
    metric = means.metrics[column][0]
    bubbles = []
    for method, seconds in times.items():
        mean = means.mean(column, method, metric)
        if not why_empty(means, facts, column, method, mean, None) and math.isfinite(mean.value):
            bubbles.append(_bubble(axes, means, facts, method, seconds, mean.value))
    axes.set_title(shortened(plain(dataset), 48), loc="left", pad=3)
    axes.set_ylabel(f"{name(metric)}{of_channel(channel)}{' (dB)' if metric == 'psnr' else ''}")
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.margins(y=0.22)
    if not bubbles:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no trained method", transform=axes.transAxes, ha="center", va="center")
    return bubbles


def _untrained(
    axes: Axes, means: Averages, facts: Facts, times: Mapping[str, float]
) -> list[Bubble]:
    axes.set_yticks([])
    axes.set_ylim(-1, 1)
    axes.set_ylabel("untrained", fontsize=7)
    return [
        _bubble(axes, means, facts, method, seconds, 0.0, hollow=True)
        for method, seconds in times.items()
        if method in means.untrained
    ]


def _bubble(
    axes: Axes,
    means: Averages,
    facts: Facts,
    method: str,
    x: float,
    y: float,
    hollow: bool = False,
) -> Bubble:
    """Draws a method: a disc as large as its parameters, or a small diamond without any."""
    parameters = facts["methods"][method].get("parameters") or 0
    colour = looks(means.methods)[method].colour
    # 100 M parameters have a radius of 14 points; none is drawn smaller than 2.5.
    radius = max(2.5, 14 * math.sqrt(parameters / 1e8)) if parameters else 2.8
    axes.plot(
        [x],
        [y],
        "o" if parameters else "D",
        markersize=2 * radius,
        markerfacecolor="none" if hollow else f"{colour}B0",
        markeredgecolor=colour,
        markeredgewidth=0.9,
        linestyle="",
    )
    size = f" ({count(parameters)})" if parameters else ""
    reach = radius if parameters else radius * math.sqrt(2)  # a diamond's corners are further away
    return Bubble(x, y, reach, shortened(plain(method), 34) + size, colour)


def _log_ticks(axes: Axes, limits: tuple[float, float]) -> None:
    """Ticks at 1, 2, 5 of each decade, or at decades alone where there are many, in plain digits."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    low, high = (math.floor(math.log10(limits[0])), math.ceil(math.log10(limits[1])))
    steps = (1, 2, 5) if high - low <= 3 else (1,)
    ticks = [step * 10.0**power for power in range(low, high + 1) for step in steps]
    axes.xaxis.set_major_locator(FixedLocator([t for t in ticks if limits[0] <= t <= limits[1]]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _label(axes: Axes, bubbles: Sequence[Bubble]) -> None:
    """Writes each bubble's label beside it, where it covers no bubble and no other label."""
    from matplotlib.transforms import Bbox

    axes.get_ylim()  # settles the limits that the bubbles' places depend on
    pixels = axes.figure.dpi / 72
    area = axes.get_window_extent()
    discs = []
    for bubble in bubbles:
        x, y = axes.transData.transform((bubble.x, bubble.y))
        reach = 0.85 * bubble.radius * pixels  # its corners are empty
        discs.append(Bbox.from_extents(x - reach, y - reach, x + reach, y + reach))
    taken: list[Bbox] = []
    for disc, bubble in sorted(zip(discs, bubbles, strict=True), key=lambda pair: pair[1].radius):
        others = [other.padded(pixels) for other in discs if other is not disc]
        text = axes.annotate(
            bubble.label,
            (bubble.x, bubble.y),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=7,
            color="#222222",
        )
        size = text.get_window_extent()
        centre = (disc.x0 + disc.x1) / 2, (disc.y0 + disc.y1) / 2
        tried = []
        for order, (away, dx, dy, across, up) in enumerate(_places(bubble.radius)):
            x = centre[0] + dx * pixels - across * size.width
            y = centre[1] + dy * pixels - up * size.height
            box = Bbox.from_bounds(x, y, size.width, size.height)
            clash = sum(_shared(box, other) for other in [*others, *taken])
            outside = size.width * size.height - _shared(box, area)
            cost = clash + 3 * outside + 0.5 * away * size.height
            tried.append((cost, order, (away, dx, dy, across, up), box))
        _, _, (away, dx, dy, across, up), box = min(tried, key=lambda place: place[:2])
        text.xyann = (dx, dy)
        text.set_horizontalalignment(("left", "center", "right")[round(2 * across)])
        text.set_verticalalignment(("bottom", "center", "top")[round(2 * up)])
        taken.append(box)
        if away > 3:
            axes.annotate(
                "",
                (bubble.x, bubble.y),
                xytext=(dx, dy),
                textcoords="offset points",
                arrowprops={
                    "arrowstyle": "-",
                    "linewidth": 0.5,
                    "color": bubble.colour,
                    "shrinkA": 0,
                    "shrinkB": bubble.radius,
                },
            )


def _places(radius: float) -> Iterator[tuple[float, float, float, float, float]]:
    """Where a label may stand: beside its bubble, above, below, then further away.

    Each is the distance in points, the offset from the bubble's centre, and the part of the
    label's width and height that lies left of and below that point.
    """
    for away in (3.0, 9.0, 18.0, 28.0):
        r, slant = radius + away, 0.7 * (radius + away)
        for offset in ((r, 0, 0, 0.5), (-r, 0, 1, 0.5), (0, r, 0.5, 0), (0, -r, 0.5, 1)):
            yield away, *offset
        for x, y in ((slant, slant), (slant, -slant), (-slant, slant), (-slant, -slant)):
            yield away, x, y, 0 if x > 0 else 1, 0 if y > 0 else 1


def _shared(a: Bbox, b: Bbox) -> float:
    """The area that two boxes share."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return float(max(width, 0.0) * max(height, 0.0))
