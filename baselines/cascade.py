"""A cascade of two methods: enlarge then interpolate (V to F), or interpolate then enlarge (F to V)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from .errors import MethodError
from .method import IsWanted, Method, Outputs, Scene, everything

HandoffDtype = Literal["float", "uint8"]


class Cascade(Method):
    """The first method, then the second on its outputs; one of the two is temporal (scale 1).

    Both stream, so that memory does not grow with the sequence, and the first is asked only for
    the frames that the second reads for a wanted output.
    """

    def __init__(
        self, first: Method, second: Method, handoff_dtype: HandoffDtype = "float", name: str = ""
    ) -> None:
        if (first.scale == 1) == (second.scale == 1):
            kind = "temporal" if first.scale == 1 else "spatial"
            raise MethodError(
                f"{first.name}+{second.name}: both methods are {kind}; "
                "compose one spatial and one temporal method, as in bicubic+blend"
            )
        self.first, self.second, self.handoff_dtype = first, second, handoff_dtype
        self.name = name or f"{first.name}+{second.name}"
        self.scale = first.scale * second.scale
        self.weights = weights_label(first, second)
        self.mismatch = first.mismatch or second.mismatch
        self.whole_sequence = first.whole_sequence or second.whole_sequence
        self.fingerprint = " ".join(filter(None, (first.fingerprint, second.fingerprint)))

    @property
    def stages(self) -> tuple[Method, ...]:
        return self.first, self.second

    def networks(self) -> list[nn.Module]:
        networks = [*self.first.networks(), *self.second.networks()]
        return list({id(network): network for network in networks}.values())

    def begin(self, scene: Scene) -> None:
        self.first.begin(scene)
        self.second.begin(scene)

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        if self.second.scale == 1:
            before, after = self.first.support(0, ())
            wider_before, wider_after = self.second.support(t, times)
            return before + wider_before, after + wider_after
        dense = Dense(times)
        here = dense.index(t)
        back, ahead = self.second.support(0, ())
        first, last = 0, 0  # input frames read, relative to the centre frame
        for index in range(here - back, here + ahead + 1):
            k, time = dense.place(index)
            before, after = self.first.support(time, times)
            # A frame between two exists only if the later one does, even if it is not read.
            first, last = min(first, k - before), max(last, k + after, k + (time > 0))
        return -first, last

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
    ) -> Outputs:
        large_first = self.second.scale == 1
        outputs = self.enlarged_first if large_first else self.interpolated_first
        for output in outputs(frames, times, is_wanted):
            self.seconds = self.first.seconds + self.second.seconds
            yield output

    def enlarged_first(
        self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted
    ) -> Outputs:
        reads = [(t, *self.second.support(t, times)) for t in (0.0, *times)]

        def read(k: float) -> bool:
            """Whether the second stage reads enlarged frame k for an output that is wanted."""
            return any(
                is_wanted(centre + t)
                for t, before, after in reads
                for centre in range(max(round(k) - after, 0), round(k) + before + 1)
            )

        counter = FrameCounter(frames)
        large = self.first.stream(counter, (), read)
        yield from self.second.stream(self.handoff(large, round, counter.total), times, is_wanted)

    def interpolated_first(
        self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted
    ) -> Outputs:
        dense = Dense(times)
        before, after = self.second.support(0, ())

        def read(time: float) -> bool:
            """Whether the second stage reads the frame of that time for a wanted output."""
            if self.second.whole_sequence:
                return True
            index = dense.index(time)
            around = range(max(index - after, 0), index + before + 1)
            return any(is_wanted(dense.time(centre)) for centre in around)

        counter = FrameCounter(frames)
        between = self.first.stream(counter, times, read)
        large = self.second.stream(
            self.handoff(between, dense.index, lambda: dense.number(counter.total())),
            (),
            lambda index: is_wanted(dense.time(round(index))),
        )
        for index, frame in large:
            yield dense.time(round(index)), frame

    def handoff(
        self, outputs: Outputs, index: Callable[[float], int], number: Callable[[], int]
    ) -> Iterator[Tensor]:
        """The first stage's frames as the second reads them: each in its place, none left out.

        A frame that the first stage was not asked for is there as not-a-number: no wanted output
        depends on it, and a mistake in that would not pass unnoticed.
        """
        filled, frame = 0, None
        for time, frame in outputs:
            for _ in range(filled, index(time)):
                yield missing_frame(frame)
            yield to_eight_bits(frame) if self.handoff_dtype == "uint8" else frame
            filled = index(time) + 1
        if frame is not None:
            for _ in range(filled, number()):
                yield missing_frame(frame)


class Dense:
    """The dense sequence that a temporal method outputs: its inputs and the frames between them."""

    def __init__(self, times: Sequence[float]) -> None:
        self.times = (0.0, *times)

    def place(self, index: int) -> tuple[int, float]:
        """The input frame k and the time after it."""
        k, part = divmod(index, len(self.times))
        return k, self.times[part]

    def time(self, index: int) -> float:
        return sum(self.place(index))

    def index(self, time: float) -> int:
        """The position whose time is nearest: k + t loses digits of t."""
        start = math.floor(time) * len(self.times)
        return min(
            range(start, start + len(self.times) + 1),
            key=lambda index: abs(self.time(index) - time),
        )

    def number(self, frames: int) -> int:
        """The number of positions that so many input frames give."""
        return max((frames - 1) * len(self.times) + 1, 0)


class FrameCounter:
    """An iterator over frames that counts them."""

    def __init__(self, frames: Iterable[Tensor]) -> None:
        self.rest = iter(frames)
        self.number = 0

    def __iter__(self) -> Iterator[Tensor]:
        for frame in self.rest:
            self.number += 1
            yield frame

    def total(self) -> int:
        """The number of frames in all, those included that nobody read."""
        for _ in self:
            pass
        return self.number


def missing_frame(like: Tensor) -> Tensor:
    """Not-a-numbers of the shape of `like`, in the memory of one."""
    return torch.full((), torch.nan, device=like.device, dtype=like.dtype).expand_as(like)


def to_eight_bits(frame: Tensor) -> Tensor:
    """The frame as a PNG file would bring it to the next program."""
    return (frame.clamp(0, 1) * 255).round() / 255


def weights_label(*methods: Method) -> str:
    """The weights of several methods in one cell: "untrained" if any is."""
    labels = [method.weights for method in methods if method.weights]
    return "untrained" if "untrained" in labels else "+".join(labels)
