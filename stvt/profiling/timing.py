"""Timing of a method: seconds and memory for one upsampled frame."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stvt.baselines import DTYPES, Method, is_out_of_memory
from stvt.device import device_name, synchronize
from stvt.profiling.flops import begin_endless, device_of, endless_outputs, low_resolution
from stvt.profiling.memory import Memory
from stvt.profiling.synthetic import texture

# Of the square matrices whose product is a device's ceiling, and of what is copied: what fits the
# caches of a CPU counts there as it does in a convolution; a GPU must have enough to do.
SIDES = {"cpu": 1024, "cuda": 8192}
COPIED = {"cpu": 64 << 20, "cuda": 1 << 30}
CYCLE = 12  # frames of the synthetic scene, played to and fro


@dataclass(frozen=True)
class Timing:
    """The time and memory of one frame of height x width, in steady state.

    median, p10, p90, mean: seconds by the wall clock, the device waited for; None if none was made.
    device_median: seconds by CUDA events, None elsewhere.
    stages:        seconds of each stage of a composition, by name, a mean over the frames.
    peak_memory_bytes: bytes, or None where it cannot be known; `memory_is` says what it means.
    n:             how many frames were timed.
    out_of_memory: there was not enough memory; then the numbers are those of what ran before.
    """

    height: int
    width: int
    device: str
    precision: str
    n: int
    median: float | None
    p10: float | None
    p90: float | None
    mean: float | None
    device_median: float | None
    stages: dict[str, float]
    peak_memory_bytes: int | None
    memory_is: str
    out_of_memory: bool

    def facts(self) -> dict[str, Any]:
        """The timing as plain values for JSON; seconds to the microsecond."""
        facts = dict(vars(self))
        for name in ("median", "p10", "p90", "mean", "device_median"):
            facts[name] = None if facts[name] is None else round(facts[name], 6)
        facts["stages"] = {name: round(seconds, 6) for name, seconds in self.stages.items()}
        return facts


def measure(
    method: Method,
    height: int = 540,
    width: int = 960,
    time: float = 0.5,
    *,
    precision: str = "fp32",
    warm_up: int = 2,
    min_repeats: int = 3,
    max_repeats: int = 50,
    budget_seconds: float = 20.0,
) -> Timing:
    """The time between one frame and the next, while a method upsamples an endless sequence.

    The method is fed a moving textured scene, the same each time, whose enlarged frames are
    height x width, and asked only for the frame at `time` between each two input frames: the
    paper's "one jointly upsampled frame". What it computed for the frames before and uses again
    it need not pay twice, a cascade's first stage as little as a network with a cache. What it
    costs to make the input frames is not counted; to move them to the device is.

    time:           of the new frame, in (0, 1); 0 asks for the frame in register with each input
                    frame instead, for methods that make no new ones.
    warm_up:        frames made before the clock starts.
    min_repeats:    frames timed in any case.
    max_repeats, budget_seconds: more are timed until there are so many, or until so long a time
                    has gone by since the start, warm-up included. It is a limit for starting
                    another frame: a method that needs a minute for one takes
                    (warm_up + min_repeats) minutes, so give 1 and 1 where that is too long.
    """
    device = device_of(method)
    memory = Memory(device, method)
    source = _Source(*low_resolution(method, height, width), device)
    laps = _Laps(source, device)
    start, full = clock.perf_counter(), False
    stages_before = [stage.seconds for stage in method.stages]
    try:
        begin_endless(method, height, width)
        outputs = endless_outputs(method, source, time)
        for _ in range(max(warm_up, method.burst if method.burst > 1 else 0)):
            next(outputs)
        stages_before = [stage.seconds for stage in method.stages]
        while len(laps.seconds) < max_repeats and (
            len(laps.seconds) < min_repeats or clock.perf_counter() - start < budget_seconds
        ):
            laps.one(outputs, method.burst)
    except (RuntimeError, MemoryError) as error:  # torch's out-of-memory error is a RuntimeError
        if not is_out_of_memory(error):
            raise
        full = True
    peak, memory_is = memory.peak()
    if full and device.type == "cuda":
        torch.cuda.empty_cache()
    count = len(laps.seconds)
    p10, median, p90 = np.percentile(laps.seconds, [10, 50, 90]).tolist() if count else [None] * 3
    return Timing(
        height=height,
        width=width,
        device=device_name(device),
        precision=precision,
        n=count,
        median=median,
        p10=p10,
        p90=p90,
        mean=math.fsum(laps.seconds) / count if count else None,
        device_median=float(np.median(laps.device_seconds)) if laps.device_seconds else None,
        stages={
            stage.name: (stage.seconds - before) / (count * method.burst)
            for stage, before in zip(method.stages, stages_before, strict=True)
            if count
        },
        peak_memory_bytes=peak,
        memory_is=memory_is,
        out_of_memory=full,
    )


class _Laps:
    """The times of single frames, without those in which the source made its own."""

    def __init__(self, source: _Source, device: torch.device) -> None:
        self.source, self.device = source, device
        self.seconds: list[float] = []
        self.device_seconds: list[float] = []

    def one(self, outputs: Iterator[Tensor], burst: int = 1) -> None:
        """burst: outputs that come at once, of which each has the mean."""
        events = self._events()
        synchronize(self.device)
        made_before, start = self.source.seconds, clock.perf_counter()
        if events:
            events[0].record()
        for _ in range(burst):
            next(outputs)
        if events:
            events[1].record()
        synchronize(self.device)
        passed = clock.perf_counter() - start
        self.seconds.append((passed - (self.source.seconds - made_before)) / burst)
        for before, after in pairwise(events):
            self.device_seconds.append(before.elapsed_time(after) / 1000 / burst)

    def _events(self) -> list[Any]:
        if self.device.type != "cuda":
            return []
        return [torch.cuda.Event(enable_timing=True) for _ in range(2)]  # type: ignore[no-untyped-call]


class _Source:
    """An endless textured scene that moves two pixels to the right and one down with each frame."""

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        self.seconds = 0.0  # spent here
        picture = texture(0, height + CYCLE, width + 2 * CYCLE).to(device)
        self.frames = [
            picture[:, k : k + height, 2 * k : 2 * k + width].clone()
            for k in reversed(range(CYCLE))
        ]

    def __iter__(self) -> Iterator[Tensor]:
        number = 0
        while True:
            start = clock.perf_counter()
            place = number % (2 * CYCLE - 2)
            # A copy: methods know frames that they have seen by identity.
            frame = self.frames[min(place, 2 * CYCLE - 2 - place)].clone()
            self.seconds += clock.perf_counter() - start
            yield frame
            number += 1


def ceilings(
    device: torch.device, precision: str = "fp32", rounds: int = 20
) -> tuple[float, float]:
    """The best rates of the device: multiply-accumulates a second in products of square matrices
    of that precision, and bytes a second that it copies (read and written)."""
    side, size = (table.get(device.type, table["cpu"]) for table in (SIDES, COPIED))
    a, b = torch.rand(2, side, side, device=device).to(DTYPES[precision])
    output = torch.empty_like(a)
    much = torch.rand(size // 4, device=device)
    there = much.clone()  # fresh memory would be measured with the system that hands it out
    product = min(_seconds(partial(torch.mm, a, b, out=output), device) for _ in range(rounds))
    copy = min(_seconds(partial(there.copy_, much), device) for _ in range(rounds))
    return side**3 / product, 2 * much.nbytes / copy


def _seconds(run: Any, device: torch.device) -> float:
    now = clock.process_time if device.type == "cpu" else clock.perf_counter
    start = now()
    run()
    synchronize(device)
    return max(now() - start, 1e-9)
