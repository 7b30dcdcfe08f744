"""DAIN's own small networks: context extraction, kernel estimation and frame synthesis.

Bao et al., CVPR 2019, section 3.3.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions without bias around a shortcut, the first one dilated."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            channels, channels, 3, padding=dilation, dilation=dilation, bias=False
        )
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.conv2(functional.relu(self.conv1(x)))
        return functional.relu(x + residual)


class ContextNet(nn.Module):
    """Frames (B, 3, H, W) and what surrounds each of their pixels: (B, 195, H, W)."""

    REACH = 17  # pixels around that an output pixel depends on: 3 + (4 + 1) + (8 + 1)

    def __init__(self) -> None:
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(3, 64, 7, padding=3, bias=False), nn.ReLU())
        self.block2 = ResidualBlock(64, dilation=4)
        self.block3 = ResidualBlock(64, dilation=8)

    def forward(self, x: Tensor) -> Tensor:
        first = self.block1(x)
        second = self.block2(first)
        return torch.cat([x, first, second, self.block3(second)], 1)


class KernelNet(nn.Module):
    """A U-Net on a pair of frames (B, 6, H, W) that gives what both kernel heads read, (B, 16, H, W).

    Its layers carry the numbers of the published state. H and W are multiples of 32.
    """

    DOWN = ((2, 16, 32), (5, 32, 64), (8, 64, 128), (11, 128, 256), (14, 256, 512))
    UP = ((20, 512, 256), (23, 256, 128), (26, 128, 64), (29, 64, 32), (32, 32, 16))

    def __init__(self) -> None:
        super().__init__()
        for number, inputs, outputs in ((0, 6, 16), *self.DOWN, (17, 512, 512), *self.UP):
            self.add_module(str(number), nn.Conv2d(inputs, outputs, 3, padding=1))

    def forward(self, pair: Tensor) -> Tensor:
        x = self.layer(0, pair)
        skipped = []
        for number, _, _ in self.DOWN:
            x = self.layer(number, x)
            skipped.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.layer(17, x)
        for number, _, _ in self.UP:
            x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = self.layer(number, x + skipped.pop())
        return x

    def layer(self, number: int, x: Tensor) -> Tensor:
        return functional.relu(cast(Tensor, self.get_submodule(str(number))(x)), inplace=True)


def kernel_head() -> nn.Sequential:
    """The 16 weights of every pixel's kernel for one of the two frames."""
    return nn.Sequential(
        nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1)
    )


class SynthesisNet(nn.Module):
    """Frame synthesis, the residual of the blend of the warped frames: (B, 437, H, W) to (B, 3, H, W).

    `block1` pads nothing: its input has `PADDING` pixels more on each side, zeros beyond the frame.
    """

    PADDING = 3
    REACH = 7  # pixels around that a pixel of `rest` depends on

    def __init__(self) -> None:
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(437, 128, 7), nn.ReLU())
        self.block2 = ResidualBlock(128)
        self.block3 = ResidualBlock(128)
        self.block4 = ResidualBlock(128)
        self.block5 = nn.Sequential(nn.Conv2d(128, 3, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return self.rest(self.block1(functional.pad(x, 4 * [self.PADDING])))

    def rest(self, x: Tensor) -> Tensor:
        for block in (self.block2, self.block3, self.block4, self.block5):
            x = block(x)
        return x
