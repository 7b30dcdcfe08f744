"""The contract that every method keeps, whatever it does between its ends."""

import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from stvt.baselines import ALIASES, METHODS, build
from stvt.baselines.method import Method, Settings, windows

FREE = [name for name, entry in METHODS.items() if not entry.networks]
SPATIAL = [name for name in FREE if METHODS[name].kind == "spatial"]
TEMPORAL = [name for name in FREE if METHODS[name].kind == "temporal"]
JOINT = [f"{a}+{b}" for s in SPATIAL for t in TEMPORAL for a, b in ((s, t), (t, s))]
SOME_JOINT = ["bicubic+blend", "flow+bilinear", "lanczos+flow", "repeat+nearest"]
NETWORKS = [name for name, entry in METHODS.items() if entry.networks]
TIMES = [0.25, 0.5]


def made(spec: str, scale: int = 4) -> Method:
    return build(spec, Settings(scale=scale, untrained=True))


def clip(frames: int, height: int = 6, width: int = 9) -> list[Tensor]:
    generator = torch.Generator().manual_seed(frames)
    return list(torch.rand(frames, 3, height, width, generator=generator))


def times_of(method: Method, spec: str) -> list[float]:
    return [] if spec in SPATIAL else TIMES


@pytest.mark.parametrize("spec", [*FREE, *JOINT])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_every_time_comes_once_in_order_and_in_the_right_size(spec: str, count: int) -> None:
    method = made(spec)
    times = times_of(method, spec)
    outputs = list(method.stream(iter(clip(count)), times))
    expected = [k + t for k in range(count) for t in (0, *times) if k + t <= count - 1]
    assert [time for time, _ in outputs] == expected
    for _, frame in outputs:
        assert frame.shape == (3, 6 * method.scale, 9 * method.scale)
        assert frame.dtype == torch.float32
        assert torch.isfinite(frame).all() and frame.min() >= 0 and frame.max() <= 1


@pytest.mark.parametrize("spec", [*FREE, *SOME_JOINT])
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2), (17, 13)])
def test_tiny_and_odd_sizes(spec: str, scale: int, size: tuple[int, int]) -> None:
    method = made(spec, scale)
    for _, frame in method.stream(clip(2, *size), times_of(method, spec)):
        assert frame.shape == (3, size[0] * method.scale, size[1] * method.scale)


@pytest.mark.parametrize("spec", [*FREE, *SOME_JOINT])
def test_no_frames_make_none(spec: str) -> None:
    assert list(made(spec).stream([], TIMES)) == []


@pytest.mark.parametrize("spec", [*FREE, *JOINT])
def test_what_is_not_wanted_changes_nothing_of_what_is(spec: str) -> None:
    method, frames = made(spec), clip(5)
    times = times_of(method, spec)
    whole = dict(method.stream(frames, times))
    wishes = [{0.0}, {4.0}, {1.0, 3.0}] + ([{0.5}, {2.25, 3}, {1.25, 1.5}] if times else [])
    for wish in wishes:
        some = dict(method.stream(frames, times, wish.__contains__))
        assert set(some) == wish
        assert all(torch.equal(some[time], whole[time]) for time in wish)


@pytest.mark.parametrize("spec", [*FREE, *JOINT])
def test_a_still_of_one_colour_stays_as_it_is(spec: str) -> None:
    method = made(spec)
    frames = [torch.full((3, 6, 9), 0.3)] * 3
    for _, frame in method.stream(frames, times_of(method, spec)):
        torch.testing.assert_close(frame, torch.full_like(frame, 0.3), atol=1e-6, rtol=0)


@pytest.mark.parametrize("spec", [*FREE, *SOME_JOINT])
def test_the_same_frames_give_the_same_result(spec: str) -> None:
    frames = clip(3, 40, 50)
    times = times_of(made(spec), spec)
    first, second = (list(made(spec).stream(frames, times)) for _ in range(2))
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(first, second, strict=True))


@pytest.mark.parametrize("spec", [*FREE, *JOINT])
def test_no_more_frames_are_read_ahead_than_the_window_holds(spec: str) -> None:
    method = made(spec)
    times = times_of(method, spec)
    read = 0

    def endless() -> Iterator[Tensor]:
        nonlocal read
        for frame in itertools.cycle(clip(3)):
            read += 1
            yield frame

    ahead = max(method.support(t, times)[1] for t in (0, *times))
    for time, _ in itertools.islice(method.stream(endless(), times), 20):
        assert read <= int(time) + ahead + 4  # the frame itself, and one each stage to see an end


@pytest.mark.parametrize("spec", [*FREE, *JOINT])
def test_support_is_no_wider_than_a_frame_for_these(spec: str) -> None:
    method = made(spec)
    times = times_of(method, spec)
    for t in (0.0, *times):
        before, after = method.support(t, times)
        assert before == 0 and after <= (t > 0)


def test_the_ends_are_read_again() -> None:
    frames = [torch.tensor(k) for k in range(2)]
    held = [([int(f) for f in window], last) for window, last in windows(iter(frames), 3, 3)]
    assert held == [([0, 0, 0, 0, 1, 1, 1], False), ([0, 0, 0, 1, 1, 1, 1], True)]


def test_a_method_counts_the_time_that_it_computes() -> None:
    method = made("bicubic+blend")
    assert method.seconds == 0
    list(method.stream(clip(3), TIMES))
    assert method.seconds == sum(stage.seconds for stage in method.stages) > 0


@pytest.mark.parametrize("spec", ["stvun", "edvr-m", "dain", "fisr", "dain+edvr-m"])
def test_networks_keep_the_contract_too(spec: str) -> None:
    keeps_the_contract(spec)


@pytest.mark.slow
@pytest.mark.parametrize("spec", [*NETWORKS, *ALIASES])
def test_every_network_and_the_papers_cascades_keep_the_contract(spec: str) -> None:
    keeps_the_contract(spec)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2)])
@pytest.mark.parametrize("spec", [*NETWORKS, *ALIASES])
def test_networks_take_tiny_and_odd_sizes(spec: str, size: tuple[int, int]) -> None:
    keeps_the_contract(spec, *size)


def keeps_the_contract(spec: str, height: int = 8, width: int = 9) -> None:
    method = made(spec, scale=2 if spec == "fisr" else 4)
    times = [] if spec in METHODS and METHODS[spec].kind == "spatial" else [0.5]
    outputs = dict(method.stream(clip(2, height, width), times))
    assert list(outputs) == [k + t for k in range(2) for t in (0, *times) if k + t <= 1]
    for frame in outputs.values():
        assert frame.shape == (3, height * method.scale, width * method.scale)
        assert torch.isfinite(frame).all()
    assert method.weights == "untrained"
    assert method.networks()
