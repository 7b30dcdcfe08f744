"""The state of a training: what a step changes, and a checkpoint holds."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from stvt.baselines import DIFFERENCES, DTYPES, LossModule, loss_module, network_spec
from stvt.core.errors import UsageError
from stvt.core.suggestions import did_you_mean
from stvt.training.distributed import DistributedContext
from stvt.training.muon import Muon
from stvt.training.recipe import TrainingRecipe


@dataclass
class TrainingState:
    """The network with its losses, its averaged weights (EMA), the optimizer, and how far they are.

    model: `losses` as a step calls it: among processes, compiled.
    names: of the tensors that the stage is about, in the network: those it trains, those that
           --freeze keeps as they are, and the loss module's markers.
    best:  the highest mean PSNR in validation so far.
    untrained: entries of what makes new frames that no file gave and the stage does not train:
           readers of a checkpoint leave them out.
    """

    losses: LossModule
    model: nn.Module
    average: AveragedModel
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    names: tuple[str, ...]
    step: int = 0
    best: float = -math.inf
    untrained: tuple[str, ...] = ()

    @property
    def averaged(self) -> LossModule:
        """The network with its averaged weights."""
        module: Any = self.average.module
        return module  # type: ignore[no-any-return]

    def averaged_weights(self) -> dict[str, Tensor]:
        """The averaged weights of what the stage is about, by their names in the network.

        With the frozen ones: a file without them would be of no use, or of another network.
        """
        weights = self.averaged.network.state_dict()
        return {name: weights[name].detach() for name in self.names}

    def no_sync(self) -> AbstractContextManager[object]:
        """Gradients stay in their process: more of the batch is to come."""
        model = getattr(self.model, "_orig_mod", self.model)  # torch.compile stands around it
        if isinstance(model, DistributedDataParallel):
            return model.no_sync()
        return nullcontext()

    def state_dict(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "best": self.best,
            "untrained": list(self.untrained),
            "network": self.losses.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": torch.get_rng_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step, self.best = state["step"], state["best"]
        self.untrained = tuple(state.get("untrained", ()))  # older checkpoints have none
        self.losses.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["random"])


def initial_state(
    network: nn.Module,
    recipe: TrainingRecipe,
    context: DistributedContext,
    *,
    given: Collection[str] = (),
    channels_last: bool | None = None,
    compiled: bool = False,
) -> TrainingState:
    """The state before the first step.

    given: the names of the tensors that files gave the network.
    channels_last: None takes the layout measured to be faster.
    """
    if recipe.precision == "fp16" and context.device.type == "cpu":
        raise UsageError("--precision fp16: is for GPUs; on a CPU take bf16 or fp32")
    losses = loss_module(recipe.network, network, recipe.stage)  # type: ignore[arg-type]
    losses.difference = DIFFERENCES[recipe.loss]
    names = (*losses.learning(), *losses.markers())
    _freeze(network, recipe)
    losses.to(context.device)
    if _prefers_channels_last(recipe, context.device) if channels_last is None else channels_last:
        losses.to(memory_format=torch.channels_last)
    losses.train()
    average = exponential_average(losses, recipe.average)
    model: nn.Module = losses
    if context.world_size > 1:
        model = DistributedDataParallel(model)
    if compiled:
        model = torch.compile(model)  # type: ignore[assignment]
    optimizer = _optimizer(recipe, losses.learning().values(), context.device)
    scaler = torch.amp.GradScaler("cuda", enabled=recipe.precision == "fp16")
    only_new = network_spec(recipe.network).variants[recipe.network].new_frame_keys or "(?!)"
    known = {*given, *names}
    untrained = [name for name in network.state_dict() if name not in known]
    untrained = [name for name in untrained if re.search(only_new, name)]
    return TrainingState(
        losses, model, average, optimizer, scaler, names, untrained=tuple(untrained)
    )


def _optimizer(
    recipe: TrainingRecipe, parameters: Iterable[nn.Parameter], device: torch.device
) -> torch.optim.Optimizer:
    if recipe.optimizer == "muon":
        return Muon(parameters, recipe.rate)
    fused = device.type in ("cpu", "cuda")  # a third of the time on a CPU
    return torch.optim.Adam(parameters, recipe.rate, fused=fused)


def _freeze(network: nn.Module, recipe: TrainingRecipe) -> None:
    """Take the parts that keep their weights out of what the stage trains."""
    parts = dict(network.named_children())
    for part in filter(None, recipe.freeze.split(",")):
        if part not in parts:
            raise UsageError(
                f"--freeze {part}: {recipe.network} has no such part; it has {', '.join(parts)}"
                f"{did_you_mean(part, parts)}"
            )
        parts[part].requires_grad_(False)
    if not any(one.requires_grad for one in network.parameters()):
        raise UsageError(f"--freeze {recipe.freeze}: leaves stage {recipe.stage} nothing to train")


def exponential_average(model: nn.Module, decay: float) -> AveragedModel:
    """The exponential moving average (EMA) of a model's weights, in evaluation mode.

    Early on it follows faster: the decay of step n is at most (1 + n) / (10 + n).
    """

    def update(averages: Any, weights: Any, steps: Any) -> None:
        n = int(steps)
        torch._foreach_lerp_(averages, weights, 1 - min(decay, (1 + n) / (10 + n)))

    average = AveragedModel(model, multi_avg_fn=update)
    average.update_parameters(model)  # the first call copies
    return average.eval()


def autocast(recipe: TrainingRecipe, device: torch.device) -> AbstractContextManager[object]:
    """The precision in which a recipe computes."""
    if recipe.precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, DTYPES[recipe.precision])


def _prefers_channels_last(recipe: TrainingRecipe, device: torch.device) -> bool:
    """Whether channels last is faster: tensor cores want it, and so do a CPU's matrix tiles (AMX:
    12 % faster, `stvun-s` in bfloat16); on a CPU without them it was 13 % slower."""
    if device.type == "cuda":
        return True
    on_cpu = recipe.precision == "bf16" and device.type == "cpu"
    return on_cpu and torch.cpu._is_amx_tile_supported()
