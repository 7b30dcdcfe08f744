"""`stvt compare`: what changed between two runs, and whether it is significant.

By the stored scores of two versions, machines or, with --method, two methods.

Exit code 0: nothing is significantly worse in RUN_B; 1: something is, or RUN_B has no scores for
scenes of RUN_A; 2: the runs cannot be compared.

  stvt compare runs/before runs/after
  stvt compare runs/sample-paper runs/sample-paper --method bicubic+blend=bicubic+flow
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from stvt.cli import options
from stvt.cli.options import names
from stvt.core.formatting import plain


def add(command: Any) -> None:
    command.add_argument("first", type=Path, metavar="RUN_A", help="the folder of a run")
    command.add_argument("second", type=Path, metavar="RUN_B", help="that of another, or the same")
    options.add_names(
        command,
        "--methods",
        "method A of RUN_A with B of RUN_B; or the one that both have; again for more (default: "
        "all of those)",
        action="extend",
        default=[],
        type=_pairs,
        metavar="A=B,...",
    )
    options.add_names(command, "--metrics", "which (default: all of both)", type=names, default=())
    command.add_argument(
        "--tolerance",
        type=options.non_negative,
        metavar="X",
        help="smaller differences are none (default: half the last digit of a table: 0.005 dB)",
    )
    command.add_argument(
        "--allow",
        type=names,
        default=(),
        metavar="A,B",
        help="parts of the protocol that may differ (precision, window ...), and data, metrics "
        "(default: none)",
    )
    options.add_format(command)


def run(args: argparse.Namespace) -> int:
    from stvt import reports
    from stvt.evaluation import provenance
    from stvt.evaluation.report import read_run

    first, second = read_run(args.first), read_run(args.second)
    comparison = reports.Comparison(
        first,
        second,
        methods=args.methods,
        metrics=args.metrics,
        tolerance=args.tolerance,
        allow=args.allow,
    )
    table, changes = comparison.table(args.format), provenance.changes(first[1], second[1])
    args.facts = {
        "first": args.first,
        "second": args.second,
        "changes": changes,
        "worse": comparison.worse,
        "verdict": comparison.verdict(),
        "differences": json.loads(comparison.table("json")),
    }
    if args.format != "terminal":
        print(table, end="")
        return 1 if comparison.worse else 0
    print(f"first:  {args.first}\nsecond: {args.second}")
    for line in changes:
        print(plain(f"changed: {line}"))
    print(f"\n{table}\n{comparison.verdict()}")
    return 1 if comparison.worse else 0


def _pairs(text: str) -> list[tuple[str, str]]:
    """A=B, or A for A=A, or several with commas."""
    pairs = (name.partition("=") for name in names(text))
    return [(first, second or first) for first, _, second in pairs]
