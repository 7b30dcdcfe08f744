"""EDVR's alignment and fusion of frames: what EDVR and STVUN `w/ A&F` have in common.

PCD brings the features of a frame into register with those of the centre frame by deformable
convolutions on a pyramid; TSA weights and fuses the aligned frames (Wang et al., CVPR workshops
2019, sections 3.2 and 3.3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..acceleration.legacy import Convolution, convolve
from ..ops.deform_conv import deform

Levels = tuple[Tensor, Tensor, Tensor]

SLOPE = 0.1  # of LeakyReLU


def conv1(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 1)


def conv3(inputs: int, outputs: int, stride: int = 1) -> Convolution:
    return Convolution(inputs, outputs, stride=stride)


def active(x: Tensor) -> Tensor:
    """LeakyReLU in the place of its argument: give it only what was just made."""
    return F.leaky_relu(x, SLOPE, inplace=True)


def larger(x: Tensor, times: int) -> Tensor:
    return F.interpolate(x, scale_factor=times, mode="bilinear", align_corners=False)


class Residual(nn.Module):
    """A residual block without normalisation, with a plain ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv3(channels, channels)
        self.conv2 = conv3(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv2(self.conv1(x, slope=0.0), added=x)
        return made


class Deformable(nn.Module):
    """A modulated deformable convolution whose offsets and mask come from other features."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3))
        self.bias = nn.Parameter(torch.empty(channels))
        self.conv_offset = conv3(channels, 27 * groups)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(self.weight[0].numel())
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.zeros_(self.bias)
        self.start()

    def start(self) -> None:
        """Offsets of zero and masks of 1/2, with which training starts."""
        for parameter in self.conv_offset.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        offset, mask = self.conv_offset(guide).tensor_split((18 * self.groups,), 1)
        return deform(x, offset, torch.sigmoid(mask), self.weight, self.bias)


class Analysis(NamedTuple):
    """What the alignment needs of one frame, on three levels, full size first.

    levels: the features, (B, C, h / s, w / s).
    moving: the part of the first offset layer that reads them when they are to be aligned.
    centre: the part that reads them when others are aligned to them, with the bias.
    """

    levels: Levels
    moving: Levels
    centre: Levels


class Pyramid(nn.Module):
    """PCD: pyramid, cascading and deformable alignment of frames to one of them."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        pair, one = (2 * channels, channels), (channels, channels)
        self.offset_conv1 = nn.ModuleDict({level: conv3(*pair) for level in ("l3", "l2", "l1")})
        self.offset_conv2 = nn.ModuleDict(
            {"l3": conv3(*one), "l2": conv3(*pair), "l1": conv3(*pair)}
        )
        self.offset_conv3 = nn.ModuleDict({level: conv3(*one) for level in ("l2", "l1")})
        self.dcn_pack = nn.ModuleDict(
            {level: Deformable(channels, groups) for level in ("l3", "l2", "l1")}
        )
        self.feat_conv = nn.ModuleDict({level: conv3(*pair) for level in ("l2", "l1")})
        self.cas_offset_conv1 = conv3(*pair)
        self.cas_offset_conv2 = conv3(*one)
        self.cas_dcnpack = Deformable(channels, groups)

    def analyse(self, levels: Levels) -> Analysis:
        """The first offset layer is linear in both frames: each half of it once for each frame."""
        l1, l2, l3 = (
            _both_halves(self.offset_conv1[level], features)
            for level, features in zip(("l1", "l2", "l3"), levels, strict=True)
        )
        return Analysis(levels, (l1[0], l2[0], l3[0]), (l1[1], l2[1], l3[1]))

    def forward(self, frames: Sequence[Analysis], centre: Analysis) -> list[Tensor]:
        """The features of every frame in register with those of the centre, (B, C, h, w) each."""
        layer = self.cas_offset_conv1
        channels = layer.out_channels
        anchor = convolve(centre.levels[0], layer.weight[:, channels:], layer.bias)
        aligned = []
        for frame in frames:
            a = self._align(frame, centre)
            o = convolve(a, layer.weight[:, :channels], added=anchor, slope=SLOPE)
            aligned.append(active(self.cas_dcnpack(a, active(self.cas_offset_conv2(o)))))
        return aligned

    def _align(self, frame: Analysis, centre: Analysis) -> Tensor:
        o = active(frame.moving[2] + centre.centre[2])
        o = active(self.offset_conv2["l3"](o))
        a = active(self.dcn_pack["l3"](frame.levels[2], o))
        for number, level in ((1, "l2"), (0, "l1")):
            # A displacement of one pixel at half the size is one of two here.
            o, below = active(frame.moving[number] + centre.centre[number]), larger(2 * o, 2)
            o = active(self.offset_conv2[level](torch.cat([o, below], 1)))
            o = active(self.offset_conv3[level](o))
            a = torch.cat([self.dcn_pack[level](frame.levels[number], o), larger(a, 2)], 1)
            a = self.feat_conv[level](a)
            if level == "l2":
                a = active(a)
        return a


def _both_halves(layer: nn.Module, features: Tensor) -> tuple[Tensor, Tensor]:
    """A layer over [moving | centre] as two: its reading of the first, and of the second."""
    assert isinstance(layer, nn.Conv2d) and layer.bias is not None
    weight = torch.cat(layer.weight.chunk(2, 1))
    bias = torch.cat([torch.zeros_like(layer.bias), layer.bias])
    first, second = convolve(features, weight, bias).chunk(2, 1)
    return first, second


class Fusion(nn.Module):
    """TSA: the aligned frames weighted by their likeness to the centre, fused and modulated."""

    def __init__(self, channels: int, frames: int) -> None:
        super().__init__()
        self.centre = frames // 2
        self.temporal_attn1 = conv3(channels, channels)
        self.temporal_attn2 = conv3(channels, channels)
        self.feat_fusion = conv1(frames * channels, channels)
        self.spatial_attn1 = conv1(frames * channels, channels)
        self.spatial_attn2 = conv1(2 * channels, channels)
        self.spatial_attn3 = conv3(channels, channels)
        self.spatial_attn4 = conv1(channels, channels)
        self.spatial_attn5 = conv3(channels, channels)
        self.spatial_attn_l1 = conv1(channels, channels)
        self.spatial_attn_l2 = conv3(2 * channels, channels)
        self.spatial_attn_l3 = conv3(channels, channels)
        self.spatial_attn_add1 = conv1(channels, channels)
        self.spatial_attn_add2 = conv1(channels, channels)

    def forward(self, aligned: Sequence[Tensor]) -> Tensor:
        """(B, C, h, w) from the features of each frame, (B, C, h, w) each."""
        centre = self.temporal_attn1(aligned[self.centre])
        likeness = [(self.temporal_attn2(a) * centre).sum(1, keepdim=True) for a in aligned]
        weighted = torch.cat(
            [a * torch.sigmoid(one) for a, one in zip(aligned, likeness, strict=True)], 1
        )
        # Two layers that read the same are one of twice the outputs.
        weight = torch.cat([self.feat_fusion.weight, self.spatial_attn1.weight])
        bias = torch.cat([_bias(self.feat_fusion), _bias(self.spatial_attn1)])
        fused, s = active(F.conv2d(weighted, weight, bias)).chunk(2, 1)

        s = active(self.spatial_attn2(_pooled(s)))
        below = active(self.spatial_attn_l2(_pooled(active(self.spatial_attn_l1(s)))))
        below = active(self.spatial_attn_l3(below))
        s = active(self.spatial_attn3(s)) + larger(below, 2)
        s = self.spatial_attn5(larger(active(self.spatial_attn4(s)), 2))
        added: Tensor = self.spatial_attn_add2(active(self.spatial_attn_add1(s)))
        return fused * (2 * torch.sigmoid(s)) + added


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _pooled(x: Tensor) -> Tensor:
    """Half the size by maximum and by average, of which the latter counts the zeros around."""
    return torch.cat([F.max_pool2d(x, 3, 2, 1), F.avg_pool2d(x, 3, 2, 1)], 1)


def as_training_starts(network: nn.Module) -> None:
    """Bring random weights to where training starts: frames unmoved, residual blocks faint.

    Without that the offsets of an untrained network are noise, and its trunk doubles the
    variance with each of up to 40 blocks.
    """
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, Deformable):
                module.start()
            elif isinstance(module, Residual):
                module.conv1.weight.mul_(0.1)
                module.conv2.weight.mul_(0.1)
