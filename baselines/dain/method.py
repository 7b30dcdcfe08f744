"""DAIN as a method: frames of any size in, the frames between them out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..flow_networks.pwcnet import flows_both_ways
from ..method import DTYPES
from ..network_method import CachedFrame, NetworkMethod
from ..ops.warp import full_precision
from ..tiling.box import Box
from ..tiling.tiles import Cut
from .fast import SWAPS
from .modules import SynthesisNet
from .network import DAIN
from .tiled import Side, interpolate


def padding(size: int) -> tuple[int, int]:
    """The padding that DAIN's own program puts before and after a dimension of that size, in pixels.

    >>> padding(448), padding(1080), padding(128)
    ((32, 32), (36, 36), (32, 32))
    """
    missing = -size % 128 or 64
    return missing // 2, missing - missing // 2


class DainFrame(CachedFrame):
    """A frame and what both pairs that hold it read of it."""

    method: DainMethod

    @property
    def box(self) -> Box:
        """Where the frame lies within itself padded."""
        height, width = self.source.shape[-2:]
        top, left = padding(height)[0], padding(width)[0]
        return Box(top, top + height, left, left + width)

    @cached_property
    def pyramid(self) -> list[Tensor]:
        with full_precision(self.method.device):  # flows decide by whole pixels
            return self.method.network.flownets.pyramid(self.pixels)

    @cached_property
    def depth(self) -> Tensor:
        log_depth: Tensor = self.method.network.depthNet(self.pixels)
        return log_depth.to(self.pixels.dtype)

    @cached_property
    def context(self) -> Tensor | None:
        """Large as it is, it is left to be computed by pieces when the work goes by pieces."""
        if self.method.tiles.of(self.source) is not None:
            return None
        # In one type: several would be joined in the widest.
        precision = self.method.precision
        dtype = self.pixels.dtype if precision == "fp32" else DTYPES[precision]
        context = self.method.network.context(self.pixels.to(dtype), self.depth.to(dtype))
        return context.contiguous(memory_format=torch.channels_last)


class DainMethod(NetworkMethod[DAIN, DainFrame]):
    """DAIN between frames in [0, 1], any h and w; the frames themselves pass unchanged."""

    frame_class = DainFrame
    scale = 1
    before, after = 0, 1
    swaps = SWAPS

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return 0, 1 if t else 0

    def compute(self, window: Sequence[DainFrame], times: Sequence[float]) -> Tensor:
        return self.outputs(window, times)  # in tiles, too: they share depth, flows and kernels

    def outputs(self, window: Sequence[DainFrame], times: Sequence[float]) -> Tensor:
        first, second = window
        frames = [first.source.to(self.device)]
        if times:
            sides, box = self.sides(first, second), first.box
            tile = self.tiles.side(box.height, box.width)
            new = [interpolate(self.network, sides, t, box, tile)[0] for t in times]
            frames += [frame.clamp(0, 1) for frame in new]
        return torch.stack(frames)

    def sides(self, first: DainFrame, second: DainFrame) -> list[Side]:
        """Flow, depth, context and kernels of two frames, for all times between them."""
        with full_precision(self.device):
            flows = flows_both_ways(self.network.flow, first.pyramid, second.pyramid)
        kernels = self.network.kernels(first.pixels, second.pixels)
        return [
            Side(frame.pixels, frame.depth, frame.context, flow, kernel)
            for frame, flow, kernel in zip((first, second), flows, kernels, strict=True)
        ]

    def normalize(self, frame: Tensor) -> Tensor:
        """(1, 3, H, W), continued on all sides by its edge as DAIN's own program does it."""
        sides = [*padding(frame.shape[-1]), *padding(frame.shape[-2])]
        dtype = next(self.network.parameters()).dtype
        frame = pad(frame[None].to(self.device, dtype), sides, mode="replicate")
        return frame.contiguous(memory_format=self.layout)

    def cut(self, tile: int) -> Cut:
        """The margin is all that the last network depends on: there are no seams."""
        return Cut(tile, SynthesisNet.PADDING + SynthesisNet.REACH)
