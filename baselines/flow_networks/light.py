"""A light flow network for the compact sizes of STVUN: PWC-Net's plan, at the frames' own size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate

from ..ops.correlation import RADIUS, correlation
from ..ops.warp import full_precision, warp_border

PYRAMID = (16, 24, 32, 48)  # channels at 1, 1/2, 1/4 and 1/8 of the frames' size
SHARPNESS = 20.0  # of the softmax over similarities, which are cosines; a factor to it is learnt


class LightFlow(nn.Module):
    """The flow from one frame to another, at their size: a pyramid, costs, and warping.

    As in PWC-Net (Sun et al., CVPR 2018), the flow of a level corrects that of the coarser one,
    found by a cost volume between the first frame's features and the second's, warped. At the
    full size the volume would cost more than the rest, and the warped features stand in its place.

    PWC-Net's layers must learn to read displacements off the volume, a long training. Here each
    place first moves by the mean displacement under a softmax of its similarities, as GMFlow does
    for whole images (Xu et al., CVPR 2022), and the layers correct that. How much less a match
    counts the further away it is, is learnt: of a repeating texture the mean match fits none.
    """

    enlarge = 1  # of frames that its flow is to have the size of

    def __init__(self) -> None:
        super().__init__()
        self.predict0: nn.Conv2d
        before = 3
        for level, channels in enumerate(PYRAMID):
            stride = 2 if level else 1
            self.add_module(
                f"level{level}",
                nn.Sequential(_layer(before, channels, stride), _layer(channels, channels)),
            )
            seen = 2 * channels + 2 if level == 0 else 81 + channels + 2
            self.add_module(
                f"correct{level}",
                nn.Sequential(
                    _layer(seen, 16 if level == 0 else 48), _layer(16 if level == 0 else 48, 32)
                ),
            )
            self.add_module(f"predict{level}", nn.Conv2d(32, 2, 3, 1, 1))
            if level:
                self.register_parameter(f"sharpness{level}", nn.Parameter(torch.zeros(())))
                self.register_parameter(f"nearness{level}", nn.Parameter(torch.zeros(())))
            before = channels

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """The flow from `first` to `second`, (B, 2, h, w) in pixels, horizontal first.

        first, second: (B, 3, h, w) in [-1, 1], h and w multiples of 8.
        """
        return self.flows(self.pyramid(first), self.pyramid(second))[0]

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """The features of an image that flows are found from, at 1, 1/2, 1/4 and 1/8."""
        if image.shape[-2] % 8 or image.shape[-1] % 8:
            raise ValueError(f"the flow network needs multiples of 8, not {tuple(image.shape)}")
        levels = []
        for level in range(len(PYRAMID)):
            image = self.get_submodule(f"level{level}")(image)
            levels.append(image)
        return levels

    def flows(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> list[Tensor]:
        """The flow at 1, 1/2, 1/4 and 1/8 of the size, finest first, each in its own pixels."""
        found: list[Tensor] = []
        flow = first[-1].new_zeros(first[-1].shape[0], 2, *first[-1].shape[-2:]).float()
        for level in reversed(range(len(PYRAMID))):
            here, there = first[level], second[level]
            if found:
                flow = 2 * interpolate(flow, scale_factor=2, mode="bilinear", align_corners=False)
                there = warp_border(there, flow.to(there.dtype))
            compared = there
            if level:
                compared = similarity(here, there)
                flow = flow + self._matched(compared, level)
            # Not the flow itself, or what was learnt of slow motion would undo a fast one.
            uneven = flow - avg_pool2d(flow, 5, 1, 2, count_include_pad=False)
            x = torch.cat([compared, here, uneven.to(here.dtype)], 1)
            x = self.get_submodule(f"correct{level}")(x)
            with full_precision(x.device):  # these are coordinates
                weights = self.predict0.weight.dtype
                flow = flow + self.get_submodule(f"predict{level}")(x.to(weights))
            found.append(flow)
        return found[::-1]

    def _matched(self, similar: Tensor, level: int) -> Tensor:
        """The displacement that similarities, (B, 81, h, w), speak for: (B, 2, h, w)."""
        with full_precision(similar.device):
            similar = similar.to(torch.promote_types(similar.dtype, torch.float32))
            around = avg_pool2d(similar, 3, 1, 1, count_include_pad=False)
            sharpness = SHARPNESS * self.get_parameter(f"sharpness{level}").to(similar).exp()
            steps = torch.arange(-RADIUS, RADIUS + 1, device=similar.device)
            offsets = torch.stack(torch.meshgrid(steps, steps, indexing="xy")).to(similar)
            offsets = offsets.view(2, -1, 1, 1)
            far = offsets.square().sum(0) * self.get_parameter(f"nearness{level}").to(similar)
            return conv2d(((around - far) * sharpness).softmax(1), offsets)


def similarity(first: Tensor, second: Tensor) -> Tensor:
    """The cosine between features, less their mean nearby, and those up to 4 pixels away.

    first, second: (B, C, h, w). Returns (B, 81, h, w) in [-1, 1], as `correlation` orders them.
    """
    contrasts = []
    for one in (first, second):
        one = one - avg_pool2d(one, 5, 1, 2, count_include_pad=False)
        contrasts.append(one * torch.rsqrt(one.float().square().sum(1, True) + 1e-4).to(one.dtype))
    return correlation(contrasts[0], contrasts[1]) * first.shape[1]


def optical_flow(first: Tensor, second: Tensor) -> Tensor:
    """The flow by DIS (Kroeger et al., ECCV 2016) from frames to others, which LightFlow learns by.

    first, second: (B, 3, H, W), RGB in [-1, 1]. Returns (B, 2, H, W) in pixels, horizontal first.
    """
    import cv2  # only where a flow network is trained

    estimator: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    greys = [
        ((one.float().mean(1) + 1) * 127.5).clamp(0, 255).round().byte().cpu().numpy()
        for one in (first, second)
    ]
    flows = [estimator.calc(one, two, None) for one, two in zip(*greys, strict=True)]
    return torch.stack([torch.from_numpy(flow) for flow in flows]).permute(0, 3, 1, 2).to(first)


def _layer(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1), nn.LeakyReLU(0.1))
