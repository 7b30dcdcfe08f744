"""Peak memory: the most that is in use while a method runs, here or in a process of its own."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from stvt.baselines import Method, Precision
from stvt.evaluation.processes import run_units
from stvt.profiling.flops import device_of, low_resolution, reach
from stvt.profiling.synthetic import available_method, kind_of, moving_scene

SLACK = 1 << 20  # bytes that a process needs for itself between two looks at its memory
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
    method = available_method(case.spec, case.device, case.precision)
    if case.double:
        for network in method.networks():
            network.double()
    times = () if kind_of(case.spec) == "spatial" else case.times
    before, after = reach(method, (0.0, *times), times)
    device, low = device_of(method), low_resolution(method, case.height, case.width)
    kind = torch.float64 if case.double else torch.float32
    scene = moving_scene(before + INTERVALS + after, *low)
    frames = [frame.to(device, kind) for frame in scene]
    memory = Memory(device, method)
    for _ in method.stream(frames, times, lambda t: before <= t < before + INTERVALS):
        pass
    return memory.peak()


class Memory:
    """Peak memory in use since the construction of this object."""

    def __init__(self, device: torch.device, method: Method) -> None:
        self.device = device
        own = {id(p): p.nbytes for network in method.networks() for p in network.parameters()}
        self.weights = sum(own.values())
        gc.collect()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
            torch.cuda.reset_peak_memory_stats(device)
            return
        with suppress(OSError, AttributeError):  # elsewhere than with glibc there is no such thing
            ctypes.CDLL(None).malloc_trim(0)  # what is free already shall not hide what is needed
        with suppress(OSError):  # not every container allows it
            Path("/proc/self/clear_refs").write_text("5")  # sets VmHWM back to VmRSS
        self.before = _resident("VmRSS")
        self.most_before = _resident("VmHWM")

    def peak(self) -> tuple[int | None, str]:
        """Bytes, and what they are."""
        if self.device.type == "cuda":
            allocated = torch.cuda.max_memory_allocated(self.device)
            return allocated, "most CUDA memory allocated, weights included"
        most = _resident("VmHWM")
        if self.device.type != "cpu" or self.before is None or most is None:
            return None, "not known on this system"
        if most == self.most_before and most - self.before > SLACK:
            return None, "not known: hidden below an earlier peak that could not be set back"
        return most - self.before + self.weights, "growth of resident memory, plus weights"


def _resident(name: str) -> int | None:
    """Bytes of VmRSS (now) or VmHWM (the most since it was last set back) of this process."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(name)), None)
