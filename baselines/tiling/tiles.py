"""Tiled inference: a frame computed tile by tile, each with a margin that is cut off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ..method import Settings
from .box import Box


@dataclass(frozen=True)
class Cut:
    """The size of a tile: the side of the part that is kept, and the margin around it.

    Both in low-resolution pixels and multiples of what the network's coarsest level needs, so that
    this level of a tile lies on the frame's.
    """

    side: int
    margin: int

    @classmethod
    def on_grid(cls, tile: int, grid: int, margins: int = 1) -> Cut:
        """For tiles of about that side, margins included; the margin is so many times the grid."""
        return cls(max(tile // grid - 2 * margins, 1) * grid, margins * grid)


def by_tiles(whole: Box, scale: int, cut: Cut, compute: Callable[[Box], Tensor]) -> Tensor:
    """What `compute` gives for a frame, put together from its tiles.

    whole:   the frame.
    compute: given a tile with its margin, computes it, (..., scale * h, scale * w).
    """
    output: Tensor | None = None
    for piece in whole.pieces(cut.side, cut.side):
        around = piece.expand(cut.margin, whole)
        kept = piece.relative_to(around).scale(scale).cut(compute(around))
        if output is None:
            height, width = scale * whole.height, scale * whole.width
            output = kept.new_empty(*kept.shape[:-2], height, width)
        piece.scale(scale).cut(output).copy_(kept)
    assert output is not None  # no frame is empty
    return output


class Tiles:
    """The side of the tiles that a network works in, in low-resolution pixels.

    tile: None is the whole frame, also where the settings say "auto": `stream_in_tiles` then sets
          it when memory runs out.
    """

    def __init__(self, settings: Settings) -> None:
        self.tile = None if settings.tile == "auto" else settings.tile

    def side(self, height: int, width: int) -> int | None:
        """For frames of that size; None is the whole frame."""
        tile = self.tile
        return tile if tile is not None and max(height, width) > tile else None

    def of(self, frame: Tensor) -> int | None:
        return self.side(frame.shape[-2], frame.shape[-1])
