"""Compositions: order, times, windows, and that nothing is computed that nobody asked for."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from stvt.baselines.cascade import Cascade, Dense, to_eight_bits
from stvt.baselines.classical.resize import enlarge
from stvt.baselines.classical.temporal import Blend, Repeat
from stvt.baselines.errors import MethodError
from stvt.baselines.method import Method, Settings, WindowMethod

TIMES = (0.25, 0.5, 0.75)


class Mean(WindowMethod):
    """The mean of the window, twice as large: says which frames it read."""

    name, scale = "mean", 2

    def __init__(self, before: int, after: int) -> None:
        self.before, self.after = before, after
        self.calls = 0

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        self.calls += 1
        return window.mean(0, keepdim=True).repeat_interleave(2, -1).repeat_interleave(2, -2)


class Between(Blend):
    """Blend that counts the frames it makes."""

    name = "between"

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        self.made += len(times)
        return super().__call__(window, times)


def clip(frames: int) -> list[Tensor]:
    return list(torch.rand(frames, 3, 4, 5, generator=torch.Generator().manual_seed(frames)))


def both(before: int = 2, after: int = 1) -> list[Cascade]:
    return [Cascade(Mean(before, after), Blend()), Cascade(Blend(), Mean(before, after))]


def test_enlarging_first_interpolates_between_enlarged_frames() -> None:
    frames = clip(3)
    made = dict(Cascade(Mean(0, 1), Blend()).stream(frames, [0.5]))
    first, second = (frames[0] + frames[1]) / 2, (frames[1] + frames[2]) / 2
    torch.testing.assert_close(made[0.5][:, ::2, ::2], (first + second) / 2)


def test_interpolating_first_gives_the_second_stage_windows_of_the_dense_sequence() -> None:
    frames = clip(3)
    made = dict(Cascade(Blend(), Mean(1, 1)).stream(frames, [0.5]))
    halfway = (frames[0] + frames[1]) / 2
    torch.testing.assert_close(made[0.5][:, ::2, ::2], (frames[0] + halfway + frames[1]) / 3)
    torch.testing.assert_close(made[0][:, ::2, ::2], (2 * frames[0] + halfway) / 3)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("times", [(), (0.5,), TIMES, (0.1, 0.3)])
def test_times_are_those_of_the_input_frames_in_both_orders(
    count: int, times: Sequence[float]
) -> None:
    expected = [k + t for k in range(count) for t in (0, *times) if k + t <= count - 1]
    for cascade in both():
        assert [time for time, _ in cascade.stream(iter(clip(count)), times)] == expected


@pytest.mark.parametrize("asked", [{3.5}, {0}, {6}, {0.5, 5.75}, {2, 2.25, 4}, set()])
@pytest.mark.parametrize("before,after", [(0, 0), (2, 1), (3, 3), (0, 4)])
def test_leaving_out_frames_changes_none_of_those_asked_for(
    asked: set[float], before: int, after: int
) -> None:
    frames = clip(7)
    for cascade in both(before, after):
        whole = dict(cascade.stream(frames, TIMES))
        some = dict(cascade.stream(frames, TIMES, lambda time: time in asked))
        assert set(some) == asked
        for time, frame in some.items():
            assert torch.equal(frame, whole[time])


def test_the_first_stage_is_asked_only_for_what_the_second_reads() -> None:
    mean = Mean(1, 1)
    list(Cascade(mean, Blend()).stream(clip(9), [0.5], lambda time: time == 4.5))
    assert mean.calls == 2
    between = Between()
    list(Cascade(between, Mean(1, 1)).stream(clip(9), [0.5], lambda time: time == 4))
    assert between.made == 2


def test_a_frame_that_was_not_asked_for_would_show() -> None:
    class Narrow(Mean):
        def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
            return 0, 0  # which is not so: it reads one frame before

    cascade = Cascade(Blend(), Narrow(1, 0))
    ((_, frame),) = cascade.stream(clip(4), [0.5], lambda time: time == 2)
    assert frame.isnan().all()


@pytest.mark.parametrize("before,after", [(0, 0), (1, 0), (2, 1), (3, 3), (0, 5)])
@pytest.mark.parametrize("times", [(0.5,), TIMES])
@pytest.mark.parametrize("temporal", [Blend(), Repeat()])
def test_support_is_exactly_the_frames_that_an_output_depends_on(
    temporal: Method, before: int, after: int, times: Sequence[float]
) -> None:
    count, k = 17, 8
    frames = [frame.requires_grad_() for frame in clip(count)]
    for cascade in (Cascade(Mean(before, after), temporal), Cascade(temporal, Mean(before, after))):
        for t in (0.0, *times):
            read_before, read_after = cascade.support(t, times)
            made = dict(read_everything(cascade, frames, times))[k + t]
            gradients = torch.autograd.grad(made.sum(), frames, allow_unused=True)
            read = [i for i, g in enumerate(gradients) if g is not None and g.any()]
            assert read[0] == k - read_before
            # Between two frames is nothing without the later one, read or not.
            unread = (0, 1) if isinstance(temporal, Repeat) else (0,)
            assert k + read_after - read[-1] in unread


def read_everything(
    cascade: Cascade, frames: list[Tensor], times: Sequence[float]
) -> list[tuple[float, Tensor]]:
    """The cascade's outputs with a graph behind them, which its own stream does not keep."""
    first = with_graph(cascade.first, frames, times if cascade.first.scale == 1 else ())
    handed = [frame for _, frame in first]
    second = with_graph(cascade.second, handed, times if cascade.second.scale == 1 else ())
    if cascade.second.scale == 1:
        return second
    dense = Dense(times)
    return [(dense.time(round(index)), frame) for index, frame in second]


def with_graph(
    method: Method, frames: list[Tensor], times: Sequence[float]
) -> list[tuple[float, Tensor]]:
    assert isinstance(method, WindowMethod)
    last = len(frames) - 1
    made = []
    for k in range(len(frames)):
        around = range(k - method.before, k + method.after + 1)
        window = torch.stack([frames[min(max(i, 0), last)] for i in around])
        moments = times if k < last else ()
        outputs = method(window, moments)
        made += [(k + t, frame) for t, frame in zip((0.0, *moments), outputs, strict=False)]
    return made


def test_to_eight_bits_between_the_stages_are_rounded_and_clipped() -> None:
    torch.testing.assert_close(
        to_eight_bits(torch.tensor([-0.2, 0.1, 1.3])), torch.tensor([0, 26 / 255, 1])
    )
    frames = clip(3)
    settings = Settings()
    by_float = Cascade(enlarge(settings, "bicubic"), Blend(), "float").stream(frames, [0.5])
    by_file = Cascade(enlarge(settings, "bicubic"), Blend(), "uint8").stream(frames, [0.5])
    for (time, exact), (_, rounded) in zip(by_float, by_file, strict=True):
        assert 0 < (exact - rounded).abs().max() < 0.51 / 255
        if time % 1 == 0:
            torch.testing.assert_close(rounded * 255, (rounded * 255).round())


def test_two_of_a_kind_do_not_compose() -> None:
    with pytest.raises(MethodError, match="both methods are spatial"):
        Cascade(Mean(0, 0), Mean(0, 0))
    with pytest.raises(MethodError, match="both methods are temporal"):
        Cascade(Blend(), Repeat())


def test_a_composition_tells_of_its_stages() -> None:
    mean, blend = Mean(0, 0), Blend()
    cascade = Cascade(mean, blend)
    assert (cascade.name, cascade.scale, cascade.stages) == ("mean+blend", 2, (mean, blend))
    assert cascade.weights == ""
    mean.weights, blend.weights = "12ab", "untrained"
    assert Cascade(mean, blend).weights == "untrained"
    blend.weights = "34cd"
    assert Cascade(mean, blend).weights == "12ab+34cd"
    list(cascade.stream(clip(3), [0.5]))
    assert cascade.seconds == mean.seconds + blend.seconds > 0


@pytest.mark.parametrize("times", [(), (0.5,), (0.1, 0.3), (1 / 3, 2 / 3), (0.001, 0.999)])
def test_dense_positions_and_times_are_each_others_inverse(times: Sequence[float]) -> None:
    dense = Dense(times)
    for index in [*range(9), 100_001, 1_000_000]:
        assert dense.index(dense.time(index)) == index
    assert dense.number(0) == 0 and dense.number(1) == 1
    assert dense.number(4) == 3 * (len(times) + 1) + 1
