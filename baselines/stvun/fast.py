"""STVUN's decoder without copies, for `accelerate`: what it joins lies side by side in one buffer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..acceleration.convolution import buffer, can_fill_buffers
from ..flow_networks.fast import FastPWCNet
from ..flow_networks.pwcnet import PWCNet
from .network import LEVELS, Decoder


class FastDecoder(Decoder):
    """A `Decoder` of layers that `accelerate` has changed."""

    def forward(self, e: Sequence[Tensor], guide: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        if not can_fill_buffers(e[0]):
            return super().forward(e, guide)
        D: list[Tensor] = []
        width = e[0].shape[1]
        joined = buffer(e[0], 16 * width)
        for i in range(LEVELS):
            g = guide[i]
            if i:
                g = self.get_submodule(f"cconv{i}")(torch.cat([D[-1], g], 1))
            # What a dense block's first layer gives comes before what it reads, what the block
            # gives comes after.
            middle, end = 8 * width, 10 * width
            joined[:, middle : middle + width] = e[i]
            joined[:, middle + width : end] = g
            for k in (0, 1, 2):
                block: Any = self.get_submodule(f"block{i}_{k}")
                size = end - middle
                block.conv0(joined[:, middle:end], out=joined[:, middle - size : middle])
                read = joined[:, middle - size : end]
                if k == 2:
                    D.append(block.conv1(read))
                else:
                    block.conv1(read, out=joined[:, end : end + size])
                    end += size
        return D, self.shuffle(self.rconv1(self.rconv0(D[-1])))


SWAPS = {Decoder: FastDecoder, PWCNet: FastPWCNet}
