"""Names of before `accelerate`, which EDVR and DAIN still import; gone when they have moved."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .convolution import conv2d
from .reference import uses_reference_kernels


def is_plain() -> bool:
    return uses_reference_kernels() or torch.is_grad_enabled()


class Convolution(nn.Conv2d):
    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        dilation: int = 1,
        *,
        bias: bool = True,
    ) -> None:
        around = dilation * (kernel // 2)
        super().__init__(inputs, outputs, kernel, stride, around, dilation, bias=bias)

    def forward(
        self,
        x: Tensor,
        *,
        added: Tensor | None = None,
        slope: float | None = None,
        out: Tensor | None = None,
    ) -> Tensor:
        return conv2d(
            x,
            self.weight,
            self.bias,
            self.stride[0],
            int(self.padding[0]),
            self.dilation[0],
            residual=added,
            negative_slope=slope,
            out=out,
        )


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    padding: int | None = None,
    dilation: int = 1,
    added: Tensor | None = None,
    slope: float | None = None,
    out: Tensor | None = None,
) -> Tensor:
    around = dilation * (weight.shape[-1] // 2) if padding is None else padding
    return conv2d(
        x, weight, bias, 1, around, dilation, residual=added, negative_slope=slope, out=out
    )
