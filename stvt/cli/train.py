"""`stvt train`: its options, and what it prints."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt.cli import options
from stvt.cli.options import positive

if TYPE_CHECKING:
    from stvt.training.loop import Show
    from stvt.training.recipe import TrainingPlan

DESCRIPTION = """\
Train a network: docs/training.md.

  stvt train --preset smoke --out runs/smoke                      everything once, in a minute
  stvt train --preset s --stage flow  --data photographs --out runs/flow
  stvt train --preset s --stage space --data photographs --initial runs/flow --out runs/space
  stvt train --preset s --stage joint --data photographs --initial runs/flow \\
             --initial runs/space --out runs/joint
  stvt train --stage joint --data youtube240 --initial runs/space \\
             --flow-weights pwcnet=pwc_net.pth.tar --out runs/joint

The same command continues a training that was stopped. torchrun shares each batch among
processes: torchrun --nproc-per-node 8 -m stvt train ...
"""
# Every value of a preset that the command line can change, with its type.
VALUES: tuple[tuple[str, Any, str], ...] = (
    ("network", str, "stvun, stvun-s, stvun-wo-efst, stvun-w-af, edvr-s ... (docs/training.md)"),
    ("scale", int, "2, 3 or 4"),
    ("frames", int, "input frames of a window, 7 or 8"),
    ("between", positive, "moments between two input frames"),
    ("patch", positive, "side of the full-size crop"),
    ("batch", positive, "windows a step, over all processes"),
    ("tries", positive, "crops drawn for a window; the one with the most detail is taken"),
    ("steps", positive, "in all"),
    ("rate", float, "Adam's learning rate"),
    ("decay", str, "of the rate: halve:N, cosine or none"),
    ("warm_up", int, "steps in which the rate rises"),
    ("lambda_m", float, "weight of L_M, the loss of the flow"),
    ("lambda_s", float, "weight of L_S, the loss of existing frames"),
    ("lambda_f", float, "weight of L_F, the loss of new frames"),
    ("clip", float, "largest norm of the gradient; 0 is none"),
    ("average", float, "decay of the averaged weights; 0 is none"),
    ("accumulate", positive, "pieces that a batch is computed in"),
    ("precision", str, "fp32, bf16 or fp16"),
    ("seed", int, "of the first weights and of the windows"),
    ("log_every", positive, "steps between lines of loss.csv"),
    ("save_every", positive, "steps between checkpoints"),
    ("validate_every", positive, "steps between validations"),
    ("validate_windows", positive, "windows in a validation"),
)


def add(commands: Any) -> None:
    """Adds the sub-command to the parser of `stvt`."""
    command = commands.add_parser(
        "train",
        help="train STVUN, its ablations and sizes, or EDVR",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run, parser=command)
    command.add_argument("--preset", default="paper", help="paper, s, m or smoke (default: paper)")
    command.add_argument("--stage", help="flow, space or joint (smoke: all three)")
    command.add_argument(
        "--data",
        metavar="SET[:WEIGHT],...",
        type=lambda text: tuple(filter(None, text.split(","))),
        help="training sets, and how often each is drawn from",
    )
    options.add_root(command)
    options.add_out(command, "RUN")
    command.add_argument(
        "--initial",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="weights to start from, or the run that made them; may be given again",
    )
    command.add_argument(
        "--flow-weights",
        metavar="pwcnet[=FILE]",
        help="a pretrained PWC-Net to start the full STVUN's flow network from; alone, and by "
        "default in stage joint if it is there, the one that `stvt weights` keeps",
    )
    command.add_argument("--validate", default="", metavar="SETS", help="test sets, prepared")
    options.add_device(command)
    command.add_argument("--workers", type=int, default=0, help="processes that make windows (0)")
    command.add_argument("--minutes", type=float, help="stop after these, to be continued")
    command.add_argument(
        "--channels-last",
        action=argparse.BooleanOptionalAction,
        help="layout of weights and features (default: what was measured to be faster)",
    )
    command.add_argument("--compile", action="store_true", help="by torch.compile")
    command.add_argument("--tensorboard", action="store_true", help="log for TensorBoard, too")
    values = command.add_argument_group("in place of the preset's values")
    for name, kind, what in VALUES:
        values.add_argument(f"--{name.replace('_', '-')}", type=kind, help=what)


def run(args: argparse.Namespace) -> int:
    from stvt.core.errors import UsageError
    from stvt.core.progress import progress_line
    from stvt.training.recipe import PRESETS, plan_of

    if args.preset == "smoke" and args.stage is None:
        from stvt.training.smoke import smoke

        with progress_line("step") as show:
            lines = smoke(args.out, show, _say)
        print("\n".join(lines))
        return 0
    if args.stage is None and args.preset in PRESETS:
        raise UsageError("--stage is missing: space or joint (for compact sizes also flow)")
    if not args.data:
        raise UsageError("--data names no training set; `stvt prepare photographs` makes one")
    given = {name: getattr(args, name) for name, _, _ in VALUES}
    plan = plan_of(args.preset, args.stage, data=args.data, **given)
    with progress_line("step") as show:
        return _train(plan, args, show)


def _train(plan: TrainingPlan, args: argparse.Namespace, show: Show) -> int:
    from stvt.device import usable_device
    from stvt.training.loop import train
    from stvt.training.weights import weights_of

    began = time.monotonic()
    trained = train(
        plan,
        args.root,
        args.out,
        initial=[weights_of(path) for path in args.initial],
        flow_weights=_flow_weights(args.flow_weights),
        device=usable_device(args.device),
        workers=args.workers,
        channels_last=args.channels_last,
        compiled=args.compile,
        tensorboard=args.tensorboard,
        validate=[name for name in args.validate.split(",") if name],
        pause=lambda step: bool(args.minutes) and time.monotonic() - began > 60 * args.minutes,
        show=show,
        say=_say,
    )
    print(f"{trained.weights}: after {trained.steps} of {plan.steps} steps")
    if trained.best.exists():
        print(f"{trained.best}: the best in validation (validation.csv)")
    return 0


def _flow_weights(text: str | None) -> Path | None:
    """The file that `--flow-weights` means."""
    from stvt.core.errors import UsageError
    from stvt.training.weights import kept_flow

    if text is None:
        return None
    name, _, file = text.partition("=")
    if name != "pwcnet":
        raise UsageError(f"--flow-weights {text}: write pwcnet, or pwcnet=FILE")
    found = Path(file).expanduser() if file else kept_flow()
    if found is None:
        raise UsageError(
            "--flow-weights pwcnet: its weights are not here; `stvt weights fetch pwcnet` gets "
            "them, or name a file: --flow-weights pwcnet=FILE"
        )
    return found


def _say(line: str) -> None:
    print(f"stvt train: {line}", file=sys.stderr)
