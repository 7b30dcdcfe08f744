"""`stvt results`: a leaderboard of many runs: small files to send in, and their tables."""

from __future__ import annotations

import argparse
from contextlib import suppress
from pathlib import Path
from typing import Any

from stvt.cli import options
from stvt.cli.options import names
from stvt.cli.output import warn
from stvt.core.suggestions import did_you_mean

FOLDER = Path("results")


def add(command: Any) -> None:
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")

    action = options.add_action(
        actions, "add", add_runs, "write a small JSON for each method and data set of runs"
    )
    action.add_argument("runs", nargs="+", metavar="RUN", type=Path, help="folders of runs")
    action.add_argument("--to", type=Path, default=FOLDER, metavar="FOLDER", help="of results")
    options.add_names(
        action, "--methods", "only these (default: all)", type=names, action="extend", default=[]
    )
    options.flag(action, "--overwrite", "replace other scores of a method")

    action = options.add_action(actions, "table", table, "the leaderboard of a folder of results")
    action.add_argument(
        "folder", nargs="?", type=Path, default=FOLDER, help="of results (default: results)"
    )
    options.add_format(action, "markdown", "of the tables")

    action = options.add_action(actions, "check", check, "check files of results that were sent in")
    action.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        type=Path,
        help="or a folder of results (default: results)",
    )
    options.add_root(action)


def add_runs(args: argparse.Namespace) -> int:
    from stvt import reports
    from stvt.core.errors import UsageError
    from stvt.evaluation.report import read_run

    files: list[Path] = []
    left_out: list[str] = []
    for run in args.runs:
        scores, info = read_run(run)
        for name in args.methods:
            if name not in info.methods:
                has = f"it has {', '.join(info.methods)}{did_you_mean(name, info.methods)}"
                raise UsageError(f"{run}: has no method {name!r}; {has}")
        results, lines = reports.results_of(scores, info, args.methods)
        left_out += lines
        files += reports.add_results(results, args.to, args.overwrite)
    for file in files:
        print(file)
    for line in left_out:
        warn(f"left out: {line}")
    args.facts = {"files": files, "left_out": left_out}
    return 2 if left_out else 0


def table(args: argparse.Namespace) -> int:
    from stvt import reports

    results = reports.read_results(args.folder)
    print(reports.leaderboard_text(results, args.format), end="")
    args.facts = results
    return 0


def check(args: argparse.Namespace) -> int:
    """What can be known of a file without running its command: its form, sums, place and data."""
    from stvt import datasets, reports
    from stvt.core.errors import StvtError, UsageError

    checked: dict[str, list[str]] = {}
    files: list[Path] = []
    for given in args.files or [FOLDER]:
        inside = sorted(given.glob("*/*.json")) if given.is_dir() or given == FOLDER else [given]
        if not inside:
            raise UsageError(f"{given}: no results there to check; name a file or a folder of them")
        files += inside
    for file in files:
        try:
            result, faults = reports.check_result(file)
        except StvtError as error:
            checked[str(file)] = [str(error)]
            continue
        told = "the set is not prepared here, so its data is not checked"
        with suppress(StvtError):
            prepared = datasets.load(result.dataset, args.root)
            told = "its data is that of the set here"
            digests = {prepared.digest(label) for label in prepared.degradations}
            if result.data not in {*digests, prepared.manifest_sha256}:
                faults.append(f"data {result.data[:12]} is not that of {prepared.folder}")
        checked[str(file)] = [f"{file}: {fault}" for fault in faults]
        if not faults:
            print(f"{file}: as it should be; {told}")
    faults = [line for lines in checked.values() for line in lines]
    for line in faults:
        warn(line)
    args.facts = checked
    return 2 if faults else 0
