"""Alignment of the features of two frames to the moment between them: EDVR's PCD in pairs, without its cascade.

Xiang et al., CVPR 2020, section 3.1. F are the features of a frame, one tensor for each of three
levels, full size first. Names of parameters are the authors'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..edvr.alignment import DeformableConv, PairConv, conv, lrelu, upsample


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
        """x sampled by offsets made of both, level by level from the coarsest."""

        def layer(name: str) -> Any:
            return getattr(self, f"{name}_{side}")

        dp = lrelu(layer("L3_offset_conv1")(x[2], y[2]))
        dp = lrelu(layer("L3_offset_conv2")(dp))
        s: Tensor = lrelu(layer("L3_dcnpack")(x[2], dp))
        for level, x_l, y_l in (("L2", x[1], y[1]), ("L1", x[0], y[0])):
            here = lrelu(layer(f"{level}_offset_conv1")(x_l, y_l))
            # A displacement of one pixel at half the size is one of two here.
            here = torch.cat([here, 2 * upsample(dp)], 1)
            here = lrelu(layer(f"{level}_offset_conv2")(here))
            dp = lrelu(layer(f"{level}_offset_conv3")(here))
            s = torch.cat([layer(f"{level}_dcnpack")(x_l, dp), upsample(s)], 1)
            s = layer(f"{level}_fea_conv")(s)
            if level == "L2":
                s = lrelu(s)
        return s


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
