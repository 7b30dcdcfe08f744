"""EDVR as a method: every frame of a sequence four times larger, from it and its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..method import Settings
from ..network_method import CachedFrame, NetworkMethod
from .fast import SWAPS
from .network import EDVR


class EdvrMethod(NetworkMethod[EDVR, CachedFrame]):
    """EDVR with frames of any h and w.

    It is spatial: whatever times are asked for, the window's centre is all that it gives.
    """

    scale = 4
    spatial = True
    swaps = SWAPS
    margins = 16, 16  # 64 pixels at most

    def __init__(
        self, network: EDVR, settings: Settings, name: str = "", weights: str = ""
    ) -> None:
        super().__init__(network, settings, name, weights)
        self.before = self.after = network.frames // 2

    def outputs(self, window: Sequence[CachedFrame], times: Sequence[float]) -> Tensor:
        """The enlarged centre frame, (1, 3, 4h, 4w) in [0, 1]."""
        centre = window[self.before]
        large = self.network.restore([frame.features for frame in window], centre.pixels)
        height, width = centre.source.shape[-2:]
        return large[..., : 4 * height, : 4 * width].to(centre.pixels.dtype).clamp(0, 1)
