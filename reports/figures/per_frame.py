"""PSNR frame by frame, a panel a scene: the saw-tooth of space-time upsampling is visible."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt.core.formatting import plain
from stvt.core.safe_names import file_name

from ..averages import Averages, Column
from ..formatting import name, of_channel
from ..scores import of_frames
from .style import (
    COLUMN_WIDTH,
    TEXT_WIDTH,
    MethodStyle,
    figure_style,
    legend_below,
    method_styles,
    save,
    wrapped,
)

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
    page is drawn as PDF too; of many pages a PDF each would take as long as all else together. Of
    one that does not fit on `PAGES_A_DATASET` the first page is drawn, as a sample.
    """
    dataset, channel = column
    scores = of_frames(scores)
    measured = set(scores["metric"])
    metric = next((metric for metric in means.metrics[column] if metric in measured), "")
    trained = [method for method in means.leading(dataset) if method not in means.untrained]
    rows = scores[
        (scores["dataset"] == dataset)
        & (scores["metric"] == metric)
        & scores["method"].isin(trained)
        & scores["value"].notna()
        & ((scores["channel"] == channel) | (metric not in ("psnr", "ssim")))
    ]
    drawable = set(rows["scene"])
    scenes = [scene for scene in means.scenes[dataset] if scene in drawable]
    fit = len(scenes) <= PANELS_A_PAGE * PAGES_A_DATASET
    first_scenes = scenes if fit else scenes[:PANELS_A_PAGE]
    pages = [
        first_scenes[at : at + PANELS_A_PAGE] for at in range(0, len(first_scenes), PANELS_A_PAGE)
    ]
    drawn = rows[rows["scene"].isin(first_scenes)]
    by_scene = {str(scene): group for scene, group in drawn.groupby("scene")}
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
    legend = [style[method].line(plain(method)) for method in present]
    legend += _legend_of_marks(kinds, same)
    legend += [
        _mark(f"{m} (untrained, not drawn)", "") for m in means.methods if m in means.untrained
    ]
    width = TEXT_WIDTH if columns == 2 else COLUMN_WIDTH
    figure = Figure(figsize=(width, 1.6 * lines + 0.1), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False)
    unit = f" ({unit})" if (unit := means.info.metric(metric).unit) else ""
    for place, (axes, (scene, rows)) in enumerate(zip(panels.flat, scenes.items(), strict=False)):
        _frame_panel(axes, rows, present, style, both=len(kinds) > 1)
        axes.set_title("\n".join(wrapped(scene, 2.6, 8)), loc="left", pad=3)
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        if place % columns == 0:
            axes.set_ylabel(f"{name(metric)}{of_channel(channel)}{unit}")
        if place + columns >= len(scenes):
            axes.set_xlabel("frame")
    for axes in list(panels.flat)[len(scenes) :]:
        axes.set_visible(False)
    legend_below(figure, legend)
    return figure


def _frame_panel(
    axes: Axes,
    rows: DataFrame,
    methods: Sequence[str],
    style: Mapping[str, MethodStyle],
    both: bool,
) -> None:
    for method in methods:
        mine = rows[rows["method"] == method]
        own = style[method]
        values = mine["value"].where(mine["value"] != math.inf)
        line = own.line(width=0.6 if both else 0.9, marker=False)
        line.set_data(mine["frame"], values)
        axes.add_line(line)
        size = 1.7 if len(mine) > 40 else 2.7
        new = mine["kind"] == "new"
        for chosen, fill in ((new, own.colour), (~new, "white")):
            look: dict[str, Any] = {"color": own.colour, "markerfacecolor": fill}
            look |= {"marker": own.marker, "markersize": size, "markeredgewidth": 0.5}
            axes.plot(mine["frame"][chosen], values[chosen], linestyle="", **look)
        same = mine[mine["value"] == math.inf]
        if len(same):
            look = {"color": own.colour, "markersize": 3.5, "clip_on": False}
            top = axes.get_xaxis_transform()
            axes.plot(same["frame"], [1.0] * len(same), "^", transform=top, **look)
    axes.margins(x=0.03, y=0.08)
    axes.autoscale_view()
    if rows["frame"].nunique() == 1:
        frame = int(rows["frame"].iloc[0])
        axes.set_xlim(frame - 1.5, frame + 1.5)


def _legend_of_marks(kinds: set[str], identical: bool) -> list[Line2D]:
    marks = []
    if len(kinds) > 1:
        marks.append(_mark("new frame", "o"))
    if "existing" in kinds:
        marks.append(_mark("existing frame", "o", markerfacecolor="white"))
    if identical:
        marks.append(_mark("identical frame (inf)", "^"))
    return marks


def _mark(label: str, marker: str, **look: Any) -> Line2D:
    from matplotlib.lines import Line2D

    look |= {"markersize": 3.2, "markeredgewidth": 0.6, "color": "#555555"}
    return Line2D([], [], linestyle="", marker=marker, label=plain(label), **look)
