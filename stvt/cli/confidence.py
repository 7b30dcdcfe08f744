"""`stvt confidence`: how much STVUN trusts each frame of its window, as a figure (Fig. 6)."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stvt.cli import options
from stvt.cli.output import print_files


def add(command: Any) -> None:
    command.add_argument("clip", type=Path, metavar="FOLDER", help="small frames, as a method gets")
    options.add_names(
        command,
        "--methods",
        "stvun or a form of it (default: what the weights are of, or stvun-s)",
        metavar="NAME",
    )
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
    options.add_figure(command, "confidence")


def run(args: argparse.Namespace) -> int:
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
    return print_files(args, confidence_figure(window, maps, args.out))
