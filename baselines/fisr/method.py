"""FISR as a method: frames in [0, 1] of any size in, twice the size and twice the rate out."""

from __future__ import annotations

import time as clock
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise

import torch
from torch import Tensor, nn

from ..errors import MethodError
from ..method import DTYPES, Method, Outputs, Settings, Wanted, everything, windows
from ..tiling.box import Box
from ..tiling.tiles import Cut, Tiles
from .inputs import MARGIN, joined, padded, rgb_from_yuv, tiles, warped_halfway, yuv_from_rgb
from .network import FISR, MULTIPLE
from .pwcnet import FISRPWCNet, enlarged
from .resize import doubled, halved

HALF = 0.5  # the only moment between two frames that the network knows
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
        weights: str = "",
        name: str = "fisr",
    ) -> None:
        self.name, self.weights = name, weights
        self.device = torch.device(settings.device)
        self.precision, self.tiles = settings.precision, Tiles(settings)
        on_gpu = self.device.type == "cuda"
        layout = torch.channels_last if on_gpu else torch.contiguous_format
        self.network = network.eval().to(self.device).to(memory_format=layout)
        self.flow_network = flow_network.eval().to(self.device).to(memory_format=layout)

    def networks(self) -> list[nn.Module]:
        return [self.network, self.flow_network]

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return (0, 2) if t else (1, 1)

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], wanted: Wanted = everything
    ) -> Outputs:
        other = ", ".join(str(t) for t in times if t != HALF)
        if other:
            raise MethodError(
                f"fisr makes frames halfway between two only, not at {other}; ask for {HALF}"
            )
        seen: dict[int, Seen] = {}  # by the identity of a frame of the window
        pairs: dict[tuple[int, int], Pair] = {}
        for k, (window, last, next_is_last) in enumerate(_with_foresight(frames)):
            seen = {id(one): seen.get(id(one)) or Seen(self, one) for one in window}
            places = [id(one) for one in window]
            neighbours = list(pairwise(places))
            pairs = {
                (a, b): pairs.get((a, b)) or Pair(self, seen[a], seen[b]) for a, b in neighbours
            }
            from_here = [bool(times) and k > 0 and not (last and k > 1), True]
            from_here += [bool(times) and k > 0 and next_is_last]
            moments = [k - HALF, float(k), k + HALF]
            asked = [here and wanted(t) for here, t in zip(from_here, moments, strict=True)]
            if not any(asked):
                continue
            start = clock.perf_counter()
            with torch.inference_mode():
                yuv = self.predicted([seen[a] for a in places], [pairs[p] for p in neighbours])
                # The authors truncate to bytes before and after this conversion; it would darken
                # by half a level each time.
                made = {
                    t: rgb_from_yuv(255 * frame) / 255
                    for t, frame, yes in zip(moments, yuv, asked, strict=True)
                    if yes
                }
            if yuv.device.type == "cuda":
                torch.cuda.synchronize(yuv.device)
            del yuv
            self.seconds += clock.perf_counter() - start
            yield from made.items()

    def predicted(self, frames: Sequence[Seen], pairs: Sequence[Pair]) -> Tensor:
        """The three frames of a window, (3, 3, 2h, 2w), YUV in [0, 1].

        frames: three in a row. pairs: the first two of them, and the last two.
        """
        flows = torch.cat([flow for pair in pairs for flow in pair.flows])
        warped = torch.cat([frame for pair in pairs for frame in pair.warped])
        yuv = torch.cat([frame.yuv for frame in frames])
        height, width = yuv.shape[-2:]
        window = padded(joined(yuv[None], flows[None], warped[None]))
        large = self.enlarged(window, self.tiles.side(height, width))[0]
        return large[..., : 2 * height, : 2 * width].clamp_(0, 1)

    def enlarged(self, window: Tensor, tile: int | None) -> Tensor:
        """The network's output, by tiles of that side if there is one: (1, 3, 3, 2h, 2w)."""
        if tile is None:
            return self._network(window)
        whole, side = Box.whole(window), self.cut(tile).side
        large = window.new_empty(1, 3, 3, 2 * whole.height, 2 * whole.width)
        for fed, kept in tiles(whole, side, side):
            made = self._network(fed.cut(window))
            kept.scale(2).cut(large).copy_(kept.relative_to(fed).scale(2).cut(made))
        return large

    def cut(self, tile: int) -> Cut:
        """The authors' margin; the network sees farther, so there are seams."""
        return Cut(max(tile // MULTIPLE * MULTIPLE - 2 * MARGIN, MULTIPLE), MARGIN)

    def _network(self, window: Tensor) -> Tensor:
        with self.autocast():
            made: Tensor = self.network(window)
        return made.to(window.dtype)

    def autocast(self) -> AbstractContextManager[object]:
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, DTYPES[self.precision])


class Seen:
    """A frame, and what is made of it alone, computed when first asked for."""

    def __init__(self, method: FisrMethod, frame: Tensor) -> None:
        self.method, self.source = method, frame
        self._yuv: Tensor | None = None
        self._pyramid: list[Tensor] | None = None

    @property
    def yuv(self) -> Tensor:
        """(1, 3, h, w), whole numbers: the network was trained on YUV files of 8 bits."""
        if self._yuv is None:
            dtype = next(self.method.network.parameters()).dtype
            frame = self.source[None].to(self.method.device, dtype)
            self._yuv = (yuv_from_rgb(255 * frame) + 0.5).floor()
        return self._yuv

    @property
    def rgb(self) -> Tensor:
        return rgb_from_yuv(self.yuv)

    @property
    def pyramid(self) -> list[Tensor]:
        """The flow network's features of the frame at twice its size."""
        if self._pyramid is None:
            with self.method.autocast():
                large = doubled(self.rgb).floor() / 255  # truncated to bytes, as published
                self._pyramid = self.method.flow_network.pyramid(large)
        return self._pyramid


class Pair:
    """The flows between two successive frames and what they warp, computed when asked for."""

    def __init__(self, method: FisrMethod, first: Seen, second: Seen) -> None:
        self.method, self.first, self.second = method, first, second
        self._flows: tuple[Tensor, Tensor] | None = None
        self._warped: tuple[Tensor, Tensor] | None = None

    @property
    def flows(self) -> tuple[Tensor, Tensor]:
        """From the first to the second and back, (1, 2, h, w) each, in pixels."""
        if self._flows is None:
            self._flows = self._flow(self.first, self.second), self._flow(self.second, self.first)
        return self._flows

    @property
    def warped(self) -> tuple[Tensor, Tensor]:
        """Two estimates of the frame halfway, (1, 3, h, w) each, YUV in [0, 255]."""
        if self._warped is None:
            there, back = self.flows
            self._warped = (
                warped_halfway(self.second.rgb, there),
                warped_halfway(self.first.rgb, back),
            )
        return self._warped

    def _flow(self, first: Seen, second: Seen) -> Tensor:
        height, width = first.yuv.shape[-2:]
        tile = self.method.tiles.side(height, width)
        with self.method.autocast():
            flow = self.method.flow_network.flows(first.pyramid, second.pyramid, tile=tile)[0]
        return halved(enlarged(flow)[..., : 2 * height, : 2 * width])


def _with_foresight(frames: Iterable[Tensor]) -> Iterator[tuple[list[Tensor], bool, bool]]:
    """For each frame its window of three, whether it is the last, and whether the next is."""
    waiting: list[Tensor] | None = None
    for window, last in windows(frames, 1, 1):
        if waiting is not None:
            yield waiting, False, last
        waiting = window
    if waiting is not None:
        yield waiting, True, False
