"""Operators that several networks share: two kinds of backward warping, and the cost volume.

All are plain PyTorch: vectorised, differentiable, on any device, in any floating type.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.nn import functional

from ..acceleration.processor import memory_format_of

RADIUS = 4  # of the cost volume: displacements -4..4 in each direction
TILE = 8  # side of the pieces in which it is computed; 8 was the fastest of 4, 8 and 16


def warp_border(image: Tensor, flow: Tensor) -> Tensor:
    """`image` read at (x + flow[0], y + flow[1]), bilinear, positions clamped to the image.

    image: (B, C, h, w).
    flow:  (B, 2, h, w) in pixels, horizontal first.
    """
    x, y = _positions(flow)
    return _sample(image, x.clamp(0, x.shape[-1] - 1), y.clamp(0, y.shape[-2] - 1))


def warp_zero(image: Tensor, flow: Tensor) -> Tensor:
    """`image` read at (x + flow[0], y + flow[1]), bilinear, zero where that is outside.

    A position is outside if its bilinear weights inside the image sum to less than 0.9999: the
    mask of published PWC-Net. The others are left as they are.

    image: (B, C, h, w).
    flow:  (B, 2, h, w) in pixels, horizontal first.
    """
    x, y = _positions(flow)
    inside = _weight_inside(x, x.shape[-1]) * _weight_inside(y, y.shape[-2]) >= 0.9999
    return _sample(image, x, y) * inside.unsqueeze(1).to(image.dtype)


def correlation(first: Tensor, second: Tensor) -> Tensor:
    """The cost volume: mean over channels of products with `second` displaced by up to 4 pixels.

    out[9 (dy + 4) + (dx + 4)](y, x) = mean over c of first[c](y, x) second[c](y + dy, x + dx),
    `second` being zero outside.

    first, second: (B, C, h, w).
    Returns (B, 81, h, w).
    """
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


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """A context in which autocast, if it is on, is off."""
    kind = device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.autocast(kind, enabled=False)
    return nullcontext()


def _positions(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Where each pixel is read, (B, h, w) columns and rows; single precision at least."""
    if flow.dtype in (torch.float16, torch.bfloat16):
        flow = flow.float()  # bfloat16 cannot tell neighbouring pixels apart beyond 256
    height, width = flow.shape[-2:]
    columns = torch.arange(width, dtype=flow.dtype, device=flow.device)
    rows = torch.arange(height, dtype=flow.dtype, device=flow.device)
    return flow[:, 0] + columns, flow[:, 1] + rows[:, None]


def _sample(image: Tensor, x: Tensor, y: Tensor) -> Tensor:
    height, width = image.shape[-2:]
    # Corners aligned: -1 and 1 are the centres of the end pixels. A single row has only one.
    grid = torch.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], -1)
    with full_precision(image.device):
        sampled = functional.grid_sample(
            image.to(grid.dtype), grid, mode="bilinear", padding_mode="zeros", align_corners=True
        )
    return sampled.to(image.dtype).contiguous(memory_format=memory_format_of(image))


def _weight_inside(position: Tensor, size: int) -> Tensor:
    """The part of a position's two linear weights that falls on pixels 0..size-1."""
    return torch.minimum(position + 1, size - position).clamp(0, 1)
