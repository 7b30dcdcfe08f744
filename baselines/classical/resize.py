"""Resizing by a separable kernel: each pixel a weighted mean of low-resolution pixels around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..method import Settings, WindowMethod

Floats = NDArray[np.float64]
BLOCK = 16  # pixels of an axis that one small matrix enlarges: a tenth of the time of one for all


def nearest(distance: Floats) -> Floats:
    """Weight at a signed distance in pixels; halfway between two pixels the later one counts."""
    inside: NDArray[np.bool_] = (distance >= -0.5) & (distance < 0.5)
    return inside.astype(np.float64)


def bilinear(distance: Floats) -> Floats:
    d = np.abs(distance)
    return np.where(d < 1, 1 - d, 0)


def bicubic(distance: Floats) -> Floats:
    """Keys' cubic with a = -0.5, which is MATLAB's (OpenCV and torch use -0.75)."""
    d = np.abs(distance)
    inner = (1.5 * d - 2.5) * d * d + 1
    outer = ((-0.5 * d + 2.5) * d - 4) * d + 2
    return np.where(d <= 1, inner, np.where(d < 2, outer, 0))


def lanczos(distance: Floats) -> Floats:
    """Lanczos with three lobes."""
    return np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)


# The weight of a low-resolution pixel by its distance, and from how many pixels on it is zero.
KERNELS: dict[str, tuple[Callable[[Floats], Floats], int]] = {
    "nearest": (nearest, 1),
    "bilinear": (bilinear, 1),
    "bicubic": (bicubic, 2),
    "lanczos": (lanczos, 3),
}


@lru_cache(maxsize=64)
def resampling(kernel: str, scale: int, phase: float) -> tuple[Tensor, int]:
    """The matrix (scale * BLOCK, taps) that enlarges a block of an axis, and where its taps begin.

    float32; its rows sum to 1. Pixel x of the result reads coordinate (x - phase) / scale; the first
    tap is so many pixels after the first of the block (before it, where negative).
    """
    weight, reach = KERNELS[kernel]
    centre = (np.arange(scale * BLOCK) - phase) / scale
    taps = np.floor(centre).astype(np.intp)[:, None] + np.arange(1 - reach, 1 + reach)
    weights = weight(centre[:, None] - taps)
    weights /= weights.sum(axis=1, keepdims=True)
    first = int(taps.min())
    matrix = np.zeros((scale * BLOCK, int(taps.max()) - first + 1))
    np.put_along_axis(matrix, taps - first, weights, axis=1)
    return torch.from_numpy(matrix.astype(np.float32)), first


def blocks(frame: Tensor, dim: int, first: int, taps: int) -> Tensor:
    """What each block along an axis reads, in a new last axis; beyond an end it is the end pixel."""
    size = frame.shape[dim]
    number = (size + BLOCK - 1) // BLOCK  # rounded up; ONNX divides negative sizes otherwise
    places = torch.arange(first, first + (number - 1) * BLOCK + taps, device=frame.device)
    return frame.index_select(dim, places.clamp(0, size - 1)).unfold(dim, taps, BLOCK)


class Enlarge(WindowMethod):
    """One frame, enlarged by a separable kernel and clipped to [0, 1]."""

    spatial = True

    def __init__(self, name: str, kernel: str, scale: int, phase: float, device: str) -> None:
        self.name, self.kernel, self.scale = name, kernel, scale
        self.phase, self.device = phase, torch.device(device)

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        frame = window.to(self.device, torch.float32)
        height, width = (self.scale * size for size in frame.shape[-2:])
        matrix, first = resampling(self.kernel, self.scale, self.phase)
        matrix = matrix.to(self.device)
        wide = (blocks(frame, 3, first, matrix.shape[1]) @ matrix.T).flatten(-2)[..., :width]
        # Not .mT, which has no ONNX.
        tall = matrix @ blocks(wide, 2, first, matrix.shape[1]).transpose(-2, -1)
        return tall.flatten(-3, -2)[..., :height, :].clamp_(0, 1)


def enlarge(settings: Settings, name: str) -> Enlarge:
    """The method of that name: in register with the degradation, or `-half`: as published tables.

    The `-half` methods put low-resolution pixel k at scale * k + (scale - 1) / 2, whatever the
    degradation was.
    """
    kernel = name.removesuffix("-half")
    half = (settings.scale - 1) / 2
    phase = half if name.endswith("-half") else settings.phase
    return Enlarge(name, kernel, settings.scale, phase, settings.device)
