"""EDVR as a method: every frame of a sequence four times larger, from it and its neighbours."""

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
from ..tiling.tiles import Cut, Tiles, by_tiles, seen_ahead
from .alignment import Analysis
from .network import EDVR

MARGIN = 64  # low-resolution pixels around a tile, at most


class EdvrMethod(WindowMethod):
    """EDVR with frames of any h and w; `stream` computes once what windows share.

    It is spatial: whatever times are asked for, the window's centre is all that it makes.
    """

    scale = 4

    def __init__(
        self, network: EDVR, settings: Settings, name: str = "edvr", weights: str = ""
    ) -> None:
        if network.full_size:
            raise ValueError("EDVR with full-size frames does not enlarge")
        self.name, self.weights = name, weights
        self.device = torch.device(settings.device)
        self.precision = settings.precision
        self.tiles = Tiles(settings)
        self.layout = layout_for(self.device, self.precision)
        self.network = network.eval().to(self.device).to(memory_format=self.layout)
        self.before = self.after = network.frames // 2

    def networks(self) -> list[nn.Module]:
        return [self.network]

    def __call__(self, window: Tensor, times: Sequence[float] = ()) -> Tensor:
        frames = [self.ready(frame) for frame in window]
        whole = Box.whole(window)
        tile = self.tiles.of(window)
        if tile is None:
            return self._restored([self.analysed(one) for one in frames], frames, whole)

        def compute(around: Box, kept: Box) -> Tensor:
            parts = [around.cut(frame) for frame in frames]
            return self._restored([self.analysed(part) for part in parts], parts, kept)

        made = frames[0].new_empty(1, 3, 4 * whole.height, 4 * whole.width)
        return by_tiles(made, whole, Box.whole(frames[0]), self.cut(tile), compute)

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], wanted: Wanted = everything
    ) -> Outputs:
        first, frames = seen_ahead(frames)
        if first is not None and self.tiles.of(first):  # pieces are made from their windows alone
            yield from super().stream(frames, (), wanted)
            return
        seen: dict[int, Seen] = {}  # by the identity of a frame of the window
        for k, (window, _) in enumerate(windows(frames, self.before, self.after)):
            seen = {id(one): seen.get(id(one)) or Seen(self, one) for one in window}
            if not wanted(k):
                continue
            start = clock.perf_counter()
            with torch.inference_mode():
                each = [seen[id(one)] for one in window]
                analyses, ready = [one.analysis for one in each], [one.frame for one in each]
                (made,) = self._restored(analyses, ready, Box.whole(window[0]))
            if made.device.type == "cuda":
                torch.cuda.synchronize(made.device)
            self.seconds += clock.perf_counter() - start
            yield float(k), made

    def ready(self, frame: Tensor) -> Tensor:
        """(1, 3, h, w), repeated at the right and below to a size that the network reads."""
        height, width = frame.shape[-2:]
        dtype, multiple = next(self.network.parameters()).dtype, self.network.multiple
        frame = frame[None].to(self.device, dtype)
        frame = pad(frame, (0, -width % multiple, 0, -height % multiple), mode="replicate")
        return frame.contiguous(memory_format=self.layout)

    def analysed(self, frame: Tensor) -> Analysis:
        """What windows need of such a frame besides its pixels."""
        with self._precision():
            return self.network.analyse(frame)

    def cut(self, tile: int) -> Cut:
        """Both numbers are multiples of 4, for the coarsest level of the pyramid."""
        margin = min(max(tile // 16 * 4, 4), MARGIN)
        return Cut(max(tile // 4 * 4 - 2 * margin, 4), margin)

    def _restored(self, window: Sequence[Analysis], frames: Sequence[Tensor], kept: Box) -> Tensor:
        """The enlarged centre frame, of which a part is kept, (1, 3, 4h, 4w) in [0, 1]."""
        centre = frames[self.before]
        with self._precision():
            large = self.network.restore(window, centre)
        return kept.scale(4).cut(large).to(centre.dtype).clamp(0, 1)

    def _precision(self) -> AbstractContextManager[object]:
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, DTYPES[self.precision])


class Seen:
    """A frame as the network reads it, and its analysis, each made when first asked for."""

    def __init__(self, method: EdvrMethod, frame: Tensor) -> None:
        self.method, self.source = method, frame
        self._frame: Tensor | None = None
        self._analysis: Analysis | None = None

    @property
    def frame(self) -> Tensor:
        if self._frame is None:
            self._frame = self.method.ready(self.source)
        return self._frame

    @property
    def analysis(self) -> Analysis:
        if self._analysis is None:
            self._analysis = self.method.analysed(self.frame)
        return self._analysis
