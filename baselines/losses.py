"""The form of a network's losses: a module that gives them for a batch of windows, by name.

The paper's section 3.3 names three: "flow" (L_M, equation 7: the small frames that the flow moved),
"space" (L_S, 9: the centre frame) and "between" (L_F, 11: the new frames); all are mean absolute
differences, in the range [-1, 1].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

Losses = dict[str, Tensor]


class LossModule(nn.Module, ABC):
    """A network with its losses; called so that DistributedDataParallel can stand around it."""

    network: nn.Module

    @abstractmethod
    def forward(
        self, small: Tensor, large: Tensor, between: Tensor, times: Sequence[float]
    ) -> Losses:
        """The losses of a batch.

        small:   (B, 7 or 8, 3, h, w), the input frames, RGB in [-1, 1].
        large:   (B, 1 + n, 3, H, W), the true centre frame and the n moments after it.
        between: (B, n, 3, h, w), the true low-resolution frames of these moments.
        times:   of the moments, n, each in (0, 1).
        """

    @abstractmethod
    def predict(self, small: Tensor, times: Sequence[float]) -> dict[str, Tensor]:
        """What is compared with the truth in validation: "existing", "new", or in the flow's stage
        "moved" (the low-resolution frames between), each (B, n, 3, ., .) in [-1, 1]."""

    def learning(self) -> dict[str, nn.Parameter]:
        """The parameters that the stage trains, by their names in the network."""
        return {name: one for name, one in self.network.named_parameters() if one.requires_grad}


def mean_absolute_difference(prediction: Tensor, truth: Tensor) -> Tensor:
    return (prediction.float() - truth).abs().mean()
