"""Parts of a frame: work in bands and pieces takes less memory and gives the same result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


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
