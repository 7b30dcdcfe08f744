"""`stvt report`: a run's tables, figures and pages again, from its stored scores."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt.cli import options
from stvt.core.formatting import plain

if TYPE_CHECKING:
    from pandas import DataFrame


def add(commands: Any) -> None:
    """Adds the command to the sub-parsers of `stvt`."""
    command = commands.add_parser("report", help="a run's tables and plots, from stored scores")
    command.set_defaults(run=report)
    command.add_argument("run_folder", metavar="RUN", type=Path)
    command.add_argument(
        "--table",
        metavar="NAME",
        help="print one: 1, 2, 3 of the paper, dataset, scene, time, difference, runtime",
    )
    command.add_argument(
        "--format",
        default="terminal",
        help="of the table: terminal, markdown, latex, standalone (LaTeX document), csv, html",
    )
    command.add_argument(
        "--methods",
        type=options.names,
        default=[],
        metavar="A,B",
        help="of the table, in this order",
    )
    command.add_argument(
        "--columns",
        type=options.names,
        default=[],
        metavar="A,B",
        help="of the table, in this order: data sets, metrics, both (vid4:psnr), parameters, time",
    )
    command.add_argument(
        "--split", action="store_true", help="a column a metric (default: 26.49/0.8231 in one)"
    )
    command.add_argument(
        "--highlight",
        type=options.names,
        default=["best", "second"],
        metavar="best,second",
        help='marks that the table shows, "" for none (default: both)',
    )
    command.add_argument(
        "--quoted", action="store_true", help="with rows of later papers (protocol zsm)"
    )
    command.add_argument(
        "--crop",
        action="append",
        default=[],
        metavar="SCENE:FRAME:X,Y,W,H",
        help="draw this part of a scene: enlarged, its errors, and its x-t slice; FIRST-LAST for "
        "FRAME, or more of :X,Y,W,H, draws all these times and parts in one figure (Fig. 5 a)",
    )
    command.add_argument(
        "--export",
        type=Path,
        metavar="FOLDER",
        help="copy report.html there, by the name DATASETS-PROTOCOL-DATE.html",
    )
    command.add_argument("--video", action="store_true", help="make side-by-side videos")
    options.add_root(command)


def report(args: argparse.Namespace) -> int:
    from stvt.evaluation.report import export, report, table

    selection = {
        "quoted": args.quoted,
        "methods": args.methods,
        "columns": args.columns,
        "split": args.split,
    }
    marks = args.highlight != ["best", "second"]
    if args.table or marks or args.format != "terminal" or any(selection.values()):
        selection["highlight"] = args.highlight
        print(table(args.run_folder, args.table or "dataset", args.format, **selection), end="")
        return 0
    if args.crop or args.video:
        from stvt.evaluation.figures import crop_figures, videos

        for file in crop_figures(args.run_folder, args.crop, args.root):
            print(file)
        for file in videos(args.run_folder) if args.video else ():
            print(file)
        return 0
    code = print_report(report(args.run_folder))
    if args.export:
        print(f"exported: {export(args.run_folder, args.export)}")
    return code


def print_report(scores: DataFrame) -> int:
    """Prints a run's table, warnings and failures; the exit code, 2 if there are failures."""
    from stvt import reports

    info = scores.attrs["info"]
    print(reports.run_table(scores, info, format="terminal"))
    for line in info.warnings:
        print(plain(f"stvt: WARNING: {line}"), file=sys.stderr)
    for line in scores.attrs["failures"]:
        print(plain(f"stvt: {line}"), file=sys.stderr)
    print(f"report: {scores.attrs['report']}")
    return 2 if scores.attrs["failures"] else 0
