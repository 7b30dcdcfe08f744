"""RSTT as a method: clips of four input frames, seven frames four times larger of each."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..network_method import CachedFrame, ClipMethod
from ..tiling.tiles import Cut
from .network import MULTIPLE, RSTT, SMALLEST, enlarge

GRID = 4 * MULTIPLE  # pixels after which windows of all stages begin anew


class RsttMethod(ClipMethod[RSTT, CachedFrame]):
    """RSTT for frames of any h and w; smaller ones than it takes are continued by their edge."""

    smallest = SMALLEST

    def outputs(self, clip: Sequence[CachedFrame], places: Sequence[int]) -> Tensor:
        height, width = clip[0].source.shape[-2:]
        frames = torch.stack([frame.pixels for frame in clip], 1)
        features, large = self.network.features(frames), enlarge(frames)
        restored = [
            self.network.restore(features[:, place]).to(large.dtype) + large[:, place]
            for place in places
        ]
        return torch.cat(restored)[..., : 4 * height, : 4 * width].clamp(0, 1)

    def cut(self, tile: int) -> Cut:
        """Tiles and margins of whole grids, so that windows lie where they do in the frame."""
        return Cut.on_grid(tile, GRID)
