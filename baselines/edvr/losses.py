"""The training of EDVR: initial weights, and its loss, that of STVUN's centre frame."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..losses import Losses, LossModule
from ..spec import Stage
from .alignment import reset_for_training
from .network import EDVR

CENTRE = 3  # of the frames of a training window


def init_weights(network: EDVR) -> None:
    """Bring random weights to where training starts: frames unmoved, residuals faint."""
    reset_for_training(network)
    with torch.no_grad():
        network.conv_last.weight.mul_(0.1)


class EdvrLosses(LossModule):
    """EDVR, which reads frames in [0, 1]; its loss is in [-1, 1] as STVUN's."""

    def __init__(self, network: EDVR, stage: Stage = "space") -> None:
        super().__init__()
        self.network: EDVR = network

    def forward(
        self, small: Tensor, large: Tensor, between: Tensor, times: Sequence[float]
    ) -> Losses:
        reach = self.network.frames // 2
        frames = (small[:, CENTRE - reach : CENTRE + reach + 1] + 1) / 2
        count = frames.shape[1]
        levels = [
            level.view(-1, count, *level.shape[1:])
            for level in self.network.features(frames.flatten(0, 1))
        ]
        window = [[level[:, k] for level in levels] for k in range(count)]
        output = self.network.restore(window, frames[:, reach])
        return {"space": self.difference(2 * output - 1, large[:, 0])}

    def predict(self, small: Tensor, times: Sequence[float]) -> dict[str, Tensor]:
        reach = self.network.frames // 2
        frames = (small[:, CENTRE - reach : CENTRE + reach + 1] + 1) / 2
        return {"existing": 2 * self.network(frames).unsqueeze(1) - 1}
