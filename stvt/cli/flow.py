"""The `stvt flow` command: the motion between two frames as colours."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stvt.cli import options

HELP = "the optical flow from one frame to another, as colours"


def add(commands: Any) -> None:
    """Add the command to the sub-parsers of `stvt`."""
    command = commands.add_parser("flow", help=HELP)
    command.set_defaults(run=flow)
    command.add_argument("first", type=Path, metavar="FIRST")
    command.add_argument("second", type=Path, metavar="SECOND")
    command.add_argument(
        "--fastest", type=float, metavar="PIXELS", help="of the full colour (default: the most)"
    )
    options.add_out(command, "FILE", Path("flow"), "flow.png and .pdf")


def flow(args: argparse.Namespace) -> int:
    import numpy as np

    from stvt.baselines import Flow
    from stvt.core.errors import UsageError
    from stvt.datasets import read_frame
    from stvt.reports import flow_figure

    if args.fastest is not None and not args.fastest > 0:
        raise UsageError(f"--fastest {args.fastest}: more than 0")
    first, second = (read_frame(file) for file in (args.first, args.second))
    if first.shape != second.shape:
        raise UsageError(f"{args.second}: not of the size of {args.first}")
    levels = np.float32(255)
    motion = Flow().motion(np.divide(first, levels), np.divide(second, levels))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for made in flow_figure(motion.transpose(2, 0, 1), args.out, args.fastest):
        print(made)
    return 0
