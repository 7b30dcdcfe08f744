"""FISR: three frames of twice the size, two of them new in time (Kim, Oh and Kim, AAAI 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..edvr.alignment import conv

CHANNELS = 29  # of the input: three frames, four flows, four warped frames
WIDTHS = (64, 128, 256)  # of the stages of encoder and decoder
MULTIPLE = 32  # of which height and width have to be: quartered, then halved three times


class FISR(nn.Module):
    """Three U-nets of the same shape, from a quarter of the size to the whole.

    The names in its state are those of TensorFlow's variables, as `convert` translates them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.level_1 = Level(CHANNELS)
        self.level_2 = Level(CHANNELS + 9)
        self.level_3 = Level(CHANNELS + 9)

    def forward(self, window: Tensor) -> Tensor:
        """Three frames, at the times 0.5, 1 and 1.5 of the window's 0, 1 and 2.

        window: (B, 29, h, w), h and w multiples of 32, as `inputs.joined` gives it.
        Returns (B, 3, 3, 2h, 2w): frame; Y, U, V in [0, 1], not clipped.
        """
        output = self.levels(window)[-1]
        return output.reshape(len(output), 3, 3, *output.shape[-2:])

    def levels(self, window: Tensor) -> list[Tensor]:
        """The predictions at half, once and twice the input's size, (B, 9, ...) each."""
        if (
            window.shape[1] != CHANNELS
            or window.shape[-2] % MULTIPLE
            or window.shape[-1] % MULTIPLE
        ):
            raise ValueError(f"FISR needs (B, 29, 32 m, 32 n), not {tuple(window.shape)}")
        # The published "bicubic" reduction takes every second or fourth pixel as it is.
        first = self.level_1(window[..., ::4, ::4])
        second = self.level_2(torch.cat([window[..., ::2, ::2], first], 1))
        return [first, second, self.level_3(torch.cat([window, second], 1))]


class Level(nn.Module):
    """One U-net: (B, channels, h, w) to (B, 9, 2h, 2w)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        before = (channels, *WIDTHS)
        stages = range(len(WIDTHS))
        self.enc = nn.ModuleDict({f"level_{e}": Block(before[e], WIDTHS[e]) for e in stages})
        self.bottleneck = Block(WIDTHS[-1], 2 * WIDTHS[-1], residuals=1)
        self.dec = nn.ModuleDict({f"level_{e}": Upwards(WIDTHS[e]) for e in reversed(stages)})
        self.fi_sr = Head(6)  # the two new frames
        self.sr = Head(3)  # the middle one

    def forward(self, x: Tensor) -> Tensor:
        skipped = []
        for stage in self.enc.values():
            skipped.append(stage(x))
            x = functional.max_pool2d(skipped[-1], 2)
        x = self.bottleneck(x)
        for stage in self.dec.values():
            x = stage(x, skipped.pop())
        new = self.fi_sr(x)
        return torch.cat([new[:, :3], self.sr(x), new[:, 3:]], 1)


class Block(nn.Sequential):
    """A convolution, residual blocks and ReLU."""

    def __init__(self, before: int, width: int, residuals: int = 2) -> None:
        super().__init__()
        self.add_module("conv_0", conv(before, width))
        for k in range(residuals):
            self.add_module(f"res_block_{k}", Residual(width))
        self.add_module("relu", nn.ReLU())


class Upwards(nn.Module):
    """A stage of the decoder: twice the size, half the channels, and what skipped beside it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.resize = conv(2 * width, width)
        self.block = Block(2 * width, width)

    def forward(self, x: Tensor, skipped: Tensor) -> Tensor:
        larger = functional.relu(self.resize(enlarge_from_corner(x, 2)))
        output: Tensor = self.block(torch.cat([larger, skipped], 1))
        return output


class Residual(nn.Module):
    """x plus two convolutions of relu(x)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_0 = conv(width, width)
        self.conv_1 = conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.conv_1(functional.relu(self.conv_0(functional.relu(x))))
        return x + change


class Head(nn.Module):
    """The decoder's features at twice the size, and frames from them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = WIDTHS[0]
        self.conv_0 = conv(width, width)
        self.res_block_0 = Residual(width)
        self.conv_1 = conv(width, 4 * width)
        self.shuffle = nn.PixelShuffle(2)
        self.conv_2 = conv(width, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.res_block_0(self.conv_0(x)))
        output: Tensor = self.conv_2(self.shuffle(functional.relu(self.conv_1(x))))
        return output


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
