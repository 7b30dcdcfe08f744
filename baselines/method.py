"""The interface of a method: low-resolution frames in, in order; (time, larger frame) out."""

from __future__ import annotations

import time as clock
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from .errors import MethodError

Precision = Literal["fp32", "bf16", "fp16"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
Compiled = Literal["", "parts", "graphs"]
IsWanted = Callable[[float], bool]
Outputs = Iterator[tuple[float, Tensor]]
Frame = TypeVar("Frame")


HALF = 0.5  # the time between two frames that networks of x2 in time know


class WeightFiles(dict[str, Path]):
    """Network name -> file of weights; remembers in `used` which of them were asked for."""

    def __init__(self, files: Mapping[str, Path] = {}) -> None:
        super().__init__(files)
        self.used: set[str] = set()

    def __getitem__(self, name: str) -> Path:
        file = super().__getitem__(name)
        self.used.add(name)
        return file

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default


@dataclass(frozen=True)
class Settings:
    """The settings that a method is built with; the same for every method of a run.

    scale:     high-resolution pixels for one low-resolution pixel, in each direction.
    degradation: that the inputs were made with, where known: weights trained for it go first.
    phase:     where the degradation took its samples: low-resolution pixel k is centred on
               high-resolution pixel scale * k + phase. 0 for BD, (scale - 1) / 2 for BI and BDC.
    tile:      side of the square pieces that a network works in, in low-resolution pixels;
               None is the whole frame, "auto" too, until memory runs out (`stream_in_tiles`).
    chunk:     frames of a sequence that a recurrent network computes together; None: as many as
               its method says.
    handoff_dtype: of what a cascade hands from its first stage to its second: the floats, or the
               floats clipped and rounded to 8 bits, as two programs with PNG files between do.
    compiled:  "parts" or "graphs": networks by `torch.compile`, see `compilation`.
    weights:   network name -> file of weights, for those named on the command line.
    untrained: random weights from a fixed seed instead of files.
    new_frames: whether any will be asked for; else files may lack what only those read.
    """

    scale: int = 4
    degradation: str = ""
    phase: float = 0.0
    device: str = "cpu"
    precision: Precision = "fp32"
    tile: int | Literal["auto"] | None = None
    chunk: int | None = None
    handoff_dtype: Literal["float", "uint8"] = "float"
    compiled: Compiled = ""
    weights: Mapping[str, Path] = field(default_factory=dict, hash=False)
    untrained: bool = False
    new_frames: bool = True


@dataclass(frozen=True)
class Scene:
    """The scene that comes next, told to a method before its frames (see `Method.begin`).

    frames:    number of frames of the whole sequence; its input frames are 0, step, 2 step ...
    height, width: of the high-resolution frames.
    alone:     whether it is the only scene of the run.
    """

    dataset: str
    name: str
    frames: int
    step: int
    height: int
    width: int
    alone: bool = True


def everything(_: float) -> bool:
    """The usual `is_wanted`: every output is."""
    return True


class Method(ABC):
    """Frames in, in order; (time, frame) out, in order of time.

    Time counts input frames: the output in register with input frame k has time k, the one
    halfway to the next has k + 0.5.

    name:    as in tables.
    scale:   how many times larger the outputs are than the inputs.
    spatial: whether it makes no frames between, whatever times are asked for.
    weights: "" for a method without any, "untrained", or the sha256 of the file.
    stages:  the methods that it is made of (itself, unless a composition).
    fingerprint: changes when what it computes may have changed otherwise (a user's file, say).
    seconds: time spent computing since it was built, the device's work waited for.
    device:    where its networks are.
    precision: in which they compute.
    warnings:  what looks wrong with the outputs of the scene that has begun and is no error.
    whole_sequence: whether an output depends on more frames than a window of `support`: it may be
               on all. Such a method reads past no end of the sequence.
    mismatch:  that its weights were trained on another degradation than the inputs', in a line.
    burst:     how many outputs it makes at once, which a benchmark takes together.
    """

    name: str
    scale: int
    spatial: bool = False
    weights: str = ""
    fingerprint: str = ""
    seconds: float = 0.0
    device: torch.device = torch.device("cpu")
    precision: Precision = "fp32"
    warnings: Sequence[str] = ()
    whole_sequence: bool = False
    mismatch: str = ""

    @property
    def burst(self) -> int:
        return max((stage.burst for stage in self.stages if stage is not self), default=1)

    @property
    def stages(self) -> tuple[Method, ...]:
        return (self,)

    def networks(self) -> list[nn.Module]:
        """The networks inside, whose parameters and operations count."""
        return []

    @contextmanager
    def computing(self) -> Iterator[None]:
        """The context in which a method computes: no gradients, autocast to its precision, and the
        time until the device has finished is added to `seconds`. Yield no outputs within it."""
        start = clock.perf_counter()
        with torch.inference_mode(), self.autocast():
            yield
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            device = torch.device(self.device)  # of a user's method it may be a name
            torch.cuda.synchronize(device if device.type == "cuda" else None)
        self.seconds += clock.perf_counter() - start

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which operators compute in the method's precision."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, DTYPES[self.precision])

    def begin(self, scene: Scene) -> None:
        """Called before the frames of each scene; most methods need not know."""

    def fingerprint_of(self, scene: Scene) -> str:
        """`fingerprint`, and what else the scene's outputs depend on but its frames."""
        return self.fingerprint

    @property
    def window(self) -> tuple[int, int]:
        """The most input frames before and after frame k that the outputs from k on read."""
        reach = [self.support(t, (0.5,)) for t in (0.0, 0.5)]
        return max(before for before, _ in reach), max(after for _, after in reach)

    @abstractmethod
    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        """The number of input frames before and after k that the output at k + t reads.

        t: 0 (the frame in register with input k) or one of `times`.
        """

    @abstractmethod
    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
    ) -> Outputs:
        """Every wanted output: k for each input frame k and k + t between it and the next.

        frames: (3, h, w) each, RGB in [0, 1], float32.
        times:  each in (0, 1), rising.
        is_wanted: whether the output of a time will be used; others may be left out.
        Yields (time, (3, scale * h, scale * w)). No output lies after the last input frame.
        Windows that reach past an end of the sequence read its end frame again.
        """


class WindowMethod(Method):
    """A method that is a function of a few neighbouring frames: the usual case.

    before, after: how many neighbours of the centre frame the window holds.
    """

    before: int = 0
    after: int = 0

    @abstractmethod
    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        """The centre frame, then the frames at some times between it and the next.

        window: (before + 1 + after, 3, h, w), RGB in [0, 1], any h and w.
        times:  each in (0, 1), maybe none: 0 is the centre frame, 1 the next (T_in of equation 4).
        Returns (1 + len(times), 3, scale * h, scale * w).
        """

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return self.before, self.after

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
    ) -> Outputs:
        times = () if self.spatial else times
        cached = map(self.cached_frame, frames)
        for k, (window, last) in enumerate(windows(cached, self.before, self.after)):
            between = [t for t in times if not last and is_wanted(k + t)]
            if between or is_wanted(k):
                with self.computing():
                    outputs = self.compute(window, between)
                for t, frame in zip([0.0, *between], outputs, strict=True):
                    if is_wanted(k + t):
                        yield k + t, frame

    def cached_frame(self, frame: Tensor) -> Any:
        """A frame as `compute` reads it: with what windows share of it, where they share any."""
        return frame

    def compute(self, window: Sequence[Any], times: Sequence[float]) -> Tensor:
        """The outputs of `__call__` for a window of frames made by `cached_frame`."""
        return self(torch.stack(list(window)), times)


def require_halfway(name: str, times: Sequence[float]) -> None:
    """Raises MethodError for a time that a network of x2 in time cannot make."""
    if other := ", ".join(str(t) for t in times if t != HALF):
        raise MethodError(
            f"{name} makes frames halfway between two only, not at {other}; ask for {HALF}"
        )


def windows(frames: Iterable[Frame], before: int, after: int) -> Iterator[tuple[list[Frame], bool]]:
    """For each frame its window, the end frames repeated, and whether it is the last frame.

    >>> [[int(f) for f in window] for window, _ in windows(map(torch.tensor, range(3)), 1, 2)]
    [[0, 0, 1, 2], [0, 1, 2, 2], [1, 2, 2, 2]]
    """
    rest = iter(frames)
    coming = deque(islice(rest, max(after, 1) + 1))  # frame k and what follows it
    past = deque([coming[0]] * before if coming else [], maxlen=before)
    while coming:
        window = [*past, *islice(coming, after + 1)]
        yield window + [coming[-1]] * (before + 1 + after - len(window)), len(coming) == 1
        past.append(coming.popleft())
        coming.extend(islice(rest, 1))
