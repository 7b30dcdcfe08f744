"""`stvt verify`: check a prepared set against its manifest, and mend it."""

from __future__ import annotations

import argparse
from typing import Any

from stvt.cli import options, output


def add(command: Any) -> None:
    command.add_argument("name", metavar="NAME", help="of a prepared set")
    options.add_root(command)
    options.flag(command, "--fix", "rebuild missing and altered files")


def run(args: argparse.Namespace) -> int:
    from stvt import datasets
    from stvt.core.progress import progress_line

    with progress_line("file") as show:
        result = datasets.verify(args.name, args.root, fix=args.fix, progress=show)
    args.facts = result
    for line in result.problems:
        output.warn(line)
    for line in result.fixed:
        print(f"fixed: {line}")
    if not result.problems:
        print(f"{args.name}: its {result.files} files are as the manifest says")
    return 2 if result.problems else 0
