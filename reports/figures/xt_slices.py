"""x-t slices: one row of pixels of every frame, time going down, so that flicker shows as steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stvt.core.formatting import plain

from ..run_info import ClipFiles
from .crops import read
from .style import TEXT_WIDTH, close_together, figure_style, save, shortened

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
    formats: Sequence[str] = ("png", "pdf", "svg"),
) -> list[Path]:
    """The slices of truth, input and every method through one row, as FILE.png and so on.

    Frames that any view lacks are left out. Returns the files, none where fewer than two frames
    are left.
    """
    from matplotlib.figure import Figure

    views = clip.views(methods)
    common = sorted(set.intersection(*(set(view) for view in views.values())))
    if len(common) < 2:
        return []
    columns = min(4, len(views))
    lines = math.ceil(len(views) / columns)
    cell = TEXT_WIDTH / columns
    with figure_style():
        figure = Figure(figsize=(TEXT_WIDTH, lines * 0.7 * cell + 0.2), layout=close_together())
        figure.suptitle(shortened(plain(title), 90), fontsize=8)
        panels = figure.subplots(lines, columns, squeeze=False)
        for axes in panels.flat:
            axes.set_axis_off()
        for axes, (label, files) in zip(panels.flat, views.items(), strict=False):
            axes.set_title(shortened(plain(label), int(cell * 13)), pad=2)
            frames = [frame for f in common if (frame := read(files[f])) is not None]
            if len(frames) == len(common) and len({frame.shape for frame in frames}) == 1:
                axes.imshow(time_slice(frames, row), interpolation="none", aspect="auto")
        return save(figure, file, formats)
