"""LPIPS, the learned perceptual distance (Zhang et al., CVPR 2018), version 0.1."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .preprocess import Frame, cropped

# Of images in [-1, 1]
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)


class Perceptual:
    """The distance of two frames as a callable: 0 for equal ones, higher is less alike.

    network:  AlexNet's or VGG16's convolutions: `features(x)` gives a list of tensors, `lin` holds
              the weights of their channels.
    smallest: the side of the smallest frame of which its deepest layer has a pixel.
    """

    def __init__(self, network: Any, device: str = "cpu", name: str = "lpips", smallest: int = 31):
        self.network, self.device, self.name = network.eval().to(device), device, name
        self.smallest = smallest
        self.dtype = next(network.parameters()).dtype

    @torch.inference_mode()
    def __call__(
        self, restored: Frame, truth: Frame, channel: str = "rgb", crop_border: int = 0
    ) -> float:
        """Both are uint8 RGB, (H, W, 3).

        Raises ValueError if the frames do not fit each other or `channel` is not "rgb",
        MetricError if too little remains.
        """
        if channel != "rgb":
            raise ValueError(f"{self.name}: channel is {channel!r}, it is defined for 'rgb' only")
        pair = cropped(self.name, restored, truth, crop_border, smallest=self.smallest)
        x, y = (to_tensor(frame, self.device, self.dtype) for frame in pair)
        return float(self.distance(x, y))

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """The distance of images (B, 3, h, w) in [0, 1], (B,)."""
        # In single precision, as the published program has them.
        shift, scale = (torch.tensor(one).view(1, 3, 1, 1).to(x) for one in (SHIFT, SCALE))
        a, b = (self.network.features((2 * image - 1 - shift) / scale) for image in (x, y))
        total = x.new_zeros(len(x))
        for a_l, b_l, lin in zip(a, b, self.network.lin, strict=True):
            difference = (unit_length(a_l) - unit_length(b_l)).square()
            total = total + (lin * difference).sum(1).mean((1, 2))
        return total


def unit_length(features: Tensor) -> Tensor:
    """Each pixel's features divided by their length."""
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)


def to_tensor(frame: Frame, device: str, dtype: torch.dtype) -> Tensor:
    """(1, 3, h, w) in [0, 1] from uint8 (h, w, 3)."""
    pixels = torch.from_numpy(np.ascontiguousarray(frame)).to(device)
    return pixels.permute(2, 0, 1).unsqueeze(0).to(dtype) / 255
