"""PSNR frame by frame, a panel a scene: the saw-tooth of space-time upsampling is visible."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt.core.formatting import plain
from stvt.core.safe_names import file_name

from ..formatting import name, of_channel
from ..scores import Averages, Column, of_frames
from .style import TEXT_WIDTH, MethodStyle, figure_style, method_styles, save, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from pandas import DataFrame

PANELS_A_PAGE = 12
PAGES_A_DATASET = 4


def frame_plots(
    scores: DataFrame, means: Averages, column: Column, folder: Path
) -> tuple[list[list[Path]], str]:
    """PSNR against the frame, a panel a scene, new frames filled and existing ones hollow.

    Returns the files of each page and what was left out, in words. A data set that fits on one
    page is drawn as PDF too; of many pages a PDF each would take as long as all else together.
    """
    dataset, channel = column
    scores = of_frames(scores)
    measured = set(scores["metric"])
    metric = next((metric for metric in means.metrics[column] if metric in measured), "")
    trained = [method for method in means.methods if method not in means.untrained]
    rows = scores[
        (scores["dataset"] == dataset)
        & (scores["metric"] == metric)
        & scores["method"].isin(trained)
        & scores["value"].notna()
        & ((scores["channel"] == channel) | (metric not in ("psnr", "ssim")))
    ]
    scenes = [scene for scene in means.scenes[dataset] if (rows["scene"] == scene).any()]
    first_scenes = scenes[: PANELS_A_PAGE * PAGES_A_DATASET]
    pages = [
        first_scenes[at : at + PANELS_A_PAGE] for at in range(0, len(first_scenes), PANELS_A_PAGE)
    ]
    by_scene = {str(scene): group for scene, group in rows.groupby("scene")}
    formats = ("png", "pdf") if len(pages) == 1 else ("png",)
    files = []
    for number, page in enumerate(pages, start=1):
        stem = f"frames-{file_name(dataset)}-{file_name(channel or 'all')}-{number}"
        with figure_style():
            figure = _frame_page({s: by_scene[s] for s in page}, means, trained, metric, channel)
            files.append(save(figure, folder / stem, formats))
    left = len(scenes) - len(first_scenes)
    words = f"The first {len(first_scenes)} of {len(scenes)} scenes are drawn." if left else ""
    return files, words


def _frame_page(
    scenes: Mapping[str, DataFrame],
    means: Averages,
    methods: Sequence[str],
    metric: str,
    channel: str,
) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    columns = min(len(scenes), 2)
    lines = math.ceil(len(scenes) / columns)
    style = method_styles(means.methods)
    present = [m for m in methods if any((rows["method"] == m).any() for rows in scenes.values())]
    kinds = {kind for rows in scenes.values() for kind in rows["kind"].unique()}
    same = any(math.isinf(v) for rows in scenes.values() for v in rows["value"])
    width = TEXT_WIDTH if columns == 2 else 0.72 * TEXT_WIDTH
    untrained = [
        f"{plain(m)} (untrained, not drawn)" for m in means.methods if m in means.untrained
    ]
    legend = _legend(present, style, kinds, same, untrained)
    legend_lines = math.ceil(len(legend) / _fitting(legend, width))
    below = 0.17 * legend_lines + 0.42
    height = 1.55 * lines + below
    figure = Figure(figsize=(width, height))
    panels = figure.subplots(lines, columns, squeeze=False)
    for place, (axes, (scene, rows)) in enumerate(zip(panels.flat, scenes.items(), strict=False)):
        _frame_panel(axes, rows, present, style, both=len(kinds) > 1)
        axes.set_title(shortened(plain(scene), 48), loc="left", pad=3)
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        if place % columns == 0:
            unit = f" ({unit})" if (unit := means.about(metric).unit) else ""
            axes.set_ylabel(f"{name(metric)}{of_channel(channel)}{unit}")
        if place + columns >= len(scenes):
            axes.set_xlabel("frame")
    for axes in list(panels.flat)[len(scenes) :]:
        axes.set_visible(False)
    figure.subplots_adjust(
        left=0.5 / width,
        right=1 - 0.1 / width,
        top=1 - 0.22 / height,
        bottom=below / height,
        hspace=0.42,
        wspace=0.16,
    )
    figure.legend(
        [handle for _, handle in legend],
        [label for label, _ in legend],
        loc="lower center",
        ncols=math.ceil(len(legend) / legend_lines),
        handlelength=1.8,
        columnspacing=1.2,
        handletextpad=0.5,
        borderaxespad=0.2,
    )
    return figure


def _frame_panel(
    axes: Axes,
    rows: DataFrame,
    methods: Sequence[str],
    style: Mapping[str, MethodStyle],
    both: bool,
) -> None:
    from matplotlib.transforms import blended_transform_factory

    finite_top = blended_transform_factory(axes.transData, axes.transAxes)
    for method in methods:
        mine = rows[rows["method"] == method]
        own = style[method]
        values = mine["value"].where(mine["value"] != math.inf)
        dense = len(mine) > 40
        line: dict[str, Any] = {"linestyle": own.dash, "linewidth": 0.6 if both else 0.9}
        new = mine["kind"] == "new"
        # A line through all frames, and marks for each kind; one artist where there is one kind.
        if both:
            axes.plot(mine["frame"], values, color=own.colour, **line)
            line = {"linestyle": "", "linewidth": 0.0}
        for chosen, filled in ((new, True), (~new, False)):
            if chosen.any():
                axes.plot(
                    mine["frame"][chosen],
                    values[chosen],
                    marker=own.marker,
                    color=own.colour,
                    markerfacecolor=own.colour if filled else "white",
                    markersize=(1.6 if dense else 2.6) if filled else (1.8 if dense else 2.8),
                    markeredgewidth=0.5,
                    **line,
                )
        same = mine[mine["value"] == math.inf]
        if not len(same):
            continue
        axes.plot(
            same["frame"],
            [1.0] * len(same),
            "^",
            transform=finite_top,
            color=own.colour,
            markersize=3.5,
            clip_on=False,
        )
    axes.margins(x=0.03, y=0.08)
    if rows["frame"].nunique() == 1:
        frame = int(rows["frame"].iloc[0])
        axes.set_xlim(frame - 1.5, frame + 1.5)


def _legend(
    methods: Sequence[str],
    style: Mapping[str, MethodStyle],
    kinds: set[str],
    identical: bool,
    untrained: Sequence[str],
) -> list[tuple[str, Line2D]]:
    from matplotlib.lines import Line2D

    entries = []
    for method in methods:
        own = style[method]
        entries.append(
            (
                shortened(plain(method), 40),
                Line2D([], [], ls=own.dash, marker=own.marker, color=own.colour, ms=3, lw=1),
            )
        )

    def mark(label: str, **kind: Any) -> None:
        entries.append((label, Line2D([], [], ls="", color="#555555", ms=3.2, mew=0.6, **kind)))

    if len(kinds) > 1 or "existing" in kinds:
        if "new" in kinds:
            mark("new frame", marker="o")
        mark("existing frame", marker="o", mfc="white")
    if identical:
        mark("identical frame (inf)", marker="^")
    for text in untrained:
        entries.append((shortened(text, 60), Line2D([], [], ls="")))
    # matplotlib drops labels that begin with an underscore.
    return [(f" {label}" if label.startswith("_") else label, line) for label, line in entries]


def _fitting(legend: Sequence[tuple[str, object]], width: float) -> int:
    """How many entries of a legend fit beside each other in `width` inches."""
    longest = max((len(label) for label, _ in legend), default=1)
    return max(1, min(len(legend), int((width - 0.2) / (0.062 * longest + 0.42))))
