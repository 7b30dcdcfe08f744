"""The training of BasicVSR: initial weights, and its loss, that of STVUN's centre frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..edvr.alignment import reset_for_training
from ..losses import CENTRE, CentreLosses
from .network import BasicVSR


def init_weights(network: BasicVSR) -> None:
    """Bring random weights to where training starts: no motion, faint residuals."""
    reset_for_training(network)
    with torch.no_grad():
        network.conv_last.weight.mul_(0.1)
        for name, parameter in network.spynet.named_parameters():
            if name.endswith("basic_module.8.weight"):  # the last layer of each level
                nn.init.zeros_(parameter)


class BasicVsrLosses(CentreLosses):
    """BasicVSR. A training window has the ground truth of its centre frame alone, which the features of
    all frames go into."""

    network: BasicVSR

    def centre(self, frames: Tensor) -> Tensor:
        x = frames.unbind(1)
        B, F = self.network.features(x)
        return self.network.restore(x[CENTRE], B[CENTRE], F[CENTRE])
