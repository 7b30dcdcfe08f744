"""DAIN as a method: frames of any size in, the moments between them out."""

from __future__ import annotations

import time as clock
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ..acceleration.convolution import layout_for
from ..method import DTYPES, Outputs, Settings, Wanted, WindowMethod, everything, windows
from ..tiling.box import Box
from ..tiling.tiles import Cut, Tiles
from .modules import Rectification
from .network import DAIN, Frame, Pair


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

    scale = 1
    before = 0
    after = 1

    def __init__(
        self, network: DAIN, settings: Settings, weights: str = "", name: str = "dain"
    ) -> None:
        self.name, self.weights = name, weights
        self.device = torch.device(settings.device)
        self.precision, self.tiles = settings.precision, Tiles(settings)
        self.layout = layout_for(self.device, self.precision)
        self.network = network.eval().to(self.device).to(memory_format=self.layout)

    def networks(self) -> list[nn.Module]:
        return [self.network]

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return 0, 1 if t else 0

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        frame = window[0].to(self.device)
        if not times:
            return frame[None]
        pair = self.pair(self.frame(window[0]), self.frame(window[1]), len(times))
        box = kept(frame)
        return torch.stack([frame, *(self.between(pair, t, box) for t in times)])

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], wanted: Wanted = everything
    ) -> Outputs:
        seen: dict[int, Frame] = {}  # by the place of the frame in the sequence
        for k, (window, last) in enumerate(windows(frames, 0, 1)):
            if wanted(k):
                yield k, window[0].to(self.device)
            seen.pop(k - 1, None)
            pair = None
            moments = [t for t in times if not last and wanted(k + t)]
            for t in moments:
                start = clock.perf_counter()
                with torch.inference_mode():
                    if pair is None:
                        for place, frame in zip((k, k + 1), window, strict=True):
                            if place not in seen:
                                seen[place] = self.frame(frame)
                        pair = self.pair(seen[k], seen[k + 1], len(moments))
                    made = self.between(pair, t, kept(window[0]))
                if made.device.type == "cuda":
                    torch.cuda.synchronize(made.device)
                self.seconds += clock.perf_counter() - start
                yield k + t, made

    def frame(self, frame: Tensor) -> Frame:
        """What the network makes of one frame (3, h, w) by itself.

        Its context, large as it is, is computed by pieces when the work goes by pieces.
        """
        sides = [*padding(frame.shape[-1]), *padding(frame.shape[-2])]
        dtype = next(self.network.parameters()).dtype
        padded = pad(frame[None].to(self.device, dtype), sides, mode="replicate")
        padded = padded.contiguous(memory_format=self.layout)
        with self._precision():
            return self.network.frame(padded, keep_context=self.tiles.of(frame) is None)

    def pair(self, first: Frame, second: Frame, times: int) -> Pair:
        """What two frames give, for so many times between them."""
        with self._precision():  # contexts are there unless the work goes by pieces
            share = times > 1 and first.context is not None
            return self.network.pair(first, second, share=share)

    def between(self, pair: Pair, t: float, box: Box) -> Tensor:
        with self._precision():
            tile = self.tiles.side(box.height, box.width)
            return self.network.between(pair, t, box, tile)[0].clamp(0, 1)

    def cut(self, tile: int) -> Cut:
        """The margin is all that the last network depends on: there are no seams."""
        return Cut(tile, Rectification.FIRST_REACH + Rectification.REST_REACH)

    def _precision(self) -> AbstractContextManager[object]:
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, DTYPES[self.precision])


def kept(frame: Tensor) -> Box:
    """Where a frame lies within itself padded."""
    height, width = frame.shape[-2:]
    top, left = padding(height)[0], padding(width)[0]
    return Box(top, top + height, left, left + width)
