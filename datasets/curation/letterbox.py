"""Black borders: the part of a video's picture that something is ever shown in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLACK = 24  # of 255, at most, of every channel of every pixel of a border: coded black is 0 to 20
MARGIN = 2  # further pixels that are taken off: the edge of the picture bleeds into them
LEAST = 0.25  # part of the picture that must be left


class Box(NamedTuple):
    """A part of a picture."""

    top: int
    left: int
    height: int
    width: int


class Borders:
    """Gathers the brightest that every row and column ever shows."""

    def __init__(self, height: int, width: int) -> None:
        self._rows = np.zeros(height, np.uint8)
        self._columns = np.zeros(width, np.uint8)

    def add(self, frame: NDArray[np.uint8]) -> None:
        """frame: uint8 (H, W, 3)."""
        brightest = frame.max(axis=1)
        np.maximum(self._rows, brightest.max(axis=1), out=self._rows)
        np.maximum(self._columns, frame.max(axis=0).max(axis=1), out=self._columns)

    def result(self) -> tuple[Box | None, str]:
        """The box within the borders, None where there are none; and a fault, if too little is left."""
        rows, columns = (np.flatnonzero(side > BLACK) for side in (self._rows, self._columns))
        if not len(rows) or not len(columns):
            return None, "black: nothing is ever brighter than black"
        top, height = _within(rows, len(self._rows))
        left, width = _within(columns, len(self._columns))
        box = Box(top, left, height, width)
        whole = len(self._rows) * len(self._columns)
        if box.height * box.width == whole:
            return None, ""
        if box.height * box.width < LEAST * whole:
            return box, f"black borders: they leave only {box.width}x{box.height} of the picture"
        return box, ""


def _within(lit: NDArray[np.intp], count: int) -> tuple[int, int]:
    """The first and the number of rows from the first to the last that is lit, borders' edges off."""
    first, last = int(lit[0]), int(lit[-1])
    first = first + MARGIN if first else 0
    last = last - MARGIN if last < count - 1 else last
    return first, max(last - first + 1, 0)
