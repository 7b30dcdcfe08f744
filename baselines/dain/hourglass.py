"""MegaDepth's hourglass (Li and Snavely, CVPR 2018): the logarithm of the depth in a photograph.

The modules are numbered as in the published checkpoint, so they nest as its layers did: each
level of the hourglass is a `Sum` of the way through the coarser levels and of the way past them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Hourglass(nn.Sequential):
    """The logarithm of depth (B, 1, H, W) of frames (B, 3, H, W), RGB in [0, 1].

    H and W are multiples of 16.
    """

    def __init__(self) -> None:
        def a() -> Unit:
            return Unit(128, 32, 32, 3, 5, 7)

        def c() -> Unit:
            return Unit(256, 32, 64, 3, 5, 7)

        def d() -> Unit:
            return Unit(256, 64, 64, 3, 7, 11)

        b, e = Unit(128, 32, 64, 3, 5, 7), Unit(256, 32, 32, 3, 5, 7)
        f, g = Unit(128, 64, 32, 3, 7, 11), Unit(128, 64, 32, 3, 5, 7)
        h, j = Unit(128, 32, 16, 3, 7, 11), Unit(128, 64, 16, 3, 7, 11)
        maximum, mean = nn.MaxPool2d(2), nn.AvgPool2d(2)
        sixteenth = coarser(mean, c(), c(), c())
        eighth = coarser(mean, c(), c(), both(nn.Sequential(c(), c()), sixteenth), c(), d())
        quarter = coarser(maximum, a(), b, both(nn.Sequential(c(), d()), eighth), c(), e)
        half = coarser(maximum, a(), a(), both(quarter, nn.Sequential(a(), f)), g, h)
        super().__init__(
            *conv_norm_relu(3, 128, 7, affine=True),
            both(half, nn.Sequential(j)),
            nn.Conv2d(64, 1, 3, padding=1),
        )


class Unit(nn.ModuleList):
    """Four branches side by side: 1x1, and 1x1 followed by kernels of three sizes."""

    def __init__(self, inputs: int, middle: int, outputs: int, *kernels: int) -> None:
        super().__init__([nn.Sequential(*conv_norm_relu(inputs, outputs, 1))])
        for kernel in kernels:
            narrow = conv_norm_relu(inputs, middle, 1)
            self.append(nn.Sequential(*narrow, *conv_norm_relu(middle, outputs, kernel)))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self], 1)


class Sum(nn.ModuleList):
    """The sum of what its members make of one input."""

    def forward(self, x: Tensor) -> Tensor:
        first, second = self
        total: Tensor = first(x) + second(x)
        return total


def conv_norm_relu(inputs: int, outputs: int, kernel: int, affine: bool = False) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    return [convolution, nn.BatchNorm2d(outputs, affine=affine), nn.ReLU(inplace=True)]


def both(first: nn.Module, second: nn.Module) -> nn.Sequential:
    return nn.Sequential(Sum([first, second]))


def coarser(pool: nn.Module, *inside: nn.Module) -> nn.Sequential:
    """The way through a coarser level: down, the layers inside it, and up again."""
    return nn.Sequential(pool, *inside, nn.UpsamplingNearest2d(scale_factor=2))
