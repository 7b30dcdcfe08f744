"""Metrics of sequences: their definitions, by what they must give for sequences made here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stvt.metrics import METRICS, MetricError, SequenceMeasure
from stvt.metrics.ewarp import EWarp, occluded
from stvt.metrics.lpips_ import Lpips
from stvt.metrics.sequence import centre
from stvt.metrics.tlpips import TLpips

Frame = NDArray[np.uint8]


def load(name: str) -> Any:
    raise AssertionError(name)


def texture(height: int = 96, width: int = 128) -> Frame:
    noise = np.random.default_rng(0).normal(128, 60, (height, width, 3)).astype(np.float32)
    return (
        np.asarray(cv2.GaussianBlur(noise, (0, 0), 3) * 4 - 384, np.float32)
        .clip(0, 255)
        .astype(np.uint8)
    )


def moving(step: int, frames: int = 3) -> list[Frame]:
    """A texture that moves by so many pixels a frame to the right."""
    wide = texture(96, 128 + 40)
    return [wide[:, 20 - step * t : 20 - step * t + 128].copy() for t in range(frames)]


def scores(measure: SequenceMeasure, restored: list[Frame], truth: list[Frame]) -> Any:
    for pair in zip(restored, truth, strict=True):
        measure.add(*pair)
    return measure.scores()


def test_tof_is_the_length_of_the_difference_of_motion() -> None:
    first, *others = scores(METRICS["tof"].open("cpu", load)(), moving(3), moving(1))
    assert first is None and others == pytest.approx([2, 2], abs=0.1)
    assert scores(METRICS["tof"].open("cpu", load)(), moving(3), moving(3))[1:] == [0, 0]


@pytest.mark.parametrize(
    ("size", "inner"), [((480, 720), (448, 704)), ((576, 704), (544, 672)), ((48, 49), (32, 32))]
)
def test_tecogan_scores_the_middle(size: tuple[int, int], inner: tuple[int, int]) -> None:
    """By its program: the largest multiple of 32 that leaves 16 pixels or more, in the middle."""
    frame = np.zeros((*size, 3), np.uint8)
    rows, columns = ((side - part) // 2 for side, part in zip(size, inner, strict=True))
    frame[rows : rows + inner[0], columns : columns + inner[1]] = 1
    assert centre(frame).shape[:2] == inner and centre(frame).all()


class Channels(nn.Module):
    """Features of LPIPS that are the image itself."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.ParameterList([nn.Parameter(torch.ones(3, 1, 1))])

    def features(self, x: Tensor) -> list[Tensor]:
        return [x]


def test_tlpips_is_the_difference_of_two_changes() -> None:
    lpips = Lpips(Channels())
    restored, truth = [texture(), 255 - texture()], moving(2, 2)
    _, value = scores(TLpips(lpips), restored, truth)
    changes = [lpips(centre(pair[0]), centre(pair[1]), "rgb", 0) for pair in (restored, truth)]
    assert value == pytest.approx(abs(changes[0] - changes[1]), abs=1e-6) and value > 0.01


class Shift(nn.Module):
    """A flow of so many pixels to the right."""

    def __init__(self, pixels: float) -> None:
        super().__init__()
        self.pixels = nn.Parameter(torch.tensor(pixels))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        forth = float(first.mean()) <= float(second.mean())
        flow = first.new_zeros(1, 2, *first.shape[2:])
        flow[:, 0] = self.pixels if forth else -self.pixels
        return flow


def test_ewarp_is_what_the_true_motion_leaves_of_the_change() -> None:
    # The truth only tells the flow its direction.
    truth = [np.full((96, 128, 3), level, np.uint8) for level in (10, 20)]
    ramp = np.broadcast_to(np.arange(128, dtype=np.uint8)[None, :, None], truth[0].shape)
    moved = np.roll(ramp, 2, axis=1)
    # Two columns have left; in their place is the last one, 1 and 2 levels off.
    assert scores(EWarp(Shift(2.0)), [ramp, moved], truth) == [
        None,
        pytest.approx(1000 * (1 + 4) / 128 / 255**2, rel=1e-5),
    ]
    assert scores(EWarp(Shift(2.0)), [ramp, ramp], truth) == [
        None,
        pytest.approx(1000 * (126 * 4 + 1) / 128 / 255**2, rel=1e-4),
    ]


def test_what_moves_differently_there_and_back_is_no_part_of_ewarp() -> None:
    forward, backward = torch.zeros(1, 2, 32, 32), torch.zeros(1, 2, 32, 32)
    assert not occluded(forward, backward).any()
    backward[..., :, 16:] = 3.0
    assert occluded(forward, backward)[0, :, 17:].all()
    assert not occluded(forward, backward)[0, :, :15].any()
    forward[..., 20:, :] = 1.0  # a border of motion
    assert occluded(forward, torch.zeros_like(forward))[0, 19].all()


@pytest.mark.parametrize("name", ["tof", "tlpips", "ewarp"])
def test_one_frame_has_no_motion_to_score(name: str) -> None:
    measures: dict[str, Callable[[], SequenceMeasure]] = {
        "tof": lambda: METRICS["tof"].open("cpu", load)(),
        "tlpips": lambda: TLpips(Lpips(Channels())),
        "ewarp": lambda: EWarp(Shift(0.0)),
    }
    measure = measures[name]()
    with pytest.raises(MetricError, match=f"{name} has no score of a sequence of 1 frame$"):
        scores(measure, [texture()], [texture()])
    with pytest.raises(MetricError, match="too small"):
        measure.add(texture(24, 24), texture(24, 24))
