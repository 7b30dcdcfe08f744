"""Parts of a frame: tiles and bands take less memory, and give the same but for what a margin cuts off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..method import Settings


@dataclass(frozen=True)
class Box:
    """Pixels (y, x) of a frame with top <= y < bottom and left <= x < right."""

    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def whole(cls, frame: Tensor) -> Box:
        return cls(0, frame.shape[-2], 0, frame.shape[-1])

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    def cut(self, frame: Tensor) -> Tensor:
        """This part of a frame."""
        return frame[..., self.top : self.bottom, self.left : self.right]

    def expand(self, margin: int, within: Box) -> Box:
        """With a margin on all sides, as far as the other box has it."""
        return Box(
            max(self.top - margin, within.top),
            min(self.bottom + margin, within.bottom),
            max(self.left - margin, within.left),
            min(self.right + margin, within.right),
        )

    def relative_to(self, outer: Box) -> Box:
        """The box with its coordinates relative to the corner of another."""
        top, left = self.top - outer.top, self.left - outer.left
        return Box(top, top + self.height, left, left + self.width)

    def scale(self, factor: int) -> Box:
        """The box of the same part in a frame enlarged by a factor."""
        return Box(factor * self.top, factor * self.bottom, factor * self.left, factor * self.right)

    def pieces(self, height: int, width: int) -> Iterator[Box]:
        """Boxes of at most that size that make up this one.

        >>> [(piece.top, piece.left) for piece in Box(0, 3, 10, 14).pieces(2, 3)]
        [(0, 10), (0, 13), (2, 10), (2, 13)]
        """
        for top in range(self.top, self.bottom, height):
            for left in range(self.left, self.right, width):
                bottom, right = min(top + height, self.bottom), min(left + width, self.right)
                yield Box(top, bottom, left, right)


def in_bands(
    function: Callable[[Tensor], tuple[Tensor, ...]], frame: Tensor, rows: int, margin: int
) -> tuple[Tensor, ...]:
    """`function(frame)`, computed from bands of `rows` rows with `margin` more on either side.

    function: gives one or more tensors, each as high as its input or a whole fraction of it; an
              output row depends on no more than `margin` input rows above and below.
    rows, margin: multiples of those fractions' denominators, so that bands start on whole rows.

    The margins are cut to the frame, where the function pads as it does for the whole.
    """
    height = frame.shape[-2]
    if rows >= height:
        return function(frame)
    bands = []
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        start, stop = max(top - margin, 0), min(bottom + margin, height)
        parts = []
        for part in function(frame[..., start:stop, :]):
            finer = (stop - start) // part.shape[-2]
            parts.append(part[..., (top - start) // finer : (bottom - start) // finer, :])
        bands.append(parts)
    return tuple(torch.cat(parts, -2) for parts in zip(*bands, strict=True))


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
