"""Zooming Slow-Mo as a method: clips of four input frames, seven frames four times larger of each."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..edvr.fast import SWAPS
from ..network_method import CachedFrame, ClipMethod
from .network import ZSM


class ZsmMethod(ClipMethod[ZSM, CachedFrame]):
    """Zooming Slow-Mo for frames of any h and w, zeros around them as its authors put them."""

    padding = "constant"
    swaps = SWAPS
    margins = 16, 16  # 64 pixels at most

    def outputs(self, clip: Sequence[CachedFrame], places: Sequence[int]) -> Tensor:
        height, width = clip[0].source.shape[-2:]
        h = self.network.ConvBLSTM(self.network.sequence([frame.features for frame in clip]))
        large = torch.cat([self.network.restore(h[place]).float() for place in places])
        return large[..., : 4 * height, : 4 * width].clamp(0, 1)
