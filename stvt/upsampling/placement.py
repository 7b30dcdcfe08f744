"""Times of an upsampled sequence: frames with theirs, and where between them outputs are placed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, TypeVar

from stvt.datasets import Pixels

FINE = 64  # parts of a gap in which new frames are placed where no fewer will do
SNAP = Fraction(1, 20)  # of an output's time: a frame so near to an output is shown as it is

Item = TypeVar("Item")


class TimedFrame(NamedTuple):
    """A frame of a source: its time in seconds, its picture, and its number in the source."""

    seconds: Fraction
    picture: Pixels
    number: int = 0


@dataclass(frozen=True)
class Placement:
    """The outputs between one input frame and the next.

    times: that a method is asked for between two frames, each in (0, 1).
    step:  seconds of the input between two outputs; the times cut a gap into equal parts then, and
           each output is at the nearest. None: every gap holds the frame and all the times.
    hold:  whether the last frame is shown as long as the source says.
    period: seconds between two frames of a constant rate; in a longer gap, where a frame is missing
           or one stays, only the end moves, and the frame is held before. None: all of it moves.
    near:  seconds from an output's time within which a frame is shown as it is.
    """

    times: tuple[float, ...]
    step: Fraction | None = None
    hold: bool = True
    period: Fraction | None = None
    near: Fraction = Fraction(0)

    def outputs(
        self, start: Fraction, end: Fraction, origin: Fraction, until: Fraction | None = None
    ) -> list[int]:
        """For each output in the gap its index: 0 is the frame itself, i is at times[i - 1].

        until: the frame is held until then, and what moves does so from there to `end`.
        """
        parts = len(self.times) + 1
        if self.step is None:
            return list(range(parts))
        until = start if until is None else until
        if self.period is not None and end - until > self.period * Fraction(3, 2):
            until = end - self.period
        first, last = (math.ceil((t - self.near - origin) / self.step) for t in (start, end))
        indices = []
        for number in range(first, last):
            past = origin + number * self.step - until
            exact = round(past / (end - until) * parts)
            indices.append(0 if past <= self.near else min(max(exact, 1), parts - 1))
        return indices


def even_times(parts: int) -> tuple[float, ...]:
    """The times that cut a gap into equal parts.

    >>> even_times(4)
    (0.25, 0.5, 0.75)
    """
    return tuple(float(Fraction(part, parts)) for part in range(1, parts))


def output_count(seconds: Fraction, step: Fraction) -> int:
    """The number of outputs, one every `step` seconds, of a sequence that lasts so long: one at least."""
    return max(math.floor(seconds / step + Fraction(1, 2)), 1)


def with_next(items: Iterable[Item]) -> Iterator[tuple[Item, Item | None]]:
    """Each item with the next; None is the last one's.

    >>> list(with_next("ab"))
    [('a', 'b'), ('b', None)]
    """
    rest = iter(items)
    one = next(rest, None)
    while one is not None:
        following = next(rest, None)
        yield one, following
        one = following
