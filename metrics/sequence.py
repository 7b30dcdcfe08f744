"""Metrics of two sequences: frames in, pair by pair in the order of time; scores out at the end."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from .errors import MetricError
from .preprocess import Frame, cropped

FINITE = "a finite number is expected"
# One number of the whole sequence; or one of each frame, None where a frame has none.
Scores = float | Sequence[float | None]


class SequenceMeasure(ABC):
    """The scores of one scene's frames. It holds no more than a few of them at a time.

    name: the metric's, for messages. smallest: rows and columns that it is defined for.
    """

    name: str
    smallest = 1

    def __init__(self) -> None:
        self.number = 0

    def add(self, restored: Frame, truth: Frame, crop_border: int = 0) -> None:
        """The next pair: uint8 RGB, (H, W, 3), of the same size as all others.

        Raises ValueError if the frames do not fit each other, MetricError if they are too small.
        """
        pair = cropped(self.name, restored, truth, crop_border, self.smallest)
        self.number += 1
        self.add_pair(*pair)

    def scores(self) -> Scores:
        """The scores, after the last pair.

        Raises MetricError, one line, if they are not one number or one a frame, or not finite.
        """
        result = self.result()
        if isinstance(result, int | float):
            if not self.is_valid(result, None):
                raise MetricError(f"{self.name} gave {result} for the sequence; {FINITE}")
            return result
        if len(result) != self.number:
            raise MetricError(
                f"{self.name} gave {len(result)} scores of a sequence of {self.number} frames; one "
                "a frame is expected, None for a frame without, or one number of all"
            )
        for place, value in enumerate(result):
            if value is not None and not self.is_valid(value, place):
                raise MetricError(
                    f"{self.name} gave {value} for frame {place + 1} of {self.number}; {FINITE}"
                )
        if all(value is None for value in result):
            raise MetricError(
                f"{self.name} has no score of a sequence of {self.number} frame"
                f"{'s' * (self.number != 1)}"
            )
        return result

    def is_valid(self, value: float, place: int | None) -> bool:
        """Whether the score of the frame at a place, or of the sequence for None, can be right."""
        return math.isfinite(value)

    @abstractmethod
    def add_pair(self, restored: Frame, truth: Frame) -> None:
        """The next pair, without the border that is not scored."""

    @abstractmethod
    def result(self) -> Scores:
        """The scores of all pairs so far, which are the whole sequence."""

    def close(self) -> None:
        """Ends what it may have started, also where the sequence breaks off."""


class TemporalMeasure(SequenceMeasure):
    """A measure of each frame and the one before it; the first frame has no score."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[float | None] = []
        self.before: Any = None  # what it keeps of the frame before

    def result(self) -> Scores:
        return self.values


def centre(frame: Frame) -> Frame:
    """The part that TecoGAN's program scores: sides of multiples of 32, at least 8 pixels inside.

    >>> import numpy as np
    >>> centre(np.zeros((480, 720, 3), np.uint8)).shape
    (448, 704, 3)
    """
    sides = [(side - 16) // 32 * 32 for side in frame.shape[:2]]
    top, left = ((side - inner) // 2 for side, inner in zip(frame.shape, sides, strict=False))
    return frame[top : top + sides[0], left : left + sides[1]]


SMALLEST_CENTRE = 48  # rows and columns of which `centre` leaves anything
