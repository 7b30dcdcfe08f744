"""RIFE 4.25 and 4.26, real-time intermediate flow estimation (Huang et al., ECCV 2022).

One architecture: versions 4.25 and 4.26 of Practical-RIFE differ in their weights. The paper's
network had three blocks, no `encode`, and a refinement that this one lacks. Letters are the paper's:
I frames, F flows, M the fusion map. Names of parameters are the published ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..ops.warp import warp_border

MULTIPLE = 64  # of which the frames are made: another multiple changes the result everywhere
SLOPE = 0.2
CONTEXT = 8  # channels that a block leaves to the next: G


class RIFE(nn.Module):
    """The frame at any time between two others: flows from it to both, coarse to fine."""

    def __init__(self) -> None:
        super().__init__()
        warped = 2 * (3 + 4) + 1 + 1 + CONTEXT  # frames, features; T, M, G
        self.block0 = IFBlock(2 * (3 + 4) + 1, 192, r=16)
        self.block1 = IFBlock(warped + 4, 128, r=8)
        self.block2 = IFBlock(warped + 4, 96, r=4)
        self.block3 = IFBlock(warped + 4, 64, r=2)
        self.block4 = IFBlock(warped + 4, 32, r=1)
        self.encode = Encode()

    def forward(self, first: Tensor, second: Tensor, t: float) -> Tensor:
        """The frame at time t, (B, 3, h, w); first, second: (B, 3, h, w), RGB in [0, 1], any h, w.

        t: in (0, 1). At 0 and 1 it is near the frames but not equal to them.
        """
        height, width = first.shape[-2:]
        I = [pad_to_multiple(first), pad_to_multiple(second)]
        e = [self.encode(I_k) for I_k in I]
        return self.interpolate(I, e, t)[..., :height, :width]

    def interpolate(self, I: Sequence[Tensor], e: Sequence[Tensor], t: float) -> Tensor:
        """The frame at time t from two padded frames I and what `encode` gives for each."""
        F, M = self.flow(I, e, t)[-1]
        I_t0, I_t1 = warp_border(I[0], F[:, :2]), warp_border(I[1], F[:, 2:])
        m = M.sigmoid()
        return m * I_t0 + (1 - m) * I_t1

    def flow(
        self, I: Sequence[Tensor], e: Sequence[Tensor], t: float
    ) -> list[tuple[Tensor, Tensor]]:
        """The flows F and the fusion map M after each block.

        F: (B, 4, H, W) in pixels, from the new frame to the first and to the second.
        M: (B, 1, H, W), the weight of the first before the sigmoid.
        """
        T = torch.full_like(I[0][:, :1], float(t))
        F, M, G = self.block0(torch.cat([*I, *e, T], 1))
        steps = [(F, M)]
        for block in (self.block1, self.block2, self.block3, self.block4):
            flows = F[:, :2], F[:, 2:]
            warped = [warp_border(x, f) for pair in (I, e) for x, f in zip(pair, flows)]
            dF, M, G = block(torch.cat([*warped, T, M, G], 1), F)
            F = F + dF  # M and G are replaced
            steps.append((F, M))
        return steps


class Encode(nn.Module):
    """Four features of a frame at its size: (B, 4, H, W), alike for every pair and time."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn0 = nn.Conv2d(3, 16, 3, 2, 1)
        self.cnn1 = nn.Conv2d(16, 16, 3, 1, 1)
        self.cnn2 = nn.Conv2d(16, 16, 3, 1, 1)
        self.cnn3 = nn.ConvTranspose2d(16, 4, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = lrelu(self.cnn2(lrelu(self.cnn1(lrelu(self.cnn0(x))))))
        features: Tensor = self.cnn3(x)
        return features


class ResConv(nn.Module):
    """A convolution, as much of it as beta says, and its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.conv = nn.Conv2d(channels, channels, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return lrelu(self.beta * self.conv(x) + x)


class IFBlock(nn.Module):
    """The change of the flows, the fusion map and a context, all estimated at 1/r of the size."""

    def __init__(self, inputs: int, channels: int, r: int) -> None:
        super().__init__()
        self.r = r
        self.conv0 = nn.Sequential(
            half_size(inputs, channels // 2), half_size(channels // 2, channels)
        )
        self.convblock = nn.Sequential(*(ResConv(channels) for _ in range(8)))
        self.lastconv = nn.Sequential(
            nn.ConvTranspose2d(channels, 4 * (4 + 1 + CONTEXT), 4, 2, 1), nn.PixelShuffle(2)
        )

    def forward(self, x: Tensor, F: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """dF (B, 4, H, W), M (B, 1, H, W) and G (B, 8, H, W) from x, (B, C, H, W), and the flows."""
        small = resize(x, 1 / self.r)
        if F is not None:
            small = torch.cat([small, resize(F, 1 / self.r) / self.r], 1)
        y = self.lastconv(self.convblock(self.conv0(small)))
        y = resize(y.to(x.dtype), self.r)  # flows need all their digits
        return self.r * y[:, :4], y[:, 4:5], y[:, 5:]


def half_size(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1), nn.LeakyReLU(SLOPE, inplace=True))


def lrelu(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, SLOPE)


def resize(x: Tensor, r: float) -> Tensor:
    """r times the size, bilinear, half-pixel centres, no antialiasing."""
    if r == 1:
        return x
    return functional.interpolate(x, scale_factor=r, mode="bilinear", align_corners=False)


def pad_to_multiple(frame: Tensor) -> Tensor:
    """The frame with zeros below and on the right up to multiples of 64."""
    height, width = frame.shape[-2:]
    return functional.pad(frame, (0, -width % MULTIPLE, 0, -height % MULTIPLE))
