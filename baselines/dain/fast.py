"""Layers of DAIN with fewer passes over memory: what `accelerate` puts on it."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from ..acceleration.convolution import conv2d
from ..acceleration.processor import memory_format_of, uses_reference_kernels
from ..acceleration.swap import FastConv2d
from ..flow_networks.fast import FastPWCNet
from ..flow_networks.pwcnet import PWCNet
from .hourglass import Hourglass, Unit
from .modules import ResidualBlock
from .tiled import BandedHourglass


class FastResidualBlock(ResidualBlock):
    """A residual block whose ReLUs and sum are done within the convolutions."""

    def forward(self, x: Tensor) -> Tensor:
        conv1, conv2 = cast(FastConv2d, self.conv1), cast(FastConv2d, self.conv2)
        output: Tensor = conv2(conv1(x, negative_slope=0.0), residual=x, negative_slope=0.0)
        return output


class FastUnit(Unit):
    """A unit whose batch norms are part of the convolutions, and whose four 1x1 are one.

    Plain in training and while gradients are kept.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training or torch.is_grad_enabled() or uses_reference_kernels():
            return super().forward(x)
        branches = [cast(nn.Sequential, branch) for branch in self]
        weights, biases = zip(*(fused(branch, 0) for branch in branches), strict=True)
        first = conv2d(x, torch.cat(weights), torch.cat(biases), negative_slope=0.0)
        parts = list(torch.split(first, [len(weight) for weight in weights], 1))
        for i, branch in enumerate(branches[1:], 1):
            weight, bias = fused(branch, 3)
            part = parts[i].contiguous(memory_format=memory_format_of(x))
            around = weight.shape[-1] // 2
            parts[i] = conv2d(part, weight, bias, padding=around, negative_slope=0.0)
        return torch.cat(parts, 1)


def fused(layers: nn.Sequential, place: int) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution together with the batch norm after it."""
    conv, norm = cast(nn.Conv2d, layers[place]), cast(nn.BatchNorm2d, layers[place + 1])
    assert norm.running_mean is not None and norm.running_var is not None
    return fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )


SWAPS: dict[type[nn.Module], type[nn.Module]] = {
    ResidualBlock: FastResidualBlock,
    Unit: FastUnit,
    PWCNet: FastPWCNet,
    Hourglass: BandedHourglass,
}
