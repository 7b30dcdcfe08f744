"""What a stored clip of frames offers, however it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Box = tuple[int, int, int, int]


class Clip(Protocol):
    """A stored clip. It may be pickled: what comes out of it opens the file anew.

    shape: (frames, height, width, 3).
    """

    path: Path
    shape: tuple[int, int, int, int]

    def __len__(self) -> int: ...

    def read(self, indices: Sequence[int], box: Box | None = None) -> NDArray[np.uint8]:
        """The frames of these numbers, in this order, as uint8 (n, H, W, 3) of its own memory.

        box: (top, left, height, width), the part that is wanted: that alone is copied or
             converted, which is most of the cost.
        Raises IndexError for a number or a box that is not within, DatasetError if the file is
        damaged.
        """


def within(box: Box | None, height: int, width: int) -> tuple[slice, slice]:
    """The rows and columns of a box. Raises IndexError unless a frame of this size holds it."""
    if box is None:
        return slice(None), slice(None)
    top, left, rows, columns = box
    if min(box) < 0 or top + rows > height or left + columns > width:
        raise IndexError(f"a frame of {width}x{height} does not hold the box {box}")
    return slice(top, top + rows), slice(left, left + columns)


def checked(indices: Sequence[int], frames: int, path: Path) -> list[int]:
    """The numbers as a list. Raises IndexError unless the clip has such frames."""
    numbers = [int(index) for index in indices]
    for index in numbers:
        if not 0 <= index < frames:
            raise IndexError(f"{path.name} has frames 0 to {frames - 1}, not {index}")
    return numbers
