"""Timing of a method: seconds and memory for one upsampled frame."""

from __future__ import annotations

import math
import time as clock
from functools import partial
from itertools import cycle
from typing import Any

import numpy as np
import torch

from stvt.baselines import DTYPES, Method, is_out_of_memory
from stvt.device import device_name, synchronize
from stvt.profiling.flops import (
    begin_endless,
    device_of,
    endless_outputs,
    low_resolution,
    take,
)
from stvt.profiling.memory import Memory
from stvt.profiling.synthetic import moving_scene
from stvt.reports import Runtime

# Of the square matrices whose product is a device's ceiling, and of what is copied: what fits the
# caches of a CPU counts there as it does in a convolution; a GPU must have enough to do.
SIDES = {"cpu": 1024, "cuda": 8192}
COPIED = {"cpu": 64 << 20, "cuda": 1 << 30}
CYCLE = 12  # frames of the synthetic scene


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
) -> Runtime:
    """The time between one frame and the next, while a method upsamples an endless sequence.

    Seconds are to the microsecond by the wall clock, the device waited for; those of stages are
    means. Where memory runs out, `out_of_memory` says so, and the numbers are of what ran before.

    The method is fed a moving textured scene, the same each time, whose enlarged frames are
    height x width, and asked only for the frame at `time` between each two input frames: the
    paper's "one jointly upsampled frame". What it computed for the frames before and uses again
    it need not pay twice, a cascade's first stage as little as a network with a cache.

    time:           of the new frame, in (0, 1); 0 asks for the frame in register with each input
                    frame instead, for methods that make no new ones.
    warm_up:        frames made before the clock starts.
    min_repeats:    frames timed in any case; more, up to `max_repeats`, are begun until
                    `budget_seconds` have gone by since the start, warm-up included.
    """
    device = device_of(method)
    scene = moving_scene(CYCLE, *low_resolution(method, height, width))
    scene = [frame.to(device) for frame in (*scene, *scene[-2:0:-1])]  # to and fro
    source = (frame.clone() for frame in cycle(scene))  # methods know frames by identity
    memory = Memory(device, method)
    laps: list[float] = []
    full = False
    stages_before = [stage.seconds for stage in method.stages]
    start = clock.perf_counter()
    try:
        begin_endless(method, height, width)
        outputs = endless_outputs(method, source, time)
        take(outputs, max(warm_up, method.burst if method.burst > 1 else 0))
        stages_before = [stage.seconds for stage in method.stages]
        synchronize(device)
        while len(laps) < max_repeats and (
            len(laps) < min_repeats or clock.perf_counter() - start < budget_seconds
        ):
            began = clock.perf_counter()
            take(outputs, method.burst)  # that come at once: each has the mean
            synchronize(device)
            laps.append((clock.perf_counter() - began) / method.burst)
    except (RuntimeError, MemoryError) as error:  # torch's out-of-memory error is a RuntimeError
        if not is_out_of_memory(error):
            raise
        full = True
    peak, memory_is = memory.peak()
    if full and device.type == "cuda":
        torch.cuda.empty_cache()
    count = len(laps)
    p10, median, p90 = np.percentile(laps, [10, 50, 90]).round(6).tolist() if count else [None] * 3
    return Runtime(
        height=height,
        width=width,
        device=device_name(device),
        precision=precision,
        n=count,
        median=median,
        p10=p10,
        p90=p90,
        mean=round(math.fsum(laps) / count, 6) if count else None,
        stages={
            stage.name: round((stage.seconds - before) / (count * method.burst), 6)
            for stage, before in zip(method.stages, stages_before, strict=True)
            if count
        },
        peak_memory_bytes=peak,
        memory_is=memory_is,
        out_of_memory=full,
    )


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
