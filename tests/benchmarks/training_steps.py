"""Steps of `stvt train` against a plain PyTorch loop of the same network, in turns on one thread.

python -P tests/benchmarks/training_steps.py [--preset s] [--stage space] [--steps 8]

The plain loop: autocast, losses, backward, Adam, channels last, on the same windows. What is drawn
from a set of made pictures is timed besides: data-wait is its share where no worker overlaps it.
"""

from __future__ import annotations

import argparse
import tempfile
import time as clock
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from tabulate import tabulate
from torch import nn

from stvt import baselines
from stvt.baselines import init_weights, loss_module
from stvt.cli.options import positive
from stvt.datasets.build.synthetic_set import prepare_photographs
from stvt.training.data import Batch, load_data
from stvt.training.distributed import distributed_context
from stvt.training.loop import total_loss, train_step
from stvt.training.recipe import TrainingRecipe, preset_recipe
from stvt.training.state import autocast, initial_state

CPU = torch.device("cpu")


class PlainLoop:
    """What a user would write by hand."""

    def __init__(self, recipe: TrainingRecipe) -> None:
        self.recipe = recipe
        losses = loss_module(recipe.network, network_of(recipe), recipe.stage)  # type: ignore[arg-type]
        self.model: nn.Module = losses.to(memory_format=torch.channels_last).train()
        self.optimizer = torch.optim.Adam(losses.learning().values(), recipe.rate)

    def step(self, batch: Batch) -> float:
        moved = batch.to(CPU)
        self.optimizer.zero_grad()
        with autocast(self.recipe, CPU):
            losses = self.model(moved.lq, moved.gt, moved.gt_between, self.recipe.times())
        loss = total_loss(losses, self.recipe)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return float(loss.detach())


def network_of(recipe: TrainingRecipe) -> nn.Module:
    network = baselines.network(recipe.network, recipe.scale)
    init_weights(recipe.network, network, recipe.seed)
    return network


def measure(recipe: TrainingRecipe, root: Path) -> dict[str, list[float]]:
    """Processor seconds of each step by both, and of its windows; the first step warms up."""
    seconds: dict[str, list[float]] = {"windows": [], "stvt": [], "plain": []}
    with distributed_context("cpu") as context:
        state, plain = initial_state(network_of(recipe), recipe, context), PlainLoop(recipe)
        data = load_data(recipe, root, [])
        begun = clock.process_time()

        def lap(name: str) -> None:
            nonlocal begun
            seconds[name].append(clock.process_time() - begun)
            begun = clock.process_time()

        with closing(data.batches(range(recipe.steps), range(recipe.batch), 0)) as batches:
            for number, batch in enumerate(batches):
                lap("windows")
                for name in ("stvt", "plain")[:: 1 if number % 2 else -1]:  # neither always first
                    if name == "stvt":
                        train_step(state, recipe, batch, context)
                    else:
                        plain.step(batch)
                    lap(name)
    return {name: laps[1:] for name, laps in seconds.items()}


def table(recipe: TrainingRecipe, seconds: dict[str, list[float]]) -> list[dict[str, object]]:
    ours, plain, windows = (np.array(seconds[name]) for name in ("stvt", "plain", "windows"))
    return [
        {
            "network": recipe.network,
            "stage": recipe.stage,
            "batch": recipe.batch,
            "steps/s": round(1 / float(np.median(ours)), 3),
            "of the plain loop": round(float(np.median(plain / ours)), 3),
            "data-wait %": round(100 * float(np.median(windows / (windows + ours))), 1),
        }
    ]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--preset", default="s")
    parser.add_argument("--stage", default="space")
    parser.add_argument("--batch", type=positive)
    parser.add_argument("--patch", type=positive)
    parser.add_argument("--steps", type=positive, default=8)
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    values = {"batch": args.batch, "patch": args.patch, "steps": 1 + args.steps}
    recipe = preset_recipe(args.preset, args.stage, data=("photographs",), **values)
    with tempfile.TemporaryDirectory() as folder:
        prepare_photographs(Path(folder), clips=2, frames=16, side=recipe.patch + 32)
        print(tabulate(table(recipe, measure(recipe, Path(folder))), headers="keys"))


if __name__ == "__main__":
    main()
