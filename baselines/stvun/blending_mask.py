"""A learned blending mask in the place of the mean of equations 5 and 6: ours, for the compact sizes.

The mean shows both frames where one of them hides the place. What tells which to trust is at hand:
both frames and their features brought to the moment, and the flows that brought them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from .network import conv, layer

CHANNELS = 16
FLOW = 10.0  # pixels, of the frames: brings flows to about the range of the features


class BlendingMask(nn.Module):
    """The share of the first frame at each place, (B, 1, h, w) in (0, 1); a half before training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv0 = layer(2 * (width + 3 + 2), CHANNELS)
        self.conv1 = layer(CHANNELS, CHANNELS)
        self.conv2 = conv(CHANNELS, 1)
        self.start_as_mean()

    def start_as_mean(self) -> None:
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, X: Sequence[Tensor], e: Sequence[Tensor], f: Sequence[Tensor]) -> Tensor:
        """X, e: both frames and their deepest features at the moment. f: the flows from it to each."""
        read = [*e, *X, *(flow / FLOW for flow in f)]
        x = torch.cat([one.to(e[0].dtype) for one in read], 1)
        return cast(Tensor, self.conv2(self.conv1(self.conv0(x)))).sigmoid()
