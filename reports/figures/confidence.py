"""The paper's Fig. 6: how much STVUN trusts each frame of its window, per level, over the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .sheet import GAP, Sheet, Tile, TileGrid, coloured
from .style import TEXT_WIDTH, figure_style

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLOURS = "viridis"
OPAQUE = 0.65  # of the colours over the grey input
LABELS = 0.8  # inches at the left
SCALE = 0.6  # inches at the right


def confidence_figure(
    window: Sequence[NDArray[np.uint8]],
    scores: Mapping[str, NDArray[np.float32]],
    file: Path,
) -> list[Path]:
    """A row a level and checkpoint, a column a frame; the scores coloured over the grey input.

    window: the input frames, (H, W, 3). scores: by the checkpoint's name, (levels, frames, H, W)
    in (0, 1), the deepest level first. All maps share one scale, 0 to 1.
    """
    labels, tiles = ["input"], [Tile(frame) for frame in window]
    for name, levels in scores.items():
        for number, maps in enumerate(levels, start=1):
            labels.append(f"{name}, level {number} of {len(levels)}")
            tiles += [Tile(_overlay(*pair)) for pair in zip(window, maps, strict=True)]
    cell = (TEXT_WIDTH - LABELS - SCALE) / len(window) - GAP
    height = cell * window[0].shape[0] / window[0].shape[1]
    middle = len(window) // 2
    heads = [f"{k - middle:+d}" if k != middle else "centre" for k in range(len(window))]
    grid = TileGrid(tiles, len(window), cell, height, labels, LABELS, heads)
    with figure_style():
        sheet = Sheet(TEXT_WIDTH, grid.height)
        grid.draw(sheet, 0, 0)
        sheet.colour_bar(COLOURS, 1, "confidence")
        return sheet.save(file)


def _overlay(frame: NDArray[np.uint8], score: NDArray[np.float32]) -> NDArray[np.uint8]:
    grey = frame.mean(axis=2, keepdims=True)
    return np.asarray(OPAQUE * coloured(score, COLOURS) + (1 - OPAQUE) * grey, np.uint8)
