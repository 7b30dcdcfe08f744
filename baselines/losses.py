"""The form of a network's losses: a module that gives them for a batch of windows, by name.

The paper's section 3.3 names three: "flow" (L_M, equation 7: the small frames that the flow moved),
"space" (L_S, 9: the centre frame) and "between" (L_F, 11: the new frames); all are mean absolute
differences, in the range [-1, 1]. The last two may be other differences, by `DIFFERENCES`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from .spec import Stage

Losses = dict[str, Tensor]
CENTRE = 3  # of the frames of a training window
Difference = Callable[[Tensor, Tensor], Tensor]


def mean_absolute_difference(prediction: Tensor, truth: Tensor) -> Tensor:
    return (prediction.float() - truth).abs().mean()


def charbonnier_difference(prediction: Tensor, truth: Tensor) -> Tensor:
    """The mean absolute difference, but smooth at zero (Lai et al., LapSRN, CVPR 2017)."""
    return ((prediction.float() - truth).square() + 1e-6).sqrt().mean()


def mean_squared_difference(prediction: Tensor, truth: Tensor) -> Tensor:
    return (prediction.float() - truth).square().mean()


DIFFERENCES: Mapping[str, Difference] = {
    "l1": mean_absolute_difference,
    "charbonnier": charbonnier_difference,
    "mse": mean_squared_difference,
}


class LossModule(nn.Module, ABC):
    """A network with its losses; called so that DistributedDataParallel can stand around it."""

    network: nn.Module
    difference: Difference = staticmethod(mean_absolute_difference)  # of outputs to the truth

    @abstractmethod
    def forward(
        self, small: Tensor, large: Tensor, between: Tensor, times: Sequence[float]
    ) -> Losses:
        """The losses of a batch.

        small:   (B, n, 3, h, w), the input frames, as many as the spec's window or one more, RGB in
                 [-1, 1].
        large:   (B, 1 + k, 3, H, W), the true centre frame and the k moments after it.
        between: (B, k, 3, h, w), the true low-resolution frames of these moments.
        times:   of the moments, k, each in (0, 1).
        """

    @abstractmethod
    def predict(self, small: Tensor, times: Sequence[float]) -> dict[str, Tensor]:
        """The outputs that validation compares with the truth: "existing", "new", or in the flow's stage
        "moved" (the low-resolution frames between), each (B, n, 3, ., .) in [-1, 1]."""

    def advice(self, given: Collection[str]) -> str:
        """What a user should know who trains the stage from weights of these tensors alone: what
        the network lacks, as in "aligns frames by ...", or "" if nothing."""
        return ""

    def learning(self) -> dict[str, nn.Parameter]:
        """The parameters that the stage trains, by their names in the network."""
        return {name: one for name, one in self.network.named_parameters() if one.requires_grad}

    def markers(self) -> dict[str, Tensor]:
        """Entries of the network's state that are not trained, but tell what the weights are of."""
        return {}


class CentreLosses(LossModule):
    """A spatial network that reads frames in [0, 1]; its loss is in [-1, 1], that of STVUN's centre frame."""

    def __init__(self, network: Any, stage: Stage = "space") -> None:
        super().__init__()
        self.network = network

    @abstractmethod
    def centre(self, frames: Tensor) -> Tensor:
        """The enlarged centre frame, (B, 3, 4h, 4w), of training windows in [0, 1]."""

    def forward(
        self, small: Tensor, large: Tensor, between: Tensor, times: Sequence[float]
    ) -> Losses:
        prediction = self.predict(small, times)["existing"][:, 0]
        return {"space": self.difference(prediction, large[:, 0])}

    def predict(self, small: Tensor, times: Sequence[float]) -> dict[str, Tensor]:
        return {"existing": 2 * self.centre((small + 1) / 2).unsqueeze(1) - 1}
