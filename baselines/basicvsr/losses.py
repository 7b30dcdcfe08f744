"""The training of BasicVSR: initial weights, and its loss, that of STVUN's centre frame."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..edvr.alignment import reset_for_training
from ..losses import Losses, LossModule
from ..spec import Stage
from .network import BasicVSR

CENTRE = 3  # of the frames of a training window


def init_weights(network: BasicVSR) -> None:
    """Bring random weights to where training starts: no motion, faint residuals."""
    reset_for_training(network)
    with torch.no_grad():
        network.conv_last.weight.mul_(0.1)
        for name, parameter in network.spynet.named_parameters():
            if name.endswith("basic_module.8.weight"):  # the last layer of each level
                nn.init.zeros_(parameter)


class BasicVsrLosses(LossModule):
    """BasicVSR, which reads frames in [0, 1]; its loss is in [-1, 1] as STVUN's.

    A training window has the ground truth of its centre frame alone, which the features of all
    frames go into.
    """

    def __init__(self, network: BasicVSR, stage: Stage = "space") -> None:
        super().__init__()
        self.network: BasicVSR = network

    def forward(
        self, small: Tensor, large: Tensor, between: Tensor, times: Sequence[float]
    ) -> Losses:
        return {"space": self.difference(self._centre(small), large[:, 0])}

    def predict(self, small: Tensor, times: Sequence[float]) -> dict[str, Tensor]:
        return {"existing": self._centre(small).unsqueeze(1)}

    def _centre(self, small: Tensor) -> Tensor:
        x = ((small + 1) / 2).unbind(1)
        B, F = self.network.features(x)
        return 2 * self.network.restore(x[CENTRE], B[CENTRE], F[CENTRE]) - 1
