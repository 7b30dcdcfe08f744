"""Error maps, where each method errs: one map a method on one scale, with its colour bar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stvt.core.formatting import plain

from ..run_info import FrameFiles
from .crops import read
from .style import TEXT_WIDTH, close_together, figure_style, save, shortened

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLOURS = "inferno"
SHOWN = 64  # levels that are drawn as the brightest


def error_map(restored: NDArray[np.uint8], gt: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The absolute error in levels, (H, W), the mean over the channels."""
    return np.asarray(np.abs(restored.astype(np.float32) - gt).mean(axis=2), np.float32)


def error_figure(
    files: FrameFiles,
    title: str,
    file: Path,
    methods: Sequence[str],
    formats: Sequence[str] = ("png", "pdf", "svg"),
) -> list[Path]:
    """The true frame and the error map of each method, as FILE.png and so on.

    Returns the files, none without a truth.
    """
    from matplotlib.figure import Figure

    gt = read(files.gt)
    frames = {m: read(files.methods[m]) for m in methods if m in files.methods}
    readable = {m: f for m, f in frames.items() if f is not None and gt is not None}
    if gt is None or not readable:
        return []
    columns = min(4, len(readable) + 1)
    lines = math.ceil((len(readable) + 1) / columns)
    cell = (TEXT_WIDTH - 0.55) / columns
    height = lines * (cell * gt.shape[0] / gt.shape[1] + 0.22) + 0.05
    with figure_style():
        figure = Figure(figsize=(TEXT_WIDTH, height), layout=close_together())
        panels = figure.subplots(lines, columns, squeeze=False)
        for axes in panels.flat:
            axes.set_axis_off()
        panels.flat[0].imshow(gt, interpolation="none")
        panels.flat[0].set_title(shortened(plain(title), int(cell * 13)), pad=2)
        image = None
        for axes, (method, frame) in zip(panels.flat[1:], readable.items(), strict=False):
            axes.set_title(shortened(plain(method), int(cell * 13)), pad=2)
            if frame.shape == gt.shape:
                error = error_map(frame, gt)
                image = axes.imshow(error, cmap=COLOURS, vmin=0, vmax=SHOWN, interpolation="none")
        if image is not None:
            bar = figure.colorbar(image, ax=panels, extend="max", fraction=0.03, pad=0.01)
            bar.set_label("error in levels of 255")
        return save(figure, file, formats)
