"""RIFE as a method: frames of any size in, the frames between them at any times out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from ..network_method import CachedFrame, NetworkMethod
from ..tiling.tiles import Cut
from .network import MULTIPLE, RIFE


class RifeFrame(CachedFrame):
    """A frame and its features, which both pairs that hold it read."""

    method: RifeMethod

    @cached_property
    def e(self) -> Tensor:
        features: Tensor = self.method.network.encode(self.pixels)
        return features.to(self.pixels.dtype)


class RifeMethod(NetworkMethod[RIFE, RifeFrame]):
    """RIFE between frames in [0, 1], any h and w; the frames themselves pass unchanged."""

    frame_class = RifeFrame
    scale = 1
    before, after = 0, 1
    padding = "constant"  # as published

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return 0, 1 if t else 0

    def outputs(self, window: Sequence[RifeFrame], times: Sequence[float]) -> Tensor:
        first, second = window
        height, width = first.source.shape[-2:]
        frames = [first.source.to(self.device)]
        for t in times:
            I, e = (first.pixels, second.pixels), (first.e, second.e)
            frame = self.network.interpolate(I, e, t)[0, :, :height, :width]
            frames.append(frame.to(frames[0].dtype).clamp(0, 1))
        return torch.stack(frames)

    def cut(self, tile: int) -> Cut:
        """A margin of one multiple; motions and blocks reach further, so there are seams."""
        return Cut.on_grid(tile, MULTIPLE)
