"""DISTS, the distance of structure and texture (Ding et al., TPAMI 2020)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from .lpips_ import to_tensor
from .preprocess import Frame, cropped

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
EPSILON = 1e-6
SMALLEST = 16


class Dists:
    """The distance of two frames as a callable: 0 for equal ones, higher is less alike.

    network: VGG16's convolutions: `features(x, pooling)` gives a list of tensors.
    weights: `alpha` and `beta`, (1, 1475, 1, 1), of the means and of the covariances.
    """

    def __init__(self, network: Any, weights: Any, device: str = "cpu") -> None:
        self.network, self.device = network.eval().to(device), device
        self.weights = weights.eval().to(device)
        self.dtype = next(network.parameters()).dtype

    @torch.inference_mode()
    def __call__(
        self, restored: Frame, truth: Frame, channel: str = "rgb", crop_border: int = 0
    ) -> float:
        """Both are uint8 RGB, (H, W, 3); they are not resized.

        Raises ValueError if the frames do not fit each other or `channel` is not "rgb",
        MetricError if less than 16x16 remains.
        """
        if channel != "rgb":
            raise ValueError(f"dists: channel is {channel!r}, it is defined for 'rgb' only")
        pair = cropped("dists", restored, truth, crop_border, smallest=SMALLEST)
        x, y = (to_tensor(frame, self.device, self.dtype) for frame in pair)
        return float(self.distance(x, y))

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """The distance of images (B, 3, h, w) in [0, 1], (B,)."""
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
        found: list[Tensor] = self.network.features((x - mean) / std, l2_pooling)
        return [x, *found]


def l2_pooling(x: Tensor) -> Tensor:
    """Half the size by the root of a blurred square."""
    taps = x.new_tensor([1.0, 2.0, 1.0])
    kernel = (taps[:, None] * taps / 16).expand(x.shape[1], 1, 3, 3)
    blurred = conv2d(x.square(), kernel, stride=2, padding=1, groups=x.shape[1])
    return (blurred + 1e-12).sqrt()
