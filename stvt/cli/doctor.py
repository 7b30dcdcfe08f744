"""`stvt doctor`: what is installed and found on this machine."""

from __future__ import annotations

import argparse
from typing import Any

from stvt.cli import options
from stvt.cli.project import NAME, project_file


def add(commands: Any) -> None:
    """Adds the command to the sub-parsers of `stvt`."""
    command = commands.add_parser("doctor", help="what is installed and found here")
    command.set_defaults(run=doctor)
    command.add_argument("tiles", nargs="?", type=_gone, help=argparse.SUPPRESS)
    options.add_root(command)


def _gone(text: str) -> str:
    if text == "tiles":
        raise argparse.ArgumentTypeError(
            "it is no part of stvt any more; in a checkout: python -P tests/benchmarks/seams.py"
        )
    raise argparse.ArgumentTypeError(f"'{text}' is nothing that doctor takes")


def doctor(args: argparse.Namespace) -> int:
    from tabulate import tabulate

    from stvt.doctor import machine

    rows = [*machine(args.root), ("project file", project_file() or f"no {NAME} here or above")]
    args.facts = rows
    print(tabulate(rows, tablefmt="plain"))
    return 0
