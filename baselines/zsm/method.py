"""Zooming Slow-Mo as a method: clips of four input frames, seven frames four times larger of each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from ..edvr.fast import SWAPS
from ..network_method import CachedFrame, ClipMethod
from ..tiling.tiles import Cut
from .network import ZSM, Pyramid

MARGIN = 64  # low-resolution pixels around a tile, at most


class ZsmFrame(CachedFrame):
    """A frame and its features, which both clips that hold it read."""

    method: ZsmMethod

    @cached_property
    def F(self) -> Pyramid:
        return self.method.network.features(self.pixels)


class ZsmMethod(ClipMethod[ZSM, ZsmFrame]):
    """Zooming Slow-Mo for frames of any h and w, zeros around them as its authors put them."""

    frame_class = ZsmFrame
    padding = "constant"
    swaps = SWAPS

    def outputs(self, clip: Sequence[ZsmFrame], places: Sequence[int]) -> Tensor:
        height, width = clip[0].source.shape[-2:]
        h = self.network.ConvBLSTM(self.network.sequence([frame.F for frame in clip]))
        large = torch.cat([self.network.restore(h[place]).float() for place in places])
        return large[..., : 4 * height, : 4 * width].clamp(0, 1)

    def cut(self, tile: int) -> Cut:
        return Cut.on_grid(
            tile, 4, min(max(tile // 16, 1), MARGIN // 4)
        )  # at the coarsest level, 1
