"""Windowed attention over time and space at once, and the Swin blocks made of it (Geng et al., CVPR 2022).

Tensors are (B, D, H, W, C): D frames, channels last. Names of parameters are the authors'.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn, unflatten
from torch.nn.functional import gelu, pad

WINDOW = 4  # pixels of a side; a shift is half of it
AREA = WINDOW * WINDOW
MASKED = -100.0  # added to the logits of pixels that were never neighbours


class WindowAttention(nn.Module):
    """Attention of the pixels of all frames of x to those of y within each window of 4 x 4.

    times, key_times: of the frames of x and of y, in frames of x.
    """

    relative_position_index: Tensor

    def __init__(
        self, channels: int, heads: int, times: Sequence[int], key_times: Sequence[int]
    ) -> None:
        super().__init__()
        self.heads = heads
        rows = (2 * len(times) - 1) * (2 * WINDOW - 1) ** 2
        self.relative_position_bias_table = nn.Parameter(torch.zeros(rows, heads))
        self.register_buffer("relative_position_index", position_index(times, key_times))
        self.q = nn.Linear(channels, channels)
        self.kv = nn.Linear(channels, 2 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor, y: Tensor, shifted: bool) -> Tensor:
        size = x.shape[2:4]
        shift = [WINDOW // 2 if shifted and side > WINDOW else 0 for side in size]
        back = tuple(-s for s in shift)
        x, y = (torch.roll(pad_to_windows(one), back, (2, 3)) for one in (x, y))
        mask = shift_mask(x.shape[2], x.shape[3], shift, x.device, x.dtype) if any(shift) else None
        output = from_windows(self.attend(windows(x), windows(y), mask), x)
        return torch.roll(output, tuple(shift), (2, 3))[:, :, : size[0], : size[1]]

    def attend(self, x: Tensor, y: Tensor, mask: Tensor | None) -> Tensor:
        """(B, windows, queries, C) from x, (B, windows, queries, C), and y, (B, windows, keys, C)."""
        Q = self.by_heads(self.q(x))
        K, V = (self.by_heads(one) for one in self.kv(y).chunk(2, -1))
        bias = self.relative_position_bias_table[self.relative_position_index]
        logits = Q @ K.transpose(-1, -2) * Q.shape[-1] ** -0.5 + bias.permute(2, 0, 1)
        if mask is not None:  # alike for every pair of frames
            by_pixels = unflatten(unflatten(logits, -1, (-1, AREA)), -3, (-1, AREA))
            logits = (by_pixels + mask[:, None, None, :, None]).flatten(-4, -3).flatten(-2)
        mixed = logits.softmax(-1).to(V.dtype) @ V
        output: Tensor = self.proj(mixed.transpose(2, 3).flatten(3))
        return output

    def by_heads(self, x: Tensor) -> Tensor:
        """(B, windows, heads, pixels, C / heads) from (B, windows, pixels, C)."""
        return unflatten(x, -1, (self.heads, -1)).transpose(2, 3)


class Mlp(nn.Module):
    """Two layers on each pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, 2 * channels)
        self.fc2 = nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.fc2(gelu(self.fc1(x)))
        return output


class EncoderBlock(nn.Module):
    """Attention of the input frames to each other, then the layers on each pixel."""

    def __init__(self, channels: int, heads: int, frames: int, shifted: bool) -> None:
        super().__init__()
        self.shifted = shifted
        self.norm1 = nn.LayerNorm(channels)
        self.attn = WindowAttention(channels, heads, range(frames), range(frames))
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = Mlp(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attn(y, y, self.shifted)
        output: Tensor = x + self.mlp(self.norm2(x))
        return output


class DecoderBlock(nn.Module):
    """Attention of the output frames to each other, then to the encoder's features of the inputs."""

    def __init__(self, channels: int, heads: int, frames: int, shifted: bool) -> None:
        super().__init__()
        self.shifted = shifted
        times = range(2 * frames - 1)
        self.norm1 = nn.LayerNorm(channels)
        self.attn1 = WindowAttention(channels, heads, times, times)
        self.attn2 = WindowAttention(channels, heads, times, times[::2])
        self.norm2 = nn.LayerNorm(channels)
        self.norm3 = nn.LayerNorm(channels)
        self.norm_kv = nn.LayerNorm(channels)
        self.mlp = Mlp(channels)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attn1(y, y, self.shifted)
        x = x + self.attn2(self.norm2(x), self.norm_kv(features), self.shifted)
        output: Tensor = x + self.mlp(self.norm3(x))
        return output


def position_index(times: Sequence[int], key_times: Sequence[int]) -> Tensor:
    """The row of the bias table for each query (t, y, x) and key (t', y', x') of a window, int64."""
    t, y, x = (one.flatten() for one in _places(times))
    t_k, y_k, x_k = (one.flatten() for one in _places(key_times))
    side = 2 * WINDOW - 1
    frames = t[:, None] - t_k + len(times) - 1
    rows, columns = y[:, None] - y_k + WINDOW - 1, x[:, None] - x_k + WINDOW - 1
    return (frames * side + rows) * side + columns


def _places(times: Sequence[int]) -> tuple[Tensor, ...]:
    side = torch.arange(WINDOW)
    return torch.meshgrid(torch.tensor(list(times)), side, side, indexing="ij")


def shift_mask(
    height: int,
    width: int,
    shift: Sequence[int],
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """(windows, 16, 16), what is added to the logits of two pixels of a window.

    Rolling brings pixels of opposite borders into one window: there it is -100.
    """
    rows, columns = (_zones(size, s) for size, s in ((height, shift[0]), (width, shift[1])))
    zones = (3 * rows[:, None] + columns).view(1, 1, height, width, 1)
    zone = windows(zones)[0, ..., 0]
    apart = zone[:, :, None] != zone[:, None]
    return apart.to(device, dtype or torch.float32) * MASKED


def _zones(size: int, shift: int) -> Tensor:
    """For each row: whether it lies before the last window, in it, or was rolled round."""
    row = torch.arange(size)
    return (row >= size - WINDOW).long() + (row >= size - shift) if shift else 0 * row


def pad_to_windows(x: Tensor) -> Tensor:
    """Zeros below and on the right up to whole windows; they take part as any pixel."""
    height, width = x.shape[2:4]
    return pad(x, (0, 0, 0, -width % WINDOW, 0, -height % WINDOW))


def windows(x: Tensor) -> Tensor:
    """(B, windows, D * 16, C): windows row by row; in one the frame is slowest, then the row."""
    x = unflatten(unflatten(x, 3, (-1, WINDOW)), 2, (-1, WINDOW))  # B, D, rows, 4, columns, 4, C
    return x.permute(0, 2, 4, 1, 3, 5, 6).flatten(3, 5).flatten(1, 2)


def from_windows(x: Tensor, like: Tensor) -> Tensor:
    """What `windows` cut, together again: of the frames and size of `like`."""
    _, frames, height, width, _ = like.shape
    x = unflatten(x, 2, (frames, WINDOW, WINDOW))
    x = unflatten(x, 1, (height // WINDOW, width // WINDOW))
    return x.permute(0, 3, 1, 4, 2, 5, 6).flatten(4, 5).flatten(2, 3)
