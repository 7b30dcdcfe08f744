"""`stvt flow`: the optical flow from one frame to another, as colours."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stvt.cli import options
from stvt.cli.output import print_files


def add(command: Any) -> None:
    command.add_argument("first", type=Path, metavar="FIRST", help="a picture")
    command.add_argument("second", type=Path, metavar="SECOND", help="another of the same size")
    command.add_argument(
        "--fastest",
        type=options.above_zero,
        metavar="PIXELS",
        help="of the full colour (default: the most)",
    )
    options.add_figure(command, "flow")


def run(args: argparse.Namespace) -> int:
    import numpy as np

    from stvt.baselines import Flow
    from stvt.core.errors import UsageError
    from stvt.datasets import read_frame
    from stvt.reports import flow_figure

    first, second = (read_frame(file) for file in (args.first, args.second))
    if first.shape != second.shape:
        raise UsageError(f"{args.second}: not of the size of {args.first}")
    levels = np.float32(255)
    motion = Flow().motion(np.divide(first, levels), np.divide(second, levels))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    return print_files(args, flow_figure(motion.transpose(2, 0, 1), args.out, args.fastest))
