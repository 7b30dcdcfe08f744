"""A method around one network that reads a window of frames: whole or in tiles, by windows or as a stream."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from .acceleration.processor import memory_format_for
from .acceleration.swap import accelerate
from .method import Settings, WindowMethod
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


class NetworkMethod(WindowMethod, Generic[Network, Frame]):
    """A network with frames in [0, 1] of any h and w. What windows share is computed once.

    frame_class: what is cached of a frame.
    swaps:       further fast classes for `accelerate`.
    """

    frame_class: type[Frame]
    multiple: int = 1  # of height and width, as the network's spec has it
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
    def outputs(self, window: Sequence[Frame], times: Sequence[float]) -> Tensor:
        """The outputs of `__call__` for whole frames, without tiles."""

    @abstractmethod
    def cut(self, tile: int) -> Cut:
        """The kept side and the margin of tiles of that side."""

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        with self.autocast():
            return self.compute([self.cached_frame(frame) for frame in window], times)

    def cached_frame(self, frame: Tensor) -> Frame:
        return self.frame_class(self, frame)

    def compute(self, window: Sequence[Frame], times: Sequence[float]) -> Tensor:
        source = window[0].source
        tile = self.tiles.of(source)
        if tile is None:
            return self.outputs(window, times)

        def compute(around: Box, kept: Box) -> Tensor:
            # Tiles are computed from their windows alone: nothing of them is cached.
            parts = [self.cached_frame(around.cut(frame.source)) for frame in window]
            return kept.scale(self.scale).cut(self.outputs(parts, times))

        whole = Box.whole(source)
        height, width = self.scale * whole.height, self.scale * whole.width
        output = torch.empty(1 + len(times), 3, height, width, device=self.device)
        return by_tiles(output, whole, whole, self.cut(tile), compute)

    def normalize(self, frame: Tensor) -> Tensor:
        """(3, h, w) in [0, 1] as the network reads it: (1, 3, h, w), repeated at the right and
        below to a multiple."""
        height, width = frame.shape[-2:]
        dtype = next(self.network.parameters()).dtype
        padding = (0, -width % self.multiple, 0, -height % self.multiple)
        frame = pad(frame[None].to(self.device, dtype), padding, mode="replicate")
        return frame.contiguous(memory_format=self.layout)
