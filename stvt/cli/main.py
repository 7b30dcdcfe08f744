"""The `stvt` command: finds the sub-command's file, runs it, and prints an error as one line."""

from __future__ import annotations

import argparse
import os
import re
import sys
from argparse import SUPPRESS
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from stvt.core.errors import StvtError
from stvt.core.formatting import plain
from stvt.core.suggestions import did_you_mean
from stvt.core.version import __version__

DESCRIPTION = """\
The benchmark and the data sets for joint space-time video upsampling.

  stvt prepare sample                       make a test set (the built-in one here)
  stvt evaluate --datasets sample --methods bicubic+blend,bicubic+flow
  stvt report runs/sample-paper             its tables again
"""

# By use. Each is a file here; its `add(commands)` says what the command takes, and what runs it.
GROUPS = {
    "measure": ("evaluate", "report", "compare", "reproduce", "results", "figures"),
    "data sets": ("prepare", "verify", "inspect", "coverage"),
    "methods": ("upsample", "train", "weights", "export", "bench"),
    "this installation": ("list", "doctor"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        if wrong := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
            names = [name.strip(" '") for name in wrong[2].split(",")]
            message += did_you_mean(wrong[1], names)
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line `argv` (that of the process if None) and returns the exit code.

    0: done. 2: something is wrong that the user can mend, said in one line each; what could be
    done was done and kept. 130: interrupted; the same command continues.
    """
    _open_closed_streams()
    # PyTorch then asks Linux for huge pages for tensors of 2 MiB and more, which a CPU reads and
    # writes up to twice as fast (docs/performance.md). It looks when it first allocates one.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    parser = build_parser()
    if not (sys.argv[1:] if argv is None else argv):
        parser.print_help()
        return 0
    args = parser.parse_args(argv)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\nstvt: interrupted; the same command continues where it was", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (StvtError, OSError) as error:
        print(f"stvt {args.command}: {plain(error)}", file=sys.stderr)
        return 2
    return code


def _open_closed_streams() -> None:
    """Opens what of stdin, stdout and stderr is closed, on nothing: else the next file that is
    opened has its number, and what libraries print goes into it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line, with every sub-command's options."""
    parser = _Parser(
        prog="stvt", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"stvt {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", help=SUPPRESS
    )
    for group, files in GROUPS.items():
        for name in files:
            import_module(f"stvt.cli.{name}").add(commands)
        # argparse lists all commands in one group; here each has the group of its use.
        added = commands._choices_actions
        lines = (f"  {action.dest:<13}{action.help}" for action in added)
        parser.description = "\n".join([parser.description or "", f"{group}:", *lines, ""])
        added.clear()
    return parser
