"""Convolution by Winograd's F(4x4, 3x3), whose transforms are matrix products too.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016. Channels last.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from math import prod

import torch
from torch import Tensor

STRIP = {torch.float32: 8 << 20, torch.bfloat16: 16 << 20}  # bytes of transformed tiles at once
PAIRS = 16384  # of an input and an output whose weights are transformed at once
SIDE = 4  # of the tiles of the output
# Where F(4x4, 3x3) evaluates polynomials, besides infinity. 0, 1, -1, 2, -2, which integers follow
# from, are the usual ones; in bfloat16 their error is twice that of these.
POINTS = (0, Fraction(3, 4), Fraction(-3, 4), Fraction(3, 2), Fraction(-3, 2))

_buffers = threading.local()  # see `_buffer`


def winograd(
    image: Tensor, weight: Tensor, bias: Tensor | None, padding: int, dtype: torch.dtype
) -> Iterator[tuple[int, Tensor]]:
    """Strips of rows, each with the row where it starts, (K, rows, w) in `dtype`.

    image: (C, h, w). weight: (K, C, 3, 3). padding: 1. dtype: float32 or bfloat16.

    Channels come last inside, so that tiles are gathered and put back by whole rows of channels,
    and each of the 36 products is (tiles, C) by (C, K).
    """
    outputs, inputs, _, _ = weight.shape
    _, height, width = image.shape
    side = SIDE + 2  # of the tiles of the input
    input_transform, weight_transform, output_transform = _transforms()
    # Products of bfloat16 sum in single precision.
    input_transform, output_transform = input_transform.to(dtype), output_transform.to(dtype)
    transformed = _transformed(weight, weight_transform, dtype)
    rows, columns = -(-height // SIDE), -(-width // SIDE)
    row_bytes = dtype.itemsize * side**2 * (inputs + outputs) * columns
    rows_at_once = min(max(STRIP[dtype] // row_bytes, 1), rows)
    around = torch.zeros(
        rows_at_once * SIDE + 2, columns * SIDE + 2, inputs, dtype=dtype
    )  # a strip with the zeros beyond the frame
    size = side**2 * rows_at_once * columns * max(inputs, outputs)
    one, other = _buffer("one", dtype, size), _buffer("other", dtype, size)  # in turn
    down, across, _ = around.stride()
    pixels = image.permute(1, 2, 0)
    for row in range(0, rows, rows_at_once):
        number = min(rows_at_once, rows - row)
        top = SIDE * row - 1
        first, last = max(top, 0), min(top + SIDE * number + 2, height)
        around[: first - top].zero_()
        around[first - top : last - top, 1 : width + 1] = pixels[first:last]
        around[last - top :].zero_()
        tiles = around.as_strided(
            (side, side, number, columns, inputs),
            (down, across, SIDE * down, SIDE * across, 1),
        )
        gathered = _within(one, *tiles.shape).copy_(tiles)
        spread = _within(other, side**2, number * columns, inputs)
        torch.mm(input_transform, gathered.view(side**2, -1), out=spread.view(side**2, -1))
        products = _within(one, side**2, number * columns, outputs)
        torch.bmm(spread, transformed, out=products)
        output = _within(other, SIDE, SIDE, number, columns, outputs)
        torch.mm(output_transform, products.view(side**2, -1), out=output.view(SIDE**2, -1))
        strip = output.permute(2, 0, 3, 1, 4).reshape(SIDE * number, SIDE * columns, outputs)
        if bias is not None:
            strip += bias.to(strip.dtype)
        yield SIDE * row, strip[: height - SIDE * row, :width].permute(2, 0, 1)


def _buffer(name: str, dtype: torch.dtype, size: int) -> Tensor:
    """A buffer of this thread, of that many numbers at least, the same in each call: to have memory
    from the system each time takes as long as what is done in it."""
    buffer: Tensor | None = getattr(_buffers, f"{name} {dtype}", None)
    if buffer is None or len(buffer) < size:
        with torch.inference_mode(False):  # or it could not be written to outside of that
            buffer = torch.empty(size, dtype=dtype)
        setattr(_buffers, f"{name} {dtype}", buffer)
    return buffer


def _within(buffer: Tensor, *shape: int) -> Tensor:
    """A tensor in the first part of a buffer."""
    return buffer[: prod(shape)].view(shape)


def _transformed(weight: Tensor, transform: Tensor, dtype: torch.dtype) -> Tensor:
    """(36, C, K). It is computed again each time: 2 to 4 % of the work on a large map, and so never
    of other weights than those of now."""
    outputs, inputs, _, _ = weight.shape
    taps = weight.detach().float().permute(2, 3, 0, 1).flatten(0, 1)
    pairs = torch.stack([tap.T for tap in taps.unbind()]).flatten(1)
    shape = len(transform), pairs.shape[1]
    transformed = _within(_buffer("weights", dtype, prod(shape)), *shape)
    if dtype == torch.float32:
        return torch.mm(transform, pairs, out=transformed).view(-1, inputs, outputs)
    for start in range(0, pairs.shape[1], PAIRS):
        part = slice(start, start + PAIRS)
        transformed[:, part] = transform @ pairs[:, part]
    return transformed.view(-1, inputs, outputs)


@cache
def _transforms() -> tuple[Tensor, Tensor, Tensor]:
    """F(4x4, 3x3): of 6 x 6 pixels, of 3 x 3 weights, and of 36 products to 4 x 4 pixels.

    Each is the Kronecker product of the one for a row with itself. The 1-D ones are Toom and
    Cook's: evaluate the polynomials that weights and outputs are coefficients of at points, and
    interpolate; what is done to outputs there is done to the pixels here, transposed.
    """
    points = [Fraction(p) for p in POINTS]
    of_input, of_weight, of_output = [], [], []
    for point in points:
        others = [p for p in points if p != point]
        scale = prod((point - p for p in others), start=Fraction(1))
        of_input.append([c for c in _coefficients(others)] + [Fraction(0)])
        of_weight.append([point**k / scale for k in range(3)])
        of_output.append([point**k for k in range(SIDE)])
    of_input.append(_coefficients(points))  # at infinity
    of_weight.append([Fraction(int(k == 2)) for k in range(3)])
    of_output.append([Fraction(int(k == SIDE - 1)) for k in range(SIDE)])
    squares = []
    for rows in (of_input, of_weight, [list(column) for column in zip(*of_output, strict=True)]):
        one = torch.tensor([[float(value) for value in row] for row in rows], dtype=torch.float64)
        squares.append(torch.kron(one, one))
    return squares[0].float(), squares[1].float(), squares[2].float()


def _coefficients(roots: list[Fraction]) -> list[Fraction]:
    """Of the polynomial with these roots and leading coefficient 1, the constant first."""
    polynomial = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *polynomial], [*polynomial, Fraction(0)]
        polynomial = [a - root * b for a, b in zip(shifted, scaled, strict=True)]
    return polynomial
