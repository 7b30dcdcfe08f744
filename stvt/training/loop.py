"""`stvt train`: a network learns from windows of training sets, and goes on where it was stopped.

Read from top to bottom: `train`, then what it does in each step (`train_step`), now and then
(`validate`, `save_checkpoint`), and before the first.
"""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from stvt import baselines
from stvt.baselines import init_weights, is_out_of_memory
from stvt.core.errors import UsageError
from stvt.core.files import locked, read_json, remove_temporaries, sha256_of, write_json
from stvt.core.formatting import plain
from stvt.core.progress import Progress
from stvt.core.records import from_dict
from stvt.training import checkpoints
from stvt.training.data import Batch, TrainingData, killed_workers, load_data
from stvt.training.distributed import DistributedContext, distributed_context
from stvt.training.log import TrainingLog
from stvt.training.recipe import TrainingRecipe, check_stage
from stvt.training.state import TrainingState, autocast, initial_state
from stvt.training.validation import baseline_psnr, validation_psnr
from stvt.training.weights import load_initial, load_pretrained, write_weights

Say = Callable[[str], None]


@dataclass(frozen=True)
class TrainingResult:
    """Where the weights are, the last loss of each kind, and how many steps are done."""

    weights: Path
    best: Path
    losses: dict[str, float]
    steps: int


def train(
    recipe: TrainingRecipe,
    root: Path,
    out: Path,
    *,
    initial: Sequence[Path] = (),
    flow_weights: Path | None = None,
    device: str = "cpu",
    workers: int = 0,
    keep_every: int = 0,
    channels_last: bool | None = None,
    compiled: bool = False,
    tensorboard: bool = False,
    test_sets: Sequence[str] = (),
    pause: Callable[[int], bool] = lambda step: False,
    progress: Progress | None = None,
    say: Say = print,
) -> TrainingResult:
    """Train by the recipe in the folder `out`, from its newest checkpoint if it has one.

    root:     of the training sets. initial: files of weights to start from, each of any part.
    flow_weights: a pretrained PWC-Net for the joint stage of a full STVUN; None takes the one in
              the folder of weights, if it is there.
    workers:  processes that make windows; 0: a thread of this one. No result depends on it.
    keep_every: the checkpoint after each so many steps stays, besides the last three.
    channels_last: the layout of weights and features; None takes the one measured to be faster.
    test_sets: prepared, and scored in validation besides the clips held back.
    pause:    told how many steps are done; where it says so, a checkpoint is written and the
              training ends for now.
    Under torchrun each process takes its part of every batch.
    Raises UsageError if `out` holds a training by another recipe, or a loss or gradient is no number.
    """
    if workers < 0:
        raise UsageError(f"--workers {workers}: expected a whole number from 0 on")
    if keep_every < 0 or keep_every % recipe.save_every:
        raise UsageError(
            f"--keep-every {keep_every}: is no multiple of --save-every {recipe.save_every}, so no "
            "checkpoint would be there to keep"
        )
    if not recipe.data:
        raise UsageError("--data names no training set; `stvt prepare photographs` makes one")
    with (
        killed_workers(),
        distributed_context(device) as context,
        locked(out, "being trained", UsageError) if context.is_main else nullcontext(),
    ):
        if not context.is_main:
            say = lambda _: None  # the main process says all
        else:  # what a killed process had half written
            for folder in (out, out / "checkpoints", out / "weights"):
                remove_temporaries(folder)
        if recipe.batch % (context.world_size * recipe.accumulate):
            raise UsageError(
                f"--batch {recipe.batch}: cannot be shared by {context.world_size} processes in "
                f"{recipe.accumulate} pieces each"
            )
        network, given, flow = initial_network(recipe, out, initial, flow_weights, say)
        data = load_data(recipe, root, test_sets)
        state = initial_state(
            network, recipe, context, given=given, channels_last=channels_last, compiled=compiled
        )
        if advice := state.losses.advice(given):
            say(f"{recipe.network} {advice}")
        if not (data.validation or data.test_sets):
            names = ", ".join(one.name for one in data.sets)
            say(
                f"no clip of {names} is held back: nothing is validated; --validate scores test sets"
            )
        if context.is_main:
            sha256 = {one.name: one.sha256 for one in data.sets}
            began_with = tuple(sha256_of(file) for file in initial)
            check_record(out, RunRecord(recipe, sha256, flow, tuple(test_sets), began_with))
        log = TrainingLog(out, context.is_main, tensorboard)
        resume(state, out, log, say)

        losses: dict[str, float] = {}
        stepped = clock.perf_counter()
        steps = range(state.step, recipe.steps)
        places = context.places(recipe.batch)
        with closing(data.batches(steps, places, workers)) as batches:
            for batch in batches:
                began = clock.perf_counter()
                losses = train_step(state, recipe, batch, context)
                log.add(losses, batch.waited, clock.perf_counter() - began)
                last = state.step == recipe.steps
                if state.step % recipe.log_every == 0 or last:
                    log.write_losses(state.step, recipe.rate_at(state.step - 1), recipe.batch)
                if progress:
                    seconds = max(clock.perf_counter() - stepped, 1e-9)
                    stepped = clock.perf_counter()
                    progress(
                        state.step, recipe.steps, _progress_text(recipe, state, losses, seconds)
                    )
                if state.step % recipe.validate_every == 0 or last:
                    validate(state, recipe, data, out, log, context)
                    context.barrier()
                pausing = state.step % recipe.log_every == 0 and context.broadcast(
                    pause(state.step)
                )
                if state.step % recipe.save_every == 0 or last or pausing:
                    save_checkpoint(state, recipe, out, context, keep_every)
                if pausing and not last:
                    say(f"paused after step {state.step}; the same command goes on")
                    break
        sets = ", ".join(name for name, _ in recipe.weighted_sets())
        title = (
            f"{recipe.network}, stage {recipe.stage}, {recipe.degradation}x{recipe.scale}, {sets}"
        )
        log.plot(title, lambda: baseline_psnr(recipe, data), recipe.loss)
        last_weights, best = (weights_file(out, recipe, which) for which in ("last", "best"))
        if context.is_main and not last_weights.exists():  # of a run that had ended
            _write_weights(state, recipe, out, "last")
    return TrainingResult(last_weights, best, losses, state.step)


def train_step(
    state: TrainingState, recipe: TrainingRecipe, batch: Batch, context: DistributedContext
) -> dict[str, float]:
    """One step of the optimizer, and of the averaged weights; returns the mean loss of each kind.

    Raises UsageError, and changes no weights, if a loss or a gradient is no number.
    """
    for group in state.optimizer.param_groups:
        group["lr"] = recipe.rate_at(state.step)
    state.optimizer.zero_grad(set_to_none=True)
    sums: dict[str, Tensor] = {}
    for k, piece in enumerate(batch.to(context.device).chunks(recipe.accumulate)):
        more = k + 1 < recipe.accumulate
        with state.no_sync() if more else nullcontext():
            with autocast(recipe, context.device):
                losses = state.model(*piece, recipe.times())
            state.scaler.scale(total_loss(losses, recipe) / recipe.accumulate).backward()  # type: ignore[no-untyped-call]
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0) + loss.detach() / recipe.accumulate
    means = context.mean(sums)
    state.scaler.unscale_(state.optimizer)
    norm = float(clip_grad_norm_(state.losses.learning().values(), recipe.clip or math.inf))
    broken = ""
    if not all(map(math.isfinite, means.values())):
        broken = f"loss is not a number ({means})"
    elif not math.isfinite(norm) and not state.scaler.is_enabled():  # which passes over such a step
        broken = f"gradient is not a number ({norm})"
    if broken:
        raise UsageError(
            f"step {state.step}: the {broken} on the clips "
            f"{', '.join(sorted(set(batch.clips)))}; a smaller --rate or --clip 1 may help; "
            "the same command goes on from the last checkpoint"
        )
    state.scaler.step(state.optimizer)
    state.scaler.update()
    state.average.update_parameters(state.losses)
    state.step += 1
    return means


def total_loss(losses: dict[str, Tensor], recipe: TrainingRecipe) -> Tensor:
    """Equation 12, of L_M (equation 7), L_S (9) and L_F (11)."""
    weights = {"flow": recipe.lambda_m, "space": recipe.lambda_s, "between": recipe.lambda_f}
    return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


def validate(
    state: TrainingState,
    recipe: TrainingRecipe,
    data: TrainingData,
    out: Path,
    log: TrainingLog,
    context: DistributedContext,
) -> None:
    """Scores the averaged weights on what is held back, and keeps the best."""
    if not context.is_main or not (data.validation or data.test_sets):
        return
    scores = validation_psnr(state.averaged, recipe, data, context.device)
    log.write_scores(state.step, scores)
    mean = sum(scores.values()) / len(scores)
    if mean > state.best:
        state.best = mean
        _write_weights(state, recipe, out, "best")


def save_checkpoint(
    state: TrainingState,
    recipe: TrainingRecipe,
    out: Path,
    context: DistributedContext,
    keep_every: int,
) -> None:
    """The averaged weights, and the state from which the run goes on."""
    if context.is_main:
        _write_weights(state, recipe, out, "last")
        checkpoints.save(out / "checkpoints", state.step, state.state_dict(), keep_every)


def resume(state: TrainingState, out: Path, log: TrainingLog, say: Say) -> None:
    """Loads the newest checkpoint, if there is one, and cuts the log to it."""
    saved = checkpoints.load_newest(out / "checkpoints", say)
    if saved is not None:
        try:
            state.load_state_dict(saved)
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            raise UsageError(
                f"{out / 'checkpoints'}: are of another training, or of an older stvt "
                f"({plain(error, 100)}); take another --out, for which --initial may take this run"
            ) from error
        say(f"goes on after step {state.step}")
    log.truncate(state.step)


def weights_file(out: Path, recipe: TrainingRecipe, which: str) -> Path:
    """Where a run keeps the weights of that kind, "last" or "best"."""
    return out / "weights" / f"{recipe.network}-{which}.safetensors"


def _write_weights(state: TrainingState, recipe: TrainingRecipe, out: Path, which: str) -> None:
    about = f"{recipe.network}, stage {recipe.stage}, after {state.step} steps"
    about += f", {recipe.degradation}x{recipe.scale}"
    write_weights(weights_file(out, recipe, which), state.averaged_weights(), about)


def initial_network(
    recipe: TrainingRecipe,
    out: Path,
    initial: Sequence[Path],
    flow_weights: Path | None,
    say: Say,
) -> tuple[nn.Module, set[str], dict[str, str]]:
    """The network before the first step, the names of the tensors that files gave it, and the file
    and sha256 of its pretrained part, if any."""
    check_stage(recipe)
    network = baselines.network(recipe.network, recipe.scale)
    init_weights(recipe.network, network, recipe.seed)
    given = load_initial(network, initial, say)
    flow: dict[str, str] = {}
    fresh = not checkpoints.list_checkpoints(out / "checkpoints")
    if flow_weights or fresh:
        flow = load_pretrained(network, recipe.network, recipe.stage, flow_weights, given, say)
    for part in filter(None, recipe.freeze.split(",") if fresh else ()):
        if part in dict(network.named_children()) and not any(
            name.startswith(f"{part}.") for name in given
        ):
            say(f"--freeze {part}: no file gave it weights, so it keeps untrained ones")
    return network, given, flow


@dataclass(frozen=True)
class RunRecord:
    """The contents of `training.json`: the recipe and the data of a run.

    data:      the sha256 of each training set's manifest. flow: of the pretrained part, a flow network's.
    test_sets: that are scored in validation; the best weights depend on them.
    initial:   the sha256 of each file of `--initial`; None where a run of before did not write it.
    """

    recipe: TrainingRecipe
    data: dict[str, str]
    flow: dict[str, str]
    test_sets: tuple[str, ...] = ()
    initial: tuple[str, ...] | None = None


def check_record(out: Path, record: RunRecord) -> None:
    """Writes `training.json`, or raises UsageError if the run that is there is another."""
    file = out / "training.json"
    if not file.exists():
        with checkpoints.writing(file):
            write_json(file, asdict(record))
        return
    try:
        before = from_dict(RunRecord, read_json(file, UsageError), str(file), UsageError)
    except UsageError as error:
        raise UsageError(f"{error}; take another --out") from error
    pairs = zip(asdict(before.recipe).items(), asdict(record.recipe).values(), strict=True)
    changes = [f"{name} {was!r}, now {value!r}" for (name, was), value in pairs if was != value]
    if before.test_sets != record.test_sets:
        changes.append(f"validate {before.test_sets}, now {record.test_sets}")
    if before.data != record.data:
        changes.append("the training sets have changed")
    # A run that goes on reads none, so they may be left out; others would be passed over.
    if before.initial is not None and record.initial and before.initial != record.initial:
        changes.append("it began with other weights than --initial names")
    if record.flow and before.flow.get("sha256") != record.flow["sha256"]:
        changes.append("its flow network began with other weights than --flow-weights names")
    if changes:
        raise UsageError(
            f"{out}: holds another training ({'; '.join(changes)}); take another --out"
        )


def _progress_text(
    recipe: TrainingRecipe, state: TrainingState, losses: dict[str, float], seconds: float
) -> str:
    parts = " ".join(f"{name} {value:.4f}" for name, value in losses.items())
    rate = f"rate {recipe.rate_at(state.step - 1):.1e}"
    return f"{recipe.stage}: {parts}, {rate}, {recipe.batch / seconds:.1f} windows/s"
