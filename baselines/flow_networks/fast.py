"""PWC-Net's dense estimators without copies, for `accelerate`."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..acceleration.convolution import buffer, can_fill_buffers
from .pwcnet import DENSE, PWCNet


class FastPWCNet(PWCNet):
    """A `PWCNet` of layers that `accelerate` has changed."""

    def dense(self, level: int, x: Tensor) -> Tensor:
        if not can_fill_buffers(x):
            return super().dense(level, x)
        start = sum(DENSE)  # the newest features come first, each into its place
        joined = buffer(x, start + x.shape[1])
        joined[:, start:] = x
        for k, channels in enumerate(DENSE):
            layer: Any = self.get_submodule(f"conv{level}_{k}")
            layer(joined[:, start:], out=joined[:, start - channels : start])
            start -= channels
        return joined
