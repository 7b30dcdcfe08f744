"""EDVR: the centre of an odd number of frames, four times larger (Wang et al., CVPR workshops 2019).

Names of parameters are BasicSR's; `canonical_name` has those of the other releases.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from .alignment import PCD, TSA, ResidualBlock, conv, lrelu, upsample


class EDVR(nn.Module):
    """The network of Fig. 2.

    channels, groups: of the features; of those, that share an offset.
    frames:           in a window, odd; the one in the middle is enlarged.
    extract_blocks:   residual blocks for each frame. reconstruction_blocks: for each output.
    predeblur:        the form for blurred frames.
    tsa:              attention in the fusion of the frames; else one 1x1 convolution.
    large_channels:   of the features at the output's size.
    """

    def __init__(
        self,
        channels: int = 64,
        frames: int = 5,
        groups: int = 8,
        extract_blocks: int = 5,
        reconstruction_blocks: int = 10,
        predeblur: bool = False,
        tsa: bool = True,
        large_channels: int = 64,
    ) -> None:
        super().__init__()
        if frames % 2 == 0:
            raise ValueError(f"EDVR: a window has an odd number of frames, not {frames}")
        self.frames = frames
        if predeblur:
            self.predeblur = Predeblur(channels)
            self.conv_1x1 = conv(channels, channels, 1)
        else:
            self.conv_first = conv(3, channels)
        self.feature_extraction = residual_blocks(channels, extract_blocks)
        self.conv_l2_1 = conv(channels, channels, stride=2)
        self.conv_l2_2 = conv(channels, channels)
        self.conv_l3_1 = conv(channels, channels, stride=2)
        self.conv_l3_2 = conv(channels, channels)
        self.pcd_align = PCD(channels, groups)
        self.fusion = TSA(channels, frames) if tsa else conv(frames * channels, channels, 1)
        self.reconstruction = residual_blocks(channels, reconstruction_blocks)
        self.upconv1 = conv(channels, 4 * channels)
        self.upconv2 = conv(channels, 4 * large_channels)
        self.conv_hr = conv(large_channels, large_channels)
        self.conv_last = conv(large_channels, 3)

    def forward(self, frames: Tensor) -> Tensor:
        """The centre frame, (B, 3, 4h, 4w) from (B, N, 3, h, w) in [0, 1]; not clipped.

        Raises ValueError for another number of frames, or a size that is not a multiple of 4.
        """
        if frames.dim() != 5 or frames.shape[1:3] != (self.frames, 3):
            shape = tuple(frames.shape)
            raise ValueError(f"EDVR: frames are (B, {self.frames}, 3, h, w), not {shape}")
        X = frames.unbind(1)
        return self.restore([self.features(x) for x in X], X[self.frames // 2])

    def features(self, x: Tensor) -> list[Tensor]:
        """The features of a frame, (B, 3, h, w), at its size, half and a quarter of it."""
        height, width = x.shape[-2:]
        if height % 4 or width % 4:
            raise ValueError(f"EDVR: {width}x{height} is not in multiples of 4")
        if hasattr(self, "predeblur"):
            x = self.conv_1x1(self.predeblur(x))
        else:
            x = lrelu(self.conv_first(x))
        l1 = self.feature_extraction(x)
        l2 = lrelu(self.conv_l2_2(lrelu(self.conv_l2_1(l1))))
        l3 = lrelu(self.conv_l3_2(lrelu(self.conv_l3_1(l2))))
        return [l1, l2, l3]

    def restore(self, f: Sequence[Sequence[Tensor]], centre: Tensor) -> Tensor:
        """The enlarged centre frame from the features of every frame and its own pixels."""
        aligned = [self.pcd_align(f_t, f[self.frames // 2]) for f_t in f]
        fused = self.fusion(aligned if isinstance(self.fusion, TSA) else torch.cat(aligned, 1))
        x = self.reconstruction(fused)
        x = lrelu(pixel_shuffle(self.upconv1(x), 2))
        x = lrelu(pixel_shuffle(self.upconv2(x), 2))
        residual: Tensor = self.conv_last(lrelu(self.conv_hr(x)))
        return residual + upsample(centre, 4)


class Predeblur(nn.Module):
    """The features of a blurred frame, by a pyramid of three levels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_first = conv(3, channels)
        self.stride_conv_l2 = conv(channels, channels, stride=2)
        self.stride_conv_l3 = conv(channels, channels, stride=2)
        self.resblock_l3 = ResidualBlock(channels)
        self.resblock_l2_1 = ResidualBlock(channels)
        self.resblock_l2_2 = ResidualBlock(channels)
        self.resblock_l1 = residual_blocks(channels, 5)

    def forward(self, x: Tensor) -> Tensor:
        l1 = lrelu(self.conv_first(x))
        l2 = lrelu(self.stride_conv_l2(l1))
        l3 = lrelu(self.stride_conv_l3(l2))
        l2 = self.resblock_l2_1(l2) + upsample(self.resblock_l3(l3))
        l1 = self.resblock_l1[:2](l1) + upsample(self.resblock_l2_2(l2))
        features: Tensor = self.resblock_l1[2:](l1)
        return features


def residual_blocks(channels: int, number: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(number)))
