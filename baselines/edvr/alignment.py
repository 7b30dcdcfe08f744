"""Alignment (PCD) and fusion (TSA) of frames: the parts of EDVR that STVUN "w/ A&F" shares.

Wang et al., CVPR workshops 2019, sections 3.2 and 3.3; the numbers of equations are the paper's.
f are the features of a frame, one tensor for each of three levels, full size first; r those of the
reference frame; dP the features that offsets are made of; a the aligned features. Names of
parameters are BasicSR's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..ops.deform_conv import deform

LEVELS = ("l1", "l2", "l3")  # at the whole, half and a quarter of the size


class ResidualBlock(nn.Module):
    """x plus two convolutions of it, without normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv(channels, channels)
        self.conv2 = conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.conv2(functional.relu(self.conv1(x), inplace=True))
        return x + residual


class PairConv(nn.Conv2d):
    """A convolution of the features of two frames: conv(cat([f, r]))."""

    def __init__(self, channels: int) -> None:
        super().__init__(2 * channels, channels, 3, padding=1)

    def forward(self, f: Tensor, r: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(torch.cat([f, r], 1))


class DeformableConv(nn.Module):
    """A modulated deformable 3x3 convolution whose offsets and mask come from other features.

    offset_name: of the layer that makes these, in the state.
    """

    conv_offset: nn.Module

    def __init__(self, channels: int, groups: int, offset_name: str = "conv_offset") -> None:
        super().__init__()
        self.groups, self.offset_name = groups, offset_name
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3))
        self.bias = nn.Parameter(torch.empty(channels))
        self.add_module(offset_name, conv(channels, 27 * groups))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(self.weight[0].numel())
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.zeros_(self.bias)
        self.reset_offsets()

    def reset_offsets(self) -> None:
        """Offsets of zero and masks of 1/2, with which training starts."""
        for parameter in self.get_submodule(self.offset_name).parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, dP: Tensor) -> Tensor:
        offset, mask = self.get_submodule(self.offset_name)(dP).tensor_split((18 * self.groups,), 1)
        return deform(x, offset, torch.sigmoid(mask), self.weight, self.bias)  # (1)


class PCD(nn.Module):
    """Alignment of a frame to the reference frame: pyramid, cascading and deformable (Fig. 3)."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        one, two = channels, 2 * channels
        order = LEVELS[::-1]  # of the published state
        self.offset_conv1 = nn.ModuleDict({level: PairConv(channels) for level in order})
        self.offset_conv2 = nn.ModuleDict(
            {"l3": conv(one, channels), "l2": conv(two, channels), "l1": conv(two, channels)}
        )
        self.offset_conv3 = nn.ModuleDict({level: conv(one, channels) for level in ("l2", "l1")})
        self.dcn_pack = nn.ModuleDict({level: DeformableConv(channels, groups) for level in order})
        self.feat_conv = nn.ModuleDict({level: conv(two, channels) for level in ("l2", "l1")})
        self.cas_offset_conv1 = PairConv(channels)
        self.cas_offset_conv2 = conv(one, channels)
        self.cas_dcnpack = DeformableConv(channels, groups)

    def forward(self, f: Sequence[Tensor], r: Sequence[Tensor]) -> Tensor:
        """The features of a frame in register with the reference: (B, C, h, w)."""
        a = align(lambda name, level: getattr(self, name)[level], f, r)
        dP = lrelu(self.cas_offset_conv2(lrelu(self.cas_offset_conv1(a, r[0]))))
        return lrelu(self.cas_dcnpack(a, dP))


def align(
    layer: Callable[[str, str], nn.Module], f: Sequence[Tensor], r: Sequence[Tensor]
) -> Tensor:
    """PCD's pyramid: f sampled by offsets made of f and r, level by level from the coarsest.

    layer: gives PCD's layer of that name and level.
    """
    dP = lrelu(layer("offset_conv1", "l3")(f[2], r[2]))
    dP = lrelu(layer("offset_conv2", "l3")(dP))  # (2)
    a: Tensor = lrelu(layer("dcn_pack", "l3")(f[2], dP))
    for level, f_l, r_l in (("l2", f[1], r[1]), ("l1", f[0], r[0])):
        here = lrelu(layer("offset_conv1", level)(f_l, r_l))
        # A displacement of one pixel at half the size is one of two here.
        here = lrelu(layer("offset_conv2", level)(torch.cat([here, 2 * upsample(dP)], 1)))
        dP = lrelu(layer("offset_conv3", level)(here))  # (3)
        a = torch.cat([layer("dcn_pack", level)(f_l, dP), upsample(a)], 1)
        a = layer("feat_conv", level)(a)  # (4)
        if level == "l2":
            a = lrelu(a)
    return a


class TSA(nn.Module):
    """Fusion of aligned frames with temporal and spatial attention (Fig. 4)."""

    def __init__(self, channels: int, frames: int) -> None:
        super().__init__()
        self.reference = frames // 2
        self.temporal_attn1 = conv(channels, channels)  # phi
        self.temporal_attn2 = conv(channels, channels)  # theta
        self.feat_fusion = conv(frames * channels, channels, 1)
        self.spatial_attn1 = conv(frames * channels, channels, 1)
        self.spatial_attn2 = conv(2 * channels, channels, 1)
        self.spatial_attn3 = conv(channels, channels)
        self.spatial_attn4 = conv(channels, channels, 1)
        self.spatial_attn5 = conv(channels, channels)
        self.spatial_attn_l1 = conv(channels, channels, 1)
        self.spatial_attn_l2 = conv(2 * channels, channels)
        self.spatial_attn_l3 = conv(channels, channels)
        self.spatial_attn_add1 = conv(channels, channels, 1)
        self.spatial_attn_add2 = conv(channels, channels, 1)

    def forward(self, a: Sequence[Tensor]) -> Tensor:
        """(B, C, h, w) from the aligned features of each frame, (B, C, h, w) each."""
        phi = self.temporal_attn1(a[self.reference])
        h = [(self.temporal_attn2(a_t) * phi).sum(1, keepdim=True).sigmoid() for a_t in a]  # (5)
        weighted = torch.cat([a_t * h_t for a_t, h_t in zip(a, h, strict=True)], 1)  # (6)
        fused: Tensor = lrelu(self.feat_fusion(weighted))  # (7)

        full = lrelu(self.spatial_attn1(weighted))
        half = lrelu(self.spatial_attn2(downsample(full)))
        quarter = lrelu(self.spatial_attn_l2(downsample(lrelu(self.spatial_attn_l1(half)))))
        half = lrelu(self.spatial_attn3(half)) + upsample(lrelu(self.spatial_attn_l3(quarter)))
        s: Tensor = self.spatial_attn5(upsample(lrelu(self.spatial_attn4(half))))
        shift: Tensor = self.spatial_attn_add2(lrelu(self.spatial_attn_add1(s)))
        return fused * 2 * s.sigmoid() + shift


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)


def lrelu(x: Tensor) -> Tensor:
    """Leaky ReLU in place, on the output of a layer that nothing else reads."""
    return functional.leaky_relu(x, 0.1, inplace=True)


def upsample(x: Tensor, scale: int = 2) -> Tensor:
    return functional.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)


def downsample(x: Tensor) -> Tensor:
    """Half the size by maximum and by average, of which the latter counts the zeros around."""
    return torch.cat([functional.max_pool2d(x, 3, 2, 1), functional.avg_pool2d(x, 3, 2, 1)], 1)


def reset_for_training(network: nn.Module) -> None:
    """Bring random weights to where training starts: frames unmoved, residual blocks faint.

    Without that the offsets of an untrained network are noise, and its trunk doubles the
    variance with each of up to 40 blocks.
    """
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, DeformableConv):
                module.reset_offsets()
            elif isinstance(module, ResidualBlock):
                module.conv1.weight.mul_(0.1)
                module.conv2.weight.mul_(0.1)
