"""Zooming Slow-Mo as a method: clips through a sequence, ends, sizes, tiles."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from stvt.baselines.errors import MethodError
from stvt.baselines.factory import build
from stvt.baselines.method import Settings
from stvt.baselines.weights.load import init_weights
from stvt.baselines.zsm.method import ZsmMethod
from stvt.baselines.zsm.network import ZSM


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def network() -> ZSM:
    network = ZSM(channels=8, groups=2, front=1, back=2).eval()
    init_weights("zsm", network)
    return network


def sequence(count: int, height: int = 8, width: int = 12) -> list[Tensor]:
    generator = torch.Generator().manual_seed(count)
    return list(torch.rand(count, 3, height, width, generator=generator))


def expected(network: ZSM, frames: list[Tensor]) -> dict[float, Tensor]:
    """By the rule: clips of 4 at 0, 3, 6 ...; one more that ends with the sequence; the first counts."""
    last = len(frames) - 1
    starts = [*range(0, last - 2, 3), max(last - 3, 0)]
    made: dict[float, Tensor] = {}
    for start in starts:
        clip = frames[start : start + 4]
        clip += [clip[-1]] * (4 - len(clip))
        for place, frame in enumerate(network(torch.stack(clip)[None])[0].clamp(0, 1)):
            if start + place / 2 <= last:
                made.setdefault(start + place / 2, frame)
    return made


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 9])
def test_a_stream_is_its_clips(network: ZSM, count: int) -> None:
    frames = sequence(count)
    calls: list[int] = []
    hook = network.fea_L2_conv1.register_forward_hook(lambda *_: calls.append(1))
    made = dict(ZsmMethod(network, Settings()).stream(iter(frames), [0.5]))
    hook.remove()
    assert len(calls) == count  # each frame's features once
    assert list(made) == [place / 2 for place in range(2 * count - 1)]
    for time, frame in expected(network, frames).items():
        torch.testing.assert_close(made[time], frame, atol=1e-5, rtol=0)


def test_frames_that_nobody_wants_are_not_restored_and_change_nothing(network: ZSM) -> None:
    frames, method = sequence(7), ZsmMethod(network, Settings())
    whole = dict(method.stream(frames, [0.5]))
    calls: list[int] = []
    hook = method.network.HRconv.register_forward_hook(lambda *_: calls.append(1))
    some = dict(method.stream(frames, [0.5], {1.5, 3.0}.__contains__))
    assert list(some) == [1.5, 3.0] and len(calls) == 2
    assert list(dict(method.stream(frames, []))) == list(range(7))
    hook.remove()
    for time, frame in some.items():
        torch.testing.assert_close(frame, whole[time], atol=1e-5, rtol=0)


def test_an_output_reads_no_further_than_its_support(network: ZSM) -> None:
    method, frames = ZsmMethod(network, Settings()), sequence(8)
    whole = dict(method.stream(frames, [0.5]))
    for time in (0, 2.5, 4, 6.5):
        before, after = method.support(time % 1, [0.5])
        noisy = [
            frame if int(time) - before <= k <= int(time) + after else torch.rand_like(frame)
            for k, frame in enumerate(frames)
        ]
        some = dict(method.stream(noisy, [0.5]))
        torch.testing.assert_close(some[time], whole[time], atol=1e-5, rtol=0)


def test_odd_sizes_get_zeros_around_and_tiles_give_the_same_size(network: ZSM) -> None:
    frames = sequence(4, 9, 13)
    padded = [torch.nn.functional.pad(frame, (0, 3, 0, 3)) for frame in frames]
    made = dict(ZsmMethod(network, Settings()).stream(frames, [0.5]))
    for time, frame in expected(network, padded).items():
        torch.testing.assert_close(made[time], frame[:, :36, :52], atol=1e-5, rtol=0)
    frames = sequence(4, 24, 28)
    for frame in dict(ZsmMethod(network, Settings(tile=16)).stream(frames, [0.5])).values():
        assert frame.shape == (3, 96, 112) and torch.isfinite(frame).all()


def test_other_times_scales_and_compositions_are_refused_in_one_line(network: ZSM) -> None:
    with pytest.raises(MethodError, match="zsm makes frames halfway .* not at 0.25; ask for 0.5"):
        next(ZsmMethod(network, Settings()).stream(sequence(2), [0.25, 0.5]))
    with pytest.raises(MethodError, match="zsm enlarges by 4 only, not by 2"):
        build("zsm", Settings(scale=2, untrained=True))
    with pytest.raises(MethodError, match="zsm does both in one"):
        build("zsm+rife", Settings(untrained=True))
