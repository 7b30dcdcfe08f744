"""What a network learns by: the losses of a batch of windows, stage by stage.

Source: the paper's section 3.3, equations 7 (L_M: "flow"), 9 (L_S: "space") and 11 (L_F:
"between"); all are mean absolute differences, in the network's range of [-1, 1].
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d as area

from .edvr.alignment import reset_for_training
from .edvr.network import EDVR
from .flow_networks.light import LightFlow, optical_flow
from .stvun.network import CENTRE, FRAMES, STVUN, UNUSED, blend
from .weights.load import initialise

Stage = Literal["flow", "space", "joint"]
FLOW_WEIGHT = 0.05  # of a pixel's error in the joint stage, beside differences of about 0.01
Losses = dict[str, Tensor]


class Trainee(nn.Module, ABC):
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
    def made(self, small: Tensor, times: Sequence[float]) -> dict[str, Tensor]:
        """What is compared with the truth in validation: "existing", "new", or in the flow's stage
        "moved" (the low-resolution frames between), each (B, n, 3, ., .) in [-1, 1]."""

    def learning(self) -> dict[str, nn.Parameter]:
        """The parameters that the stage trains, by their names in the network."""
        return {name: one for name, one in self.network.named_parameters() if one.requires_grad}


class StvunTrainee(Trainee):
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
            if re.search(UNUSED, name):  # so never given a gradient
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
        made, guide = self.network.space(X[CENTRE], e[CENTRE], E)
        losses = {"space": _difference(made, large[:, 0])}
        if self.stage == "space":
            return losses
        pair = slice(CENTRE, CENTRE + 2)
        first, second = self._flows(frames)
        for k, t in enumerate(times):
            moved, m = blend(t, X[pair], e[pair], first, second)
            made = self.network.time(moved, m, guide)
            _add(losses, "between", _difference(made, large[:, 1 + k]) / len(times))
            _add(losses, "flow", _difference(moved, between[:, k]) / len(times))
        if self.network.aligned:  # which needs each flow, and equation 7 sees both together
            truth = self._true_flow(large[:, 0], large[:, 1], first) / times[0]
            _add(losses, "flow", FLOW_WEIGHT * _difference(first, truth))
        return losses

    def made(self, small: Tensor, times: Sequence[float]) -> dict[str, Tensor]:
        if self.stage == "flow":
            there, back = self._flows(small)
            X = small[:, CENTRE : CENTRE + 2].unbind(1)
            moved = [blend(t, X, ([], []), there, back)[0] for t in times]
            return {"moved": torch.stack(moved, 1)}
        made = self.network(small[:, :FRAMES], times if self.stage == "joint" else [])
        return {"existing": made[:, :1]} | ({"new": made[:, 1:]} if self.stage == "joint" else {})

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
        for found in self.network.pwcnet.flows(first, second):
            coarse = area(truth, tuple(found.shape[-2:])) * (found.shape[-1] / truth.shape[-1])
            loss = loss + _difference(found, coarse)
        return loss

    def _true_flow(self, first: Tensor, second: Tensor, small: Tensor) -> Tensor:
        """The flow of full-size frames at the size of the small ones, in their pixels."""
        return (
            area(optical_flow(first, second), (small.shape[-2], small.shape[-1]))
            / self.network.scale
        )


class EdvrTrainee(Trainee):
    """EDVR, which reads frames in [0, 1]; its loss is in [-1, 1] as STVUN's."""

    def __init__(self, network: EDVR) -> None:
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
        made = self.network.restore(window, frames[:, reach])
        return {"space": _difference(2 * made - 1, large[:, 0])}

    def made(self, small: Tensor, times: Sequence[float]) -> dict[str, Tensor]:
        reach = self.network.frames // 2
        frames = (small[:, CENTRE - reach : CENTRE + reach + 1] + 1) / 2
        return {"existing": 2 * self.network(frames).unsqueeze(1) - 1}


def trainee(network: nn.Module, stage: Stage) -> Trainee:
    """The network with its losses. Raises ValueError if it has no such stage."""
    if isinstance(network, STVUN) and (stage != "flow" or isinstance(network.pwcnet, LightFlow)):
        return StvunTrainee(network, stage)
    if stage != "space" or not isinstance(network, EDVR):
        raise ValueError(f"{type(network).__name__} has no stage {stage!r}")
    return EdvrTrainee(network)


def start(network: nn.Module, seed: int) -> None:
    """Weights as training starts: He normal (the published code's choice), residuals and flows faint."""
    initialise(network, seed)
    reset_for_training(network)
    with torch.no_grad():
        if isinstance(network, STVUN):
            network.decoder.rconv1.weight.mul_(0.1)
            if isinstance(network.pwcnet, LightFlow):
                for name, parameter in network.pwcnet.named_parameters():
                    if name.startswith("predict"):
                        parameter.mul_(0.01)
        elif isinstance(network, EDVR):
            network.conv_last.weight.mul_(0.1)


def _difference(made: Tensor, truth: Tensor) -> Tensor:
    return (made.float() - truth).abs().mean()


def _add(losses: Losses, name: str, loss: Tensor) -> None:
    losses[name] = losses[name] + loss if name in losses else loss
