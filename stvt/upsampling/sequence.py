"""A sequence of frames made larger and smoother: shots apart, every new frame in its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stvt import baselines
from stvt.baselines import Method, MethodError, PrecomputedFrames, Settings, find_weights
from stvt.core.errors import UsageError
from stvt.datasets import shots

# The best first, each with the networks whose weights it needs.
PREFERRED = {"stvun": ("stvun",), "v2f": ("edvr", "dain"), "stvun-s": ("stvun-s",)}
ALWAYS_THERE = "bicubic+flow"
FINE = 64  # parts of a gap in which new frames are placed where time stamps are uneven
SNAP = Fraction(1, 20)  # of an output's time: a frame so near to a moment is shown as it is

Picture = NDArray[np.uint8] | NDArray[np.float32]
Timed = tuple[Fraction, Picture]
PASS = "repeat"  # the method of nothing to do


@dataclass(frozen=True)
class Placement:
    """Which outputs lie between one input frame and the next.

    times: of the moments that a method is asked for between two frames, each in (0, 1).
    step:  seconds of the input between two outputs where stamps are uneven; None: every gap
           holds the frame and all the moments.
    hold:  whether the last frame is shown as long as the others.
    """

    times: tuple[float, ...]
    step: Fraction | None = None
    hold: bool = True

    def outputs(self, start: Fraction, end: Fraction, origin: Fraction) -> list[int]:
        """For each output in the gap its moment: 0 is the frame itself, i is times[i - 1]."""
        if self.step is None:
            return list(range(len(self.times) + 1))
        near = self.step * SNAP
        first = math.ceil((start - near - origin) / self.step)
        last = math.ceil((end - near - origin) / self.step)
        parts = len(self.times) + 1
        moments = []
        for number in range(first, last):
            past = origin + number * self.step - start
            exact = round(past / (end - start) * parts)
            moments.append(0 if past <= near else min(max(exact, 1), parts - 1))
        return moments


def even_times(parts: int) -> tuple[float, ...]:
    """The moments that cut a gap into equal parts.

    >>> even_times(4)
    (0.25, 0.5, 0.75)
    """
    return tuple(float(Fraction(part, parts)) for part in range(1, parts))


@dataclass
class _Planned:
    """An input frame of the shot at hand: its number in the whole, what is due until the next."""

    frame: int
    moments: list[int]
    first: int  # number of the first of these outputs


NOTHING = _Planned(0, [], 0)


class Upsampling:
    """The outputs of a sequence, in order: iterate over `outputs(frames, ...)`.

    frames: how many input frames have been read.
    cuts:   the numbers of the frames that begin a new shot.
    """

    def __init__(self, method: Method, placement: Placement, find_cuts: bool = True) -> None:
        self.method, self.placement, self.find_cuts = method, placement, find_cuts
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
        told = shots(frames, lambda timed: timed[1]) if self.find_cuts else ((0, f) for f in frames)
        for shot, group in groupby(_with_next(told), key=lambda item: item[0]):
            if shot:
                self.cuts.append(self.frames)
            yield from self._shot(group, skip)

    def _shot(
        self, group: Iterable[tuple[int, Timed, Timed | None, bool]], skip: int
    ) -> Iterator[Tensor]:
        planned: dict[int, _Planned] = {}
        read = 0

        def feed() -> Iterator[Tensor]:
            nonlocal read
            for _, (stamp, picture), following, last in group:
                plan = self._plan(stamp, following, last)
                if plan.first + len(plan.moments) > skip:
                    planned[read] = plan
                read += 1
                yield as_tensor(picture)

        def wanted(time: float) -> bool:
            k, moment = self._place(time)
            plan = planned.get(k)
            if plan is None:
                return k >= read  # not read yet: settled when it is
            due = [plan.first + i for i, one in enumerate(plan.moments) if one == moment]
            return bool(due) and due[-1] >= skip

        done = None
        try:
            for time, made in self.method.stream(feed(), self.placement.times, wanted):
                k, moment = self._place(time)
                plan = planned.get(k, NOTHING)
                for i, one in enumerate(plan.moments):
                    number = plan.first + i
                    if one == moment and number >= skip:
                        if done is not None and number != done + 1:
                            raise MethodError(f"{self.method.name} left out output {done + 1}")
                        done = number
                        yield made
                for past in [past for past in planned if past < k]:
                    del planned[past]
        except MethodError as error:
            raise UsageError(f"frame {max(self.frames - 1, 0)}: {error}") from error
        except Exception as error:
            frame = f"frame {max(self.frames - 1, 0)}"
            if isinstance(error, RuntimeError) and "memory" in str(error):
                raise UsageError(
                    f"{frame}: {self.method.name} runs out of memory; "
                    "give a smaller --tile, as in --tile 256"
                ) from error
            # A bug, perhaps of a method of the user's: with its traceback.
            error.add_note(f"stvt upsample: {frame} was the last that {self.method.name} was given")
            raise
        if done is not None and done + 1 < self._due:
            raise UsageError(f"{self.method.name} left out output {done + 1}")

    def _plan(self, stamp: Fraction, following: Timed | None, last: bool) -> _Planned:
        """What is due between this frame and the next; only itself where no frame may be made."""
        if self._origin is None:
            self._origin = stamp
        until = following[0] if following else stamp + self._last()
        moments = self.placement.outputs(stamp, until, self._origin)
        if last:
            moments = [0] * len(moments)
        if following is None and not self.placement.hold:
            moments = moments[:1]
        plan = _Planned(self.frames, moments, self._due)
        self._due += len(moments)
        self.frames += 1
        return plan

    def _place(self, time: float) -> tuple[int, int]:
        """The frame that an output's time follows, and the number of its moment."""
        k = math.floor(time + 1e-6)
        moments = (0.0, *self.placement.times)
        return k, min(range(len(moments)), key=lambda i: abs(k + moments[i] - time))


def _with_next(
    told: Iterable[tuple[int, Timed]],
) -> Iterator[tuple[int, Timed, Timed | None, bool]]:
    """Each frame with its shot, the next frame, and whether it is the last of its shot."""
    rest = iter(told)
    one = next(rest, None)
    while one is not None:
        following = next(rest, None)
        last = following is None or following[0] != one[0]
        yield one[0], one[1], following[1] if following else None, last
        one = following


def as_tensor(picture: Picture) -> Tensor:
    """(3, H, W) in [0, 1], float32, of a picture (H, W, 3), uint8 or floats in [0, 1]."""
    tensor = torch.from_numpy(picture).permute(2, 0, 1).contiguous()
    return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor


def as_picture(made: Tensor) -> NDArray[np.float32]:
    """(H, W, 3), floats in [0, 1]: what a method made, for whoever writes it."""
    array: NDArray[np.float32] = made.detach().float().clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    return array


class SideBySide(Method):
    """The plain way on the left, a method on the right; for looking at both at once."""

    def __init__(self, plain: Method, method: Method) -> None:
        self.plain, self.method = plain, method
        self.name, self.scale = f"{plain.name} | {method.name}", method.scale

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return self.method.support(t, times)

    def stream(
        self,
        frames: Iterable[Tensor],
        times: Sequence[float],
        wanted: Callable[[float], bool] = lambda _: True,
    ) -> Iterator[tuple[float, Tensor]]:
        from itertools import tee

        one, other = tee(frames)
        right = self.method.stream(other, times, wanted)
        left = self.plain.stream(one, times, wanted)
        # The right one first: it reads ahead further, and so says what is wanted for both.
        for (time, made), (_, plain) in zip(right, left, strict=True):
            yield time, torch.cat([plain.to(made.device), made], -1)


def chosen_method(spec: str | None, settings: Settings, *, smoother: bool) -> Method:
    """The method of that name for this scale, or the best whose weights are there.

    smoother: whether new frames are wanted. Of a composition only the part that is needed is
    built: scale 1 needs no spatial one, and no new frames need no temporal one.

    Raises MethodError if it cannot be built.
    """
    if settings.scale == 1 and not smoother:
        return baselines.build(PASS, settings)
    if spec is None:
        spec = next((name for name in PREFERRED if _has_weights(name, settings)), ALWAYS_THERE)
    whole = baselines.ALIASES.get(spec, spec)
    parts = whole.split("+")
    if len(parts) == 2 and not (settings.scale > 1 and smoother):
        kinds = [
            baselines.METHODS[part].kind if part in baselines.METHODS else None for part in parts
        ]
        needed = "temporal" if smoother else "spatial"
        parts = [part for part, kind in zip(parts, kinds, strict=True) if kind in (None, needed)]
        whole = "+".join(parts)
    method = baselines.build(whole, settings, larger=settings.scale > 1, new=smoother)
    if isinstance(method, PrecomputedFrames):
        raise MethodError(f"{spec}: frames that are made already are for `stvt evaluate` alone")
    if settings.scale == 1 and method.scale != 1:
        raise MethodError(f"{whole} enlarges; for --scale 1 take flow, blend, dain or repeat")
    if len(parts) == 2:
        method.name = spec
    return method


def _has_weights(name: str, settings: Settings) -> bool:
    if (settings.scale != 4 and name != "stvun") or settings.scale not in (2, 3, 4):
        return False
    if settings.untrained:
        return False
    try:
        for network in PREFERRED[name]:
            find_weights(network, settings)
    except MethodError:
        return False
    return True
