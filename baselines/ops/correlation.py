"""The cost volume: correlation of the features of two images.

Plain PyTorch: vectorised, differentiable, on any device, in any floating type.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..acceleration.processor import memory_format_of

RADIUS = 4  # of the cost volume: displacements -4..4 in each direction
TILE = 8  # side of the pieces in which it is computed; 8 was the fastest of 4, 8 and 16


def correlation(first: Tensor, second: Tensor) -> Tensor:
    """The cost volume: mean over channels of products with `second` displaced by up to 4 pixels.

    out[9 (dy + 4) + (dx + 4)](y, x) = mean over c of first[c](y, x) second[c](y + dy, x + dx),
    `second` being zero outside.

    first, second: (B, C, h, w).
    Returns (B, 81, h, w).
    """
    if torch.onnx.is_in_onnx_export():  # which has no strides
        return _by_rows(first, second)
    # Each 8 x 8 tile of `first` is multiplied as a matrix with the 16 x 16 around it in `second`,
    # and the wanted 81 of its 256 products are picked. That is twice as fast as 81 products of
    # whole maps on a large map and ten times on a small one (CPU, one thread).
    batch, channels, height, width = first.shape
    side, reach = 2 * RADIUS + 1, TILE + 2 * RADIUS
    below, right = -height % TILE, -width % TILE
    rows, columns = (height + below) // TILE, (width + right) // TILE
    tiles = functional.pad(first / channels, (0, right, 0, below))
    tiles = tiles.reshape(batch, channels, rows, TILE, columns, TILE).permute(0, 2, 4, 3, 5, 1)
    around = functional.pad(second, (RADIUS, RADIUS + right, RADIUS, RADIUS + below))
    around = around.unfold(2, reach, TILE).unfold(3, reach, TILE).permute(0, 2, 3, 1, 4, 5)
    products = torch.bmm(
        tiles.reshape(-1, TILE * TILE, channels), around.reshape(-1, channels, reach * reach)
    ).view(batch, rows, columns, TILE, TILE, reach, reach)
    # products[..., i, j, i + dy, j + dx] seen as [..., i, j, dy, dx]
    b, r, c, i, j, y, x = products.stride()
    picked = products.as_strided(
        (batch, rows, columns, TILE, TILE, side, side), (b, r, c, i + y, j + x, y, x)
    )
    if memory_format_of(first) == torch.channels_last:
        lines = picked.permute(0, 1, 3, 2, 4, 5, 6)
        lines = lines.reshape(batch, rows * TILE, columns * TILE, side * side)
        return lines.permute(0, 3, 1, 2)[..., :height, :width]
    picked = picked.permute(0, 5, 6, 1, 3, 2, 4)
    volume = picked.reshape(batch, side * side, rows * TILE, columns * TILE)
    return volume[..., :height, :width]


def _by_rows(first: Tensor, second: Tensor) -> Tensor:
    """The same by slices: the nine displacements of a row at a time."""
    height, width = first.shape[-2:]
    side = 2 * RADIUS + 1
    around = functional.pad(second, (RADIUS,) * 4)
    shifted = torch.stack([around[..., dx : dx + width] for dx in range(side)], 1)
    rows = [(first[:, None] * shifted[..., dy : dy + height, :]).mean(2) for dy in range(side)]
    return torch.cat(rows, 1)
