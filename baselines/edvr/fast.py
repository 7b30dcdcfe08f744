"""Layers of EDVR with fewer multiplications and passes over memory: what `accelerate` puts on it."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from ..acceleration.convolution import conv2d
from ..acceleration.processor import uses_reference_kernels
from ..acceleration.swap import FastConv2d
from .alignment import PairConv, ResidualBlock


class FastResidualBlock(ResidualBlock):
    """A residual block whose ReLU and sum are done within the convolutions."""

    def forward(self, x: Tensor) -> Tensor:
        conv1, conv2 = cast(FastConv2d, self.conv1), cast(FastConv2d, self.conv2)
        output: Tensor = conv2(conv1(x, negative_slope=0.0), residual=x)
        return output


class FastPairConv(PairConv):
    """conv(cat([f, r])) as the sum of a convolution of f and one of r, each computed once.

    The features of a frame meet those of all frames of its windows. Both parts are kept for as
    long as the features live. Plain while gradients are kept, operators counted or compiled.
    """

    def forward(self, f: Tensor, r: Tensor) -> Tensor:  # type: ignore[override]
        if (
            torch.is_grad_enabled()
            or uses_reference_kernels()
            or torch.compiler.is_compiling()
            or torch._C._len_torch_dispatch_stack()
        ):
            return super().forward(f, r)
        return self.part("f", f) + self.part("r", r)

    def part(self, name: str, x: Tensor) -> Tensor:
        """The part of the convolution that reads its first argument, "f", or the second, "r", with the bias."""
        weight = self.weight
        version = (weight.data_ptr(), 0 if weight.is_inference() else weight._version)
        if vars(self).get("version") != version:
            self.version, self.parts = version, {k: WeakTensorKeyDictionary() for k in "fr"}
        known = self.parts[name]
        if x not in known:
            first, second = weight.chunk(2, 1)
            half, bias = (first, None) if name == "f" else (second, self.bias)
            known[x] = conv2d(x, half, bias, padding=1)
        return cast(Tensor, known[x])


SWAPS: dict[type[nn.Module], type[nn.Module]] = {
    ResidualBlock: FastResidualBlock,
    PairConv: FastPairConv,
}
