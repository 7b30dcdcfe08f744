"""Modulated deformable convolution: a 3x3 convolution whose taps read displaced samples.

By torchvision; on a CPU by two forms of our own that give the same numbers. Where nothing is to be
learnt, one that is 3.2 to 5.7 times as fast (one thread; 64x64 to 240x135 pixels, 64 and 128
channels) and takes little memory, a block of pixels at a time. In training, one whose gradients
take a fifth to an eighth of the time of torchvision's (one thread, 32x32 to 96x96 pixels).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

from ..acceleration.processor import uses_reference_kernels

_Form = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]

BLOCK = 1024  # pixels at a time: the samples of a block stay in the cache


@contextmanager
def whole_frame_blocks() -> Iterator[None]:
    """Deformable convolution in one block, for counting operations on tensors without numbers."""
    global BLOCK
    before, BLOCK = BLOCK, sys.maxsize
    try:
        yield
    finally:
        BLOCK = before


def deform(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The 3x3 convolution of `x`, padding 1, with tap k = 3 i + j read at its own displacement.

    Reading is bilinear, and zero outside. Under autocast it is done in the type of the weights.

    x:      (B, C, h, w).
    offset: (B, 18 G, h, w): for each of G groups of channels, and each tap, its vertical and its
            horizontal displacement in pixels. Where one of a pixel is not a number, neither are
            the pixel's outputs.
    mask:   (B, 9 G, h, w): what each group's tap is multiplied by.
    weight: (O, C, 3, 3), bias: (O,).
    """
    if torch.onnx.is_in_onnx_export():
        return _by_sampling(x, offset, mask, weight, bias)
    dtype = weight.dtype if torch.is_autocast_enabled(x.device.type) else x.dtype
    form = _form(x, offset, mask, weight, dtype)
    offset = offset.to(dtype)
    nowhere = offset.isnan().any(1, keepdim=True)
    # torchvision's kernels would take not-a-number for an address far outside of the frame's memory.
    offset = offset.nan_to_num(0.0, math.inf, -math.inf)
    with torch.autocast(x.device.type, enabled=False):
        output = form(x.to(dtype), offset, mask.to(dtype), weight, bias)
    output = output.masked_fill(nowhere, math.nan)
    return output.to(x.dtype).contiguous(memory_format=_memory_format(x))


def _form(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, dtype: torch.dtype) -> _Form:
    if x.device.type != "cpu":
        return _by_torchvision
    if torch.is_grad_enabled() and any(one.requires_grad for one in (x, offset, mask, weight)):
        return _by_sampling
    # The sum of weighted rows is fast in single precision only.
    return (
        _by_blocks if dtype == torch.float32 and not uses_reference_kernels() else _by_torchvision
    )


def _memory_format(x: Tensor) -> torch.memory_format:
    rows = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if rows else torch.contiguous_format


def _by_torchvision(
    x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor
) -> Tensor:
    from torchvision.ops import deform_conv2d  # here, so that the room imports without it

    return deform_conv2d(x, offset, weight, bias, padding=(1, 1), mask=mask)


def _by_sampling(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The same by the library's bilinear sampling, all taps of a group in one call."""
    batch, channels, height, width = x.shape
    groups = mask.shape[1] // 9
    moved = offset.reshape(batch * groups, 9, 2, height, width)
    tap = torch.arange(9, device=x.device)
    rows = torch.arange(height, device=x.device)[:, None] + (tap // 3 - 1)[:, None, None]
    columns = torch.arange(width, device=x.device) + (tap % 3 - 1)[:, None, None]
    # All that lies further than a pixel outside reads zeros, so it may as well lie no further.
    down = (2 * (rows + moved[:, :, 0]).clamp(-2, height + 1) + 1) / height - 1
    across = (2 * (columns + moved[:, :, 1]).clamp(-2, width + 1) + 1) / width - 1
    samples = F.grid_sample(
        x.reshape(batch * groups, channels // groups, height, width),
        torch.stack([across, down], -1).flatten(1, 2),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    ).view(batch * groups, -1, 9, height, width)
    samples = samples * mask.reshape(batch * groups, 1, 9, height, width)
    output: Tensor = weight.flatten(1) @ samples.reshape(batch, channels * 9, height * width)
    output = output.view(batch, -1, height, width) + bias[:, None, None]
    return output


def _by_blocks(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The same: each sample is a weighted sum of four rows of a table of (pixel, group) rows."""
    batch, channels, height, width = x.shape
    outputs, groups = weight.shape[0], mask.shape[1] // 9
    taps, pixels, wide = 9 * groups, height * width, width + 3
    kernel = weight.reshape(outputs, groups, -1, 9).permute(1, 3, 2, 0).reshape(-1, outputs)
    # With a pixel of zeros before and two after, a position held to [-1, size] reads zeros where
    # it is outside; row 0 of the table is row -1 of the frame, so positions are not negative.
    table = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 2, 1, 2)).reshape(batch, -1, channels // groups)
    moved = offset.permute(0, 2, 3, 1).contiguous().view(batch, pixels, taps, 2)
    factor = mask.permute(0, 2, 3, 1).contiguous().view(batch, pixels, taps)
    tap = torch.arange(taps)
    down, across = (tap % 9 // 3).to(x.dtype), (tap % 3).to(x.dtype)
    group = (tap // 9).int()
    corners = torch.tensor([0, 1, wide, wide + 1], dtype=torch.int32) * groups
    row = torch.arange(height, dtype=x.dtype).repeat_interleave(width)[:, None]
    column = torch.arange(width, dtype=x.dtype).repeat(height)[:, None]
    output = x.new_empty(batch, pixels, outputs)
    weights = x.new_empty(min(BLOCK, pixels), taps, 4)
    for b in range(batch):
        for start in range(0, pixels, BLOCK):
            part = slice(start, start + BLOCK)
            v = (moved[b, part, :, 0] + down).add_(row[part]).clamp_(0, height + 1)
            u = (moved[b, part, :, 1] + across).add_(column[part]).clamp_(0, width + 1)
            top, left = v.int(), u.int()
            lower = v.sub_(top).mul_(factor[b, part])
            right = u.sub_(left)
            here = weights[: len(lower)]
            for corner, side in ((0, factor[b, part] - lower), (2, lower)):
                torch.mul(side, right, out=here[..., corner + 1])
                torch.sub(side, here[..., corner + 1], out=here[..., corner])
            first = top.mul_(wide).add_(left).mul_(groups).add_(group)
            samples = F.embedding_bag(
                (first[..., None] + corners).view(-1, 4),
                table[b],
                mode="sum",
                per_sample_weights=here.view(-1, 4),
            )
            torch.addmm(bias, samples.view(len(here), -1), kernel, out=output[b, part])
    return output.view(batch, height, width, outputs).permute(0, 3, 1, 2)
