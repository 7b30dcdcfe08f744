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


def by_tiles(
    output: Tensor, kept: Box, within: Box, cut: Cut, compute: Callable[[Box, Box], Tensor]
) -> Tensor:
    """Fills `output` with what `compute` gives for the tiles of a frame, and returns it.

    output:  a whole number of times as large as `kept`.
    kept:    the part of the frame that is wanted; within: the frame, where margins end.
    compute: given a tile with its margin and, counted from its corner, the part of it that is
             kept, computes that part, as many times larger as `output` is.
    """
    scale = output.shape[-1] // kept.width
    for piece in kept.pieces(cut.side, cut.side):
        around = piece.expand(cut.margin, within)
        larger = piece.relative_to(kept).scale(scale)
        larger.cut(output).copy_(compute(around, piece.relative_to(around)))
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
