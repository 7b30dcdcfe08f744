"""MegaDepth's hourglass (Li and Snavely, CVPR 2018): the logarithm of the depth in a photograph.

The modules are numbered as in the published checkpoint, so they nest as its layers did: each
level of the hourglass is a `Sum` of the way through the coarser levels and of the way past them.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from ..acceleration.legacy import convolve
from ..acceleration.processor import memory_format_of as layout_of
from ..tiling.box import in_bands

BAND = 1 << 19  # pixels of the finest level worked on at once: 128 channels of them are 256 MiB
REACH = 8  # rows that the finest level sees on either side: 3 of its first layer, 5 of the unit


class Unit(nn.ModuleList):
    """Four branches side by side: 1x1, and 1x1 followed by kernels of three sizes.

    In evaluation mode batch norm is folded into the convolutions and the four 1x1 become one.
    """

    def __init__(self, inputs: int, middle: int, outputs: int, *kernels: int) -> None:
        super().__init__([nn.Sequential(*_normed(inputs, outputs, 1))])
        for kernel in kernels:
            narrow, wide = _normed(inputs, middle, 1), _normed(middle, outputs, kernel)
            self.append(nn.Sequential(*narrow, *wide))

    def forward(self, x: Tensor) -> Tensor:
        branches = [cast(nn.Sequential, branch) for branch in self]
        if self.training:
            return torch.cat([branch(x) for branch in branches], 1)
        narrow = [_folded(branch, 0) for branch in branches]
        weight, bias = (torch.cat(parts) for parts in zip(*narrow, strict=True))
        first = convolve(x, weight, bias, slope=0.0)
        parts = list(torch.split(first, [len(part) for _, part in narrow], 1))
        for i, branch in enumerate(branches[1:], 1):
            weight, bias = _folded(branch, 3)
            part = parts[i].contiguous(memory_format=layout_of(x))
            parts[i] = convolve(part, weight, bias, slope=0.0)
        return torch.cat(parts, 1)


def _normed(inputs: int, outputs: int, kernel: int, affine: bool = False) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    return [convolution, nn.BatchNorm2d(outputs, affine=affine), nn.ReLU()]


def _folded(layers: nn.Sequential, at: int) -> tuple[Tensor, Tensor]:
    """Weight and bias of the convolution at `at` together with the batch norm after it."""
    convolution, norm = cast(nn.Conv2d, layers[at]), cast(nn.BatchNorm2d, layers[at + 1])
    assert convolution.bias is not None and norm.running_mean is not None
    assert norm.running_var is not None
    factor = (norm.running_var + norm.eps).rsqrt()
    shift = -norm.running_mean * factor
    if norm.affine:
        factor, shift = factor * norm.weight, shift * norm.weight + norm.bias
    return convolution.weight * factor[:, None, None, None], convolution.bias * factor + shift


class Sum(nn.ModuleList):
    """The sum of what its members make of one input."""

    def forward(self, x: Tensor) -> Tensor:
        first, second = self
        one: Tensor = first(x)
        other: Tensor = second(x)
        return one + other


def _both(first: nn.Module, second: nn.Module) -> nn.Sequential:
    return nn.Sequential(Sum([first, second]))


def _level(down: nn.Module, *inside: nn.Module) -> nn.Sequential:
    """The way through a coarser level: down, the levels inside it, and up again."""
    return nn.Sequential(down, *inside, nn.UpsamplingNearest2d(scale_factor=2))


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
        sixteenth = _level(mean, c(), c(), c())
        eighth = _level(mean, c(), c(), _both(nn.Sequential(c(), c()), sixteenth), c(), d())
        quarter = _level(maximum, a(), b, _both(nn.Sequential(c(), d()), eighth), c(), e)
        half = _level(maximum, a(), a(), _both(quarter, nn.Sequential(a(), f)), g, h)
        super().__init__(
            *_normed(3, 128, 7, affine=True),
            _both(half, nn.Sequential(j)),
            nn.Conv2d(64, 1, 3, padding=1),
        )

    def forward(self, frames: Tensor) -> Tensor:
        if self.training:
            for module in self:
                frames = module(frames)
            return frames
        coarser, past = cast(Sum, cast(nn.Sequential, self[3])[0])
        down, *rest = cast(nn.Sequential, coarser)

        def finest(frames: Tensor) -> tuple[Tensor, Tensor]:
            weight, bias = _folded(self, 0)
            x = convolve(frames, weight, bias, slope=0.0)
            return down(x), past(x)

        rows = max(BAND // frames.shape[-1] // 2 * 2, 64)
        x, fine = in_bands(finest, frames, rows, REACH)
        for module in rest:
            x = module(x)
        return cast(Tensor, self[4](x.add_(fine)))
