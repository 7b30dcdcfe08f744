"""Backward warping, bilinear or bicubic: outside the image its border, or zeros.

Plain PyTorch: vectorised, differentiable, on any device, in any floating type.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.nn import functional

from ..acceleration.processor import memory_format_of


def warp_border(image: Tensor, flow: Tensor) -> Tensor:
    """`image` read at (x + flow[0], y + flow[1]), bilinear, positions clamped to the image.

    image: (B, C, h, w).
    flow:  (B, 2, h, w) in pixels, horizontal first.
    """
    x, y = _positions(flow)
    return _sample(image, x.clamp(0, x.shape[-1] - 1), y.clamp(0, y.shape[-2] - 1))


def warp_bicubic(image: Tensor, flow: Tensor) -> Tensor:
    """`image` read at (x + flow[0], y + flow[1]), bicubic, positions clamped to the image.

    Cubic convolution of PyTorch (a = -0.75): it may leave the range of the image.

    image: (B, C, h, w).
    flow:  (B, 2, h, w) in pixels, horizontal first.
    """
    if image.device.type == "mps":  # where PyTorch long refused bicubic sampling
        return warp_bicubic(image.cpu(), flow.cpu()).to(image.device)
    x, y = _positions(flow)
    x, y = x.clamp(0, x.shape[-1] - 1), y.clamp(0, y.shape[-2] - 1)
    return _sample(image, x, y, mode="bicubic", padding_mode="border")


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


def warp_padded(image: Tensor, flow: Tensor) -> Tensor:
    """`image` read at (x + flow[0], y + flow[1]), bilinear, with zeros around it: it fades over a pixel.

    image: (B, C, h, w).
    flow:  (B, 2, h, w) in pixels, horizontal first.
    """
    return _sample(image, *_positions(flow))


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


def _sample(
    image: Tensor, x: Tensor, y: Tensor, *, mode: str = "bilinear", padding_mode: str = "zeros"
) -> Tensor:
    height, width = image.shape[-2:]
    # Corners aligned: -1 and 1 are the centres of the end pixels. A single row has only one.
    grid = torch.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], -1)
    with full_precision(image.device):
        sampled = functional.grid_sample(
            image.to(grid.dtype), grid, mode=mode, padding_mode=padding_mode, align_corners=True
        )
    return sampled.to(image.dtype).contiguous(memory_format=memory_format_of(image))


def _weight_inside(position: Tensor, size: int) -> Tensor:
    """The part of a position's two linear weights that falls on pixels 0..size-1."""
    return torch.minimum(position + 1, size - position).clamp(0, 1)
