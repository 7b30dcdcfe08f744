"""Error maps, where each method errs: one map a method on one scale, with its colour bar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..run_info import FrameFiles
from .sheet import GAP, Sheet, Tile, TileGrid, coloured, read
from .style import TEXT_WIDTH, figure_style, method_styles

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
    gt = read(files.gt)
    if gt is None:
        return []
    style = method_styles(methods)
    tiles = [Tile(gt, title)]
    for method in [m for m in methods if m in files.methods]:
        frame = read(files.methods[method])
        if frame is not None:
            same = frame.shape == gt.shape
            image = coloured(error_map(frame, gt) / SHOWN, COLOURS) if same else None
            tiles.append(Tile(image, method, colour=style[method].colour))
    if len(tiles) == 1:
        return []
    columns = min(4, len(tiles))
    cell = (TEXT_WIDTH - 0.6) / columns - GAP
    grid = TileGrid(tiles, columns, cell, cell * gt.shape[0] / gt.shape[1])
    with figure_style():
        sheet = Sheet(TEXT_WIDTH, grid.height + 0.02)
        grid.draw(sheet, 0, 0)
        sheet.colour_bar(COLOURS, SHOWN, "error in levels of 255", extend="max")
        return sheet.save(file, formats)
