"""`stvt train`: train STVUN, its ablations and sizes, or EDVR (docs/training.md).

  stvt train --preset s --stage flow  --data photographs --out runs/flow
  stvt train --preset s --stage space --data photographs --initial runs/flow --out runs/space
  stvt train --preset s --stage joint --data photographs --initial runs/flow \\
             --initial runs/space --out runs/joint
  stvt train --stage joint --data youtube240 --initial runs/space \\
             --flow-weights pwcnet=pwc_net.pth.tar --out runs/joint

The same command continues a training that was stopped. torchrun shares each batch among
processes: torchrun --nproc-per-node 8 -m stvt train ...
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, get_type_hints

from stvt.cli import options
from stvt.cli.options import natural
from stvt.cli.output import note
from stvt.training.recipe import TrainingRecipe, option_of, preset_recipe


def add(command: Any) -> None:
    command.add_argument("--preset", default="paper", help="paper, s, m or smoke")
    command.add_argument("--stage", help="flow, space or joint (default: the preset's)")
    command.add_argument(
        "--data",
        metavar="SET[:WEIGHT],...",
        type=options.names,
        help="training sets, and how often each is drawn from (default: the preset's)",
    )
    options.add_root(command)
    options.add_out(command, "RUN")
    command.add_argument(
        "--initial",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="weights to start from, or the run that made them; may be given again (default: none)",
    )
    command.add_argument(
        "--flow-weights",
        metavar="pwcnet[=FILE]",
        help="a pretrained PWC-Net to start the full STVUN's flow network from; without FILE "
        "the one that `stvt weights` keeps (default: that, in stage joint, if it is there)",
    )
    command.add_argument(
        "--validate",
        type=options.names_or_none,
        default=(),
        metavar="A,B",
        help="test sets (default: none)",
    )
    options.add_device(command)
    command.add_argument(
        "--workers",
        type=natural,
        default=0,
        help="processes that make windows; 0: a thread of this one",
    )
    command.add_argument(
        "--keep-every",
        type=natural,
        default=0,
        metavar="N",
        help="keep the checkpoint after each N steps, too, besides the last three (default: no)",
    )
    command.add_argument(
        "--minutes",
        type=options.above_zero,
        metavar="N",
        help="stop after these, to be continued (default: go to the end)",
    )
    command.add_argument(
        "--channels-last",
        action=argparse.BooleanOptionalAction,
        help="layout of weights and features (default: what was measured to be faster)",
    )
    options.flag(command, "--compile", "by torch.compile")
    options.flag(command, "--tensorboard", "log for TensorBoard, too")
    values = command.add_argument_group("in place of the preset's values")
    kinds = get_type_hints(TrainingRecipe)
    for one in _settings():
        text = f"{one.metadata['help']} (default: the preset's)"
        values.add_argument(option_of(one.name), type=kinds[one.name], help=text)


def run(args: argparse.Namespace) -> int:
    given = {one.name: getattr(args, one.name) for one in _settings()}
    recipe = preset_recipe(args.preset, args.stage, data=args.data, **given)

    from stvt.core.progress import progress_line
    from stvt.device import usable_device
    from stvt.training.loop import train
    from stvt.training.weights import run_weights

    began = time.monotonic()
    with progress_line("step") as progress:
        result = train(
            recipe,
            args.root,
            args.out,
            initial=[run_weights(path) for path in args.initial],
            flow_weights=_flow_weights(args.flow_weights, recipe.network),
            device=usable_device(args.device),
            workers=args.workers,
            keep_every=args.keep_every,
            channels_last=args.channels_last,
            compiled=args.compile,
            tensorboard=args.tensorboard,
            test_sets=args.validate,
            pause=lambda step: bool(args.minutes) and time.monotonic() - began > 60 * args.minutes,
            progress=progress,
            say=note,
        )
    args.facts = {
        "steps": result.steps,
        "of": recipe.steps,
        "weights": result.weights,
        "best": result.best if result.best.exists() else None,
    }
    print(f"{result.weights}: after {result.steps} of {recipe.steps} steps")
    if result.best.exists():
        print(f"{result.best}: the best in validation (validation.csv)")
    return 0


def _settings() -> list[Field[Any]]:
    """The values of a recipe that have an option of their own name."""
    return [one for one in fields(TrainingRecipe) if one.name not in ("stage", "data")]


def _flow_weights(text: str | None, network: str) -> Path | None:
    """The file that `--flow-weights` means."""
    from stvt.baselines import NETWORKS
    from stvt.core.errors import UsageError
    from stvt.training.weights import stored_weights

    part = NETWORKS[network].pretrained if network in NETWORKS else None
    if text is None or network not in NETWORKS:  # which is said where the training begins
        return None
    if part is None:
        raise UsageError(f"--flow-weights: {network} starts no part from another network's weights")
    name, _, file = text.partition("=")
    if name != part.network:
        raise UsageError(f"--flow-weights {text}: write {part.network}, or {part.network}=FILE")
    path = Path(os.path.expanduser(file)) if file else stored_weights(name)
    if path is None:
        raise UsageError(
            f"--flow-weights {name}: its weights are not here; `stvt weights fetch {name}` gets "
            f"them, or name a file: --flow-weights {name}=FILE"
        )
    return path
