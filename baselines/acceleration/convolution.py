"""Convolutions of stride 1, faster on a CPU: fewer multiplications, the same numbers but for rounding.

`conv2d` takes the kernel that was measured to be the fastest on this kind of processor: NNPACK's
(`nnpack`), our own Winograd F(4x4, 3x3) (`winograd`), or products for few outputs (`few_outputs`).
Where none is known to be faster (see `_kernel`) it is PyTorch's own convolution, with channels last
in one pass with what follows it: oneDNN's (`fused`). It is the plain one on a GPU, in float64, for
gradients, and while operations are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.functional import pad

from . import processor
from .processor import memory_format_of, uses_reference_kernels
from .winograd import winograd

# (image, weight, bias, padding) -> strips of rows, each with the row where it starts.
_Kernel = Callable[[Tensor, Tensor, Tensor | None, int], Iterator[tuple[int, Tensor]]]

SMALL = 1024  # pixels of a map on which nothing is gained
FEW = 4  # outputs, for which PyTorch's convolution fills no vector
# Products for each number that Winograd's transforms read and write (C K to C + K): below that they
# cost more than they save. Single precision on the Intel, 12 shapes by 3 sizes of map; bfloat16 on the
# AMD, 64, 128 and 256 channels.
WIDE = {torch.float32: 48, torch.bfloat16: 96}
WORKSPACE = 32 << 20  # bytes beside, of NNPACK and of products, so work goes in strips of rows


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


def nnpack(
    image: Tensor, weight: Tensor, bias: Tensor | None, padding: int
) -> Iterator[tuple[int, Tensor]]:
    """Convolution by NNPACK, which comes with PyTorch: single precision, planes of pixels.

    For 3x3 kernels it is Winograd's F(6x6, 3x3) (Lavin and Gray, "Fast Algorithms for Convolutional
    Neural Networks", CVPR 2016), for larger kernels Fourier transforms.

    image: (C, h, w). weight: (K, C, k, k), k odd. padding: zeros on each side, k // 2 or none.
    Yields strips of rows, each with the row where it starts, (K, rows, w) in float32.
    """
    outputs, inputs, kernel, _ = weight.shape
    _, height, width = image.shape
    weight, bias = weight.float(), None if bias is None else bias.float()
    # It keeps a tile of 64 numbers for each 36 pixels of all outputs and of some 150 inputs; 256
    # for each 100 with a kernel of 7.
    row_bytes = 10 * (min(inputs, 150) + outputs) * width
    rows = max(WORKSPACE // row_bytes // 6 * 6, 12)
    output_height = height if padding else height - kernel + 1
    for top in range(0, output_height, rows):
        first, last = top - padding, min(top + rows, output_height) + kernel - 1 - padding
        strip = image[:, max(first, 0) : last].float()
        if first < 0 or last > height:
            strip = pad(strip, (0, 0, max(-first, 0), max(last - height, 0)))
        yield (
            top,
            torch._nnpack_spatial_convolution(strip[None], weight, bias, [0, padding], [1, 1])[0],
        )


def dilated_nnpack(
    image: Tensor, weight: Tensor, bias: Tensor | None, padding: int, dilation: int
) -> Iterator[tuple[int, Tensor]]:
    """A dilated convolution is one for each of d x d coarse images, each d-th pixel of the frame.

    They lie side by side with zeros between, and so are convolved as one image.
    """
    inputs, height, width = image.shape
    margin = weight.shape[-1] // 2
    rows, columns = -(-height // dilation), -(-width // dilation)
    whole = pad(image, (0, columns * dilation - width, 0, rows * dilation - height))
    apart = (dilation, rows + margin, dilation, columns + margin)
    mosaic = image.new_zeros(inputs, *apart)
    mosaic[:, :, :rows, :, :columns] = whole.view(
        inputs, rows, dilation, columns, dilation
    ).permute(0, 2, 1, 4, 3)
    mosaic = mosaic.view(inputs, apart[0] * apart[1], apart[2] * apart[3])
    strips = [strip for _, strip in nnpack(mosaic, weight, bias, margin)]
    output = torch.cat(strips, 1).view(-1, *apart)[:, :, :rows, :, :columns]
    output = output.permute(0, 2, 1, 4, 3).reshape(-1, rows * dilation, columns * dilation)
    yield 0, output[:, :height, :width]


def few_outputs(
    image: Tensor, weight: Tensor, bias: Tensor | None, padding: int
) -> Iterator[tuple[int, Tensor]]:
    """Convolution to very few channels, which fill no vector of PyTorch's own: one matrix product for
    all taps and pixels, then a shifted sum.

    image: (C, h, w). weight: (K, C, k, k), k odd. padding: k // 2.
    Yields strips of rows, each with the row where it starts, (K, rows, w).
    """
    channels_last = memory_format_of(image[None]) == torch.channels_last
    outputs, inputs, kernel, _ = weight.shape
    _, height, width = image.shape
    taps = weight.permute(2, 3, 0, 1).reshape(-1, inputs)
    rows = max(WORKSPACE // (4 * len(taps) * width), 1)
    for top in range(0, height, rows):
        number = min(rows, height - top)
        first, last = max(top - padding, 0), min(top + number + padding, height)
        part = image[:, first:last]
        if channels_last:
            pixels = part.permute(1, 2, 0).reshape(-1, inputs).T
        else:
            pixels = part.reshape(inputs, -1)
        products = (taps @ pixels).view(kernel, kernel, outputs, last - first, width)
        strip = image.new_zeros(outputs, number, width)
        if bias is not None:
            strip += bias[:, None, None]
        for i, j in product(range(kernel), repeat=2):
            down, across = i - padding, j - padding
            above, below = max(first - top - down, 0), min(last - top - down, number)
            left, right = max(-across, 0), min(width - across, width)
            strip[:, above:below, left:right] += products[i, j][
                :,
                above + top + down - first : below + top + down - first,
                left + across : right + across,
            ]
        yield top, strip


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
    """Convolution, sum and ReLU in one pass over memory, by oneDNN: as `conv2d`, in `dtype`, channels
    last; only what `can_fuse` allows."""
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
