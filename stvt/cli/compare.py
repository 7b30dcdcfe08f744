"""The `stvt compare` command: two runs, or two methods, and whether the second is worse."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stvt.core.formatting import plain

HELP = "what changed between two runs, and whether it is significant"
DESCRIPTION = """\
Compare the stored scores of two runs: two versions, machines or, with --method, two methods.

Exit code 0: nothing is significantly worse in RUN_B; 1: something is, or RUN_B has no scores for
scenes of RUN_A; 2: the runs cannot be compared.

  stvt compare runs/before runs/after
  stvt compare runs/sample-paper runs/sample-paper --method bicubic+blend=bicubic+flow
"""


def add(commands: Any) -> None:
    """Add the command to the sub-parsers of `stvt`."""
    command = commands.add_parser(
        "compare",
        help=HELP,
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=compare)
    command.add_argument("first", type=Path, metavar="RUN_A")
    command.add_argument("second", type=Path, metavar="RUN_B")
    command.add_argument(
        "--method",
        action="append",
        default=[],
        type=_pair,
        metavar="A=B",
        help="method A of RUN_A with B of RUN_B; or the one that both have (default: all of those)",
    )
    command.add_argument("--metric", default="", metavar="A,B", help="(default: all of both)")
    command.add_argument(
        "--tolerance",
        type=float,
        metavar="X",
        help="smaller differences are none (default: half the last digit of a table: 0.005 dB)",
    )
    command.add_argument(
        "--allow",
        default="",
        metavar="A,B",
        help="parts of the protocol that may differ (precision, window ...), and data, metrics",
    )
    command.add_argument(
        "--format", default="terminal", help="terminal, markdown, csv, html, latex"
    )


def compare(args: argparse.Namespace) -> int:
    from stvt import reports
    from stvt.evaluation import provenance
    from stvt.evaluation.report import read_run

    first, second = read_run(args.first), read_run(args.second)
    comparison = reports.Comparison(
        first,
        second,
        methods=args.method,
        metrics=[metric for metric in args.metric.split(",") if metric],
        tolerance=args.tolerance,
        allow=[part for part in args.allow.split(",") if part],
    )
    table = comparison.table(args.format)
    if args.format != "terminal":
        print(table, end="")
        return 1 if comparison.worse else 0
    print(f"first:  {args.first}\nsecond: {args.second}")
    for line in provenance.changes(first[1], second[1]):
        print(plain(f"changed: {line}"))
    print(f"\n{table}\n{comparison.verdict()}")
    return 1 if comparison.worse else 0


def _pair(text: str) -> tuple[str, str]:
    first, _, second = text.partition("=")
    return first, second or first
