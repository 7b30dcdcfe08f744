"""Convolution, sum and ReLU in one pass over memory: oneDNN's, by PyTorch's own operators."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from .processor import memory_format_of


@cache
def has_fused() -> bool:
    """Whether PyTorch was built with oneDNN; the operators are those that its compiler calls."""
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return available and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def can_fuse(x: Tensor, residual: Tensor | None, negative_slope: float | None) -> bool:
    """Whether there is something to fuse that the operators know, with channels last."""
    if memory_format_of(x) != torch.channels_last or not has_fused():
        return False
    if residual is None:
        return negative_slope is not None
    return negative_slope in (None, 0)  # after a sum they know the plain ReLU alone


def fused(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int,
    padding: int,
    dilation: int,
    residual: Tensor | None,
    negative_slope: float | None,
    dtype: torch.dtype,
) -> Tensor:
    """As `conv2d`, in `dtype`, channels last; only what `can_fuse` allows."""
    x, weight = x.to(dtype), weight.to(dtype)
    bias = None if bias is None else bias.to(dtype)
    shape = [padding] * 2, [stride] * 2, [dilation] * 2, 1
    operator = torch.ops.mkldnn._convolution_pointwise
    if residual is not None:
        residual = residual.to(dtype).contiguous(memory_format=torch.channels_last)
        relu = None if negative_slope is None else "relu"
        output = operator.binary(x, residual, weight, bias, *shape, "add", 1.0, relu, [], None)
    elif negative_slope:
        output = operator(x, weight, bias, *shape, "leaky_relu", [negative_slope], "")
    else:
        output = operator(x, weight, bias, *shape, "relu", [], "")
    return output  # type: ignore[no-any-return]
