"""The motion of scenes: histograms, and a scene at a glance with its flow as colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .flow import flow_colours
from .style import COLOURS, TEXT_WIDTH, figure_style, save

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    Frame = NDArray[np.uint8]
    Flow = NDArray[np.float32]

LEAST = 1.0  # pixels: the full colour stands for this much at least, or stillness would be loud
# Pixels a frame; each bin of the histogram is twice as wide as the one before.
EDGES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


@dataclass(frozen=True)
class SceneOverview:
    """A scene at a glance: some of its frames, and the flow after one of them.

    facts:    said beside it, name by name.
    pictures: (number, uint8 (H, W, 3)) of some of its frames, in order.
    flow:     (2, h, w) in pixels, after frame number `flow_at`; None if it has but one frame.
    """

    name: str
    facts: Mapping[str, str]
    pictures: Sequence[tuple[int, Frame]]
    flow: Flow | None
    flow_at: int

    def fastest(self) -> float:
        """The speed of the full colour: all but one pixel of a hundred are slower."""
        if self.flow is None:
            return LEAST
        return max(float(np.percentile(np.hypot(*self.flow), 99)), LEAST)

    def coloured(self) -> Frame | None:
        """The flow as colours, or None."""
        return None if self.flow is None else flow_colours(self.flow, self.fastest())


def thumbnail(picture: Frame, width: int, height: int) -> Image:
    """The picture no larger than that, its proportions kept."""
    from PIL import Image

    image = Image.fromarray(picture)
    part = min(width / image.width, height / image.height)
    size = (max(round(image.width * part), 1), max(round(image.height * part), 1))
    return image.resize(size, Image.Resampling.LANCZOS if part < 1 else Image.Resampling.NEAREST)


def flow_caption(scene: SceneOverview) -> str:
    return f"motion {scene.flow_at} to {scene.flow_at + 1}, full colour {scene.fastest():.3g} px"


def motion_shares(lengths: NDArray[np.float32]) -> NDArray[np.float64]:
    """The part of the lengths that is in each bin from one of EDGES to the next, or to no end."""
    counts, _ = np.histogram(lengths, (*EDGES, np.inf))
    return np.asarray(counts / max(int(counts.sum()), 1), np.float64)


def motion_figure(
    lengths: NDArray[np.float32], clips: Sequence[tuple[float, float]], file: Path
) -> list[Path]:
    """Two histograms: of the motion of pixels, and of each clip's median and 95th percentile.

    lengths: in pixels a frame. clips: (median, 95th percentile) of each.
    """
    from matplotlib.figure import Figure

    names = [f"{low:g}-{high:g}" for low, high in pairwise(EDGES)]
    names.append(f"over {EDGES[-1]:g}")
    places = np.arange(len(names))
    with figure_style():
        figure = Figure(figsize=(TEXT_WIDTH, 2.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.bar(places, 100 * motion_shares(lengths), 0.85, color=COLOURS[0])
        left.set_ylabel("% of pixels")
        for offset, column, colour, what in (
            (-0.21, 0, COLOURS[0], "median"),
            (0.21, 1, COLOURS[1], "95th percentile"),
        ):
            values = np.array([clip[column] for clip in clips], np.float32)
            counts, _ = np.histogram(values, (*EDGES, np.inf))
            right.bar(places + offset, counts, 0.42, color=colour, label=what)
        right.set_ylabel("scenes")
        right.yaxis.get_major_locator().set_params(integer=True)
        right.legend()
        for axes in (left, right):
            axes.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor")
            axes.set_xlabel("motion, pixels a frame")
            axes.grid(visible=False, axis="x")
        return save(figure, file, ("png",))
