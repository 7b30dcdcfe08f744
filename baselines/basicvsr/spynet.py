"""SPyNet, optical flow by a spatial pyramid (Ranjan and Black, CVPR 2017), in BasicVSR's form."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from ..ops.warp import warp_border

LEVELS = 6
MULTIPLE = 2 ** (LEVELS - 1)
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class SPyNet(nn.Module):
    """The flow by which the second image, moved, is the first: first(p) ~ second(p + v(p))."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.basic_module = nn.ModuleList(BasicModule() for _ in range(LEVELS))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(B, 2, h, w) in pixels, horizontal first, from RGB in [0, 1], (B, 3, h, w) each."""
        h, w = first.shape[-2:]
        H, W = ((size + MULTIPLE - 1) // MULTIPLE * MULTIPLE for size in (h, w))
        pyramids = [self.pyramid(resize(image, H, W)) for image in (first, second)]
        v = first.new_zeros(len(first), 2, H // MULTIPLE, W // MULTIPLE)
        for k, (image, other) in enumerate(zip(*pyramids, strict=True)):
            if k:
                v = 2 * interpolate(v, scale_factor=2, mode="bilinear", align_corners=True)
            v = self.basic_module[k](torch.cat([image, warp_border(other, v), v], 1)) + v
        return resize(v, h, w) * v.new_tensor([w / W, h / H]).view(1, 2, 1, 1)

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """The image normalised, at each level, the smallest first."""
        levels = [(image - self.mean) / self.std]
        for _ in range(LEVELS - 1):
            levels.append(avg_pool2d(levels[-1], 2))
        return levels[::-1]


class BasicModule(nn.Module):
    """The correction of a level's flow, from two images and the flow so far."""

    def __init__(self) -> None:
        super().__init__()
        channels = (8, 32, 64, 32, 16, 2)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            layers += [nn.Conv2d(inputs, outputs, 7, padding=3), nn.ReLU()]
        self.basic_module = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        correction: Tensor = self.basic_module(x)
        return correction


def resize(x: Tensor, height: int, width: int) -> Tensor:
    """Bilinear, half-pixel centres; a size that is the right one already stays."""
    if x.shape[-2:] == (height, width):
        return x
    return interpolate(x, (height, width), mode="bilinear", align_corners=False)
