"""BasicVSR, recurrent video super-resolution in both directions (Chan et al., CVPR 2021).

x are the frames, b and f the flows to the next and to the previous frame, B and F the features
that come from the last frame backward and from the first one forward, s the features of the
neighbour, moved to the frame. Names of parameters are BasicSR's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from ..edvr.alignment import ResidualBlock, conv, lrelu, upsample
from ..ops.warp import warp_padded
from .spynet import SPyNet


class BasicVSR(nn.Module):
    """Every frame of a sequence four times larger, from all of them.

    channels, blocks: of the features; residual blocks of each direction.
    """

    def __init__(self, channels: int = 64, blocks: int = 30) -> None:
        super().__init__()
        self.channels = channels
        self.spynet = SPyNet()
        self.backward_trunk = Trunk(channels, blocks)
        self.forward_trunk = Trunk(channels, blocks)
        self.fusion = conv(2 * channels, channels, 1)
        self.upconv1 = conv(channels, 4 * channels)
        self.upconv2 = conv(channels, 4 * channels)
        self.conv_hr = conv(channels, channels)
        self.conv_last = conv(channels, 3)

    def forward(self, frames: Tensor) -> Tensor:
        """(B, n, 3, 4h, 4w) from RGB in [0, 1], (B, n, 3, h, w), any n from 1; not clipped."""
        x = frames.unbind(1)
        return torch.stack([*map(self.restore, x, *self.features(x))], 1)

    def features(self, x: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """B and F of every frame, (B, C, h, w) each."""
        n = len(x)
        B: list[Tensor] = []
        F: list[Tensor] = []
        for i in reversed(range(n)):
            s = warp_padded(B[0], self.spynet(x[i], x[i + 1])) if B else None
            B.insert(0, self.backward_features(x[i], s))
        for i in range(n):
            s = warp_padded(F[-1], self.spynet(x[i], x[i - 1])) if F else None
            F.append(self.forward_features(x[i], s))
        return B, F

    def backward_features(self, x: Tensor, s: Tensor | None) -> Tensor:
        """B_i, (B, C, h, w); without a neighbour at the last frame."""
        return self._features(self.backward_trunk, x, s)

    def forward_features(self, x: Tensor, s: Tensor | None) -> Tensor:
        """F_i, (B, C, h, w); without a neighbour at the first frame."""
        return self._features(self.forward_trunk, x, s)

    def restore(self, x: Tensor, B: Tensor, F: Tensor) -> Tensor:
        """The enlarged frame, (B, 3, 4h, 4w)."""
        u = lrelu(self.fusion(torch.cat([B, F], 1)))
        u = lrelu(pixel_shuffle(self.upconv1(u), 2))
        u = lrelu(pixel_shuffle(self.upconv2(u), 2))
        residual: Tensor = self.conv_last(lrelu(self.conv_hr(u)))
        return residual + upsample(x, 4)

    def _features(self, trunk: nn.Module, x: Tensor, s: Tensor | None) -> Tensor:
        if s is None:
            s = x.new_zeros(len(x), self.channels, *x.shape[-2:])
        features: Tensor = trunk(torch.cat([x, s], 1))
        return features


class Trunk(nn.Module):
    """The features of a frame from its pixels and the neighbour's features."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            conv(3 + channels, channels),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks))),
        )

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.main(x)
        return features
