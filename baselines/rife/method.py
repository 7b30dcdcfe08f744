"""RIFE as a method: frames of any size in, the frames between them at any times out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..network_method import CachedFrame, NetworkMethod
from .network import RIFE


class RifeMethod(NetworkMethod[RIFE, CachedFrame]):
    """RIFE between frames in [0, 1], any h and w; the frames themselves pass unchanged.

    Motions and blocks reach further than the margin of a tile, so there are seams.
    """

    scale = 1
    before, after = 0, 1
    padding = "constant"  # as published

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return 0, 1 if t else 0

    def outputs(self, window: Sequence[CachedFrame], times: Sequence[float]) -> Tensor:
        first, second = window
        height, width = first.source.shape[-2:]
        frames = [first.source.to(self.device)]
        for t in times:
            I, e = (first.pixels, second.pixels), (first.features, second.features)
            frame = self.network.interpolate(I, e, t)[0, :, :height, :width]
            frames.append(frame.to(frames[0].dtype).clamp(0, 1))
        return torch.stack(frames)

    def features(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.network.encode(pixels)
        return features.to(pixels.dtype)
