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
        self.weights = weights_label([first.weights, second.weights])
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

    def fingerprint_of(self, scene: Scene) -> str:
        return " ".join(filter(None, (stage.fingerprint_of(scene) for stage in self.stages)))

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        between, after = self._times(times)
        dense = Dense(between)
        here, part = (0, t) if after else (dense.index(t), 0.0)
        back, ahead = self.second.support(part, after)
        first, last = 0, 0  # input frames read, relative to the centre frame
        for index in range(here - back, here + ahead + 1):
            k, time = dense.place(index)
            reach = self.first.support(time, between)
            # A frame between two exists only if the later one does, even if it is not read.
            first, last = min(first, k - reach[0]), max(last, k + reach[1], k + (time > 0))
        return -first, last

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
    ) -> Outputs:
        between, after = self._times(times)
        dense = Dense(between)
        reads = [(t, *self.second.support(t, after)) for t in (0.0, *after)]
        number = 0

        def counted() -> Iterator[Tensor]:
            nonlocal number
            for frame in frames:
                number += 1
                yield frame

        def total() -> int:
            """The number of frames, those included that nobody read."""
            for _ in source:
                pass
            return dense.number(number)

        def time_of(output: float) -> float:
            """In input frames, of the second stage's time, which counts the frames that it reads."""
            return dense.time(int(output)) + output % 1

        def is_read(time: float) -> bool:
            """Whether the second stage reads the frame of that time for a wanted output."""
            index = dense.index(time)
            return self.second.whole_sequence or any(
                is_wanted(time_of(centre + t))
                for t, back, ahead in reads
                for centre in range(max(index - ahead, 0), index + back + 1)
            )

        source = counted()
        handed = self.handoff(self.first.stream(source, between, is_read), dense, total)
        for time, frame in self.second.stream(handed, after, lambda t: is_wanted(time_of(t))):
            self.seconds = self.first.seconds + self.second.seconds
            yield time_of(time), frame

    def _times(self, times: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
        """The times that either stage is asked for; one of the two makes no new frames."""
        return ((), times) if self.second.scale == 1 else (times, ())

    def handoff(self, outputs: Outputs, dense: Dense, total: Callable[[], int]) -> Iterator[Tensor]:
        """The first stage's frames as the second reads them: each in its place, none left out.

        A frame that the first stage was not asked for is there as not-a-number: no wanted output
        depends on it, and a mistake in that would not pass unnoticed.
        """
        filled, frame = 0, None
        for time, frame in outputs:
            for _ in range(filled, dense.index(time)):
                yield missing_frame(frame)
            yield to_eight_bits(frame) if self.handoff_dtype == "uint8" else frame
            filled = dense.index(time) + 1
        if frame is not None:
            for _ in range(filled, total()):
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


def missing_frame(like: Tensor) -> Tensor:
    """Not-a-numbers of the shape of `like`, in the memory of one."""
    return torch.full((), torch.nan, device=like.device, dtype=like.dtype).expand_as(like)


def to_eight_bits(frame: Tensor) -> Tensor:
    """The frame as a PNG file would bring it to the next program."""
    return (frame.clamp(0, 1) * 255).round() / 255


def weights_label(labels: Sequence[str]) -> str:
    """The weights of several networks or methods in one cell: "untrained" if any is."""
    return "untrained" if "untrained" in labels else "+".join(filter(None, labels))
