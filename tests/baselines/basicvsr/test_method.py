"""BasicVSR as a method: the whole sequence, pieces of it, cascades."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
import torch
from torch import Tensor

from stvt.baselines import Method, Settings, build
from stvt.baselines.basicvsr import method as module
from stvt.baselines.basicvsr.method import BasicVsrMethod, FeatureStack
from stvt.baselines.basicvsr.network import BasicVSR
from stvt.baselines.cascade import Cascade
from stvt.baselines.method import Scene
from stvt.baselines.weights.load import initialise


def small(**settings: object) -> BasicVsrMethod:
    network = BasicVSR(channels=8, blocks=2)
    initialise(network)
    return BasicVsrMethod(network, Settings(**settings))  # type: ignore[arg-type]


def frames(number: int, height: int = 12, width: int = 18) -> list[Tensor]:
    return list(torch.rand(number, 3, height, width, generator=torch.Generator().manual_seed(1)))


def outputs(method: Method, sequence: list[Tensor]) -> dict[float, Tensor]:
    return {time: frame.clone() for time, frame in method.stream(sequence, ())}


@pytest.mark.parametrize("number", [0, 1, 2, 7])
def test_the_stream_is_the_networks_output(number: int) -> None:
    method, sequence = small(), frames(number)
    made = outputs(method, sequence)
    assert [*made] == [*range(number)]
    if number:
        with torch.no_grad():
            whole = method.network(torch.stack(sequence)[None])[0].clamp(0, 1)
        torch.testing.assert_close(torch.stack([*made.values()]), whole)


def test_only_what_is_wanted_is_made_and_it_is_the_same() -> None:
    method, sequence = small(chunk=6), frames(15)
    every = outputs(method, sequence)
    some = dict(method.stream(sequence, (), lambda time: time in (0, 9)))
    assert [*some] == [0, 9]
    for time, frame in some.items():
        torch.testing.assert_close(frame, every[time], rtol=0, atol=0)


@pytest.mark.parametrize("number", [7, 8, 9, 20])
def test_pieces_are_exact_up_to_their_length_and_say_when_they_are_not(number: int) -> None:
    method, sequence = small(chunk=8), frames(number)
    made = outputs(method, sequence)
    whole = outputs(small(), sequence)
    assert [*made] == [*whole]
    if number <= 8:
        assert not method.warnings
        assert all(torch.equal(made[time], whole[time]) for time in whole)
        return
    (warning,) = method.warnings
    assert "more than 8 frames are computed in pieces of 8 that overlap by 2" in warning
    method.begin(Scene("set", "next", 3, 1, 48, 72))
    assert not method.warnings
    # The last piece sees all that follows it; forward nothing is lost.
    last = max(whole)
    torch.testing.assert_close(made[last], whole[last])
    assert not torch.equal(made[5], whole[5])


def test_the_features_of_a_long_sequence_are_the_same_from_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sequence = frames(6)
    before = outputs(small(), sequence)
    feature = 8 * 12 * 18 * 4
    monkeypatch.setattr(module, "FeatureStack", lambda: FeatureStack(2 * feature))
    after = outputs(small(), sequence)
    assert all(torch.equal(before[time], after[time]) for time in before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_stack_gives_back_what_was_put_on_it(dtype: torch.dtype) -> None:
    put = [torch.full((1, 2, 3, 4), float(k), dtype=dtype) for k in range(5)]
    put[4] = put[4].contiguous(memory_format=torch.channels_last)
    stack = FeatureStack(2 * put[0].nbytes)
    for one in put:
        stack.push(one)
    for one in reversed(put):
        assert torch.equal(stack.pop(), one)


def test_long_sequences_are_cut_by_the_room_that_their_features_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "STORED", 5 * 8 * 12 * 18 * 4)
    method = small()
    outputs(method, frames(5))
    assert not method.warnings
    outputs(method, frames(6))
    assert "more than 5 frames" in method.warnings[0]


def test_an_endless_sequence_gives_outputs_too() -> None:
    def endless() -> Iterator[Tensor]:
        for _ in count():
            yield torch.rand(3, 8, 8)

    method = small()
    method.begin(Scene("timing", "synthetic", 2**31, 2, 32, 32))
    stream = method.stream(endless(), ())
    assert [next(stream)[0] for _ in range(20)] == [*range(20)]


@pytest.mark.parametrize("order", ["first", "second"])
def test_in_a_cascade_it_sees_the_whole_sequence(order: str) -> None:
    flow = build("blend", Settings())
    own = small()
    cascade = Cascade(own, flow) if order == "first" else Cascade(flow, own)
    sequence = frames(4)
    every = {time: frame.clone() for time, frame in cascade.stream(sequence, [0.5])}
    assert [*every] == [0, 0.5, 1, 1.5, 2, 2.5, 3]
    some = dict(cascade.stream(sequence, [0.5], lambda time: time == 1.5))
    torch.testing.assert_close(some[1.5], every[1.5], rtol=0, atol=0)
    assert cascade.burst == own.burst and cascade.whole_sequence


def test_half_precision_is_near() -> None:
    sequence = frames(3)
    full, half = outputs(small(), sequence), outputs(small(precision="bf16"), sequence)
    assert all((full[time] - half[time]).abs().mean() < 0.02 for time in full)
