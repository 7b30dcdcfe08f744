"""`stvt doctor`: what is installed and found here."""

from __future__ import annotations

import argparse
from typing import Any

from stvt.cli import options
from stvt.cli.project import NAME, project_file


def add(command: Any) -> None:
    seams = "doctor takes no words; in a checkout: python -P tests/benchmarks/seams.py"
    options.gone(command, "tiles", seams)
    options.add_root(command)


def run(args: argparse.Namespace) -> int:
    from tabulate import tabulate

    from stvt.doctor import machine

    rows = [*machine(args.root), ("project file", project_file() or f"no {NAME} here or above")]
    args.facts = rows
    print(tabulate(rows, tablefmt="plain"))
    return 0
