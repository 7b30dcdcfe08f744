"""Upsampling of a sequence: places of new frames, cuts, windows, and what is skipped."""

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor

from stvt.baselines.method import Settings, WindowMethod
from stvt.baselines.tiling.tiles import Tiles
from stvt.core.errors import UsageError
from stvt.upsampling.frames import upsample
from stvt.upsampling.placement import Placement, TimedFrame, even_times
from stvt.upsampling.sequence import Upsampling

from .clips import scenery


@pytest.mark.parametrize("method", ["bicubic+blend", "blend+bicubic", "bicubic+flow"])
def test_no_frame_is_made_across_a_cut(method: str) -> None:
    clip = np.stack(scenery(1, 6) + scenery(2, 6))
    got = upsample(clip, method, scale=2, times=[0.5])
    assert len(got) == 23
    np.testing.assert_array_equal(got[11], got[10])
    alone = upsample(clip[:6], method, scale=2, times=[0.5])
    np.testing.assert_array_equal(got[:11], alone)
    np.testing.assert_array_equal(got[12:], upsample(clip[6:], method, scale=2, times=[0.5]))


class Window(WindowMethod):
    """Tells which frames each window held, by their first pixel."""

    name, scale, before, after = "window", 1, 2, 2

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        self.seen.append([round(float(one[0, 0, 0]) * 255) for one in window])
        return window[2:3].expand(1 + len(times), -1, -1, -1)


def numbered(count: int, cut: int) -> list[TimedFrame]:
    frames = [*scenery(3, cut), *scenery(4, count - cut)]
    for number, frame in enumerate(frames):
        frame[0, 0] = number
    return [TimedFrame(Fraction(number), frame, number) for number, frame in enumerate(frames)]


def test_windows_end_at_a_cut_and_repeat_the_end_frame() -> None:
    method = Window()
    upsampling = Upsampling(method, Placement((0.5,)))
    made = list(upsampling.outputs(numbered(12, 6), lambda: Fraction(1)))
    assert len(made) == 24 and upsampling.cuts == [6]
    assert method.seen[0] == [0, 0, 0, 1, 2] and method.seen[5] == [3, 4, 5, 5, 5]
    assert method.seen[6] == [6, 6, 6, 7, 8]


def test_what_is_done_is_skipped_without_computing_it() -> None:
    method = Window()
    rest = list(
        Upsampling(method, Placement((0.5,))).outputs(numbered(12, 6), lambda: Fraction(1), 19)
    )
    assert len(rest) == 5 and len(method.seen) == 3


def test_a_gap_holds_its_outputs_and_a_frame_that_is_nearly_in_place_is_shown_as_it_is() -> None:
    placement = Placement(even_times(64), Fraction(1, 20), near=Fraction(1, 400))
    assert placement.outputs(Fraction(1, 1000), Fraction(1, 10), Fraction(0)) == [0, 32]
    assert placement.outputs(Fraction(1, 100), Fraction(3, 100), Fraction(0)) == []
    assert Placement(even_times(3)).outputs(Fraction(0), Fraction(1), Fraction(0)) == [0, 1, 2]


def test_a_method_that_breaks_says_at_which_frame() -> None:
    class Breaks(Window):
        def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
            if len(self.seen) == 3:
                raise ValueError("a bug")
            return super().__call__(window, times)

    with pytest.raises(ValueError, match="a bug") as caught:
        list(Upsampling(Breaks(), Placement((0.5,))).outputs(numbered(12, 6), lambda: Fraction(1)))
    assert caught.value.__notes__ == ["stvt upsample: frame 5 was the last that window was given"]


class Crowded(WindowMethod):
    """Blends a frame and the next, where its tiles are no larger than 32 pixels."""

    name, scale, after = "crowded", 1, 1

    def __init__(self, enough: int = 32) -> None:
        self.tiles, self.enough = Tiles(Settings(tile="auto")), enough

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        if (self.tiles.of(window) or max(window.shape[-2:])) > self.enough:
            raise RuntimeError("CUDA out of memory")
        return torch.stack([(1 - t) * window[0] + t * window[1] for t in (0.0, *times)])


def test_where_memory_runs_out_the_work_goes_on_in_tiles_or_says_what_to_give() -> None:
    frames = [TimedFrame(Fraction(k, 10), np.full((16, 64, 3), 20 * k, np.uint8)) for k in range(4)]

    def outputs(method: Crowded, tell: Callable[[str], None] | None) -> list[Tensor]:
        upsampling = Upsampling(method, Placement((0.5,)), False, tell)
        return list(upsampling.outputs(iter(frames), lambda: Fraction(1, 10)))

    lines: list[str] = []
    found = outputs(Crowded(), lines.append)
    expected = outputs(Crowded(64), None)
    assert len(found) == len(expected) == 8
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert lines == ["crowded: out of memory; it goes on in tiles of 32 pixels"]
    with pytest.raises(UsageError, match="frame 1: crowded runs out of memory; give --tile auto"):
        outputs(Crowded(), None)
    with pytest.raises(UsageError, match="give a smaller --tile or --precision bf16"):
        outputs(Crowded(16), lines.append)
