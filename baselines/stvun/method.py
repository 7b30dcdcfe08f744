"""STVUN as a method: frames in [0, 1] of any size in, by windows or as a stream."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ..errors import MethodError
from ..flow_networks.pwcnet import flows_both_ways
from ..method import Settings
from ..network_method import CachedFrame, NetworkMethod
from .fast import SWAPS
from .network import CENTRE, FRAMES, STVUN


class StvunFrame(CachedFrame):
    """A frame, its features, and the flows from it to others."""

    method: StvunMethod

    def __init__(self, method: StvunMethod, source: Tensor) -> None:
        super().__init__(method, source)
        self._flows = WeakKeyDictionary[StvunFrame, Tensor]()

    @cached_property
    def theta(self) -> list[Tensor] | None:
        return self.method.network.embedding(self.features)

    @cached_property
    def pyramid(self) -> list[Tensor]:
        return self.method.network.pyramid(self.pixels)

    def flow_to(self, other: StvunFrame) -> Tensor:
        """The flow to another frame; the same in every window, and computed once."""
        if other not in self._flows:
            self._flows[other] = self.method.network.flow_of(self.pyramid, other.pyramid)
        return self._flows[other]

    def flows_with(self, other: StvunFrame) -> tuple[Tensor, Tensor]:
        """The flow to another frame, and the flow back."""
        if other not in self._flows and self not in other._flows:
            flow = self.method.network.flow_of
            self._flows[other], other._flows[self] = flows_both_ways(
                flow, self.pyramid, other.pyramid
            )
        return self.flow_to(other), other.flow_to(self)


class StvunMethod(NetworkMethod[STVUN, StvunFrame]):
    """STVUN with frames in [0, 1], any h and w."""

    frame_class = StvunFrame
    before = after = CENTRE
    swaps = SWAPS
    # A sixth of the tile as margin costs 2.25 times the work. The space pass depends on 53 pixels
    # around, so more than 64 would change nothing there.
    margins = 96, 4

    def __init__(
        self, network: STVUN, settings: Settings, name: str = "", weights: str = ""
    ) -> None:
        super().__init__(network, settings, name, weights)
        self.scale = network.scale
        self.new_frames = settings.new_frames

    def outputs(self, window: Sequence[StvunFrame], times: Sequence[float]) -> Tensor:
        if times and not self.new_frames:
            raise MethodError(f"{self.name}: built without new frames, for its flow may be random")
        centre, following = window[CENTRE], window[CENTRE + 1]
        height, width = (self.scale * size for size in centre.source.shape[-2:])
        E = self._fused(window)
        Y_3, D = self.network.super_resolve(centre.pixels, centre.features, E)
        Y = [Y_3]
        for T in times:
            f_34, f_43 = centre.flows_with(following)
            X, e = (centre.pixels, following.pixels), (centre.features, following.features)
            Y.append(self.network.interpolate(*self.network.blend(T, X, e, D, f_34, f_43)))
        return ((torch.cat(Y)[..., :height, :width] + 1) / 2).clamp(0, 1)

    def confidence(self, window: Tensor) -> Tensor:
        """EFST's confidence scores of a window, (4, 7, h, w) in (0, 1), the deepest level first."""
        height, width = window.shape[-2:]
        with self.computing():
            scores = self.network.confidence(torch.stack([self.normalize(x) for x in window], 1))
        return scores[0, ..., :height, :width]

    def features(self, pixels: Tensor) -> list[Tensor]:
        levels: list[Tensor] = self.network.encoder(pixels)
        return levels

    def normalize(self, frame: Tensor) -> Tensor:
        return 2 * super().normalize(frame) - 1

    def _fused(self, window: Sequence[StvunFrame]) -> list[Tensor]:
        """The fused features of a window, aligned before if the network wants that."""
        e = [frame.features for frame in window]
        if self.network.aligned:
            ahead = [window[t].flow_to(window[t + 1]) for t in range(CENTRE, FRAMES - 1)]
            back = [window[t].flow_to(window[t - 1]) for t in range(CENTRE, 0, -1)]
            e = self.network.align(e, ahead, back)
        theta = [frame.theta for frame in window if frame.theta is not None]
        return self.network.fuse(e, theta or None)
