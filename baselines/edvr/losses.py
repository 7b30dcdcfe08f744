"""How EDVR is trained: where its weights start, and its loss, that of STVUN's centre frame."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..losses import Losses, LossModule, mean_absolute_difference
from ..spec import Stage
from .alignment import Analysis, Levels, as_training_starts
from .network import EDVR

CENTRE = 3  # of the frames of a training window


def init_weights(network: EDVR) -> None:
    """Bring random weights to where training starts: frames unmoved, residuals faint."""
    as_training_starts(network)
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
        analysis = self.network.analyse(frames.flatten(0, 1))
        count = frames.shape[1]

        def of(part: Levels, k: int) -> Levels:
            one, two, three = (level.view(-1, count, *level.shape[1:])[:, k] for level in part)
            return one, two, three

        window = [Analysis(*(of(part, k) for part in analysis)) for k in range(count)]
        made = self.network.restore(window, frames[:, reach])
        return {"space": mean_absolute_difference(2 * made - 1, large[:, 0])}

    def predict(self, small: Tensor, times: Sequence[float]) -> dict[str, Tensor]:
        reach = self.network.frames // 2
        frames = (small[:, CENTRE - reach : CENTRE + reach + 1] + 1) / 2
        return {"existing": 2 * self.network(frames).unsqueeze(1) - 1}
