"""`stvt results`: what methods scored in many runs, as one leaderboard."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

HELP = "a leaderboard of many runs: small files to send in, and their tables"


def add(commands: Any) -> None:
    """Adds the command to the sub-parsers of `stvt`."""
    results = commands.add_parser("results", help=HELP, description=f"{HELP[0].upper()}{HELP[1:]}.")
    actions = results.add_subparsers(dest="action", required=True, metavar="ACTION")

    action = actions.add_parser(
        "add", help="write a small JSON for each method and data set of runs"
    )
    action.set_defaults(run=add_runs)
    action.add_argument("runs", nargs="+", metavar="RUN", type=Path)
    action.add_argument("--to", type=Path, default=Path("results"), help="(default: results)")
    action.add_argument(
        "--method", action="append", default=[], help="only this one; again for more"
    )
    action.add_argument("--overwrite", action="store_true", help="replace other scores of a method")

    action = actions.add_parser("table", help="the leaderboard of a folder of results")
    action.set_defaults(run=table)
    action.add_argument(
        "folder", nargs="?", type=Path, default=Path("results"), help="(default: results)"
    )
    action.add_argument(
        "--format",
        default="markdown",
        help="markdown, html, latex, csv, terminal (default: markdown)",
    )


def add_runs(args: argparse.Namespace) -> int:
    from stvt import reports
    from stvt.core.errors import UsageError
    from stvt.core.suggestions import did_you_mean
    from stvt.evaluation.report import read_run

    left_out: list[str] = []
    for run in args.runs:
        scores, info = read_run(run)
        for name in args.method:
            if name not in info.methods:
                has = f"it has {', '.join(info.methods)}{did_you_mean(name, info.methods)}"
                raise UsageError(f"{run}: has no method {name!r}; {has}")
        results, lines = reports.results_of(scores, info)
        chosen = [one for one in results if not args.method or one.method in args.method]
        left_out += lines
        for file in reports.add_results(chosen, args.to, args.overwrite):
            print(file)
    for line in left_out:
        print(f"stvt results: left out: {line}", file=sys.stderr)
    return 2 if left_out else 0


def table(args: argparse.Namespace) -> int:
    from stvt import reports

    print(reports.leaderboard_text(reports.read_results(args.folder), args.format), end="")
    return 0
