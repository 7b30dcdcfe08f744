"""The training of STVUN: initial weights, and its losses, stage by stage.

Source: the paper's section 3.3, equations 7 (L_M: "flow"), 9 (L_S: "space") and 11 (L_F:
"between").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d as area

from ..edvr.alignment import reset_for_training
from ..flow_networks.light import LightFlow, optical_flow
from ..losses import Losses, LossModule, mean_absolute_difference
from ..spec import Stage
from . import SPEC
from .blending_mask import BlendingMask
from .network import CENTRE, FRAMES, STVUN, blend

NEARNESS = 0.04  # at first; from nothing it is learnt, too, but slowly
FLOW_WEIGHT = 0.05  # of a pixel's error in the joint stage, beside differences of about 0.01


def init_weights(network: STVUN) -> None:
    """Bring random weights to where training starts: residuals and flows faint."""
    reset_for_training(network)
    with torch.no_grad():
        network.decoder.rconv1.weight.mul_(0.1)
        if isinstance(network.pwcnet, LightFlow):
            for name, parameter in network.pwcnet.named_parameters():
                if name.startswith("predict"):
                    parameter.mul_(0.01)
                elif name.startswith("nearness"):
                    parameter.fill_(NEARNESS)
    if isinstance(network.mask, BlendingMask):
        network.mask.start_as_mean()


class StvunLosses(LossModule):
    """STVUN. "space" trains all but flow network and blending mask, "flow" the former, "joint" all.

    The paper starts from a published flow network and has no stage "flow".
    """

    def __init__(self, network: STVUN, stage: Stage) -> None:
        super().__init__()
        self.network: STVUN = network
        self.stage = stage
        for name, parameter in network.named_parameters():
            first = {"pwcnet": "flow", "mask": "joint"}.get(name.split(".")[0], "space")
            parameter.requires_grad = stage in (first, "joint")
            if re.search(SPEC.optional_keys, name):  # so never given a gradient
                parameter.requires_grad = False

    def forward(
        self, small: Tensor, large: Tensor, between: Tensor, times: Sequence[float]
    ) -> Losses:
        if self.stage == "flow":
            return {"flow": self._taught(small, large, between, times[0])}
        frames = small[:, :FRAMES]
        X, e = frames.unbind(1), self._features(frames)
        E = self.network.fuse(
            self.network.align(e, *self._motion(X)) if self.network.aligned else e
        )
        output, guide = self.network.super_resolve(X[CENTRE], e[CENTRE], E)
        losses = {"space": self.difference(output, large[:, 0])}
        if self.stage == "space":
            return losses
        pair = slice(CENTRE, CENTRE + 2)
        first, second = self._flows(frames)
        for k, t in enumerate(times):
            moved, m, D = self.network.blend(t, X[pair], e[pair], guide, first, second)
            output = self.network.interpolate(moved, m, D)
            _add(losses, "between", self.difference(output, large[:, 1 + k]) / len(times))
            _add(losses, "flow", mean_absolute_difference(moved, between[:, k]) / len(times))
        if self.network.aligned and first.requires_grad:  # equation 7 sees both flows together
            truth = self._true_flow(large[:, 0], large[:, 1], first) / times[0]
            _add(losses, "flow", FLOW_WEIGHT * mean_absolute_difference(first, truth))
        return losses

    def predict(self, small: Tensor, times: Sequence[float]) -> dict[str, Tensor]:
        if self.stage == "flow":
            there, back = self._flows(small)
            X = small[:, CENTRE : CENTRE + 2].unbind(1)
            warp = self.network.warp
            moved = [blend(t, X, ([], []), there, back, warp=warp)[0] for t in times]
            return {"moved": torch.stack(moved, 1)}
        output = self.network(small[:, :FRAMES], times if self.stage == "joint" else [])
        return {"existing": output[:, :1]} | (
            {"new": output[:, 1:]} if self.stage == "joint" else {}
        )

    def markers(self) -> dict[str, Tensor]:
        return {} if self.stage == "flow" else dict(self.network.named_buffers(recurse=False))

    def advice(self, given: Collection[str]) -> str:
        has_flow = any(name.startswith("pwcnet.") for name in given)
        if self.stage == "flow" or not self.network.aligned or has_flow:
            return ""
        return (
            "aligns frames by its flow network, which was given no weights: "
            "train --stage flow first, and give that run by --initial"
        )

    def _features(self, frames: Tensor) -> list[list[Tensor]]:
        """Of each frame of the windows, all encoded at once."""
        levels = self.network.encoder(frames.flatten(0, 1))
        each = [level.unflatten(0, frames.shape[:2]).unbind(1) for level in levels]
        return [list(of_frame) for of_frame in zip(*each, strict=True)]

    def _flows(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """The flows from the centre frames to the next and back."""
        both = torch.cat([frames[:, CENTRE], frames[:, CENTRE + 1]])
        turned = torch.cat([frames[:, CENTRE + 1], frames[:, CENTRE]])
        there, back = self.network.flow(both, turned).chunk(2)
        return there, back

    def _motion(self, X: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """The flows that features are brought to the centre by; alignment does not train them."""
        with torch.no_grad():
            return self.network.motion(X)

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
        for flow in self.network.pwcnet.flows(first, second):
            coarse = area(truth, tuple(flow.shape[-2:])) * (flow.shape[-1] / truth.shape[-1])
            loss = loss + mean_absolute_difference(flow, coarse)
        return loss

    def _true_flow(self, first: Tensor, second: Tensor, small: Tensor) -> Tensor:
        """The flow of full-size frames at the size of the small ones, in their pixels."""
        return (
            area(optical_flow(first, second), (small.shape[-2], small.shape[-1]))
            / self.network.scale
        )


def _add(losses: Losses, name: str, loss: Tensor) -> None:
    losses[name] = losses[name] + loss if name in losses else loss
