"""DAIN as a method: frames of any size in, the frames between them out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ..acceleration.processor import memory_format_for
from ..acceleration.swap import accelerate
from ..method import DTYPES, Method, Outputs, Settings, Wanted, WindowMethod, everything, windows
from ..ops.warp import full_precision
from ..tiling.box import Box
from ..tiling.tiles import Cut, Tiles
from ..weights.load import State, give_weights
from .fused import SWAPS
from .modules import SynthesisNet
from .network import DAIN
from .tiled import Pair, interpolate, log_depth

SPARE = r"num_batches_tracked$|^flownets\.deconv2\."  # entries that take no part in the result


def dain_method(settings: Settings) -> Method:
    """DAIN with the weights that the settings name."""
    network = DAIN()
    known = network.state_dict().keys()

    def only_known(state: State) -> State:
        return {key: value for key, value in state.items() if key in known}

    weights = give_weights(network, "dain", settings, only_known, spare=SPARE)
    return DainMethod(network, settings, weights)


def padding(size: int) -> tuple[int, int]:
    """How many pixels DAIN's own program puts before and after a dimension of that size.

    >>> padding(448), padding(1080), padding(128)
    ((32, 32), (36, 36), (32, 32))
    """
    missing = -size % 128 or 64
    return missing // 2, missing - missing // 2


class DainMethod(WindowMethod):
    """DAIN between frames in [0, 1], any h and w; the frames themselves pass unchanged.

    `stream` computes once what successive pairs and the times of a pair share.
    """

    name = "dain"
    scale = 1
    before = 0
    after = 1

    def __init__(self, network: DAIN, settings: Settings, weights: str = "") -> None:
        self.weights = weights
        self.device = torch.device(settings.device)
        self.precision, self.tiles = settings.precision, Tiles("dain", settings)
        self.memory_format = memory_format_for(self.device, self.precision)
        self.network = network.eval().to(self.device).to(memory_format=self.memory_format)
        accelerate(self.network, SWAPS)

    def networks(self) -> list[nn.Module]:
        return [self.network]

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return 0, 1 if t else 0

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        first, second = (CachedFrame(self, frame) for frame in window)
        frames = [window[0].to(self.device)]
        if times:
            pair = self.pair(first, second)
            frames += [self.between(pair, t, first.box) for t in times]
        return torch.stack(frames)

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], wanted: Wanted = everything
    ) -> Outputs:
        cached = (CachedFrame(self, frame) for frame in frames)
        for k, ((first, second), last) in enumerate(windows(cached, 0, 1)):
            if wanted(k):
                yield k, first.source.to(self.device)
            pair = None
            for t in times:
                if last or not wanted(k + t):
                    continue
                with self.computing():
                    pair = pair or self.pair(first, second)
                    frame = self.between(pair, t, first.box)
                yield k + t, frame

    def pair(self, first: CachedFrame, second: CachedFrame) -> Pair:
        """What two frames give, for all times between them."""
        with full_precision(self.device):
            # Both directions as a batch of two
            here, other = first.pyramid, second.pyramid
            both = [torch.cat(levels) for levels in zip(here, other, strict=True)]
            swapped = [torch.cat(levels) for levels in zip(other, here, strict=True)]
            there, back = self.network.flow(both, swapped).chunk(2)
        with self.autocast():
            kernels = self.network.kernels(first.image, second.image)
        return Pair(
            (first.image, second.image),
            (first.depth, second.depth),
            (first.context, second.context),
            (there, back),
            kernels,
        )

    def between(self, pair: Pair, t: float, box: Box) -> Tensor:
        """The frame at time t: that part of the padded one."""
        with self.autocast():
            tile = self.tiles.side(box.height, box.width)
            return interpolate(self.network, pair, t, box, tile)[0].clamp(0, 1)

    def cut(self, tile: int) -> Cut:
        """The margin is all that the last network depends on: there are no seams."""
        return Cut(tile, SynthesisNet.PADDING + SynthesisNet.REACH)


class CachedFrame:
    """A frame (3, h, w) and what both pairs that hold it read of it, computed at first use."""

    def __init__(self, method: DainMethod, source: Tensor) -> None:
        self.method, self.source = method, source
        height, width = source.shape[-2:]
        top, left = padding(height)[0], padding(width)[0]
        self.box = Box(top, top + height, left, left + width)  # within the padded frame

    @cached_property
    def image(self) -> Tensor:
        """(1, 3, H, W), continued on all sides by its edge as the authors do it."""
        sides = [*padding(self.source.shape[-1]), *padding(self.source.shape[-2])]
        dtype = next(self.method.network.parameters()).dtype
        image = pad(self.source[None].to(self.method.device, dtype), sides, mode="replicate")
        return image.contiguous(memory_format=self.method.memory_format)

    @cached_property
    def pyramid(self) -> list[Tensor]:
        with full_precision(self.method.device):  # flows decide by whole pixels
            return self.method.network.flownets.pyramid(self.image)

    @cached_property
    def depth(self) -> Tensor:
        with self.method.autocast():
            return log_depth(self.method.network.depthNet, self.image).to(self.image.dtype)

    @cached_property
    def context(self) -> Tensor | None:
        """Large as it is, it is left to be computed by pieces when the work goes by pieces."""
        if self.method.tiles.of(self.source) is not None:
            return None
        # In one type: to join several would be to join them in the widest.
        precision = self.method.precision
        dtype = self.image.dtype if precision == "fp32" else DTYPES[precision]
        with self.method.autocast():
            context = self.method.network.context(self.image.to(dtype), self.depth.to(dtype))
        return context.contiguous(memory_format=torch.channels_last)
