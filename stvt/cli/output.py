"""What a command prints: results on stdout as text or JSON, all else on stderr, a line each."""

from __future__ import annotations

import argparse
import io
import math
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from stvt.core import progress
from stvt.core.files import json_text
from stvt.core.formatting import plain
from stvt.core.progress import say

Run = Callable[[argparse.Namespace], int]
command = "stvt"  # and the command's name, once it is known
verbose = json = False


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the options that every command has."""
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="results as one JSON document")
    group.add_argument("--quiet", action="store_true", help="no progress and no notes")
    group.add_argument(
        "--verbose",
        action="store_true",
        help="say the defaults of stvt.toml; errors with traceback",
    )


def begin(
    name: str = "", *, quiet: bool = False, details: bool = False, as_json: bool = False
) -> None:
    """Takes the name of the command, for the lines on stderr, and the options of `add`."""
    global command, verbose, json
    command, verbose, json = f"stvt {name}".strip(), details, as_json
    progress.quiet = quiet


def note(line: object) -> None:
    """A line on stderr that one may want to know; not with --quiet."""
    if not progress.quiet:
        say(f"{command}: note: {line}")


def warn(line: object) -> None:
    """A line on stderr on what is wrong."""
    say(f"{command}: {line}")


def fail(error: Exception) -> None:
    """Says the error that ended the command, with --json as a document, too."""
    if verbose:
        traceback.print_exception(error)
    warn(error)
    if json:
        print_json({"error": plain(error)})


def table(rows: Iterable[Mapping[str, object]], **options: Any) -> None:
    """Prints rows under the names of their columns."""
    from tabulate import tabulate

    print(tabulate(list(rows), headers="keys", tablefmt="simple", **options))


def print_files(args: argparse.Namespace, files: Iterable[Path]) -> int:
    args.facts = {"files": list(files)}
    print(*args.facts["files"], sep="\n")
    return 0


def print_json(value: object) -> None:
    print(json_text(_json(value)), end="")


def with_json(run: Run) -> Run:
    """The command with what it set as `args.facts` on stdout, and nothing else."""

    def silent(args: argparse.Namespace) -> int:
        args.facts = {}
        with redirect_stdout(io.StringIO()):
            code = run(args)
        print_json(args.facts)
        return code

    return silent


def _json(value: Any) -> Any:
    """A value as JSON has it: numbers that are none are null, paths and fractions text."""
    if is_dataclass(value):
        return {one.name: _json(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _json(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json(one) for one in value]
    if hasattr(value, "item"):  # NumPy's
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float) else str(value)
