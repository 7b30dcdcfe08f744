"""What each part of a network costs: its time, and its multiply-accumulates."""

from __future__ import annotations

import time as clock
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from stvt.baselines import Method
from stvt.profiling.flops import device_of, operations_and_bytes_of

# Class of a network -> (its part -> what of the network computes it; "" is the network itself,
# and what the rest is called).
PARTS: dict[str, tuple[dict[str, tuple[str, ...]], str]] = {
    "STVUN": (
        {
            "encoder": ("encoder",),
            "EFST": ("fuse", "efst.prepare"),
            "decoder": ("decoder", "decoder.guided"),
            "flow": ("pyramid", "flows"),
        },
        "warping and enlarging",
    ),
    "EDVR": (
        {
            "features and pyramids": ("features",),
            "alignment": ("pcd_align",),
            "fusion": ("fusion",),
        },
        "reconstruction",
    ),
    "DAIN": (
        {
            "flow": ("flownets.pyramid", "flownets.flows"),
            "depth": ("depthNet",),
            "context": ("context",),
            "kernels": (
                "initScaleNets_filter",
                "initScaleNets_filter1",
                "initScaleNets_filter2",
            ),
            "projection": ("project",),
            "synthesis": ("rectifyNet.block1", "rectifyNet.rest"),
        },
        "warping",
    ),
    "FISR": ({"network": ("",)}, "colours and warping"),
    "FISRPWCNet": ({"flow": ("pyramid", "flows")}, "colours and warping"),
}


@dataclass
class Spent:
    """Seconds by the wall clock, of the process on all its threads, multiply-accumulates and
    bytes read and written (`operations_and_bytes_of`)."""

    wall: float = 0.0
    process: float = 0.0
    multiply_accumulates: float = 0.0
    bytes: float = 0.0

    def add(self, other: Spent, times: int = 1) -> None:
        self.wall += times * other.wall
        self.process += times * other.process
        self.multiply_accumulates += times * other.multiply_accumulates
        self.bytes += times * other.bytes


class Parts:
    """While `watched`, adds up in `spent` what each part of a method's networks costs.

    A part that runs inside another (DAIN's context inside its warping, in tiles) is counted for
    itself alone. On a GPU each part is waited for, which costs a little.
    """

    def __init__(self, method: Method) -> None:
        self.method, self.device = method, device_of(method)
        several = len(method.stages) > 1
        self.places: list[tuple[str, Any, str]] = []
        rests = []
        for stage in method.stages:
            before = f"{stage.name}: " if several else ""
            for network in stage.networks():
                parts, rest = PARTS.get(type(network).__name__, ({"network": ("",)}, "the rest"))
                rests.append(before + rest)
                for part, paths in parts.items():
                    self.places += [(before + part, *_place(network, path)) for path in paths]
        self.rest = rests[0] if len(set(rests)) == 1 else "the rest"
        self.spent: dict[str, Spent] = defaultdict(Spent)
        self.counting = False
        self._inside = Spent()

    @contextmanager
    def watched(self, *, counting: bool = False) -> Iterator[None]:
        """counting: of multiply-accumulates, which takes time of its own."""
        self.counting = counting
        before = [vars(owner).get(name) for _, owner, name in self.places]
        for part, owner, name in self.places:
            setattr(owner, name, self._measured(part, getattr(owner, name)))
        try:
            yield
        finally:
            for (_, owner, name), own in zip(self.places, before, strict=True):
                delattr(owner, name)
                if own is not None:  # a compiled one, say
                    setattr(owner, name, own)

    def reset(self) -> None:
        """Forget what was spent."""
        self.spent.clear()

    def whole(self, run: Callable[[], Any]) -> tuple[Any, Spent]:
        """What a run gives and costs; what is no part's is the rest's."""
        before = self._total()
        made = self._measured(self.rest, run)()
        total = self._total()
        total.add(before, -1)
        return made, total

    def _total(self) -> Spent:
        total = Spent()
        for one in self.spent.values():
            total.add(one)
        return total

    def _measured(self, part: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*arguments: Any, **named: Any) -> Any:
            outside, self._inside = self._inside, Spent()
            made: list[Any] = []
            self._wait()
            wall, process = clock.perf_counter(), clock.process_time()
            counted = 0.0, 0.0
            if self.counting:
                counted = operations_and_bytes_of(
                    lambda: made.append(original(*arguments, **named))
                )
            else:
                made.append(original(*arguments, **named))
            self._wait()
            took = Spent(clock.perf_counter() - wall, clock.process_time() - process, *counted)
            self.spent[part].add(took)
            self.spent[part].add(self._inside, -1)
            self._inside = outside
            self._inside.add(took)
            return made[0]

        return measured

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def _place(network: nn.Module, path: str) -> tuple[Any, str]:
    """Whose attribute computes it, and the name of that: of a module, its `forward`."""
    owner: Any = network
    *above, last = path.split(".")
    for name in above:
        owner = getattr(owner, name)
    found = getattr(owner, last) if last else owner
    return (found, "forward") if isinstance(found, nn.Module) else (owner, last)
