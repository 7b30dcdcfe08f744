"""Convolutions of stride 1, faster on a CPU: fewer multiplications, the same numbers but for rounding.

`conv2d` takes the kernel that was measured to be the fastest on this kind of processor: NNPACK's
(`nnpack`), our own Winograd F(4x4, 3x3) (`winograd`), or products for few outputs (`few_outputs`).
Where none is known to be faster (see `_kernel`) it is PyTorch's own convolution, with channels last
in one pass with what follows it (`onednn`). It is the plain one on a GPU, in float64, for gradients,
and while operations are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from . import processor
from .few_outputs import few_outputs
from .nnpack import dilated_nnpack, nnpack
from .onednn import can_fuse, fused
from .processor import memory_format_of
from .reference import uses_reference_kernels
from .winograd import winograd

# (image, weight, bias, padding) -> strips of rows, each with the row where it starts.
_Kernel = Callable[[Tensor, Tensor, Tensor | None, int], Iterator[tuple[int, Tensor]]]

SMALL = 1024  # pixels of a map on which nothing is gained
FEW = 4  # outputs, for which PyTorch's convolution fills no vector
# Products for each number that Winograd's transforms read and write (C K to C + K): below that they
# cost more than they save. Single precision on the Intel, 12 shapes by 3 sizes of map; bfloat16 on the
# AMD, 64, 128 and 256 channels.
WIDE = {torch.float32: 48, torch.bfloat16: 96}


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    *,
    residual: Tensor | None = None,
    negative_slope: float | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The convolution of x, and a leaky ReLU of that slope if one is given (0 for a plain ReLU).

    x:        (B, C, h, w).
    weight:   (K, C, k, k), k odd; bias: (K,).
    residual: (B, K, h, w) to add before the ReLU, each part while what it is added to is in the
              cache.
    out:      where to put it, (B, K, h, w), if not into a new tensor; no gradients then.
    """
    kernel = _kernel(x, weight, stride, padding, dilation)
    if kernel is None:
        if _may_choose(x, weight) and can_fuse(x, residual, negative_slope):
            named = residual, negative_slope, _output_dtype(x)
            output = fused(x, weight, bias, stride, padding, dilation, *named)
            return output if out is None else out.copy_(output)
        output = F.conv2d(x, weight, bias, stride, padding, dilation)
        if residual is not None:
            output = output + residual if uses_reference_kernels() else output.add_(residual)
        if negative_slope is not None:
            output = F.leaky_relu(output, negative_slope, inplace=not uses_reference_kernels())
        return output if out is None else out.copy_(output)
    if out is None:
        out = _empty_output(x, weight, padding, dilation, kernel)
    for number, image in enumerate(x):
        for top, strip in kernel(image, weight, bias, padding):
            rows = slice(top, top + strip.shape[-2])
            part = out[number, :, rows]
            if residual is not None:
                strip += residual[number, :, rows]
            if negative_slope is None:
                part.copy_(strip)
            elif part.dtype == strip.dtype:
                torch._C._nn.leaky_relu(strip, negative_slope, out=part)
            else:
                part.copy_(F.leaky_relu_(strip, negative_slope))
    return out


def can_fill_buffers(x: Tensor) -> bool:
    """Whether layers that read x may write into parts of a `buffer`: on a CPU, without gradients."""
    ours = x.device.type == "cpu" and not uses_reference_kernels()
    return ours and not torch.is_grad_enabled() and not torch.compiler.is_compiling()


def buffer(x: Tensor, channels: int) -> Tensor:
    """An uninitialised tensor of so many channels, of x's size and of the type that `conv2d` computes in."""
    batch, _, height, width = x.shape
    dtype = _output_dtype(x)
    channels_last = dtype == torch.bfloat16 or memory_format_of(x) == torch.channels_last
    return torch.empty(
        (batch, channels, height, width),
        dtype=dtype,
        memory_format=torch.channels_last if channels_last else torch.contiguous_format,
    )


def _empty_output(
    x: Tensor, weight: Tensor, padding: int, dilation: int, kernel: _Kernel
) -> Tensor:
    smaller = 2 * (dilation * (weight.shape[-1] // 2) - padding)
    ours = isinstance(kernel, partial) and kernel.func is winograd
    return torch.empty(
        (len(x), len(weight), x.shape[-2] - smaller, x.shape[-1] - smaller),
        dtype=_output_dtype(x),
        memory_format=torch.channels_last if ours else memory_format_of(x),
    )


def _output_dtype(x: Tensor) -> torch.dtype:
    """The type that a convolution of x computes in."""
    if torch.is_autocast_enabled("cpu"):
        return torch.get_autocast_dtype("cpu")
    return x.dtype


def _may_choose(x: Tensor, weight: Tensor) -> bool:
    """Whether another kernel than PyTorch's own may compute it."""
    if uses_reference_kernels() or x.device.type != "cpu" or weight.device.type != "cpu":
        return False
    if torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad):
        return False
    known = torch.float32, torch.bfloat16
    if x.dtype not in known or _output_dtype(x) not in known:
        return False
    if x.dtype != weight.dtype and not torch.is_autocast_enabled("cpu"):
        return False
    # Somebody may watch the operators: to count them, or to trace them.
    return not (torch._C._len_torch_dispatch_stack() or torch.compiler.is_compiling())


def _kernel(x: Tensor, weight: Tensor, stride: int, padding: int, dilation: int) -> _Kernel | None:
    """The fast kernel, or None where none was measured to be faster than PyTorch's convolution.

    Measured on one thread of an AMD EPYC with AVX-512 and bfloat16, and of an Intel Xeon with AMX;
    docs/performance.md has the tables.
    """
    if stride != 1 or not _may_choose(x, weight):
        return None
    dtype = _output_dtype(x)
    outputs, inputs, size, width = weight.shape
    if size == 1 or size != width or size % 2 == 0:
        return None
    if padding not in (0, dilation * (size // 2)):
        return None
    if x.shape[-2] * x.shape[-1] < SMALL or min(x.shape[-2:]) <= 2 * dilation:
        return None
    half, channels_last = dtype == torch.bfloat16, not x[0].is_contiguous()
    amx = processor.has_amx()
    if half and amx:
        return None
    wide = inputs * outputs / (inputs + outputs) > WIDE[dtype] and padding and dilation == 1
    if size == 3 and wide and (half or (channels_last and amx)):
        return partial(winograd, dtype=dtype)
    if not half and outputs <= FEW and padding and dilation == 1 and inputs > outputs:
        return few_outputs
    if channels_last and not half and (size == 3 or not amx):
        return None
    if half and size == 3 or min(inputs, outputs) < 24 or not processor.has_nnpack():
        return None
    if dilation == 1:
        return nnpack
    return partial(dilated_nnpack, dilation=dilation) if padding else None
