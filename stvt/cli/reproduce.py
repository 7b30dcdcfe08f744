"""`stvt reproduce`: make a run again from its run.json, and compare.

Exit code 0: all scores are equal (to 1e-6); 1: some are not; 2: it cannot be made again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stvt.cli import options, output
from stvt.core.formatting import plain


def add(command: Any) -> None:
    command.add_argument("run_json", type=Path, metavar="RUN/run.json", help="or the folder RUN")
    options.add_root(command, "as then")
    options.add_out(command, "RUN", words="RUN-again")
    options.add_weights(command, "as then")
    options.add_device(command, "as then")
    options.add_workers(command)
    options.flag(command, "--allow-code", "run the Python files that its methods name")


def run(args: argparse.Namespace) -> int:
    from stvt.core.progress import progress_line
    from stvt.evaluation.reproduce import reproduce

    with progress_line() as show, progress_line("method") as show_methods:
        reproduction = reproduce(
            args.run_json,
            root=args.root,
            out=args.out,
            weights=dict(args.weights or ()),
            device=args.device,
            workers=args.workers,
            allow_code=args.allow_code,
            tell=output.note,
            progress=show,
            cost_progress=show_methods,
        )
    for line in reproduction.changed:
        print(plain(f"changed: {line}"))
    for line in reproduction.differing:
        print(plain(f"differs: {line}"))
    if not reproduction.differing:
        print(f"the same: {reproduction.compared} scores are equal")
    print(f"run: {reproduction.run}")
    args.facts = reproduction
    return 1 if reproduction.differing else 0
