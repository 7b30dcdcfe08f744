"""Methods around one network: whole or in tiles, by windows, as a stream, or clip after clip."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from .acceleration.processor import memory_format_for
from .acceleration.swap import accelerate
from .method import (
    IsWanted,
    Method,
    Outputs,
    Settings,
    WindowMethod,
    everything,
    require_halfway,
    windows,
)
from .registry import spec_of
from .tiling.box import Box
from .tiling.tiles import Cut, Tiles, by_tiles

Network = TypeVar("Network", bound=nn.Module)


class CachedFrame:
    """A frame of a sequence, and what the network computes of it alone: once, when first asked for.

    source: (3, h, w) in [0, 1]. A sub-class adds a `cached_property` for each further thing that
    windows share.
    """

    def __init__(self, method: Any, source: Tensor) -> None:
        self.method, self.source = method, source

    @cached_property
    def pixels(self) -> Tensor:
        """The frame as the network reads it, (1, 3, h, w)."""
        pixels: Tensor = self.method.normalize(self.source)
        return pixels

    @cached_property
    def features(self) -> Any:
        return self.method.features(self.pixels)


Frame = TypeVar("Frame", bound=CachedFrame)


class SingleNetwork(Method, Generic[Network, Frame]):
    """A network for frames in [0, 1] of any h and w. What is computed of a frame alone is kept with it.

    frame_class: what is cached of a frame.
    multiple:    of which it needs height and width to be, as its spec has it.
    smallest:    height and width that the network needs at least.
    padding:     what is put below and on the right to reach that: "replicate", or "constant" for zeros.
    swaps:       further fast classes for `accelerate`.
    tiled:       whether it can work in tiles.
    margins:     of a tile: one `multiple` for so many pixels of its side, and at most so many.
    """

    frame_class: Any = CachedFrame
    smallest: int = 1
    padding: str = "replicate"
    swaps: Mapping[type[nn.Module], type[nn.Module]] = {}
    tiled: bool = True
    margins: tuple[int, int] = 1, 1

    def __init__(
        self, network: Network, settings: Settings, name: str = "", weights: str = ""
    ) -> None:
        spec = spec_of(network)
        self.name, self.weights = name or (spec.name if spec else ""), weights
        self.device = torch.device(settings.device)
        self.precision = settings.precision
        if self.tiled:
            self.tiles = Tiles(settings)
        self.layout = memory_format_for(self.device, self.precision)
        # A copy: the caller may go on training it.
        network = copy.deepcopy(network).eval().to(self.device)
        self.network = network.to(memory_format=self.layout)
        self.multiple = spec.multiple if spec else 1
        accelerate(self.network, self.swaps)

    def networks(self) -> list[nn.Module]:
        return [self.network]

    def cut(self, tile: int) -> Cut:
        """The kept side and the margin of tiles of that side: both lie on the network's coarsest level."""
        part, most = self.margins
        return Cut.on_grid(tile, self.multiple, min(max(tile // part, 1), most))

    def cached_frame(self, frame: Tensor) -> Frame:
        cached: Frame = self.frame_class(self, frame)
        return cached

    def features(self, pixels: Tensor) -> Any:
        """What the network computes of a frame as `normalize` gives it, by itself."""
        return cast(Any, self.network).features(pixels)

    def outputs(self, window: Sequence[Frame], asked: Sequence[Any]) -> Tensor:
        """The outputs that are asked for of whole frames, (n, 3, scale * h, scale * w)."""
        raise NotImplementedError

    def compute(self, window: Sequence[Frame], asked: Sequence[Any]) -> Tensor:
        """`outputs`, by tiles if there are any."""
        tile = self.tiles.of(window[0].source)
        if tile is None:
            return self.outputs(window, asked)

        def compute_tile(around: Box) -> Tensor:
            # Tiles are computed from their windows alone: nothing of them is cached.
            parts = [self.cached_frame(around.cut(frame.source)) for frame in window]
            return self.outputs(parts, asked)

        return by_tiles(Box.whole(window[0].source), self.scale, self.cut(tile), compute_tile)

    def normalize(self, frame: Tensor) -> Tensor:
        """(3, h, w) in [0, 1] as the network reads it: (1, 3, h, w), padded on the right and below."""
        dtype = next(self.network.parameters()).dtype
        rows, columns = (
            max(self.smallest, size + -size % self.multiple) - size for size in frame.shape[-2:]
        )
        frame = pad(frame[None].to(self.device, dtype), (0, columns, 0, rows), mode=self.padding)
        return frame.contiguous(memory_format=self.layout)


class NetworkMethod(SingleNetwork[Network, Frame], WindowMethod):
    """A network that reads a window of frames. What windows share is computed once."""

    def __call__(self, window: Tensor, times: Sequence[float] = ()) -> Tensor:
        with self.autocast():
            frames = [self.cached_frame(frame) for frame in window]
            return self.compute(frames, () if self.spatial else times)


class ClipMethod(SingleNetwork[Network, Frame]):
    """Clips as Zooming Slow-Mo's and RSTT's authors take them: at input frames 0, n - 1, 2 (n - 1), ...

    Two clips share a frame, and what the earlier one makes of it counts. Input frames that fill no
    clip are made from one that ends with the sequence: as RSTT's authors do it, where ZSM's leave
    them out (docs/protocols.md). A sequence shorter than a clip has its end frame repeated.

    `outputs` is asked for places of the 2n - 1 of a clip; place 2k belongs to input k.

    frames: n, the input frames of a clip.
    whole_sequence: where clips begin depends on where the sequence does.
    """

    scale = 4
    frames = 4
    whole_sequence = True

    @property
    def burst(self) -> int:
        """The new frames of a clip, which are made at once."""
        return self.frames - 1

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return self.frames - 1 - (t > 0), self.frames - 1

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
    ) -> Outputs:
        require_halfway(self.name, times)
        step = 2 if not times else 1  # of places
        clip = deque[Frame](maxlen=self.frames)
        due = 0  # the first place of the sequence that no clip has made
        for k, ((frame,), last) in enumerate(windows(map(self.cached_frame, frames), 0, 0)):
            clip.append(frame)
            if not last and (k == 0 or k % (self.frames - 1)):
                continue
            first = 2 * (k + 1 - len(clip))
            asked = [place for place in range(due, 2 * k + 1, step) if is_wanted(place / 2)]
            due = 2 * k + step
            if asked:
                whole = [*clip, *[frame] * (self.frames - len(clip))]
                with self.computing():
                    outputs = self.compute(whole, [place - first for place in asked])
                yield from ((place / 2, output) for place, output in zip(asked, outputs))
