"""Frame interpolation without motion: `repeat` and `blend`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..method import Settings, WindowMethod


class Repeat(WindowMethod):
    """The earlier frame again."""

    name = "repeat"
    scale = 1

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        return window.expand(1 + len(times), -1, -1, -1)


class Blend(WindowMethod):
    """The mean of the two frames, weighted by nearness in time."""

    name = "blend"
    scale = 1
    after = 1

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return (0, 1) if t else (0, 0)

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        first, second = window
        return torch.stack([first, *(torch.lerp(first, second, t) for t in times)])


def repeat(settings: Settings, name: str) -> Repeat:
    return Repeat()


def blend(settings: Settings, name: str) -> Blend:
    return Blend()
