"""STVUN as a method: frames in [0, 1] of any size in, by windows or as a stream."""

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
from .network import CENTRE, FRAMES, STVUN, Encoded, Motion

MULTIPLE = 16  # of which the network needs height and width to be


class StvunMethod(WindowMethod):
    """STVUN with frames in [0, 1], any h and w; `stream` computes once what windows share."""

    before = CENTRE
    after = CENTRE

    def __init__(
        self, network: STVUN, settings: Settings, name: str = "stvun", weights: str = ""
    ) -> None:
        self.name, self.scale, self.weights = name, network.scale, weights
        self.device = torch.device(settings.device)
        self.tiles = Tiles(settings)
        self.precision = settings.precision
        self.layout = layout_for(self.device, self.precision)
        self.network = network.eval().to(self.device).to(memory_format=self.layout)

    def networks(self) -> list[nn.Module]:
        return [self.network]

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        tile = self.tiles.of(window)
        if tile is None:
            return self._joint([Seen(self, one) for one in window], times)

        def compute(around: Box, kept: Box) -> Tensor:
            large = self._joint([Seen(self, around.cut(one)) for one in window], times)
            return kept.scale(self.scale).cut(large)

        whole = Box.whole(window)
        height, width = self.scale * whole.height, self.scale * whole.width
        made = torch.empty(1 + len(times), 3, height, width, device=self.device)
        return by_tiles(made, whole, whole, self.cut(tile), compute)

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], wanted: Wanted = everything
    ) -> Outputs:
        first, frames = seen_ahead(frames)
        if first is not None and self.tiles.of(first):  # pieces are made from their windows alone
            yield from super().stream(frames, times, wanted)
            return
        seen: dict[int, Seen] = {}  # by the identity of a frame of the window
        for k, (window, last) in enumerate(windows(frames, self.before, self.after)):
            seen = {id(one): seen.get(id(one)) or Seen(self, one) for one in window}
            moments = [t for t in times if not last and wanted(k + t)]
            if not moments and not wanted(k):
                continue
            start = clock.perf_counter()
            with torch.inference_mode():
                made = self._joint([seen[id(one)] for one in window], moments)
            if made.device.type == "cuda":
                torch.cuda.synchronize(made.device)
            self.seconds += clock.perf_counter() - start
            for t, frame in zip([0.0, *moments], made, strict=True):
                if wanted(k + t):
                    yield k + t, frame

    def confidence(self, window: Tensor) -> Tensor:
        """EFST's confidence scores of a window, (4, 7, h, w) in (0, 1), the deepest level first."""
        height, width = window.shape[-2:]
        with torch.inference_mode(), self._precision():
            scores = self.network.confidence(self.ready(window)[None])[0]
        return scores[..., :height, :width]

    def ready(self, frames: Tensor) -> Tensor:
        """As the network wants them: in [-1, 1], repeated at the right and below to a multiple."""
        height, width = frames.shape[-2:]
        dtype = next(self.network.parameters()).dtype
        frames = 2 * frames.to(self.device, dtype) - 1
        return pad(frames, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="replicate")

    def cut(self, tile: int) -> Cut:
        """Both numbers are multiples of 16, for the coarsest flow level; together 48 at least.

        A sixth of the tile as margin costs 2.25 times the work. The space pass depends on 53
        pixels around, so more than 64 would change nothing there.
        """
        margin = MULTIPLE * min(max(tile // 96, 1), 4)
        return Cut(max(tile // MULTIPLE * MULTIPLE - 2 * margin, MULTIPLE), margin)

    def _joint(self, window: Sequence[Seen], times: Sequence[float]) -> Tensor:
        with self._precision():
            centre, after = window[CENTRE], window[CENTRE + 1]
            encoded = [one.encoded for one in window]
            outputs, guide = self.network.space(centre.frame, encoded, self._motion(window))
            made = [outputs]
            if times:
                there, back = self._flows(centre, after)
                first = centre.frame, centre.encoded.features, there
                second = after.frame, after.encoded.features, back
                made += self.network.between(times, first, second, guide)
        height, width = (self.scale * size for size in window[CENTRE].size)
        large = torch.cat(made)[..., :height, :width]
        return ((large + 1) / 2).clamp(0, 1)

    def _motion(self, window: Sequence[Seen]) -> Motion | None:
        if not self.network.aligned:
            return None
        ahead = [window[k].to_next(window[k + 1]) for k in range(CENTRE, FRAMES - 1)]
        back = [window[k].to_last(window[k - 1]) for k in range(CENTRE, 0, -1)]
        return ahead, back

    def _flows(self, first: Seen, second: Seen) -> tuple[Tensor, Tensor]:
        if self.network.aligned:  # other windows need these, too
            return first.to_next(second), second.to_last(first)
        return self.network.flows(first.pyramid, second.pyramid)

    def _precision(self) -> AbstractContextManager[object]:
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, DTYPES[self.precision])


class Seen:
    """A frame, and what the network makes of it alone, computed when first asked for."""

    def __init__(self, method: StvunMethod, frame: Tensor) -> None:
        self.method, self.source = method, frame
        self.size = frame.shape[-2:]
        self._frame: Tensor | None = None
        self._encoded: Encoded | None = None
        self._pyramid: list[Tensor] | None = None
        self._to_next: Tensor | None = None
        self._to_last: Tensor | None = None

    @property
    def frame(self) -> Tensor:
        if self._frame is None:
            ready = self.method.ready(self.source[None])
            self._frame = ready.contiguous(memory_format=self.method.layout)
        return self._frame

    @property
    def encoded(self) -> Encoded:
        if self._encoded is None:
            self._encoded = self.method.network.encode(self.frame)
        return self._encoded

    @property
    def pyramid(self) -> list[Tensor]:
        if self._pyramid is None:
            self._pyramid = self.method.network.pyramid(self.frame)
        return self._pyramid

    def to_next(self, following: Seen) -> Tensor:
        """The flow to the frame that follows, which is the same in every window."""
        if self._to_next is None:
            self._to_next = self.method.network.way(self.pyramid, following.pyramid)
        return self._to_next

    def to_last(self, preceding: Seen) -> Tensor:
        """The flow to the frame before."""
        if self._to_last is None:
            self._to_last = self.method.network.way(self.pyramid, preceding.pyramid)
        return self._to_last
