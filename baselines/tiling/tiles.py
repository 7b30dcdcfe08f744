"""Work in tiles: a frame made piece by piece, and how large a piece fits into a given memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from torch import Tensor

from ..method import Settings
from .box import Box
from .memory import tile_within


@dataclass(frozen=True)
class Cut:
    """How a tile is cut: the side of the part that is kept, and the margin that is seen around it.

    Both in low-resolution pixels and multiples of what the network's coarsest level needs, so that
    this level of a tile lies on the frame's.
    """

    side: int
    margin: int


def by_tiles(
    made: Tensor, kept: Box, within: Box, cut: Cut, compute: Callable[[Box, Box], Tensor]
) -> Tensor:
    """Fills `made` with what `compute` makes of the tiles of a frame, and returns it.

    made:    a whole number of times as large as `kept`.
    kept:    the part of the frame that is wanted; within: the frame, where margins end.
    compute: given a tile with its margin and, counted from its corner, the part of it that is
             kept, makes that part, as many times larger as `made` is.
    """
    scale = made.shape[-1] // kept.width
    for piece in kept.pieces(cut.side, cut.side):
        around = piece.grown(cut.margin, within)
        larger = piece.inside(kept).times(scale)
        larger.cut(made).copy_(compute(around, piece.inside(around)))
    return made


class Tiles:
    """The side of the tiles that a network works in: what the settings say, or what fits.

    network: its name in the table of needs.
    """

    def __init__(self, network: str, settings: Settings) -> None:
        self.network, self.settings = network, settings

    def side(self, height: int, width: int) -> int | None:
        """For frames of that size, in low-resolution pixels; None is the whole frame.

        Raises MethodError if the memory of the settings is too small for any.
        """
        tile = self.settings.tile
        if self.settings.memory is not None:
            fits = tile_within(
                self.network,
                self.settings.memory,
                height,
                width,
                half=self.settings.precision == "bf16" and self.settings.device == "cpu",
                alone=self.settings.alone,
            )
            tile = min((side for side in (tile, fits) if side is not None), default=None)
        return tile if tile is not None and max(height, width) > tile else None

    def of(self, frame: Tensor) -> int | None:
        return self.side(frame.shape[-2], frame.shape[-1])


def seen_ahead(frames: Iterable[Tensor]) -> tuple[Tensor | None, Iterator[Tensor]]:
    """The first of some frames, if there is one, and all of them."""
    rest = iter(frames)
    start = list(islice(rest, 1))
    return (start[0] if start else None), chain(start, rest)
