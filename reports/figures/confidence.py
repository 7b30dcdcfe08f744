"""The paper's Fig. 6: how much STVUN trusts each frame of its window, per level, over the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .sheet import GAP, LINE, POINTS, Sheet, Tile, TileGrid, coloured
from .style import TEXT_WIDTH, figure_style, wrapped

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
    formats: Sequence[str] = ("png", "pdf", "svg"),
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
    grid = TileGrid(tiles, len(window), cell, height)
    top = LINE + 0.03
    with figure_style():
        sheet = Sheet(TEXT_WIDTH, top + grid.height)
        for place in range(len(window)):
            offset = place - len(window) // 2
            middle = LABELS + place * (cell + GAP) + cell / 2
            sheet.text(f"{offset:+d}" if offset else "centre", middle, 0.01)
        for label, y in zip(labels, grid.tops, strict=True):
            name = "\n".join(wrapped(label, LABELS - GAP, POINTS))
            sheet.text(name, LABELS - GAP, top + y + height / 2, ha="right", va="center")
        grid.draw(sheet, LABELS, top)
        sheet.colour_bar(COLOURS, 1, "confidence")
        return sheet.save(file, formats)


def _overlay(frame: NDArray[np.uint8], score: NDArray[np.float32]) -> NDArray[np.uint8]:
    grey = frame.mean(axis=2, keepdims=True)
    return np.asarray(OPAQUE * coloured(score, COLOURS) + (1 - OPAQUE) * grey, np.uint8)
