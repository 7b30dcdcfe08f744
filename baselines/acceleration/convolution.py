"""Convolutions of stride 1, faster on a CPU: fewer multiplications, the same numbers but for rounding.

The one door is `convolve`; `Convolution` and `Layer` are what networks are made of. There are two
ways: NNPACK's, which comes with PyTorch, in single precision: Winograd's F(6x6, 3x3) (Lavin and
Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016), and for larger kernels
Fourier transforms; and our own F(4x4, 3x3), in which the transforms are matrix products too. Which
is taken depends on the processor (`has_tiles`). Where neither is known to be faster (see `_way`)
it is PyTorch's own convolution, as it is on a GPU, in float64, for gradients, and while operations
are counted: a count is of the plain convolution.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache, partial
from itertools import product
from math import prod
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.functional import pad

_Way = Callable[[Tensor, Tensor, Tensor | None, int], Iterator[tuple[int, Tensor]]]

WORKSPACE = 32 << 20  # bytes that NNPACK may take beside, so work goes in strips of rows
STRIP = {torch.float32: 8 << 20, torch.bfloat16: 16 << 20}  # bytes of transformed tiles at once
PAIRS = 16384  # of an input and an output whose weights are transformed at once
SMALL = 1024  # pixels of a map on which nothing is gained
FEW = 4  # outputs, for which PyTorch's convolution fills no vector
SIDE = 4  # of the tiles that a convolution of our own makes
# Where F(4x4, 3x3) evaluates polynomials, besides infinity. 0, 1, -1, 2, -2, which integers follow
# from, are the usual ones; in bfloat16 their error is twice that of these.
POINTS = (0, Fraction(3, 4), Fraction(-3, 4), Fraction(3, 2), Fraction(-3, 2))

_plain = False
_buffers = threading.local()  # see `_kept`


@contextmanager
def plain() -> Iterator[None]:
    """Within it every convolution is PyTorch's own, and every deformable one torchvision's; for
    comparisons. Not for several threads."""
    global _plain
    before, _plain = _plain, True
    try:
        yield
    finally:
        _plain = before


def is_plain() -> bool:
    """Whether `plain` holds, or gradients are kept: then nothing is joined in place either."""
    return plain_holds() or torch.is_grad_enabled()


def plain_holds() -> bool:
    """Whether this is within `plain`: libraries' own operators alone, nothing of ours instead."""
    return _plain


class Convolution(nn.Conv2d):
    """A convolution by `convolve`, with zeros around that make up for its kernel."""

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
        """With something added, and followed by a leaky ReLU, if these are given: `convolve`."""
        if self.stride[0] == 1:
            return convolve(
                x,
                self.weight,
                self.bias,
                dilation=self.dilation[0],
                added=added,
                slope=slope,
                out=out,
            )
        return _finished(super().forward(x), added, slope, out)


class Layer(nn.Sequential):
    """A `Convolution`, and a leaky ReLU that is done with it."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1
    ) -> None:
        convolution = Convolution(inputs, outputs, kernel, stride, dilation)
        super().__init__(convolution, nn.LeakyReLU(0.1))

    def forward(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        activation = cast(nn.LeakyReLU, self[1])
        return cast(Tensor, self[0](x, slope=activation.negative_slope, out=out))


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
    """The convolution of x, and a leaky ReLU of that slope if one is given (0 for a plain ReLU).

    x:       (B, C, h, w).
    weight:  (K, C, k, k), k odd; bias: (K,).
    padding: zeros on each side: as many as keep the size, which is what None says, or 0.
    added:   (B, K, h, w) to add before the ReLU, each part while what is added to is in the cache.
    out:     where to put it, (B, K, h, w), if not into a new tensor; no gradients then.
    """
    same = dilation * (weight.shape[-1] // 2)
    padding = same if padding is None else padding
    way = None if _plain else _way(x, weight, padding, dilation)
    if way is None:
        made = F.conv2d(x, weight, bias, padding=padding, dilation=dilation)
        return _finished(made, added, slope, out)
    if out is None:
        less = 2 * (same - padding)
        shape = (len(x), len(weight), x.shape[-2] - less, x.shape[-1] - less)
        layout = torch.channels_last if way is _by_tiles else layout_of(x)
        kind = torch.bfloat16 if _in_half(x) else x.dtype
        out = torch.empty(shape, dtype=kind, device=x.device, memory_format=layout)
    for number, (image, into) in enumerate(zip(x, out, strict=True)):
        for top, strip in way(image, weight, bias, padding):
            rows = slice(top, top + strip.shape[-2])
            part = into[:, rows]
            if added is not None:
                strip += added[number][:, rows]
            if slope is None:
                part.copy_(strip)
            elif part.dtype == strip.dtype:
                torch._C._nn.leaky_relu(strip, slope, out=part)
            else:
                part.copy_(F.leaky_relu_(strip, slope))
    return out


def room_for(x: Tensor, channels: int) -> Tensor:
    """So many channels of the size of x, yet to be filled, in the type that `convolve` computes in."""
    batch, _, height, width = x.shape
    half = _in_half(x)
    return torch.empty(
        (batch, channels, height, width),
        dtype=torch.bfloat16 if half else x.dtype,
        device=x.device,
        memory_format=torch.channels_last if half else layout_of(x),
    )


@cache
def has_tiles() -> bool:
    """Whether the processor multiplies tiles of bfloat16 (AMX, Intel's since 2023).

    Nothing is faster in bfloat16 there than PyTorch's own convolution with channels last, and
    matrix products in single precision are faster than NNPACK, which does not know AVX-512.
    """
    known = getattr(torch.cpu, "_is_amx_tile_supported", None)  # not in every PyTorch
    return known is not None and bool(known())


def layout_for(device: torch.device, precision: str) -> torch.memory_format:
    """How frames and weights had best lie: with channels last but where NNPACK does the work."""
    planes = device.type == "cpu" and precision == "fp32" and not has_tiles()
    return torch.contiguous_format if planes else torch.channels_last


def layout_of(x: Tensor) -> torch.memory_format:
    """Whether the channels of (B, C, h, w) come last in memory, or planes of pixels."""
    rows = x.stride(1) == 1 and x.shape[1] > 1
    return torch.channels_last if rows else torch.contiguous_format


def _finished(
    made: Tensor, added: Tensor | None, slope: float | None, out: Tensor | None
) -> Tensor:
    """What was just made, with what `convolve` adds to it and does with it."""
    if added is not None:
        made = made + added if _plain else made.add_(added)
    if slope is not None:
        made = F.leaky_relu(made, slope, inplace=not _plain)
    return made if out is None else out.copy_(made)


def _in_half(x: Tensor) -> bool:
    if torch.is_autocast_enabled("cpu"):
        return torch.get_autocast_dtype("cpu") == torch.bfloat16
    return x.dtype == torch.bfloat16


def _way(x: Tensor, weight: Tensor, padding: int, dilation: int) -> _Way | None:
    """How to compute it fast, or None where that was not measured to be faster.

    Measured on one thread of an AMD EPYC with AVX-512 and bfloat16, and of an Intel Xeon with AMX,
    against PyTorch's convolution; docs/performance.md has the tables.
    """
    if x.device.type != "cpu" or weight.device.type != "cpu":
        return None
    if torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad):
        return None
    if x.dtype not in (torch.float32, torch.bfloat16):
        return None
    if x.dtype != weight.dtype and not torch.is_autocast_enabled("cpu"):
        return None
    if torch._C._len_torch_dispatch_stack() or torch.compiler.is_compiling():
        return None  # somebody watches the operators: to count them, or to trace them
    outputs, inputs, kernel, _ = weight.shape
    if kernel == 1 or x.shape[-2] * x.shape[-1] < SMALL or min(x.shape[-2:]) <= 2 * dilation:
        return None
    half, rows = _in_half(x), not x[0].is_contiguous()
    if half and has_tiles():
        return None
    if kernel == 3 and (half or (rows and has_tiles())):
        worth = min(inputs, outputs) >= 64 and inputs * outputs >= 8192
        if worth and padding and dilation == 1:
            return _by_tiles
    if not half and outputs <= FEW and padding and dilation == 1 and inputs > outputs:
        return _by_taps
    if rows and not half and (kernel == 3 or not has_tiles()):
        return None
    if half and kernel == 3 or min(inputs, outputs) < 24 or not _nnpack_is_there():
        return None
    if dilation == 1:
        return _by_nnpack
    return partial(_by_mosaic, dilation=dilation) if padding else None


@cache
def _nnpack_is_there() -> bool:
    """PyTorch may be built without it, and NNPACK refuses processors that it does not know."""
    there = getattr(torch, "_nnpack_available", None)
    return hasattr(torch, "_nnpack_spatial_convolution") and there is not None and bool(there())


def _by_nnpack(
    image: Tensor, weight: Tensor, bias: Tensor | None, padding: int
) -> Iterator[tuple[int, Tensor]]:
    """Strips of rows, each with the row where it starts, (1, K, rows, w) in float32."""
    outputs, inputs, kernel, _ = weight.shape
    _, height, width = image.shape
    weight, bias = weight.float(), None if bias is None else bias.float()
    # It keeps a tile of 64 numbers for each 36 pixels of all outputs and of some 150 inputs; 256
    # for each 100 with a kernel of 7.
    a_row = 10 * (min(inputs, 150) + outputs) * width
    rows = max(WORKSPACE // a_row // 6 * 6, 12)
    made = height if padding else height - kernel + 1
    for top in range(0, made, rows):
        first, last = top - padding, min(top + rows, made) + kernel - 1 - padding
        strip = image[:, max(first, 0) : last].float()
        if first < 0 or last > height:
            strip = pad(strip, (0, 0, max(-first, 0), max(last - height, 0)))
        yield (
            top,
            torch._nnpack_spatial_convolution(strip[None], weight, bias, [0, padding], [1, 1])[0],
        )


def _by_mosaic(
    image: Tensor, weight: Tensor, bias: Tensor | None, padding: int, dilation: int
) -> Iterator[tuple[int, Tensor]]:
    """A dilated convolution is one for each of d x d coarse images, each d-th pixel of the frame.

    They lie side by side with zeros between, and so are convolved as one image.
    """
    inputs, height, width = image.shape
    less = weight.shape[-1] // 2
    rows, columns = -(-height // dilation), -(-width // dilation)
    whole = pad(image, (0, columns * dilation - width, 0, rows * dilation - height))
    apart = (dilation, rows + less, dilation, columns + less)
    mosaic = image.new_zeros(inputs, *apart)
    mosaic[:, :, :rows, :, :columns] = whole.view(
        inputs, rows, dilation, columns, dilation
    ).permute(0, 2, 1, 4, 3)
    mosaic = mosaic.view(inputs, apart[0] * apart[1], apart[2] * apart[3])
    strips = [strip for _, strip in _by_nnpack(mosaic, weight, bias, less)]
    made = torch.cat(strips, 1).view(-1, *apart)[:, :, :rows, :, :columns]
    made = made.permute(0, 2, 1, 4, 3).reshape(-1, rows * dilation, columns * dilation)
    yield 0, made[:, :height, :width]


def _by_taps(
    image: Tensor, weight: Tensor, bias: Tensor | None, padding: int
) -> Iterator[tuple[int, Tensor]]:
    """For few outputs: what each tap makes of each pixel, in one product; then shifted and added."""
    lines = layout_of(image[None]) == torch.channels_last
    outputs, inputs, kernel, _ = weight.shape
    _, height, width = image.shape
    taps = weight.permute(2, 3, 0, 1).reshape(-1, inputs)
    rows = max(WORKSPACE // (4 * len(taps) * width), 1)
    for top in range(0, height, rows):
        number = min(rows, height - top)
        first, last = max(top - padding, 0), min(top + number + padding, height)
        seen = image[:, first:last]
        pixels = seen.permute(1, 2, 0).reshape(-1, inputs).T if lines else seen.reshape(inputs, -1)
        each = (taps @ pixels).view(kernel, kernel, outputs, last - first, width)
        made = image.new_zeros(outputs, number, width)
        if bias is not None:
            made += bias[:, None, None]
        for i, j in product(range(kernel), repeat=2):
            down, across = i - padding, j - padding
            above, below = max(first - top - down, 0), min(last - top - down, number)
            left, right = max(-across, 0), min(width - across, width)
            made[:, above:below, left:right] += each[i, j][
                :,
                above + top + down - first : below + top + down - first,
                left + across : right + across,
            ]
        yield top, made


def _by_tiles(
    image: Tensor, weight: Tensor, bias: Tensor | None, padding: int
) -> Iterator[tuple[int, Tensor]]:
    """Strips of rows, each with the row where it starts, (K, rows, w) in the type computed in.

    Channels come last inside, so that tiles are gathered and put back by whole rows of channels,
    and each of the 36 products is (tiles, C) by (C, K).
    """
    outputs, inputs, _, _ = weight.shape
    _, height, width = image.shape
    seen = SIDE + 2
    kind = torch.bfloat16 if _in_half(image) else torch.float32
    forth, kernel, back = _transforms()
    forth, back = forth.to(kind), back.to(kind)  # products of bfloat16 sum in single precision
    transformed = _transformed(weight, kernel, kind)
    rows, columns = -(-height // SIDE), -(-width // SIDE)
    a_row = kind.itemsize * seen**2 * (inputs + outputs) * columns
    at_once = min(max(STRIP[kind] // a_row, 1), rows)
    around = torch.zeros(
        at_once * SIDE + 2, columns * SIDE + 2, inputs, dtype=kind
    )  # a strip with the zeros beyond the frame
    room = seen**2 * at_once * columns * max(inputs, outputs)
    one, other = _kept("one", kind, room), _kept("other", kind, room)  # in turn
    down, across, _ = around.stride()
    pixels = image.permute(1, 2, 0)
    for row in range(0, rows, at_once):
        number = min(at_once, rows - row)
        top = SIDE * row - 1
        first, last = max(top, 0), min(top + SIDE * number + 2, height)
        around[: first - top].zero_()
        around[first - top : last - top, 1 : width + 1] = pixels[first:last]
        around[last - top :].zero_()
        tiles = around.as_strided(
            (seen, seen, number, columns, inputs),
            (down, across, SIDE * down, SIDE * across, 1),
        )
        gathered = _within(one, *tiles.shape).copy_(tiles)
        spread = _within(other, seen**2, number * columns, inputs)
        torch.mm(forth, gathered.view(seen**2, -1), out=spread.view(seen**2, -1))
        products = _within(one, seen**2, number * columns, outputs)
        torch.bmm(spread, transformed, out=products)
        made = _within(other, SIDE, SIDE, number, columns, outputs)
        torch.mm(back, products.view(seen**2, -1), out=made.view(SIDE**2, -1))
        strip = made.permute(2, 0, 3, 1, 4).reshape(SIDE * number, SIDE * columns, outputs)
        if bias is not None:
            strip += bias.to(strip.dtype)
        yield SIDE * row, strip[: height - SIDE * row, :width].permute(2, 0, 1)


def _kept(name: str, kind: torch.dtype, size: int) -> Tensor:
    """A buffer of this thread, of that many numbers at least, the same in each call: to have memory
    from the system each time takes as long as what is done in it."""
    found: Tensor | None = getattr(_buffers, f"{name} {kind}", None)
    if found is None or len(found) < size:
        with torch.inference_mode(False):  # or it could not be written to outside of that
            found = torch.empty(size, dtype=kind)
        setattr(_buffers, f"{name} {kind}", found)
    return found


def _within(room: Tensor, *shape: int) -> Tensor:
    """A tensor in the first part of a buffer."""
    return room[: prod(shape)].view(shape)


def _transformed(weight: Tensor, kernel: Tensor, kind: torch.dtype) -> Tensor:
    """(36, C, K). It is made again each time: 2 to 4 % of the work on a large map, and so never of
    other weights than those of now."""
    outputs, inputs, _, _ = weight.shape
    taps = weight.detach().float().permute(2, 3, 0, 1).flatten(0, 1)
    pairs = torch.stack([tap.T for tap in taps.unbind()]).flatten(1)
    made = _within(
        _kept("weights", kind, len(kernel) * pairs.shape[1]), len(kernel), pairs.shape[1]
    )
    if kind == torch.float32:
        return torch.mm(kernel, pairs, out=made).view(-1, inputs, outputs)
    for start in range(0, pairs.shape[1], PAIRS):
        made[:, start : start + PAIRS] = kernel @ pairs[:, start : start + PAIRS]
    return made.view(-1, inputs, outputs)


@cache
def _transforms() -> tuple[Tensor, Tensor, Tensor]:
    """F(4x4, 3x3): of 6 x 6 pixels, of 3 x 3 weights, and of 36 products to 4 x 4 pixels.

    Each is the Kronecker product of the one for a row with itself. The 1-D ones are Toom and
    Cook's: evaluate the polynomials that weights and outputs are coefficients of at points, and
    interpolate; what is done to outputs there is done to the pixels here, transposed.
    """
    points = [Fraction(p) for p in POINTS]
    forth, kernel, back = [], [], []
    for point in points:
        others = [p for p in points if p != point]
        scale = prod((point - p for p in others), start=Fraction(1))
        forth.append([c for c in _coefficients(others)] + [Fraction(0)])
        kernel.append([point**k / scale for k in range(3)])
        back.append([point**k for k in range(SIDE)])
    forth.append(_coefficients(points))  # at infinity
    kernel.append([Fraction(int(k == 2)) for k in range(3)])
    back.append([Fraction(int(k == SIDE - 1)) for k in range(SIDE)])
    squares = []
    for rows in (forth, kernel, [list(column) for column in zip(*back, strict=True)]):
        one = torch.tensor([[float(value) for value in row] for row in rows], dtype=torch.float64)
        squares.append(torch.kron(one, one))
    return squares[0].float(), squares[1].float(), squares[2].float()


def _coefficients(roots: list[Fraction]) -> list[Fraction]:
    """Of the polynomial with these roots and leading coefficient 1, the constant first."""
    made = [Fraction(1)]
    for root in roots:
        made = [
            a - root * b for a, b in zip([Fraction(0), *made], [*made, Fraction(0)], strict=True)
        ]
    return made
