"""The flow network that FISR uses: tfoptflow's PWC-Net "lg-6-2" (Phil Ferriere, 2018).

It is not NVIDIA's (`pwcnet.py`): every level's flow is in that level's own pixels and has a
context network of its own, strides are padded at the right and below only, and features are
warped against the flow, with its axes exchanged, to which the trained weights are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..flow_networks.pwcnet import CONTEXT, DENSE, PYRAMID, WARPING, costs
from ..ops.correlation import RADIUS
from ..ops.warp import full_precision, warp_border
from ..tiling.box import Box
from ..tiling.tiles import Cut, by_tiles
from .network import enlarge_from_corner

MULTIPLE = 64
# Pixels around one of level 2 that its flow depends on: by the costs, the estimator, the context.
REACH = RADIUS + len(DENSE) + sum(dilation for _, dilation in CONTEXT) + 1


class FISRPWCNet(nn.Module):
    """The flow from one image to another, at their own size.

    The names in its state are the last parts of TensorFlow's, as `convert` translates them.
    """

    def __init__(self) -> None:
        super().__init__()
        before = 3
        for level, channels in enumerate(PYRAMID, 1):
            for place, name in enumerate(_pyramid_names(level)):
                convolution = nn.Conv2d(before, channels, 3, *((2, 0) if place == 0 else (1, 1)))
                self.add_module(name, convolution)
                before = channels
        for level in (6, 5, 4, 3, 2):
            channels = 81 if level == 6 else 81 + PYRAMID[level - 1] + 4
            for k, more in enumerate(DENSE):
                self.add_module(f"conv{level}_{k}", nn.Conv2d(channels, more, 3, padding=1))
                channels += more
            self.add_module(f"flow{level}", nn.Conv2d(channels, 2, 3, padding=1))
            inner = channels
            for k, (more, dilation) in enumerate((*CONTEXT, (2, 1)), 1):
                convolution = nn.Conv2d(inner, more, 3, padding=dilation, dilation=dilation)
                self.add_module(f"dc_conv{level}{k}", convolution)
                inner = more
            if level > 2:
                self.add_module(f"up_flow{level}", nn.ConvTranspose2d(2, 2, 4, 2, 1))
                self.add_module(f"up_feat{level}", nn.ConvTranspose2d(channels, 2, 4, 2, 1))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """The flow from `first` to `second` in pixels, horizontal first: (B, 2, H, W).

        first, second: (B, 3, H, W), RGB in [0, 1]; any H and W.
        """
        height, width = first.shape[-2:]
        flow = self.flows(self.pyramid(first), self.pyramid(second))[0]
        return enlarged(flow)[..., :height, :width]

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """The features of an image that flows are found from: levels 2 to 6, at 1/4 to 1/64.

        Sides that are no multiples of 64 are continued by zeros at the right and below.
        """
        height, width = image.shape[-2:]
        image = functional.pad(image, (0, -width % MULTIPLE, 0, -height % MULTIPLE))
        levels = []
        for level in range(1, 7):
            for place, name in enumerate(_pyramid_names(level)):
                if place == 0:  # "same" padding of a stride of 2 as TensorFlow does it
                    image = functional.pad(image, (0, 1, 0, 1))
                image = functional.leaky_relu(self.get_submodule(name)(image), 0.1)
            levels.append(image)
        return levels[1:]

    def flows(
        self, first: Sequence[Tensor], second: Sequence[Tensor], *, tile: int | None = None
    ) -> list[Tensor]:
        """The flow at levels 2 to 6, finest first, each in pixels of its level.

        first, second: the pyramids of the images.
        tile: side of the pieces in which level 2, which takes three quarters of the memory, is
              worked on; None is the whole. It changes the result by no more than rounding.

        Returns five of (B, 2, H / 2^level, W / 2^level), of the padded H and W.
        """
        x = self._dense(6, costs(first[-1], second[-1]))
        flows = [self._flow(6, x)]
        for level in (5, 4, 3, 2):
            up = self._head(f"up_flow{level + 1}", flows[-1])
            feature = self.get_submodule(f"up_feat{level + 1}")(x)
            here = first[level - 2]
            # The units are NVIDIA's, learnt with.
            warped = warp_against(second[level - 2], WARPING[level] * up)
            if level == 2 and tile is not None:
                flows.append(self._by_tiles([here, warped, up, feature], tile))
            else:
                x = self._estimated(level, here, warped, up, feature)
                flows.append(self._flow(level, x))
        return flows[::-1]

    def _by_tiles(self, parts: Sequence[Tensor], tile: int) -> Tensor:
        """The flow of level 2, of pieces of so many pixels with all that they depend on."""
        cut = Cut(max(tile - 2 * REACH, REACH), REACH)

        def compute(around: Box) -> Tensor:
            return self._flow(2, self._estimated(2, *(around.cut(part) for part in parts)))

        return by_tiles(Box.whole(parts[0]), 1, cut, compute)

    def _estimated(
        self, level: int, here: Tensor, warped: Tensor, up: Tensor, feature: Tensor
    ) -> Tensor:
        return self._dense(level, torch.cat([costs(here, warped), here, up, feature], 1))

    def _flow(self, level: int, x: Tensor) -> Tensor:
        return self._head(f"flow{level}", x) + self._context(level, x)

    def _dense(self, level: int, x: Tensor) -> Tensor:
        for k in range(len(DENSE)):
            new = functional.leaky_relu(self.get_submodule(f"conv{level}_{k}")(x), 0.1)
            x = torch.cat([new, x], 1)
        return x

    def _context(self, level: int, x: Tensor) -> Tensor:
        """What the context network of a level adds to its flow."""
        for k in range(1, len(CONTEXT) + 1):
            x = functional.leaky_relu(self.get_submodule(f"dc_conv{level}{k}")(x), 0.1)
        return self._head(f"dc_conv{level}7", x)

    def _head(self, name: str, x: Tensor) -> Tensor:
        """A layer that gives a flow; in full precision, for these are coordinates."""
        layer = self.get_submodule(name)
        with full_precision(x.device):
            return cast(Tensor, layer(x.to(cast(Tensor, layer.weight).dtype)))


def enlarged(flow: Tensor) -> Tensor:
    """The flow of level 2 at the size, and in pixels, of the images."""
    return 4 * enlarge_from_corner(flow, 4)


def warp_against(image: Tensor, flow: Tensor) -> Tensor:
    """`image` read at (x - flow[1], y - flow[0]), bilinear, positions clamped to the image."""
    return warp_border(image, -flow.flip(1))


def _pyramid_names(level: int) -> tuple[str, str, str]:
    return f"conv{level}a", f"conv{level}aa", f"conv{level}b"
