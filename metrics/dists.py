"""DISTS, the distance of structure and texture (Ding et al., TPAMI 2020)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from .feature_distance import FeatureDistance

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
EPSILON = 1e-6
SMALLEST = 16


class Dists(FeatureDistance):
    """DISTS of two frames.

    network: VGG16's convolutions: `features(x, pooling)` gives a list of tensors.
    weights: `alpha` and `beta`, (1, 1475, 1, 1), of the means and of the covariances.
    """

    def __init__(self, network: Any, weights: Any, device: str = "cpu") -> None:
        super().__init__(network, device, "dists", SMALLEST)
        self.weights = weights.eval().to(device)

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        texture, structure = [], []
        for a, b in zip(self.features(x), self.features(y), strict=True):
            # In double precision: a variance is a small difference of large numbers.
            a, b = a.double(), b.double()
            mean_a, mean_b = a.mean((2, 3)), b.mean((2, 3))
            variances = a.var((2, 3), correction=0) + b.var((2, 3), correction=0)
            covariance = (a * b).mean((2, 3)) - mean_a * mean_b
            squares = mean_a.square() + mean_b.square()
            texture.append((2 * mean_a * mean_b + EPSILON) / (squares + EPSILON))
            structure.append((2 * covariance + EPSILON) / (variances + EPSILON))
        alpha, beta = (one.double().flatten() for one in (self.weights.alpha, self.weights.beta))
        alike = (torch.cat(texture, 1) * alpha + torch.cat(structure, 1) * beta).sum(1)
        distance: Tensor = 1 - alike / (alpha.sum() + beta.sum())
        return distance

    def features(self, x: Tensor) -> list[Tensor]:
        """The image itself and five features of it."""
        mean, std = (x.new_tensor(one).view(1, 3, 1, 1) for one in (MEAN, STD))
        layers: list[Tensor] = self.network.features((x - mean) / std, l2_pooling)
        return [x, *layers]


def l2_pooling(x: Tensor) -> Tensor:
    """Half the size by the root of a blurred square."""
    taps = x.new_tensor([1.0, 2.0, 1.0])
    kernel = (taps[:, None] * taps / 16).expand(x.shape[1], 1, 3, 3)
    blurred = conv2d(x.square(), kernel, stride=2, padding=1, groups=x.shape[1])
    return (blurred + 1e-12).sqrt()
