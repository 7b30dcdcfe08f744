"""FISR as a method: frames in [0, 1] of any size in, twice the size and twice the rate out."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ..method import (
    HALF,
    IsWanted,
    Method,
    Outputs,
    Settings,
    everything,
    require_halfway,
    windows,
)
from ..network_method import CachedFrame
from ..tiling.box import Box
from ..tiling.tiles import Cut, Tiles, by_tiles
from .inputs import doubled, halved, joined, rgb_from_yuv, warped_halfway, yuv_from_rgb
from .network import FISR, MULTIPLE
from .pwcnet import FISRPWCNet, enlarged

UNTRAINED_RESIDUE = 0.1  # of what `initialise` gives; 45 blocks in a row would explode otherwise


def quieten(network: FISR) -> None:
    """Make the residual blocks of random weights small, as in a network that training starts on."""
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "res_block" in name and name.endswith("conv_1.weight"):
                weight.mul_(UNTRAINED_RESIDUE)


class FisrMethod(Method):
    """The published protocol. Windows of three frames give three: k - 1/2, k and k + 1/2.

    A frame between two others is in two windows and is taken from the later one, as first of its
    three; only the very last, for which there is no later window, is the third of its window.
    What windows share (colours, features, flows, warped frames) is computed once.
    """

    scale = 2

    def __init__(
        self,
        network: FISR,
        flow_network: FISRPWCNet,
        settings: Settings,
        name: str = "fisr",
        weights: str = "",
    ) -> None:
        self.name, self.weights = name, weights
        self.device = torch.device(settings.device)
        self.precision, self.tiles = settings.precision, Tiles(settings)
        on_gpu = self.device.type == "cuda"
        layout = torch.channels_last if on_gpu else torch.contiguous_format
        # Copies: the caller may go on training them.
        network, flow_network = copy.deepcopy((network, flow_network))
        self.network = network.eval().to(self.device).to(memory_format=layout)
        self.flow_network = flow_network.eval().to(self.device).to(memory_format=layout)

    def networks(self) -> list[nn.Module]:
        return [self.network, self.flow_network]

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return (0, 2) if t else (1, 1)

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
    ) -> Outputs:
        require_halfway("fisr", times)
        cached = (FisrFrame(self, frame) for frame in frames)
        second: CachedPair | None = None
        for k, ((*window, beyond), last) in enumerate(windows(cached, 1, 2)):
            next_is_last = not last and beyond is window[2]
            first = second or CachedPair(window[0], window[1])
            second = CachedPair(window[1], window[2])
            exists = [
                bool(times) and k > 0 and not (last and k > 1),
                True,
                bool(times) and k > 0 and next_is_last,
            ]
            asked = [
                (place, t)
                for place, t in enumerate((k - HALF, float(k), k + HALF))
                if exists[place] and is_wanted(t)
            ]
            if not asked:
                continue
            with self.computing():
                yuv = self.predicted(window, (first, second))
                # The authors truncate to bytes before and after this conversion; it would darken
                # by half a level each time.
                outputs = [(t, rgb_from_yuv(255 * yuv[place]) / 255) for place, t in asked]
                del yuv
            yield from outputs

    def predicted(self, frames: Sequence[FisrFrame], pairs: Sequence[CachedPair]) -> Tensor:
        """The three frames of a window, (3, 3, 2h, 2w), YUV in [0, 1].

        frames: three in a row. pairs: the first two of them, and the last two.
        """
        flows = torch.cat([flow for pair in pairs for flow in pair.flows])
        warped = torch.cat([frame for pair in pairs for frame in pair.warped])
        yuv = torch.cat([frame.yuv for frame in frames])
        height, width = yuv.shape[-2:]
        window = joined(yuv[None], flows[None], warped[None])
        window = pad(window, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="replicate")
        large = self.enlarged(window, self.tiles.side(height, width))[0]
        return large[..., : 2 * height, : 2 * width].clamp_(0, 1)

    def enlarged(self, window: Tensor, tile: int | None) -> Tensor:
        """The network's output, by tiles of that side if there is one: (1, 3, 3, 2h, 2w)."""

        def compute(around: Box) -> Tensor:
            with self.autocast():
                output: Tensor = self.network(around.cut(window))
            return output.to(window.dtype)

        whole = Box.whole(window)
        if tile is None:
            return compute(whole)
        return by_tiles(whole, 2, self.cut(tile), compute)

    def cut(self, tile: int) -> Cut:
        """The authors' margin of 32 pixels; the network sees farther, so there are seams."""
        return Cut.on_grid(tile, MULTIPLE)

    def flow(self, first: FisrFrame, second: FisrFrame) -> Tensor:
        """From one frame to another, (1, 2, h, w) in pixels."""
        height, width = first.yuv.shape[-2:]
        tile = self.tiles.side(height, width)
        with self.autocast():
            flow = self.flow_network.flows(first.pyramid, second.pyramid, tile=tile)[0]
        return halved(enlarged(flow)[..., : 2 * height, : 2 * width])


class FisrFrame(CachedFrame):
    """A frame and what is computed of it alone, once, when first asked for."""

    method: FisrMethod

    @cached_property
    def yuv(self) -> Tensor:
        """(1, 3, h, w), whole numbers: the network was trained on YUV files of 8 bits."""
        dtype = next(self.method.network.parameters()).dtype
        frame = self.source[None].to(self.method.device, dtype)
        return (yuv_from_rgb(255 * frame) + 0.5).floor()

    @property
    def rgb(self) -> Tensor:
        return rgb_from_yuv(self.yuv)

    @cached_property
    def pyramid(self) -> list[Tensor]:
        """The flow network's features of the frame at twice its size."""
        large = doubled(self.rgb).floor() / 255  # truncated to bytes, as published
        with self.method.autocast():
            return self.method.flow_network.pyramid(large)


class CachedPair:
    """The flows between two successive frames and what they warp, once, when asked for."""

    def __init__(self, first: FisrFrame, second: FisrFrame) -> None:
        self.first, self.second = first, second

    @cached_property
    def flows(self) -> tuple[Tensor, Tensor]:
        """From the first to the second and back, (1, 2, h, w) each, in pixels."""
        method = self.first.method
        return method.flow(self.first, self.second), method.flow(self.second, self.first)

    @cached_property
    def warped(self) -> tuple[Tensor, Tensor]:
        """Two estimates of the frame halfway, (1, 3, h, w) each, YUV in [0, 255]."""
        there, back = self.flows
        return warped_halfway(self.second.rgb, there), warped_halfway(self.first.rgb, back)
