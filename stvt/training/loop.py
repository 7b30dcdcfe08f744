"""`stvt train`: a network learns from windows of training sets, and goes on where it was stopped."""

from __future__ import annotations

import json
import math
import os
import time as clock
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grad_norm_

from stvt.baselines import LossModule, init_weights, loss_module, network
from stvt.core.errors import UsageError
from stvt.datasets import Prepared, Sampling, TrainingSet, Windows, load, load_training
from stvt.training import checkpoints as training_store
from stvt.training.data import batches, ready
from stvt.training.log import Log
from stvt.training.recipe import TrainingPlan, check_stage
from stvt.training.validation import on_set, validated
from stvt.training.weights import begin_flow, begin_with, write_weights

Show = Callable[[int, int | None, str], None]
AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Trained:
    """Where the weights are, and the last loss of each kind."""

    weights: Path
    best: Path
    losses: dict[str, float]
    steps: int


def train(
    plan: TrainingPlan,
    root: Path,
    out: Path,
    *,
    initial: Sequence[Path] = (),
    flow_weights: Path | None = None,
    device: str = "cpu",
    workers: int = 0,
    channels_last: bool | None = None,
    compiled: bool = False,
    tensorboard: bool = False,
    validate: Sequence[str] = (),
    pause: Callable[[int], bool] = lambda step: False,
    show: Show | None = None,
    say: Callable[[str], None] = print,
) -> Trained:
    """Train by the plan in the folder `out`, from its newest checkpoint if it has one.

    root:     of the training sets. initial: files of weights to start from, each of any part.
    flow_weights: a pretrained PWC-Net for the joint stage of a full STVUN; None takes the one in
              the folder of weights, if it is there.
    workers:  processes that make windows; 0 makes them here. No result depends on it.
    channels_last: the layout of weights and features; None takes the one measured to be faster.
    validate: prepared test sets that are scored in validation besides the clips held back.
    pause:    told how many steps are done; where it says so, a checkpoint is written and the
              training ends for now.
    Under torchrun each process takes its part of every batch.
    Raises UsageError if `out` holds a training by another plan, or a loss is no number.
    """
    team = Team.joined(device)
    try:
        run = _Run(plan, root, out, team, initial, flow_weights, workers, channels_last, say)
        run.others = [load(name, root) for name in validate]
        if tensorboard:
            run.log.open_tensorboard()
        if compiled:
            run.model = torch.compile(run.model)  # type: ignore[assignment]
        return run.go(pause, show)
    finally:
        team.leave()


class _Run:
    def __init__(
        self,
        plan: TrainingPlan,
        root: Path,
        out: Path,
        team: Team,
        initial: Sequence[Path],
        flow_weights: Path | None,
        workers: int,
        channels_last: bool | None,
        say: Callable[[str], None],
    ) -> None:
        self.plan, self.out, self.team, self.workers = plan, out, team, workers
        self.say = say if team.first else _silent
        if plan.batch % (team.size * plan.accumulate):
            raise UsageError(
                f"batch {plan.batch} cannot be shared by {team.size} processes in "
                f"{plan.accumulate} pieces each"
            )
        check_stage(plan)
        learner = network(plan.network, plan.scale)
        init_weights(plan.network, learner, plan.seed)
        self.losses: LossModule = loss_module(plan.network, learner, plan.stage)  # type: ignore[arg-type]
        given = begin_with(learner, initial, self.say)
        flow = dict[str, str]()
        if flow_weights or not training_store.checkpoints(out / "checkpoints"):
            flow = begin_flow(learner, plan.network, plan.stage, flow_weights, given, self.say)
        aligned = getattr(learner, "aligned", False) and plan.stage != "flow"
        if aligned and not any(name.startswith("pwcnet.") for name in given):
            self.say(
                f"{plan.network} aligns frames by its flow network, which was given no weights: "
                "train --stage flow first, and give that run by --initial"
            )
        sets = _sets(plan, root)
        sampling = Sampling(
            plan.frames, plan.between, plan.patch, plan.scale, plan.degradation, plan.tries
        )
        parts = [(one.part("train"), weight) for one, weight in sets]
        self.windows = Windows(parts, sampling, plan.seed)
        data = {one.name: one.sha256 for one, _ in sets}
        self._agree({"plan": plan.as_dict(), "data": data, "flow": flow})
        self.held_back = [(one.part("validation"), weight) for one, weight in sets]
        learner.to(team.device)
        if _rows(plan, team.device) if channels_last is None else channels_last:
            learner.to(memory_format=torch.channels_last)
        self.losses.train()
        self.learning = self.losses.learning()
        self.optimiser = torch.optim.Adam(self.learning.values(), plan.rate)
        self.scaler = torch.amp.GradScaler("cuda", enabled=plan.precision == "fp16")
        self.average = {name: one.detach().clone() for name, one in self.learning.items()}
        self.step, self.best = 0, -math.inf
        self.model: nn.Module = self.losses
        if team.size > 1:
            self.model = DistributedDataParallel(self.model)
        self.log = Log(out, team.first)
        self.others: list[Prepared] = []

    def go(self, pause: Callable[[int], bool], show: Show | None) -> Trained:
        self._restore()
        plan, losses = self.plan, dict[str, float]()
        waiting = computing = 0.0
        came = clock.perf_counter()
        for batch in self._batches():
            waiting += batch.pop("waited")
            began = clock.perf_counter()
            losses = self._step(batch)
            computing += clock.perf_counter() - began
            if self.team.first:
                self.log.add(losses)
            if self.step % plan.log_every == 0 or self.step == plan.steps:
                share = waiting / max(waiting + computing, 1e-9)
                speed = plan.batch / max((waiting + computing) / _since(self.step, plan), 1e-9)
                self.log.write(self.step, plan.rate_at(self.step - 1), speed, share)
                waiting = computing = 0.0
            if show:
                parts = " ".join(f"{name} {value:.4f}" for name, value in losses.items())
                rate = f"rate {plan.rate_at(self.step - 1):.1e}"
                pace = f"{plan.batch / max(clock.perf_counter() - came, 1e-9):.1f} windows/s"
                show(self.step, plan.steps, f"{plan.stage}: {parts}, {rate}, {pace}")
                came = clock.perf_counter()
            last = self.step == plan.steps
            if self.step % plan.validate_every == 0 or last:
                self._validate()
            pausing = self.step % plan.log_every == 0 and self.team.agree(pause(self.step))
            if self.step % plan.save_every == 0 or last or pausing:
                self._save()
            if pausing and not last:
                self.say(f"paused after step {self.step}; the same command goes on")
                break
        if self.team.first:
            self.log.plots()
        return Trained(self._weights("last"), self._weights("best"), losses, self.step)

    def _batches(self) -> Iterator[dict[str, Any]]:
        plan, team = self.plan, self.team
        each = plan.batch // team.size
        places = range(team.rank * each, (team.rank + 1) * each)
        steps = range(self.step, plan.steps)
        return batches(self.windows, steps, places, self.workers)

    def _step(self, batch: dict[str, Any]) -> dict[str, float]:
        plan, device = self.plan, self.team.device
        for group in self.optimiser.param_groups:
            group["lr"] = plan.rate_at(self.step)
        small, large, between = (
            ready(batch[name], device) for name in ("small", "large", "between")
        )
        self.optimiser.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        pieces = zip(*(one.chunk(plan.accumulate) for one in (small, large, between)), strict=True)
        for k, piece in enumerate(pieces):
            waits = k + 1 < plan.accumulate and isinstance(self.model, DistributedDataParallel)
            with self.model.no_sync() if waits else nullcontext():  # type: ignore[operator]
                with self.autocast():
                    losses = self.model(*piece, plan.times())
                loss: Any = self.scaler.scale(self._total(losses) / plan.accumulate)
                loss.backward()
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0) + loss.detach() / plan.accumulate
        found = self.team.mean(sums)
        if not all(map(math.isfinite, found.values())):
            raise UsageError(
                f"step {self.step}: the loss is not a number ({found}) on the clips "
                f"{', '.join(sorted(set(batch['clips'])))}; a smaller --rate or --clip 1 may help; "
                "the same command goes on from the last checkpoint"
            )
        self.scaler.unscale_(self.optimiser)
        if plan.clip:
            clip_grad_norm_(self.learning.values(), plan.clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.step += 1
        self._follow()
        return found

    def _total(self, losses: dict[str, Tensor]) -> Tensor:
        """Equation 12, of L_M (equation 7), L_S (9) and L_F (11)."""
        plan = self.plan
        weights = {"flow": plan.lambda_m, "space": plan.lambda_s, "between": plan.lambda_f}
        return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()

    @torch.no_grad()
    def _follow(self) -> None:
        """Brings the averaged weights a step nearer; early on they follow faster."""
        decay = min(self.plan.average, (1 + self.step) / (10 + self.step))
        for name, one in self.learning.items():
            self.average[name].lerp_(one, 1 - decay)

    def autocast(self) -> AbstractContextManager[object]:
        if self.plan.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.team.device.type, AUTOCAST[self.plan.precision])

    def _validate(self) -> None:
        """Scores the averaged weights on windows of the clips held back."""
        some = any(clips for clips, _ in self.held_back)
        if not self.team.first or not (some or self.others):
            return
        now = {name: one.detach().clone() for name, one in self.learning.items()}
        self._take(self.average)
        scores = {}
        if some:
            scores = validated(
                self.losses, self.plan, self.held_back, self.team.device, self.autocast
            )
        for prepared in self.others:
            scores |= on_set(self.losses, self.plan, prepared, self.team.device)
        self._take(now)
        self.log.validation(self.step, scores)
        mean = sum(scores.values()) / len(scores)
        if mean > self.best:
            self.best = mean
            self._write("best")

    @torch.no_grad()
    def _take(self, values: dict[str, Tensor]) -> None:
        for name, one in self.learning.items():
            one.copy_(values[name])

    def _save(self) -> None:
        if not self.team.first:
            return
        self._write("last")
        state = {
            "step": self.step,
            "best": self.best,
            "network": {name: one.detach() for name, one in self.learning.items()},
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": torch.get_rng_state(),
        }
        training_store.save(self.out / "checkpoints", self.step, state)

    def _restore(self) -> None:
        state = training_store.newest(self.out / "checkpoints", self.say)
        if state is None:
            self.log.begin(0)
            return
        self.step, self.best = state["step"], state["best"]
        self._take(state["network"])
        for name, one in state["average"].items():
            self.average[name].copy_(one)
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["random"])
        self.log.begin(self.step)
        self.say(f"goes on after step {self.step}")

    def _weights(self, which: str) -> Path:
        return self.out / "weights" / f"{self.plan.network}-{which}.safetensors"

    def _write(self, which: str) -> None:
        about = f"{self.plan.network}, stage {self.plan.stage}, after {self.step} steps"
        write_weights(self._weights(which), self.average, about)

    def _agree(self, facts: dict[str, Any]) -> None:
        """Writes the plan into the run, or checks that the run there is by this plan."""
        if not self.team.first:
            return
        file = self.out / "training.json"
        text = json.dumps(facts, indent=1, sort_keys=True) + "\n"
        if not file.exists():
            self.out.mkdir(parents=True, exist_ok=True)
            training_store.write_whole(file, lambda part: part.write_text(text))
            return
        kept = json.loads(file.read_text())
        other = [
            f"{name} {kept['plan'].get(name)!r}, now {value!r}"
            for name, value in facts["plan"].items()
            if kept["plan"].get(name) != value
        ]
        if other or kept["data"] != facts["data"]:
            reason = "; ".join(other) or "the training sets have changed"
            raise UsageError(f"{self.out}: holds another training ({reason}); take another --out")


class Team:
    """The processes of a training, under torchrun or one alone, and this one's device."""

    def __init__(self, rank: int, size: int, device: torch.device) -> None:
        self.rank, self.size, self.device = rank, size, device
        self.first = rank == 0

    @classmethod
    def joined(cls, device: str) -> Team:
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls(0, 1, torch.device(device))
        if device.startswith("cuda"):
            device = f"cuda:{os.environ['LOCAL_RANK']}"
            torch.cuda.set_device(device)
        distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
        return cls(distributed.get_rank(), size, torch.device(device))

    def mean(self, values: dict[str, Tensor]) -> dict[str, float]:
        """The mean of each value over the processes."""
        together = torch.stack([*values.values()]).double()
        if self.size > 1:
            distributed.all_reduce(together)
            together /= self.size
        return dict(zip(values, together.tolist(), strict=True))

    def agree(self, wish: bool) -> bool:
        """What the first process wishes, in all of them."""
        if self.size == 1:
            return wish
        shared = torch.tensor(int(wish), device=self.device)
        distributed.broadcast(shared, 0)
        return bool(shared)

    def leave(self) -> None:
        if self.size > 1:
            distributed.destroy_process_group()


def _rows(plan: TrainingPlan, device: torch.device) -> bool:
    """Whether channels last is faster: tensor cores want it, and so do a CPU's matrix tiles (AMX:
    12 % faster, `stvun-s` in bfloat16); on a CPU without them it was 13 % slower."""
    if device.type == "cuda":
        return True
    tiles = getattr(torch.cpu, "_is_amx_tile_supported", None)  # not in PyTorch 2.4
    return plan.precision == "bf16" and device.type == "cpu" and tiles is not None and tiles()


def _sets(plan: TrainingPlan, root: Path) -> list[tuple[TrainingSet, float]]:
    if not plan.data:
        raise UsageError("--data names no training set; `stvt prepare photographs` makes one")
    found = []
    for text in plan.data:
        name, _, weight = text.partition(":")
        try:
            found.append((load_training(name, root), float(weight or 1)))
        except ValueError as error:
            raise UsageError(f"--data {text}: '{weight}' is no number") from error
    return found


def _since(step: int, plan: TrainingPlan) -> int:
    """Steps since the last line of the log."""
    return (step - 1) % plan.log_every + 1


def _silent(_: str) -> None:
    """What the other processes have to say, the first says."""
