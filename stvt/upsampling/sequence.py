"""Upsampling of a sequence of frames: shot by shot, every output at its time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from stvt.baselines import Method, MethodError, is_out_of_memory, stream_in_tiles
from stvt.core.errors import UsageError
from stvt.datasets import Pixels, mark_repeats, shots
from stvt.evaluation.threads import prefetch
from stvt.upsampling.cuts import CutList
from stvt.upsampling.placement import Placement, TimedFrame, output_count, with_next

STILL = Fraction(1, 6)  # seconds: a picture that is held for longer is meant to stand still

Repeats = Literal["hold", "even", "compute"]


class _Held(NamedTuple):
    """A frame that differs from the one before: its shot, and the time of the last that repeats it."""

    shot: int
    frame: TimedFrame
    until: Fraction
    number: int  # among all frames, from 0


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

    find_cuts: whether cuts are looked for; or a list of them.
    repeats: "hold": a frame that repeats the one before is shown again, and not computed; "even":
             nor is it shown: motion is spread from one distinct frame to the next; "compute": it is
             a frame like others.
    tell:    given a line where memory runs out and the work goes on in smaller tiles; None: that is
             an error.

    frames:    how many input frames have been read; cuts: the numbers of those that begin a new shot;
    duplicate: for each, and some ahead, whether it repeats the one before.
    """

    def __init__(
        self,
        method: Method,
        placement: Placement,
        find_cuts: bool | CutList = True,
        tell: Callable[[str], None] | None = None,
        repeats: Repeats = "compute",
    ) -> None:
        self.method, self.placement, self.find_cuts = method, placement, find_cuts
        self.tell, self.repeats = tell, repeats
        self.frames = 0
        self.cuts: list[int] = []
        self.duplicate: list[bool] = []
        self._origin: Fraction | None = None
        self._due = 0
        self._last: Callable[[], Fraction] = Fraction

    def outputs(
        self, frames: Iterable[TimedFrame], last: Callable[[], Fraction], skip: int = 0
    ) -> Iterator[Tensor]:
        """The outputs from number `skip` on: (3, H, W) in [0, 1], on the method's device.

        frames: in order of time.
        last:   how long the last is shown, in seconds; asked when all are read.
        """
        self._due, self._last = 0, last
        self._origin = None
        for shot, group in groupby(
            with_next(self._distinct(frames)), key=lambda pair: pair[0].shot
        ):
            if shot:
                self.cuts.append(self.frames)
            yield from self._shot(group, skip)

    def _numbered(self, frames: Iterable[TimedFrame]) -> Iterator[tuple[int, TimedFrame]]:
        """The frames with the number of their shot."""
        if isinstance(self.find_cuts, CutList):
            return self.find_cuts.shots(frames)
        if self.find_cuts:
            return shots(frames, lambda frame: frame.picture)
        return ((0, frame) for frame in frames)

    def _distinct(self, frames: Iterable[TimedFrame]) -> Iterator[_Held]:
        """The frames that are computed, each with the time until which others repeat it."""
        numbered = self._numbered(frames)
        marked: Iterable[tuple[bool, tuple[int, TimedFrame]]] = (
            ((False, item) for item in numbered)
            if self.repeats == "compute"
            else mark_repeats(numbered, lambda item: item[1].picture)
        )
        held: _Held | None = None
        for number, (repeats, (shot, frame)) in enumerate(prefetch(marked)):
            again = repeats and held is not None and held.shot == shot
            self.duplicate.append(again)
            if held is not None and again:
                held = held._replace(until=frame.seconds)
                continue
            if held is not None:
                yield held
            held = _Held(shot, frame, frame.seconds, number)
        if held is not None:
            yield held

    def _shot(self, group: Iterable[tuple[_Held, _Held | None]], skip: int) -> Iterator[Tensor]:
        schedules: dict[int, _Schedule] = {}
        read = 0

        def feed() -> Iterator[Tensor]:
            nonlocal read
            for held, following in group:
                schedule = self._schedule(held, following)
                if schedule.end > skip:
                    schedules[read] = schedule
                read += 1
                yield as_tensor(held.frame.picture)

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
                    if not output.isfinite().all():  # as in fp16 beyond 65504
                        raise MethodError(f"{self.method.name} made values that are not finite")
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

    def _schedule(self, held: _Held, following: _Held | None) -> _Schedule:
        """What is due between this frame and the next; only itself where no frame may be made."""
        start, until = held.frame.seconds, held.until
        if self._origin is None:
            self._origin = start
        if following is None:
            indices = self._at_end(until - self._origin)
        else:
            end = following.frame.seconds
            if self.repeats == "even" and end - start <= max(STILL, 2 * (end - until)):
                until = start
            indices = self.placement.outputs(start, end, self._origin, until)
            if following.shot != held.shot:
                indices = [0] * len(indices)
        schedule = _Schedule(indices, self._due)
        self._due = schedule.end
        self.frames = following.number if following else len(self.duplicate)
        return schedule

    def _at_end(self, seconds: Fraction) -> list[int]:
        """What is due of the last picture, which is shown for the last time so long after the first."""
        step, hold = self.placement.step, self.placement.hold
        if step is None:
            return [0] * (len(self.placement.times) + 1 if hold else 1)
        due = max(output_count(seconds + self._last(), step) - self._due, 0)
        if not hold:  # until its last repeat, and there is always one
            reached = math.floor((seconds + self.placement.near) / step) + 1
            due = min(due, max(reached - self._due, 1))
        return [0] * due

    def _locate(self, time: float) -> tuple[int, int]:
        """The frame that an output's time follows, and the index of its time after that."""
        k = math.floor(time + 1e-6)
        times = (0.0, *self.placement.times)
        return k, min(range(len(times)), key=lambda i: abs(k + times[i] - time))


def as_tensor(picture: Pixels) -> Tensor:
    """(3, H, W) in [0, 1], float32, of a picture (H, W, 3), uint8 or floats in [0, 1]."""
    tensor = torch.from_numpy(picture).permute(2, 0, 1).contiguous()
    return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor


def resized(output: Tensor, size: tuple[int, int]) -> Tensor:
    """The output with (height, width) pixels: reduced by a bicubic filter as wide as it has to be."""
    if output.shape[-2:] == size:
        return output
    larger = output[None].detach().float()
    return functional.interpolate(larger, size, mode="bicubic", antialias=True)[0]


def as_picture(output: Tensor) -> NDArray[np.float32]:
    """(H, W, 3), floats in [0, 1], of a method's output."""
    array: NDArray[np.float32] = output.detach().float().clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    return array
