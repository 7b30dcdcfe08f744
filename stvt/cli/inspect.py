"""`stvt inspect NAME`: a prepared set to look at, as pictures and a page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stvt.cli import options
from stvt.cli.options import positive

LISTED = 40  # scenes in the terminal; the page has all


def add(commands: Any) -> None:
    command = commands.add_parser("inspect", help="look at a set: contact sheet, motion, scenes")
    command.set_defaults(run=inspect)
    command.add_argument("name", metavar="NAME", help="of a prepared test set or training set")
    options.add_root(command)
    options.add_out(command, "FOLDER", words="runs/inspect-NAME")
    command.add_argument(
        "--scenes", type=positive, default=24, metavar="N", help="shown at most (default: 24)"
    )


def inspect(args: argparse.Namespace) -> int:
    from tabulate import tabulate

    from stvt.core.progress import progress_line
    from stvt.inspection import inspect as look

    out = args.out or Path("runs") / f"inspect-{args.name}"
    with progress_line("scene") as show:
        found = look(args.name, args.root, out, args.scenes, show)
    print(tabulate(found.table[:LISTED], headers="keys", tablefmt="simple"))
    if len(found.table) > LISTED:
        print(f"and {len(found.table) - LISTED} more")
    print(f"contact sheet: {found.sheet}\nmotion: {found.motion}\npage: {found.page}")
    return 0
