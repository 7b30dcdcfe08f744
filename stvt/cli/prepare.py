"""The `stvt prepare` command: data sets from their source, fetched or given."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stvt.cli import options
from stvt.cli.options import byte_size, names
from stvt.cli.prepare_training import (
    PHOTOGRAPHS,
    add_options,
    is_training,
    misplaced_options,
    prepare_training_set,
)

HELP = "make data sets: fetch, unpack, decode, blur, subsample, split"


def add(commands: Any) -> None:
    """Add the command to the sub-parsers of `stvt`."""
    command = commands.add_parser("prepare", help=HELP, description=f"{HELP[0].upper()}{HELP[1:]}.")
    command.set_defaults(run=prepare, parser=command)
    command.add_argument("names", nargs="+", metavar="NAME", help="a known set, or a new name")
    command.add_argument(
        "--source",
        type=Path,
        metavar="PATH",
        help="where its frames are: a video, a folder of frames, of scenes, or of videos, or a "
        "zip, tar or 7z archive of these (default for a known set: fetched)",
    )
    options.add_root(command)
    command.add_argument("--degradation", choices=["BD", "BI"], default="BD")
    command.add_argument("--scale", type=int, choices=[2, 3, 4], default=4)
    options.add_workers(command, None, "all cores; with --list 1")
    command.add_argument(
        "--partial", action="store_true", help="of a known set, take what is there of it"
    )
    command.add_argument("--scenes", type=names, default=(), metavar="A,B", help="only these")
    command.add_argument(
        "--prune",
        action="store_true",
        help="remove scenes, or videos' clips, that the source no longer has",
    )
    command.add_argument(
        "--dry-run", action="store_true", help="print what would be fetched and taken, and the room"
    )
    fetching = command.add_argument_group("fetching", "proxies are those of the environment")
    fetching.add_argument(
        "--from",
        dest="instead",
        action="append",
        default=[],
        metavar="URL",
        help="an address of the archive to ask before the published ones",
    )
    fetching.add_argument(
        "--cookies", type=Path, metavar="FILE", help="to send, in Netscape's format (cookies.txt)"
    )
    fetching.add_argument(
        "--limit-rate", type=byte_size, metavar="SIZE", help="bytes a second, as in 2MB"
    )
    add_options(command)


def prepare(args: argparse.Namespace) -> int:
    from stvt import datasets
    from stvt.core.errors import StvtError

    for option, given in (("--source", args.source), ("--from", args.instead)):
        if given and len(args.names) > 1:
            args.parser.error(f"{option} is for one name, not {len(args.names)}")
    if misplaced := misplaced_options(args):
        args.parser.error(misplaced)
    code = 0
    for name in args.names:
        try:
            if is_training(name, args) and args.dry_run:
                print("\n".join(_dry_run_training(name, args)))
            elif is_training(name, args):
                code = max(code, prepare_training_set(name, args))
            elif args.dry_run:
                lines = datasets.dry_run(name, args.root, args.source, args.partial, args.scenes)
                print("\n".join(lines))
            else:
                code = max(code, _prepare(name, args))
        except (StvtError, OSError) as error:
            print(f"stvt prepare: {' '.join(str(error).split())}", file=sys.stderr)
            code = 2
    return code


def _dry_run_training(name: str, args: argparse.Namespace) -> list[str]:
    from stvt.datasets import dry_run_training

    if name == PHOTOGRAPHS or args.photographs:
        given = args.photographs not in (None, True)
        where = args.photographs if given else "the photographs of scikit-image"
        return [f"{name}: {args.clips} clips are made of {where}"]
    if args.template or args.search:
        return [f"{name}: a list for review is written, nothing is transferred"]
    return dry_run_training(name, args.root, args.source, args.list)


def _prepare(name: str, args: argparse.Namespace) -> int:
    from stvt import datasets
    from stvt.core.download import FetchOptions
    from stvt.core.progress import progress_line

    recipe = datasets.DATASETS.get(name)
    if recipe and not recipe.render:
        from stvt.terms import show_once  # which knows where weights are, and so loads torch

        show_once(name, recipe.terms)
    with progress_line() as show, progress_line("MB") as show_megabytes:
        outcome = datasets.prepare(
            name,
            args.root,
            source=args.source,
            degradation=args.degradation,
            scale=args.scale,
            workers=args.workers,
            progress=show,
            partial=args.partial,
            scenes=args.scenes,
            prune=args.prune,
            fetch=FetchOptions(
                rate=args.limit_rate,
                cookies=args.cookies,
                mirrors=tuple(args.instead),
                progress=_in_megabytes(show_megabytes),
                say=lambda line: print(f"stvt prepare: note: {line}", file=sys.stderr),
            ),
        )
    for line in outcome.notes:
        print(f"stvt prepare: note: {line}", file=sys.stderr)
    for line in outcome.failures:
        print(f"stvt prepare: {line}", file=sys.stderr)
    print(
        f"{name}: {len(outcome.prepared)} scenes prepared, {len(outcome.unchanged)} unchanged, "
        f"{len(outcome.failures)} failed, in {outcome.folder}"
    )
    return 2 if outcome.failures else 0


def _in_megabytes(
    show: Callable[[int, int | None, str], None],
) -> Callable[[int, int | None, str], None]:
    def shown(done: int, total: int | None, what: str) -> None:
        show(done // 1_000_000, None if total is None else total // 1_000_000, what)

    return shown
