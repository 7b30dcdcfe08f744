"""The paper's Fig. 6: how much STVUN trusts each frame of its window, per level, over the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stvt.core.formatting import plain

from .style import TEXT_WIDTH, figure_style, save, shortened

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLOURS = "viridis"


def confidence_figure(
    window: Sequence[NDArray[np.uint8]],
    scores: Mapping[str, NDArray[np.float32]],
    file: Path,
    formats: Sequence[str] = ("png", "pdf", "svg"),
) -> list[Path]:
    """A row a level and checkpoint, a column a frame; the scores coloured over the grey input.

    window: the input frames, (H, W, 3). scores: by the checkpoint's name, (levels, frames, H, W)
    in (0, 1), the deepest level first. All maps share one scale, 0 to 1.
    """
    from matplotlib.figure import Figure

    lines = [
        (f"{shortened(plain(name), 17)}\nlevel {level + 1} of {len(maps)}", maps[level])
        for name, maps in scores.items()
        for level in range(len(maps))
    ]
    height, width = window[0].shape[:2]
    cell = (TEXT_WIDTH - 1) / len(window)
    size = (TEXT_WIDTH, (len(lines) + 1) * (cell * height / width + 0.03) + 0.3)
    with figure_style():
        figure = Figure(figsize=size)
        panels = figure.subplots(len(lines) + 1, len(window), squeeze=False)
        edges = {"left": 0.42 / size[0], "right": 1 - 0.56 / size[0]}
        figure.subplots_adjust(
            **edges, top=1 - 0.2 / size[1], bottom=0.03 / size[1], wspace=0.03, hspace=0.06
        )
        middle = len(window) // 2
        for place, (axes, frame) in enumerate(zip(panels[0], window, strict=True)):
            axes.imshow(frame, interpolation="none")
            offset = place - middle
            axes.set_title("centre" if not offset else f"{offset:+d}", fontsize=7, pad=2)
        overlay = None
        for row, (label, maps) in zip(panels[1:], lines, strict=True):
            for axes, frame, scored in zip(row, window, maps, strict=True):
                grey = frame.mean(axis=2)
                axes.imshow(grey, cmap="gray", vmin=0, vmax=255, interpolation="none")
                overlay = axes.imshow(
                    scored, cmap=COLOURS, vmin=0, vmax=1, alpha=0.65, interpolation="none"
                )
            row[0].set_ylabel(label, fontsize=5)
        for axes in panels.flat:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.grid(False)
        panels[0][0].set_ylabel("input", fontsize=5)
        if overlay is not None:
            box = (1 - 0.5 / size[0], 0.1, 0.09 / size[0], 0.8)
            figure.colorbar(overlay, cax=figure.add_axes(box)).set_label(
                "confidence", fontsize=7, labelpad=1
            )
        return save(figure, file, formats)
