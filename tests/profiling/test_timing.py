"""The time of one new frame: what counts, what does not, and what is said without memory."""

import json
import subprocess
import sys
import time as clock
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stvt.baselines.method import IsWanted, Method, Outputs, WindowMethod, everything
from stvt.profiling import memory
from stvt.profiling.timing import measure


class Slow(WindowMethod):
    """Takes a known time for each new frame, and remembers what it was asked."""

    name, scale, after = "slow", 4, 1

    def __init__(self, *, seconds: float = 0.02, first: float = 0.0) -> None:
        self.each, self.first = seconds, first
        self.asked: list[tuple[float, ...]] = []
        self.windows: list[Tensor] = []

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        pause = self.each if self.asked else self.first
        self.asked.append(tuple(times))
        self.windows.append(window)
        until = clock.perf_counter() + pause
        while clock.perf_counter() < until:
            pass
        _, _, height, width = window.shape
        return window.new_zeros(1 + len(times), 3, 4 * height, 4 * width)


class Failing(Slow):
    """Has enough memory for so many windows."""

    def __init__(self, error: Exception, after: int) -> None:
        super().__init__(seconds=0)
        self.error, self.enough = error, after

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        if len(self.asked) == self.enough:
            raise self.error
        return super().__call__(window, times)


class Large(Slow):
    """Uses 64 MiB for each frame, and has 32 MiB of weights."""

    def __init__(self) -> None:
        super().__init__(seconds=0)
        self.network = nn.Linear(2048, 4096, bias=False)

    def networks(self) -> list[nn.Module]:
        return [self.network, self.network]

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        torch.ones(64 << 18)
        return super().__call__(window, times)


def test_it_asks_for_one_new_frame_of_each_interval_at_the_size_wanted() -> None:
    method = Slow(seconds=0)
    cost = measure(method, 40, 64, warm_up=1, min_repeats=3, budget_seconds=0)
    assert method.asked == [(0.5,)] * 4
    assert {tuple(window.shape) for window in method.windows} == {(2, 3, 10, 16)}
    assert (cost.height, cost.width, cost.n) == (40, 64, 3)


def test_a_size_that_the_scale_does_not_divide_is_made_no_smaller() -> None:
    method = Slow(seconds=0)
    measure(method, 41, 64, budget_seconds=0)
    assert method.windows[0].shape[-2:] == (11, 16)


def test_the_median_is_the_time_of_a_frame_without_that_of_the_first() -> None:
    cost = measure(Slow(seconds=0.02, first=0.3), 32, 32, warm_up=1, budget_seconds=0)
    assert cost.median is not None and 0.02 <= cost.median < 0.15
    assert cost.p10 is not None and cost.p90 is not None
    assert cost.p10 <= cost.median <= cost.p90
    assert not cost.out_of_memory


def test_repeats_go_on_until_the_budget_is_spent_or_there_are_enough() -> None:
    short = measure(Slow(seconds=0.02), 32, 32, budget_seconds=0, min_repeats=2)
    long = measure(Slow(seconds=0.02), 32, 32, budget_seconds=0.5, min_repeats=2)
    capped = measure(Slow(seconds=0), 32, 32, budget_seconds=60, max_repeats=7)
    assert short.n == 2 and long.n in range(3, 26)
    assert capped.n == 7


def test_the_scene_is_the_same_each_time_and_moves_and_has_texture() -> None:
    first, second = Slow(seconds=0), Slow(seconds=0)
    for method in (first, second):
        measure(method, 64, 64, budget_seconds=0)
    for one, two in zip(first.windows, second.windows, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    before, after = first.windows[0]
    assert (before - after).abs().mean() > 0.02
    assert before.std() > 0.05 and 0 <= before.min() and before.max() <= 1


def test_each_frame_is_an_object_of_its_own() -> None:
    """Methods keep what they made of a frame under its identity: no frame may come twice."""

    class Collector(Slow):
        def __init__(self) -> None:
            super().__init__(seconds=0)
            self.frames: list[Tensor] = []

        def stream(
            self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
        ) -> Outputs:
            def kept() -> Iterable[Tensor]:
                for frame in frames:
                    self.frames.append(frame)
                    yield frame

            return super().stream(kept(), times, is_wanted)

    method = Collector()
    measure(method, 16, 16, budget_seconds=0, warm_up=30)
    assert len({frame.data_ptr() for frame in method.frames}) == len(method.frames) > 30


def test_stages_share_out_the_time() -> None:
    class Two(Slow):
        name = "one+two"

        def __init__(self) -> None:
            super().__init__(seconds=0.02)
            self.parts = Slow(), Slow()
            self.parts[0].name, self.parts[1].name = "one", "two"

        @property
        def stages(self) -> tuple[Method, ...]:
            return self.parts

        def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
            self.parts[0].seconds += 1
            self.parts[1].seconds += 3
            return super().__call__(window, times)

    assert measure(Two(), 16, 16, budget_seconds=0).stages == {"one": 1, "two": 3}


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    ],
)
@pytest.mark.parametrize("after", [0, 4])
def test_too_little_memory_is_a_value(error: Exception, after: int) -> None:
    cost = measure(Failing(error, after), 16, 16, warm_up=2, budget_seconds=0)
    assert cost.out_of_memory
    assert cost.n == max(after - 2, 0)
    assert (cost.median is None) == (after == 0)
    assert json.loads(json.dumps(asdict(cost)))["out_of_memory"] is True


def test_another_error_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        measure(Failing(RuntimeError("shapes do not fit"), 1), 16, 16)


@pytest.mark.skipif(memory._resident("VmHWM") is None, reason="no /proc here")
def test_peak_memory_is_what_was_used_and_the_weights() -> None:
    # In a process of its own: what other tests leave behind would show in this one's memory.
    program = (
        "from tests.profiling.test_timing import Large, measure\n"
        "print(measure(Large(), 16, 16, budget_seconds=0).peak_memory_bytes)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    if printed.strip() == "None":
        pytest.skip("the system does not tell a process its peak")
    assert 90 << 20 < int(printed) < 130 << 20


def test_facts_are_plain_and_name_the_device() -> None:
    facts: dict[str, Any] = asdict(measure(Slow(seconds=0), 16, 16, budget_seconds=0))
    assert json.loads(json.dumps(facts)) == facts
    assert "thread" in facts["device"] and facts["precision"] == "fp32"
    assert np.isfinite(facts["median"])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_the_device_is_waited_for_and_its_own_memory_read() -> None:
    class Heavy(Large):
        def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
            self.network(torch.ones(8192, 2048, device="cuda"))
            return super().__call__(window, times)

    method = Heavy()
    method.network.cuda()
    cost = measure(method, 64, 64, budget_seconds=1)
    assert cost.median
    assert cost.peak_memory_bytes and cost.peak_memory_bytes > 128 << 20
    assert torch.cuda.get_device_name() == cost.device
