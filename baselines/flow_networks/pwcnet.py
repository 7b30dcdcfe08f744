"""PWC-Net, the optical flow network (Sun et al., CVPR 2018), with dense connections.

Names and shapes are those of the published checkpoints; STVUN and DAIN hold a copy each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn

from ..ops.correlation import correlation
from ..ops.warp import full_precision, warp_border, warp_zero

PYRAMID = (16, 32, 64, 96, 128, 196)  # channels of levels 1 to 6
DENSE = (128, 128, 96, 64, 32)  # channels that each layer of an estimator adds
CONTEXT = ((128, 1), (128, 2), (128, 4), (96, 8), (64, 16), (32, 1))  # channels, dilation
WARPING = {5: 0.625, 4: 1.25, 3: 2.5, 2: 5.0}  # 20 / 2^level: twentieths of a pixel to pixels


class PWCNet(nn.Module):
    """The flow from one image to another, at a quarter of their size.

    warp: "zero" outside the image with a validity mask, as published and in DAIN;
          "border" without, as inside STVUN.
    """

    enlarge = 4  # of frames that its flow is to have the size of

    def __init__(self, warp: Literal["zero", "border"] = "zero") -> None:
        super().__init__()
        self.warp = warp_zero if warp == "zero" else warp_border
        before = 3
        for level, channels in enumerate(PYRAMID, 1):
            for place, name in enumerate(_pyramid_names(level)):
                self.add_module(name, _layer(before, channels, stride=2 if place == 0 else 1))
                before = channels
        for level in (6, 5, 4, 3, 2):
            channels = 81 if level == 6 else 81 + PYRAMID[level - 1] + 4
            for k, more in enumerate(DENSE):
                self.add_module(f"conv{level}_{k}", _layer(channels, more))
                channels += more
            self.add_module(f"predict_flow{level}", _conv(channels, 2))
            self.add_module(f"deconv{level}", nn.ConvTranspose2d(2, 2, 4, 2, 1))  # 2: never used
            if level > 2:
                self.add_module(f"upfeat{level}", nn.ConvTranspose2d(channels, 2, 4, 2, 1))
        for k, (more, dilation) in enumerate(CONTEXT, 1):
            self.add_module(f"dc_conv{k}", _layer(channels, more, dilation=dilation))
            channels = more
        self.dc_conv7 = _conv(channels, 2)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """The flow from `first` to `second`, in twentieths of an input pixel, horizontal first.

        first, second: (B, 3, H, W), H and W multiples of 64. Published weights expect BGR in
        [0, 1]; the copies in DAIN and STVUN something else.
        Returns (B, 2, H/4, W/4).
        """
        return self.flows(self.pyramid(first), self.pyramid(second))[0]

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """The features of an image that flows are found from: levels 2 to 6, at 1/4 to 1/64."""
        if image.shape[-2] % 64 or image.shape[-1] % 64:
            raise ValueError(f"PWC-Net needs multiples of 64, not {tuple(image.shape[-2:])}")
        levels = []
        for level in range(1, 7):
            for name in _pyramid_names(level):
                image = self.get_submodule(name)(image)
            levels.append(image)
        return levels[1:]

    def flows(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> list[Tensor]:
        """The flow from one image to another at levels 2 to 6, finest first.

        first, second: their pyramids.
        Returns five of (B, 2, H / 2^level, W / 2^level), all in twentieths of an input pixel.
        """
        flows = []
        x = self.dense(6, costs(first[-1], second[-1]))
        flow = self._head("predict_flow6", x)
        for level in (5, 4, 3, 2):
            flows.append(flow)
            up = self._head(f"deconv{level + 1}", flow)
            feature = self.get_submodule(f"upfeat{level + 1}")(x)
            here = first[level - 2]
            warped = self.warp(second[level - 2], WARPING[level] * up)
            x = self.dense(level, torch.cat([costs(here, warped), here, up, feature], 1))
            flow = self._head(f"predict_flow{level}", x)
        for k in range(1, 7):
            x = self.get_submodule(f"dc_conv{k}")(x)
        flows.append(flow + self._head("dc_conv7", x))
        return flows[::-1]

    def dense(self, level: int, x: Tensor) -> Tensor:
        """The features of a level: each layer reads those of all before, the newest first."""
        for k in range(len(DENSE)):
            x = torch.cat([self.get_submodule(f"conv{level}_{k}")(x), x], 1)
        return x

    def _head(self, name: str, x: Tensor) -> Tensor:
        """A layer that gives a flow; in full precision, for these are coordinates."""
        with full_precision(x.device):
            return cast(Tensor, self.get_submodule(name)(x.to(self.dc_conv7.weight.dtype)))


def flows_both_ways(
    flow: Callable[[list[Tensor], list[Tensor]], Tensor],
    first: Sequence[Tensor],
    second: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    """The flow from one frame to another, and the flow back: as one batch, by which small maps gain.

    first, second: their pyramids.
    """
    there = [torch.cat(pair) for pair in zip(first, second, strict=True)]
    back = [torch.cat(pair) for pair in zip(second, first, strict=True)]
    f_12, f_21 = flow(there, back).chunk(2)
    return f_12, f_21


def _conv(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation)


def _layer(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    layer = _conv(inputs, outputs, stride, dilation)
    return nn.Sequential(layer, nn.LeakyReLU(0.1, inplace=True))


def _pyramid_names(level: int) -> tuple[str, str, str]:
    """The three layers of a level in order; the names swap roles at the last."""
    ends = ("a", "aa", "b") if level < 6 else ("aa", "a", "b")
    return (f"conv{level}{ends[0]}", f"conv{level}{ends[1]}", f"conv{level}{ends[2]}")


def costs(first: Tensor, second: Tensor) -> Tensor:
    return nn.functional.leaky_relu(correlation(first, second), 0.1)
