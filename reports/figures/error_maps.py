"""Error maps, where each method errs: one map a method on one scale, with its colour bar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..run_info import FrameFiles
from .sheet import Tile, coloured, read, tile_sheet
from .style import figure_style, method_styles

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
    with figure_style():
        sheet = tile_sheet(tiles, gt.shape[0] / gt.shape[1], right=0.65)
        sheet.colour_bar(COLOURS, SHOWN, "error in levels of 255", extend="max")
        return sheet.save(file)
