"""The paper's Fig. 5 (a): enlarged parts of a scene at several times, a row a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stvt.core.formatting import plain

from ..errors import ReportError
from ..run_info import FrameFiles
from .crops import Crop, decibels_of_frame, read
from .style import HIGHLIGHT, TEXT_WIDTH, figure_style, method_styles, save, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 24  # columns; more are too small to see


def strip_figure(
    frames: Sequence[FrameFiles],
    crops: Sequence[Crop],
    title: str,
    file: Path,
    methods: Sequence[str],
    psnr: Sequence[Mapping[str, float]],
    formats: Sequence[str] = ("png", "pdf", "svg"),
) -> list[Path]:
    """The first true frame with the crops as boxes, and below a column a frame and crop, a row for
    the truth and each method.

    psnr: of each of the frames, by method.
    Raises ReportError for a crop outside of the frame, a true frame that cannot be read, and
    too many columns.
    """
    from matplotlib.figure import Figure

    places = [(n, number, crop) for number, crop in enumerate(crops) for n in range(len(frames))]
    if len(places) > MOST:
        raise ReportError(f"{title}: {len(places)} frames and crops side by side; at most {MOST}")
    truths = []
    for one in frames:
        gt = read(one.gt)
        if gt is None:
            raise ReportError(f"{one.gt}: the true frame cannot be read")
        for crop in crops:
            crop.check(gt)
        truths.append(gt)
    rows = ["truth", *(m for m in methods if any(m in one.methods for one in frames))]
    colours = {method: style.colour for method, style in method_styles(methods).items()}
    left, between = 0.28, 0.03  # inches, and a part of a cell
    cell = (TEXT_WIDTH - left) / (len(places) + between * (len(places) - 1))
    high = cell * max(crop.height / crop.width for crop in crops)
    gap, top, below = 0.17, 2.0, 0.14
    size = (TEXT_WIDTH, top + len(rows) * high + (len(rows) - 1) * gap + below)
    with figure_style():
        figure = Figure(figsize=size)
        whole = figure.add_axes((0, 1 - (top - 0.2) / size[1], 1, (top - 0.4) / size[1]))
        whole.imshow(truths[0], interpolation="none")
        whole.set_title(shortened(plain(title), 90), pad=3)
        _bare(whole)
        for number, crop in enumerate(crops):
            _box(whole, crop, str(number + 1) if len(crops) > 1 else "")
        panels = figure.subplots(
            len(rows),
            len(places),
            squeeze=False,
            gridspec_kw={
                "left": left / size[0],
                "right": 1,
                "top": 1 - top / size[1],
                "bottom": below / size[1],
                "wspace": between,
                "hspace": gap / high,
            },
        )
        for column, (n, number, crop) in enumerate(places):
            name = f"crop {number + 1}, frame " if len(crops) > 1 else "frame "
            panels[0][column].set_title(f"{name}{frames[n].frame}", fontsize=6, pad=2)
            for axes, row in zip(panels[:, column], rows, strict=True):
                frame = truths[n] if row == "truth" else read(frames[n].methods.get(row))
                _bare(axes)
                if frame is not None and frame.shape == truths[n].shape:
                    axes.imshow(crop.of(frame), interpolation="none")
                if row != "truth":
                    axes.set_xlabel(decibels_of_frame(psnr[n].get(row)), fontsize=5, labelpad=1)
        for axes, row in zip(panels[:, 0], rows, strict=True):
            label = shortened(plain(row), max(8, int(high * 20)))
            axes.set_ylabel(label, fontsize=6, labelpad=2, color=colours.get(row, "black"))
        return save(figure, file, formats)


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _box(axes: Axes, crop: Crop, name: str) -> None:
    from matplotlib.patches import Rectangle

    corner = (crop.x - 0.5, crop.y - 0.5)
    axes.add_patch(
        Rectangle(corner, crop.width, crop.height, fill=False, edgecolor=HIGHLIGHT, linewidth=1)
    )
    if name:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        axes.text(*corner, name, color=HIGHLIGHT, fontsize=7, va="bottom", bbox=box)
