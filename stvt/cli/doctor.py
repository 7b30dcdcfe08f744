"""`stvt doctor`: what is installed and found here."""

from __future__ import annotations

import argparse
from typing import Any

from stvt.cli import options
from stvt.cli.project import NAME, project_file


def add(command: Any) -> None:
    seams = "of `doctor tiles` now: python -P tests/benchmarks/seams.py, in a checkout"
    options.gone(command, "tiles", f"doctor takes no words; in the place {seams}")
    options.add_root(command)


def run(args: argparse.Namespace) -> int:
    from tabulate import tabulate

    from stvt.doctor import machine

    rows = [*machine(args.root), ("project file", project_file() or f"no {NAME} here or above")]
    args.facts = rows
    print(tabulate(rows, tablefmt="plain"))
    return 0
