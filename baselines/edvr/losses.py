"""The training of EDVR: initial weights, and its loss, that of STVUN's centre frame."""

from __future__ import annotations

import torch
from torch import Tensor

from ..losses import CENTRE, CentreLosses
from .alignment import reset_for_training
from .network import EDVR


def init_weights(network: EDVR) -> None:
    """Bring random weights to where training starts: frames unmoved, residuals faint."""
    reset_for_training(network)
    with torch.no_grad():
        network.conv_last.weight.mul_(0.1)


class EdvrLosses(CentreLosses):
    """EDVR, the features of all frames of a batch computed at once."""

    network: EDVR

    def centre(self, frames: Tensor) -> Tensor:
        reach = self.network.frames // 2
        frames = frames[:, CENTRE - reach : CENTRE + reach + 1]
        levels = self.network.features(frames.flatten(0, 1))
        each = [level.view(*frames.shape[:2], *level.shape[1:]).unbind(1) for level in levels]
        return self.network.restore(list(zip(*each, strict=True)), frames[:, reach])
