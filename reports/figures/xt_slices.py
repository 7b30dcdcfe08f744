"""x-t slices: one row of pixels of every frame, time going down, so that flicker shows as steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..run_info import ClipFiles
from .sheet import Tile, read, tile_sheet
from .style import figure_style, method_styles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]


def time_slice(frames: Sequence[Frame], row: float) -> Frame:
    """(frames, W, 3): the pixels of each at `row`, a part of the height in [0, 1)."""
    return np.stack([frame[min(int(row * len(frame)), len(frame) - 1)] for frame in frames])


def slice_figure(
    clip: ClipFiles,
    title: str,
    file: Path,
    methods: Sequence[str],
    row: float = 0.5,
) -> list[Path]:
    """The slices of truth, input and every method through one row, as FILE.png and so on.

    Frames that any view lacks are left out. Returns the files, none where fewer than two frames
    are left.
    """
    views = clip.views(methods)
    common = sorted(set.intersection(*(set(view) for view in views.values())))
    if len(common) < 2:
        return []
    style = method_styles(methods)
    tiles = []
    for label, files in views.items():
        frames = [frame for f in common if (frame := read(files[f])) is not None]
        whole = len(frames) == len(common) and len({frame.shape for frame in frames}) == 1
        colour = style[label].colour if label in style else None
        tiles.append(Tile(time_slice(frames, row) if whole else None, label, colour=colour))
    with figure_style():
        return tile_sheet(tiles, 0.55, title).save(file)
