"""EDVR as a method: every frame of a sequence four times larger, from it and its neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from torch import Tensor

from ..method import IsWanted, Outputs, Settings, everything
from ..network_method import CachedFrame, NetworkMethod
from ..tiling.tiles import Cut
from .fast import SWAPS
from .network import EDVR

MARGIN = 64  # low-resolution pixels around a tile, at most


class EdvrFrame(CachedFrame):
    """A frame and its features."""

    method: EdvrMethod

    @cached_property
    def features(self) -> list[Tensor]:
        return self.method.network.features(self.pixels)


class EdvrMethod(NetworkMethod[EDVR, EdvrFrame]):
    """EDVR with frames of any h and w.

    It is spatial: whatever times are asked for, the window's centre is all that it gives.
    """

    frame_class = EdvrFrame
    scale = 4
    swaps = SWAPS

    def __init__(
        self, network: EDVR, settings: Settings, name: str = "", weights: str = ""
    ) -> None:
        super().__init__(network, settings, name, weights)
        self.before = self.after = network.frames // 2

    def __call__(self, window: Tensor, times: Sequence[float] = ()) -> Tensor:
        return super().__call__(window, ())

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
    ) -> Outputs:
        return super().stream(frames, (), is_wanted)

    def outputs(self, window: Sequence[EdvrFrame], times: Sequence[float]) -> Tensor:
        """The enlarged centre frame, (1, 3, 4h, 4w) in [0, 1]."""
        centre = window[self.before]
        large = self.network.restore([frame.features for frame in window], centre.pixels)
        height, width = centre.source.shape[-2:]
        return large[..., : 4 * height, : 4 * width].to(centre.pixels.dtype).clamp(0, 1)

    def cut(self, tile: int) -> Cut:
        return Cut.on_grid(
            tile, 4, min(max(tile // 16, 1), MARGIN // 4)
        )  # at the coarsest level, 1
