"""Resizing in FISR and its flow network: each has its own convention of where pixels lie."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def enlarge_from_corner(x: Tensor, factor: int) -> Tensor:
    """Bilinear as in TensorFlow 1: output i lies at input i / factor, beyond the last is the last.

    out[f i + j] = (1 - j/f) x[i] + (j/f) x[i + 1] along each axis; no half-pixel shift.

    x: (B, C, h, w). Returns (B, C, factor * h, factor * w).
    """
    height, width = x.shape[-2:]
    # With the last pixel repeated once, these are the positions of aligned corners.
    repeated = functional.pad(x, (0, 1, 0, 1), mode="replicate")
    size = factor * height + 1, factor * width + 1
    enlarged = functional.interpolate(repeated, size, mode="bilinear", align_corners=True)
    return enlarged[..., :-1, :-1]


def doubled(image: Tensor) -> Tensor:
    """Twice the size, bilinear by half-pixel centres; beyond the edge lies the last pixel but one.

    image: (..., h, w).
    """
    for axis in (-2, -1):
        nearer = 3 * image / 4
        before, after = _mirrored(image, axis, -1) / 4, _mirrored(image, axis, 1) / 4
        # Stacked behind its axis, so that flattening the two interleaves them.
        image = torch.stack([before + nearer, nearer + after], axis).flatten(axis - 1, axis)
    return image


def halved(flow: Tensor) -> Tensor:
    """A flow brought to half the size and length: smoothed, then the mean of each 2 x 2 block.

    flow: (..., 2h, 2w). The smoothing is a Gaussian of sigma 1/2 cut off at two pixels.
    """
    kernel = [math.exp(-2 * k * k) for k in range(-2, 3)]
    for axis in (-2, -1):
        smoothed = torch.zeros_like(flow)
        for k, weight in zip(range(-2, 3), kernel, strict=True):
            smoothed = smoothed + weight / sum(kernel) * _mirrored(flow, axis, k)
        flow = smoothed
    rows = flow[..., ::2, :] + flow[..., 1::2, :]
    return (rows[..., ::2] + rows[..., 1::2]) / 8


def _mirrored(x: Tensor, axis: int, shift: int) -> Tensor:
    """x[i + shift] along an axis; outside, mirrored at the centre of the edge pixel."""
    size = x.shape[axis]
    period = max(2 * size - 2, 1)
    place = (torch.arange(size, device=x.device) + shift) % period
    return x.index_select(axis, torch.minimum(place, period - place))
