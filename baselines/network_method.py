"""Methods around one network: whole or in tiles, by windows or as a stream."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from .acceleration.processor import memory_format_for
from .acceleration.swap import accelerate
from .method import Method, Settings, WindowMethod
from .registry import spec_of
from .tiling.box import Box
from .tiling.tiles import Cut, Tiles, by_tiles

Network = TypeVar("Network", bound=nn.Module)


class CachedFrame:
    """A frame of a sequence, and what the network computes of it alone: once, when first asked for.

    source: (3, h, w) in [0, 1]. A sub-class adds a `cached_property` for each thing that windows
    share.
    """

    def __init__(self, method: Any, source: Tensor) -> None:
        self.method, self.source = method, source

    @cached_property
    def pixels(self) -> Tensor:
        """The frame as the network reads it, (1, 3, h, w)."""
        pixels: Tensor = self.method.normalize(self.source)
        return pixels


Frame = TypeVar("Frame", bound=CachedFrame)


class SingleNetwork(Method, Generic[Network, Frame]):
    """A network for frames in [0, 1] of any h and w. What is computed of a frame alone is kept with it.

    frame_class: what is cached of a frame.
    smallest:    height and width that the network needs at least.
    padding:     what is put below and on the right to reach that: "replicate", or "constant" for zeros.
    swaps:       further fast classes for `accelerate`.
    """

    frame_class: type[Frame]
    multiple: int = 1  # of height and width, as the network's spec has it
    smallest: int = 1
    padding: str = "replicate"
    swaps: Mapping[type[nn.Module], type[nn.Module]] = {}

    def __init__(self, network: Network, settings: Settings, name: str, weights: str = "") -> None:
        self.name, self.weights = name, weights
        self.device = torch.device(settings.device)
        self.precision = settings.precision
        self.tiles = Tiles(settings)
        self.layout = memory_format_for(self.device, self.precision)
        # A copy: the caller may go on training it.
        network = copy.deepcopy(network).eval().to(self.device)
        self.network = network.to(memory_format=self.layout)
        if spec := spec_of(network):
            self.multiple = spec.multiple
        accelerate(self.network, self.swaps)

    def networks(self) -> list[nn.Module]:
        return [self.network]

    @abstractmethod
    def cut(self, tile: int) -> Cut:
        """The kept side and the margin of tiles of that side."""

    def cached_frame(self, frame: Tensor) -> Frame:
        return self.frame_class(self, frame)

    def in_tiles(
        self,
        window: Sequence[Frame],
        number: int,
        compute: Callable[[Sequence[Frame]], Tensor],
    ) -> Tensor:
        """What `compute` gives for a window, (number, 3, scale * h, scale * w), by tiles if there are any."""
        source = window[0].source
        tile = self.tiles.of(source)
        if tile is None:
            return compute(window)

        def compute_tile(around: Box, kept: Box) -> Tensor:
            # Tiles are computed from their windows alone: nothing of them is cached.
            parts = [self.cached_frame(around.cut(frame.source)) for frame in window]
            return kept.scale(self.scale).cut(compute(parts))

        whole = Box.whole(source)
        height, width = self.scale * whole.height, self.scale * whole.width
        output = torch.empty(number, 3, height, width, device=self.device)
        return by_tiles(output, whole, whole, self.cut(tile), compute_tile)

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

    @abstractmethod
    def outputs(self, window: Sequence[Frame], times: Sequence[float]) -> Tensor:
        """The outputs of `__call__` for whole frames, without tiles."""

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        with self.autocast():
            return self.compute([self.cached_frame(frame) for frame in window], times)

    def compute(self, window: Sequence[Frame], times: Sequence[float]) -> Tensor:
        return self.in_tiles(window, 1 + len(times), lambda parts: self.outputs(parts, times))
