"""Letterbox bars: black borders that every frame of a video has, and the picture within them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..frames import Box


class LetterboxDetector:
    """Finds letterbox bars from the brightest that every row and column ever shows.

    height, width: of the frames.
    black:  of 255, at most, of every channel of every pixel of a bar: coded black is 0 to 20.
    margin: further pixels that are taken off: the edge of the picture bleeds into them.
    least:  part of the picture that must be left.
    """

    def __init__(
        self, height: int, width: int, black: int = 24, margin: int = 2, least: float = 0.25
    ) -> None:
        self.black, self.margin, self.least = black, margin, least
        self._rows = np.zeros(height, np.uint8)
        self._columns = np.zeros(width, np.uint8)

    def process_frame(self, frame: NDArray[np.uint8]) -> None:
        """frame: uint8 (H, W, 3)."""
        np.maximum(self._rows, frame.max(axis=(1, 2)), out=self._rows)
        np.maximum(self._columns, frame.max(axis=0).max(axis=1), out=self._columns)

    def result(self) -> tuple[Box | None, str]:
        """The box within the bars, None where there are none; and a fault, if too little is left."""
        rows, columns = (np.flatnonzero(side > self.black) for side in (self._rows, self._columns))
        if not len(rows) or not len(columns):
            return None, "black: nothing is ever brighter than black"
        top, height = self._within(rows, len(self._rows))
        left, width = self._within(columns, len(self._columns))
        box, whole = Box(top, left, height, width), len(self._rows) * len(self._columns)
        if height * width == whole:
            return None, ""
        if height * width < self.least * whole:
            return box, f"black borders: they leave only {width}x{height} of the picture"
        return box, ""

    def _within(self, lit: NDArray[np.intp], count: int) -> tuple[int, int]:
        """The first and the number of rows from the first to the last that is lit, margins off."""
        first, last = int(lit[0]), int(lit[-1])
        first = first + self.margin if first else 0
        last = last - self.margin if last < count - 1 else last
        return first, max(last - first + 1, 0)
