"""The most memory that a method needs, each in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stvt.baselines import METHODS, Precision
from stvt.doctor import with_what_is_there
from stvt.evaluation.processes import run_units
from stvt.profiling.flops import device_of, low_resolution
from stvt.profiling.synthetic import moving_scene
from stvt.profiling.timing import Memory

INTERVALS = 2  # the second when the stream keeps what it shares


@dataclass(frozen=True)
class Case:
    """A method and what it is to make: all outputs of an interval, of height x width."""

    spec: str
    height: int
    width: int
    times: tuple[float, ...]
    device: str
    precision: Precision = "fp32"
    double: bool = False
    threads: int = 1


def peak(case: Case) -> tuple[int | None, str]:
    """Bytes, or None where they cannot be known, and what they are.

    In a process of its own: what earlier work left behind would hide what this one needs.
    """
    # Two workers are those of processes; the second never starts.
    ((_, found),) = run_units(peak_here, [case], workers=2)
    return found or (None, "not known: the process was killed, out of memory?")


def peak_here(case: Case) -> tuple[int | None, str]:
    """`peak` in this process, which should do nothing else before."""
    torch.set_num_threads(case.threads)
    method = with_what_is_there(case.spec, case.device, case.precision)
    if case.double:
        for network in method.networks():
            network.double()
    spatial = case.spec in METHODS and METHODS[case.spec].kind == "spatial"
    times = () if spatial else case.times
    reach = [method.support(t, times) for t in (0.0, *times)]
    before, after = max(b for b, _ in reach), max(a for _, a in reach)
    device, low = device_of(method), low_resolution(method, case.height, case.width)
    kind = torch.float64 if case.double else torch.float32
    scene = moving_scene(before + INTERVALS + after, *low)
    frames = [frame.to(device, kind) for frame in scene]
    memory = Memory(device, method)
    for _ in method.stream(frames, times, lambda t: before <= t < before + INTERVALS):
        pass
    return memory.peak()
