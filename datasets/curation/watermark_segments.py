"""Logos and captions that are there for a part of a video only, looked for part by part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .letterbox import Box
from .watermark import LOOKS, Logos


@dataclass(frozen=True)
class Passing:
    """A logo, and the seconds between which it may be seen: those of its part and of both beside."""

    box: Box
    start: Fraction
    end: Fraction

    def is_seen(self, start: Fraction, end: Fraction) -> bool:
        return self.start < end and start < self.end


class PassingLogos:
    """Looks at parts of a video, as short as tells something; one part's maps are held at a time.

    within: gives the part of the picture within the borders, as far as they are known by then: no
            more of the picture than in the end, so their edges are never taken for a logo's.
    """

    def __init__(self, height: int, width: int, within: Callable[[], Box | None]) -> None:
        self._size = height, width
        self._within = within
        self._part = Logos(height, width)
        self._begun: Fraction | None = None
        self.found: list[Passing] = []

    def add(self, frame: NDArray[np.uint8], seconds: Fraction) -> None:
        """frame: uint8 (H, W, 3)."""
        self._begun = seconds if self._begun is None else self._begun
        self._part.add(frame)
        if self._part.looks < LOOKS:
            return
        start, length = self._begun, seconds - self._begun
        self.found += [
            Passing(box, start - length, seconds + length)
            for box in self._part.boxes(self._within())
        ]
        self._part, self._begun = Logos(*self._size), None
