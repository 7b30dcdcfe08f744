"""`stvt report`: a run's tables, figures and pages, from stored scores."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt.cli import options
from stvt.cli.output import note, print_files, warn

if TYPE_CHECKING:
    from pandas import DataFrame

MARKS = ("best", "second")


def add(command: Any) -> None:
    command.add_argument(
        "runs", nargs="+", metavar="RUN", type=Path, help="its folder; several give one table"
    )
    command.add_argument(
        "--table",
        metavar="NAME",
        help="print one: 1, 2, 3 of the paper, dataset, scene, time, difference, runtime "
        "(default: dataset, and the report's page is written)",
    )
    options.add_format(command)
    options.add_names(
        command,
        "--methods",
        "of the table, in this order (default: all)",
        type=options.names,
        default=(),
    )
    command.add_argument(
        "--columns",
        type=options.names,
        default=(),
        metavar="A,B",
        help="of the table, in this order: data sets, metrics, both (vid4:psnr), parameters, time "
        "(default: all)",
    )
    options.flag(command, "--split", "a column a metric (default: 26.49/0.8231 in one)")
    command.add_argument(
        "--highlight",
        type=options.names_or_none,
        default=MARKS,
        metavar=",".join(MARKS),
        help='marks that the table shows, "" for none (default: both)',
    )
    options.flag(command, "--quoted", "with rows of later papers (protocol zsm)")
    command.add_argument(
        "--crop",
        action="append",
        default=[],
        metavar="SCENE:FRAME:X,Y,W,H",
        help="draw this part of a scene: enlarged, its errors, and its x-t slice; FIRST-LAST for "
        "FRAME, or more of :X,Y,W,H, draws all these times and parts in one figure (Fig. 5 a) (default: none)",
    )
    command.add_argument(
        "--export",
        type=Path,
        metavar="FOLDER",
        help="copy report.html there as DATASETS-PROTOCOL-DATE.html (default: no copy)",
    )
    options.flag(command, "--video", "make side-by-side videos")
    options.add_root(command)


def run(args: argparse.Namespace) -> int:
    from stvt.core.errors import UsageError
    from stvt.evaluation.report import export, report

    if _of_table(args) or args.format != "terminal" or len(args.runs) > 1:
        return _print_table(args)
    (run,) = args.runs
    if args.crop or args.video:
        if args.export:
            raise UsageError("--export is of the report, without --crop and --video")
        from stvt.evaluation.figures import crop_figures, videos

        crops = crop_figures(run, args.crop, args.root)
        return print_files(args, [*crops, *(videos(run) if args.video else ())])
    code = print_report(args, report(run))
    if args.export:
        args.facts["exported"] = export(run, args.export)
        print(f"exported: {args.facts['exported']}")
    return code


def _of_table(args: argparse.Namespace) -> bool:
    """Whether any option is there that chooses a table, or what is in it."""
    chosen = (args.table, args.quoted, args.methods, args.columns, args.split)
    return any(chosen) or args.highlight != MARKS


def _print_table(args: argparse.Namespace) -> int:
    from stvt import reports
    from stvt.core.errors import UsageError
    from stvt.evaluation.provenance import changes
    from stvt.evaluation.report import read_run

    if args.crop or args.video or args.export:
        raise UsageError(
            "--crop, --video and --export are of one run, and without a table's options"
        )
    folders = [run.resolve().name for run in args.runs]  # of "." too
    labels = folders if len({*folders}) == len(folders) else map(str, args.runs)
    runs = {label: read_run(run) for label, run in zip(labels, args.runs, strict=True)}
    scores, info = reports.join_runs(runs)
    (first, (_, about)), *others = runs.items()
    differing = [
        f"{first} and {name}: {line}"
        for name, (_, other) in others
        for line in changes(about, other)
    ]
    for line in differing:
        note(line)
    choice: dict[str, Any] = {
        "by": args.table or "dataset",
        "quoted": args.quoted,
        "methods": args.methods,
        "columns": args.columns,
        "split": args.split,
        "highlight": args.highlight,
    }
    print(reports.run_table(scores, info, args.format, **choice), end="")
    if args.json:
        values = reports.run_table(scores, info, "json", **choice)
        args.facts = {"runs": args.runs, "differing": differing, "values": json.loads(values)}
    return 0


def print_report(args: argparse.Namespace, scores: DataFrame) -> int:
    """Prints a run's table, warnings and failures; the exit code, 2 if there are failures."""
    from stvt import reports

    info, failures = scores.attrs["info"], scores.attrs["failures"]
    print(reports.run_table(scores, info, format="terminal"))
    for line in info.warnings:
        warn(f"WARNING: {line}")
    for line in failures:
        warn(line)
    print(f"report: {scores.attrs['report']}")
    args.facts = {
        "run": scores.attrs["run"],
        "report": scores.attrs["report"],
        "title": info.heading,
        "signature": info.signature,
        "values": json.loads(reports.run_table(scores, info, format="json")),
        "warnings": info.warnings,
        "failures": failures,
    }
    return 2 if failures else 0
