"""The cost of a network, part by part: time, multiply-accumulates and bytes."""

from __future__ import annotations

import time as clock
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from torch import nn

from stvt.baselines import Method, spec_of
from stvt.device import synchronize
from stvt.profiling.flops import Counter, device_of


@dataclass
class Cost:
    """Seconds by the wall clock, of the process on all its threads, multiply-accumulates and
    bytes read and written (`Counter`)."""

    wall: float = 0.0
    process: float = 0.0
    multiply_accumulates: float = 0.0
    bytes: float = 0.0

    def add(self, other: Cost, times: int = 1) -> None:
        self.wall += times * other.wall
        self.process += times * other.process
        self.multiply_accumulates += times * other.multiply_accumulates
        self.bytes += times * other.bytes


class Breakdown:
    """While `measuring`, adds up in `costs` what each part of a method's networks costs.

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
                spec = spec_of(network)
                parts, rest = (
                    (spec.profile, spec.rest) if spec else ({"network": ("",)}, "the rest")
                )
                rests.append(before + rest)
                for part, paths in parts.items():
                    self.places += [(before + part, *_place(network, path)) for path in paths]
        self.rest = rests[0] if len(set(rests)) == 1 else "the rest"
        self.costs: dict[str, Cost] = defaultdict(Cost)
        self.counting = False
        self._inside = Cost()

    @contextmanager
    def measuring(self, *, counting: bool = False) -> Iterator[None]:
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

    def run(self, run: Callable[[], Any]) -> tuple[Any, Cost]:
        """The result of a function, and its cost; what no part spends is the rest's."""
        before = self._total()
        output = self._measured(self.rest, run)()
        total = self._total()
        total.add(before, -1)
        return output, total

    def _total(self) -> Cost:
        total = Cost()
        for one in self.costs.values():
            total.add(one)
        return total

    def _measured(self, part: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*arguments: Any, **named: Any) -> Any:
            outside, self._inside = self._inside, Cost()
            synchronize(self.device)
            wall, process = clock.perf_counter(), clock.process_time()
            with Counter() if self.counting else nullcontext() as counter:
                output = original(*arguments, **named)
            synchronize(self.device)
            took = Cost(clock.perf_counter() - wall, clock.process_time() - process)
            if counter is not None:
                took.multiply_accumulates, took.bytes = counter.multiply_accumulates, counter.bytes
            self.costs[part].add(took)
            self.costs[part].add(self._inside, -1)
            self._inside = outside
            self._inside.add(took)
            return output

        return measured


def _place(network: nn.Module, path: str) -> tuple[Any, str]:
    """Whose attribute computes it, and the name of that: of a module, its `forward`."""
    owner: Any = network
    *above, last = path.split(".")
    for name in above:
        owner = getattr(owner, name)
    module = getattr(owner, last) if last else owner
    return (module, "forward") if isinstance(module, nn.Module) else (owner, last)
