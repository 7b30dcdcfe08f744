"""What LPIPS and DISTS have in common: two frames, as tensors, to the distance of their features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .preprocess import Frame, cropped


class FeatureDistance(ABC):
    """The distance of two frames as a callable: 0 for equal ones, higher is less alike.

    network:  whose features are compared. name: the metric's, for messages.
    smallest: the side of the smallest frame of which its deepest layer has a pixel.
    """

    def __init__(self, network: Any, device: str, name: str, smallest: int) -> None:
        self.network = network.eval().to(device)
        self.name, self.smallest = name, smallest
        self.like = next(self.network.parameters())

    @torch.inference_mode()
    def __call__(
        self, restored: Frame, truth: Frame, channel: str = "rgb", crop_border: int = 0
    ) -> float:
        """Both are uint8 RGB, (H, W, 3); they are not resized.

        Raises ValueError if the frames do not fit each other or `channel` is not "rgb",
        MetricError if less than `smallest` x `smallest` remains.
        """
        if channel != "rgb":
            raise ValueError(f"{self.name}: channel is {channel!r}, it is defined for 'rgb' only")
        pair = cropped(self.name, restored, truth, crop_border, smallest=self.smallest)
        return float(self.distance(*(image_tensor(frame, self.like) for frame in pair)))

    @abstractmethod
    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """The distance of images (B, 3, h, w) in [0, 1], (B,)."""


def image_tensor(frame: Frame, like: Tensor) -> Tensor:
    """(1, 3, h, w) in [0, 1] from uint8 (h, w, 3); of the device and type of another tensor."""
    pixels = torch.from_numpy(np.ascontiguousarray(frame)).to(like.device)
    return pixels.permute(2, 0, 1).unsqueeze(0).to(like.dtype) / 255
