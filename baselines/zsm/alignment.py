"""Alignment of the features of two frames to the moment between them: EDVR's PCD in pairs, without its cascade.

Xiang et al., CVPR 2020, section 3.1. F are the features of a frame, one tensor for each of three
levels, full size first. Names of parameters are the authors'.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..edvr.alignment import DeformableConv, PairConv, align, conv, lrelu


class PairAlignment(nn.Module):
    """Either of two features sampled where the other one says, side by side: twice the channels."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        for side in (1, 2):  # with separate weights
            for level in ("L3", "L2", "L1"):
                self.add_module(f"{level}_offset_conv1_{side}", PairConv(channels))
                wide = channels if level == "L3" else 2 * channels
                self.add_module(f"{level}_offset_conv2_{side}", conv(wide, channels))
                if level != "L3":
                    self.add_module(f"{level}_offset_conv3_{side}", conv(channels, channels))
                self.add_module(
                    f"{level}_dcnpack_{side}", DeformableConv(channels, groups, "conv_offset_mask")
                )
                if level != "L3":
                    self.add_module(f"{level}_fea_conv_{side}", conv(2 * channels, channels))

    def forward(self, F_1: Sequence[Tensor], F_3: Sequence[Tensor]) -> Tensor:
        return torch.cat([self.sample(1, F_1, F_3), self.sample(2, F_3, F_1)], 1)

    def sample(self, side: int, x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
        """x sampled by offsets made of both."""
        ours = {"dcn_pack": "dcnpack", "feat_conv": "fea_conv"}
        return align(
            lambda name, level: getattr(self, f"{level.upper()}_{ours.get(name, name)}_{side}"),
            x,
            y,
        )


class Interpolation(nn.Module):
    """The features between two others, or a state brought to a frame: alignment and a blend.

    The layers are added by `add_interpolation`, for their place among others is part of the state.
    """

    def add_interpolation(self, channels: int, groups: int) -> None:
        self.fea_L2_conv1 = conv(channels, channels, stride=2)
        self.fea_L2_conv2 = conv(channels, channels)
        self.fea_L3_conv1 = conv(channels, channels, stride=2)
        self.fea_L3_conv2 = conv(channels, channels)
        self.pcd_align = PairAlignment(channels, groups)
        self.fusion = conv(2 * channels, channels, 1)

    def pyramid(self, f: Tensor) -> list[Tensor]:
        """Features at their size, half and a quarter of it."""
        l2 = lrelu(self.fea_L2_conv2(lrelu(self.fea_L2_conv1(f))))
        l3 = lrelu(self.fea_L3_conv2(lrelu(self.fea_L3_conv1(l2))))
        return [f, l2, l3]

    def between(self, F_1: Sequence[Tensor], F_3: Sequence[Tensor]) -> Tensor:
        """F_2, full size, from two pyramids."""
        F_2: Tensor = self.fusion(self.pcd_align(F_1, F_3))
        return F_2
