"""LPIPS, the learned perceptual distance (Zhang et al., CVPR 2018), version 0.1."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .feature_distance import FeatureDistance

# Of images in [-1, 1]
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)


class Lpips(FeatureDistance):
    """LPIPS of two frames.

    network: AlexNet's or VGG16's convolutions: `features(x)` gives a list of tensors, `lin` holds
             the weights of their channels.
    """

    def __init__(
        self, network: Any, device: str = "cpu", name: str = "lpips", smallest: int = 31
    ) -> None:
        super().__init__(network, device, name, smallest)

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        return self.compare(self.features(x), self.features(y))

    def features(self, x: Tensor) -> list[Tensor]:
        """Those of each layer, every pixel's of length 1."""
        # In single precision, as the published program has them.
        shift, scale = (torch.tensor(one).view(1, 3, 1, 1).to(x) for one in (SHIFT, SCALE))
        return [unit_length(layer) for layer in self.network.features((2 * x - 1 - shift) / scale)]

    def compare(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        """The distance of images by their features, (B,)."""
        total = a[0].new_zeros(len(a[0]))
        for a_l, b_l, lin in zip(a, b, self.network.lin, strict=True):
            total = total + (lin * (a_l - b_l).square()).sum(1).mean((1, 2))
        return total


def unit_length(features: Tensor) -> Tensor:
    """Each pixel's features divided by their length."""
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)
