"""`stvt inspect`: look at a set, its scenes and motion, as a page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stvt.cli import options
from stvt.cli.options import positive
from stvt.cli.output import note, table

LISTED = 40  # scenes in the terminal; the page has all


def add(command: Any) -> None:
    command.add_argument("name", metavar="NAME", help="of a prepared test set or training set")
    options.add_root(command)
    options.add_runs(command, "FOLDER", "inspect-NAME")
    command.add_argument("--max", type=positive, default=24, metavar="N", help="scenes shown")
    options.gone(command, "--scenes", "is --max now")
    command.add_argument(
        "--low",
        type=Path,
        metavar="FOLDER",
        help="low-resolution frames of a test set made elsewhere, FOLDER/SCENE/*.png: which "
        "degradation are they of? (default: none)",
    )


def run(args: argparse.Namespace) -> int:
    from stvt.core.progress import progress_line
    from stvt.inspection import inspect

    out = args.out or args.runs / f"inspect-{args.name}"
    with progress_line("scene") as show:
        result = inspect(args.name, args.root, out, args.max, args.low, show)
    args.facts = result
    for line in result.left_out:
        note(f"left out: {line}")
    table(result.table[:LISTED])
    if len(result.table) > LISTED:
        print(f"and {len(result.table) - LISTED} more")
    for line in result.low:
        print(line)
    print(f"motion: {result.motion}\npage: {result.page}")
    return 0
