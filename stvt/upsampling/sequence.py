"""Upsampling of a sequence of frames: shot by shot, every output at its time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, repeat

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stvt.baselines import Method, MethodError, is_out_of_memory, stream_in_tiles
from stvt.core.errors import UsageError
from stvt.datasets import Pixels, shots

FINE = 64  # parts of a gap in which new frames are placed where time stamps are uneven
SNAP = Fraction(1, 20)  # of an output's time: a frame so near to an output is shown as it is

Timed = tuple[Fraction, Pixels]  # a frame and its time in seconds


@dataclass(frozen=True)
class Placement:
    """The outputs between one input frame and the next.

    times: that a method is asked for between two frames, each in (0, 1).
    step:  seconds of the input between two outputs where stamps are uneven; None: every gap
           holds the frame and all the times.
    hold:  whether the last frame is shown as long as the others, or as the source says.
    period: seconds between two frames of a constant rate; a longer gap, where a frame is missing or
           the last one stays, holds the frame that it follows. None: all gaps are alike.
    """

    times: tuple[float, ...]
    step: Fraction | None = None
    hold: bool = True
    period: Fraction | None = None

    def outputs(self, start: Fraction, end: Fraction, origin: Fraction) -> list[int]:
        """For each output in the gap its index: 0 is the frame itself, i is at times[i - 1]."""
        if self.step is None:
            parts = len(self.times) + 1
            held = round((end - start) / self.period) - 1 if self.period else 0
            return [0] * (held * parts) + list(range(parts))
        near = self.step * SNAP
        first = math.ceil((start - near - origin) / self.step)
        last = math.ceil((end - near - origin) / self.step)
        parts = len(self.times) + 1
        indices = []
        for number in range(first, last):
            past = origin + number * self.step - start
            exact = round(past / (end - start) * parts)
            indices.append(0 if past <= near else min(max(exact, 1), parts - 1))
        return indices


def even_times(parts: int) -> tuple[float, ...]:
    """The times that cut a gap into equal parts.

    >>> even_times(4)
    (0.25, 0.5, 0.75)
    """
    return tuple(float(Fraction(part, parts)) for part in range(1, parts))


@dataclass
class _Schedule:
    """The outputs due from one input frame until the next.

    indices: as `Placement.outputs` gives them. first: the number of the first of these outputs.
    """

    indices: list[int]
    first: int

    @property
    def end(self) -> int:
        return self.first + len(self.indices)

    def numbers(self, index: int) -> list[int]:
        """The numbers of the outputs of that index."""
        return [self.first + i for i, one in enumerate(self.indices) if one == index]


NOTHING_DUE = _Schedule([], 0)


class Upsampling:
    """The outputs of a sequence, in order: iterate over `outputs(frames, ...)`.

    frames: how many input frames have been read.
    cuts:   the numbers of the frames that begin a new shot.
    tell:   given a line where memory runs out and the work goes on in smaller tiles; None: that is
            an error.
    """

    def __init__(
        self,
        method: Method,
        placement: Placement,
        find_cuts: bool = True,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self.method, self.placement, self.find_cuts = method, placement, find_cuts
        self.tell = tell
        self.frames = 0
        self.cuts: list[int] = []
        self._origin: Fraction | None = None
        self._due = 0
        self._last: Callable[[], Fraction] = Fraction

    def outputs(
        self, frames: Iterable[Timed], last: Callable[[], Fraction], skip: int = 0
    ) -> Iterator[Tensor]:
        """The outputs from number `skip` on: (3, H, W) in [0, 1], on the method's device.

        frames: the time of each in seconds, rising, and the picture.
        last:   how long the last is shown, in seconds; asked when all are read.
        """
        self._due, self._last = 0, last
        self._origin = None
        numbered = (
            shots(frames, lambda timed: timed[1]) if self.find_cuts else zip(repeat(0), frames)
        )
        for shot, group in groupby(_with_next(numbered), key=lambda item: item[0]):
            if shot:
                self.cuts.append(self.frames)
            yield from self._shot(group, skip)

    def _shot(
        self, group: Iterable[tuple[int, Timed, Timed | None, bool]], skip: int
    ) -> Iterator[Tensor]:
        schedules: dict[int, _Schedule] = {}
        read = 0

        def feed() -> Iterator[Tensor]:
            nonlocal read
            for _, (stamp, picture), following, last in group:
                schedule = self._schedule(stamp, following, last)
                if schedule.end > skip:
                    schedules[read] = schedule
                read += 1
                yield as_tensor(picture)

        def is_wanted(time: float) -> bool:
            k, index = self._locate(time)
            if k not in schedules:
                return k >= read  # not read yet: settled when it is
            return any(number >= skip for number in schedules[k].numbers(index))

        done = None
        try:
            times = self.placement.times
            if self.tell is None:
                outputs = self.method.stream(feed(), times, is_wanted)
            else:
                outputs = stream_in_tiles(self.method, feed(), times, is_wanted, self.tell)
            for time, output in outputs:
                k, index = self._locate(time)
                for number in schedules.get(k, NOTHING_DUE).numbers(index):
                    if number < skip:
                        continue
                    if done is not None and number != done + 1:
                        raise MethodError(f"{self.method.name} left out output {done + 1}")
                    done = number
                    yield output
                for past in [past for past in schedules if past < k]:
                    del schedules[past]
        except MethodError as error:
            raise UsageError(f"frame {max(self.frames - 1, 0)}: {error}") from error
        except Exception as error:
            frame = f"frame {max(self.frames - 1, 0)}"
            if is_out_of_memory(error):
                smaller = "a smaller --tile or --precision bf16" if self.tell else "--tile auto"
                raise UsageError(
                    f"{frame}: {self.method.name} runs out of memory; give {smaller}"
                ) from error
            # A bug, perhaps of a method of the user's: with its traceback.
            error.add_note(f"stvt upsample: {frame} was the last that {self.method.name} was given")
            raise
        if done is not None and done + 1 < self._due:
            raise UsageError(f"{self.method.name} left out output {done + 1}")

    def _schedule(self, stamp: Fraction, following: Timed | None, last: bool) -> _Schedule:
        """What is due between this frame and the next; only itself where no frame may be made."""
        if self._origin is None:
            self._origin = stamp
        until = following[0] if following else stamp + self._last()
        indices = self.placement.outputs(stamp, until, self._origin)
        if last:
            indices = [0] * len(indices)
        if following is None and not self.placement.hold:
            indices = indices[:1]
        schedule = _Schedule(indices, self._due)
        self._due = schedule.end
        self.frames += 1
        return schedule

    def _locate(self, time: float) -> tuple[int, int]:
        """The frame that an output's time follows, and the index of its time after that."""
        k = math.floor(time + 1e-6)
        times = (0.0, *self.placement.times)
        return k, min(range(len(times)), key=lambda i: abs(k + times[i] - time))


def _with_next(
    numbered: Iterable[tuple[int, Timed]],
) -> Iterator[tuple[int, Timed, Timed | None, bool]]:
    """Frames with their shot, the next frame, and whether they are the last of their shot."""
    rest = iter(numbered)
    one = next(rest, None)
    while one is not None:
        following = next(rest, None)
        last = following is None or following[0] != one[0]
        yield one[0], one[1], following[1] if following else None, last
        one = following


def as_tensor(picture: Pixels) -> Tensor:
    """(3, H, W) in [0, 1], float32, of a picture (H, W, 3), uint8 or floats in [0, 1]."""
    tensor = torch.from_numpy(picture).permute(2, 0, 1).contiguous()
    return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor


def as_picture(output: Tensor) -> NDArray[np.float32]:
    """(H, W, 3), floats in [0, 1], of a method's output."""
    array: NDArray[np.float32] = output.detach().float().clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    return array
