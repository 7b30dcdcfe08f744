"""How STVUN is trained: where its weights start, and its losses, stage by stage.

Source: the paper's section 3.3, equations 7 (L_M: "flow"), 9 (L_S: "space") and 11 (L_F:
"between").
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d as area

from ..edvr.alignment import as_training_starts
from ..flow_networks.light import LightFlow, optical_flow
from ..losses import Losses, LossModule, mean_absolute_difference
from ..spec import Stage
from . import SPEC
from .network import CENTRE, FRAMES, STVUN, Encoded, Motion, blend

# Steps away from the centre frame of a window, ahead and back.
STEPS = [(3, 4), (4, 5), (5, 6), (3, 2), (2, 1), (1, 0)]
FLOW_WEIGHT = 0.05  # of a pixel's error in the joint stage, beside differences of about 0.01


def init_weights(network: STVUN) -> None:
    """Bring random weights to where training starts: residuals and flows faint."""
    as_training_starts(network)
    with torch.no_grad():
        network.decoder.rconv1.weight.mul_(0.1)
        if isinstance(network.pwcnet, LightFlow):
            for name, parameter in network.pwcnet.named_parameters():
                if name.startswith("predict"):
                    parameter.mul_(0.01)


class StvunLosses(LossModule):
    """STVUN. "space" trains all but the flow network, "flow" that alone, "joint" everything.

    The paper starts from a published flow network and has no stage "flow".
    """

    def __init__(self, network: STVUN, stage: Stage) -> None:
        super().__init__()
        self.network: STVUN = network
        self.stage = stage
        for name, parameter in network.named_parameters():
            of_flow = name.startswith("pwcnet.")
            parameter.requires_grad = stage == "joint" or of_flow == (stage == "flow")
            if re.search(SPEC.optional_keys, name):  # so never given a gradient
                parameter.requires_grad = False

    def forward(
        self, small: Tensor, large: Tensor, between: Tensor, times: Sequence[float]
    ) -> Losses:
        if self.stage == "flow":
            return {"flow": self._taught(small, large, between, times[0])}
        frames = small[:, :FRAMES]
        window = _by_frame(self.network.encode(frames.flatten(0, 1)), frames.shape[0])
        made, guide = self.network.space(frames[:, CENTRE], window, self._motion(frames))
        losses = {"space": mean_absolute_difference(made, large[:, 0])}
        if self.stage == "space":
            return losses
        first, second = self._pair(frames)
        ends = [(frames[:, CENTRE + k], window[CENTRE + k].features) for k in (0, 1)]
        for k, t in enumerate(times):
            moved, features = blend(t, (*ends[0], first), (*ends[1], second))
            made = self.network.finished(moved, features, guide)
            _add(losses, "between", mean_absolute_difference(made, large[:, 1 + k]) / len(times))
            _add(losses, "flow", mean_absolute_difference(moved, between[:, k]) / len(times))
        if self.network.aligned:  # which needs each flow, and equation 7 sees both together
            truth = self._true_flow(large[:, 0], large[:, 1], first) / times[0]
            _add(losses, "flow", FLOW_WEIGHT * mean_absolute_difference(first, truth))
        return losses

    def predict(self, small: Tensor, times: Sequence[float]) -> dict[str, Tensor]:
        if self.stage == "flow":
            there, back = self._pair(small)
            ends = [(small[:, CENTRE + j], list[Tensor]()) for j in (0, 1)]
            moved = [blend(t, (*ends[0], there), (*ends[1], back))[0] for t in times]
            return {"moved": torch.stack(moved, 1)}
        made = self.network(small[:, :FRAMES], times if self.stage == "joint" else [])
        return {"existing": made[:, :1]} | ({"new": made[:, 1:]} if self.stage == "joint" else {})

    def _pair(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        pyramids = [self.network.pyramid(frames[:, CENTRE + k]) for k in (0, 1)]
        return self.network.flows(*pyramids)

    def _motion(self, frames: Tensor) -> Motion | None:
        """The flows that features are brought to the centre by; alignment does not train them."""
        if not self.network.aligned:
            return None
        with torch.no_grad():
            pyramids = self.network.pyramid(frames.transpose(0, 1).flatten(0, 1))
            each = [level.view(FRAMES, -1, *level.shape[1:]) for level in pyramids]
            first, second = (
                [level[list(frames)].flatten(0, 1) for level in each] for frames in zip(*STEPS)
            )
            flow = self.network.way(first, second)
            flows = flow.view(len(STEPS), -1, *flow.shape[1:]).unbind(0)
        return flows[:CENTRE], flows[CENTRE:]

    def _taught(self, small: Tensor, large: Tensor, between: Tensor, t: float) -> Tensor:
        """How far the flow is from that of the full-size frames, in pixels of the small ones.

        Equation 7 alone left a light network without a start: a frame halfway depends only on the
        difference of both flows, and hardly on motions below a pixel.
        """
        now, then, end = small[:, CENTRE], between[:, 0], small[:, CENTRE + 1]
        there = self._true_flow(large[:, 0], large[:, 1], now)
        back = self._true_flow(large[:, 1], large[:, 0], now)
        truth = torch.cat([there, back, there / t])
        first = self.network.pyramid(torch.cat([now, then, now]))
        second = self.network.pyramid(torch.cat([then, now, end]))
        loss = small.new_zeros(())
        for found in self.network.pwcnet.flows(first, second):
            coarse = area(truth, tuple(found.shape[-2:])) * (found.shape[-1] / truth.shape[-1])
            loss = loss + mean_absolute_difference(found, coarse)
        return loss

    def _true_flow(self, first: Tensor, second: Tensor, small: Tensor) -> Tensor:
        """The flow of full-size frames at the size of the small ones, in their pixels."""
        return (
            area(optical_flow(first, second), (small.shape[-2], small.shape[-1]))
            / self.network.scale
        )


def _by_frame(encoded: Encoded, batch: int) -> list[Encoded]:
    """What was encoded of all frames of a batch of windows at once, frame by frame."""

    def of(tensor: Tensor, k: int) -> Tensor:
        return tensor.view(batch, FRAMES, *tensor.shape[1:])[:, k]

    return [
        Encoded(
            [of(level, k) for level in encoded.features],
            [[of(one, k) for one in level] for level in encoded.prepared],
        )
        for k in range(FRAMES)
    ]


def _add(losses: Losses, name: str, loss: Tensor) -> None:
    losses[name] = losses[name] + loss if name in losses else loss
