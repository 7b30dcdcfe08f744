"""The commands `stvt confidence` and `stvt flow`: figures of any frames, without a run."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stvt.cli import options

FILES = "FILE.png, FILE.pdf and FILE.svg are written"


def add(commands: Any) -> None:
    """Add the two commands to the sub-parsers of `stvt`."""
    command = commands.add_parser(
        "confidence", help="how much STVUN trusts each frame of its window, as a figure (Fig. 6)"
    )
    command.set_defaults(run=confidence)
    command.add_argument("clip", type=Path, metavar="FOLDER", help="small frames, as a method gets")
    options.add_methods(command, "stvun or a form of it", default="stvun-s", metavar="NAME")
    command.add_argument(
        "--weights",
        dest="files",  # each a row of the figure, other than what a project file's weights are
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="of the method, also a checkpoint step-N.pt of a training; again for another "
        "(default: where they are kept)",
    )
    options.add_untrained(command)
    command.add_argument("--frame", type=int, metavar="N", help="the centre (default: the middle)")
    options.add_device(command)
    options.add_out(command, "FILE", Path("confidence"), text=FILES)

    command = commands.add_parser(
        "flow", help="the optical flow from one frame to another, as colours"
    )
    command.set_defaults(run=flow)
    command.add_argument("first", type=Path, metavar="FIRST", help="a picture")
    command.add_argument("second", type=Path, metavar="SECOND", help="another of the same size")
    command.add_argument(
        "--fastest", type=float, metavar="PIXELS", help="of the full colour (default: the most)"
    )
    options.add_out(command, "FILE", Path("flow"), text=FILES)


def confidence(args: argparse.Namespace) -> int:
    from stvt.evaluation.figures import confidence_maps
    from stvt.reports import confidence_figure

    window, maps = confidence_maps(
        args.clip,
        args.files,
        method=args.methods,
        untrained=args.untrained,
        frame=args.frame,
        device=args.device,
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    return _print_files(args, confidence_figure(window, maps, args.out))


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
    return _print_files(args, flow_figure(motion.transpose(2, 0, 1), args.out, args.fastest))


def _print_files(args: argparse.Namespace, files: Iterable[Path]) -> int:
    args.facts = {"files": list(files)}
    print(*args.facts["files"], sep="\n")
    return 0
