"""The `stvt` command: finds the sub-command's file, runs it, and prints an error as one line."""

from __future__ import annotations

import argparse
import os
import re
import sys
from argparse import SUPPRESS
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from typing import Any, NoReturn

from stvt.cli import output
from stvt.cli.options import path
from stvt.cli.project import defaults, describe, project_file
from stvt.core.errors import StvtError
from stvt.core.suggestions import did_you_mean
from stvt.core.version import __version__

DESCRIPTION = """\
The benchmark and the data sets for joint space-time video upsampling.

  stvt prepare sample                       make a test set (the built-in one here)
  stvt evaluate --datasets sample --methods bicubic+blend,bicubic+flow
  stvt report runs/sample-paper             its tables again
"""

# By use. Each is a file here: its docstring is the help, `add(parser)` the options, `run(args)` the work.
GROUPS = {
    "measure": ("evaluate", "report", "compare", "reproduce", "results", "confidence", "flow"),
    "data sets": ("prepare", "verify", "inspect", "coverage"),
    "methods": ("upsample", "train", "weights", "export", "bench"),
    "this installation": ("list", "doctor", "completion"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help that ends with the default of an option, where it has one and does not say it itself."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        default, text = action.default, action.help or ""
        if default is None or default is False or default in (SUPPRESS, "", (), []):
            return text
        if "(default" in text or not action.option_strings:
            return text
        return f"{text} (default: %(default)s)"


class _Parser(argparse.ArgumentParser):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"formatter_class": _Help, **options})
        self.register("type", Path, path)

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
    # GNU's OpenMP has threads that wait spin; where another program has the processor that the next
    # layer needs, that made a layer ten times slower. So they sleep soon, which costs 3 % otherwise.
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    if not (sys.argv[1:] if argv is None else argv):
        build_parser().print_help()
        return 0
    output.begin()
    try:
        file = project_file()
        settings = dict(defaults(file)) if file else {}
        args, unknown = build_parser(settings).parse_known_args(argv)
        if unknown:
            _refuse(unknown, args.parser)
        output.begin(args.command, quiet=args.quiet, details=args.verbose, as_json=args.json)
        if file and args.verbose:
            output.note(f"{file} gives {describe(settings)}")
        code = (output.with_json(args.run) if args.json else args.run)(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\nstvt: interrupted; the same command continues where it was", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (StvtError, OSError) as error:
        output.fail(error)
        return 2
    return code


def _refuse(unknown: Sequence[str], command: argparse.ArgumentParser) -> NoReturn:
    """Ends with arguments that no option takes, and the option of `command` that the first may be."""
    hint = did_you_mean(unknown[0].partition("=")[0], command._option_string_actions)
    command.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")


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


def build_parser(settings: Mapping[str, Any] = {}) -> argparse.ArgumentParser:
    """The parser of the command line, with every sub-command's options.

    settings: defaults in the place of the options' own: those of a project file.
    """
    parser = _Parser(prog="stvt", usage="stvt [-h] [--version] COMMAND ...")
    parser.add_argument("--version", action="version", version=f"stvt {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", help=SUPPRESS, prog="stvt"
    )
    lines = [DESCRIPTION]
    for group, names in GROUPS.items():  # argparse would list all in one group
        lines += [f"{group}:", *(f"  {name:<13}{_add(commands, name)}" for name in names), ""]
    parser.description = "\n".join(lines)
    for _, one in leaves(parser):
        output.add(one)
        # Not of `reproduce`, whose own default is what was used then: None.
        one.set_defaults(**{k: v for k, v in settings.items() if one.get_default(k) is not None})
    return parser


def _add(commands: Any, name: str) -> str:
    """Adds a command to the sub-parsers of `stvt`; returns what it does, in a line."""
    module = import_module(f"stvt.cli.{name}")
    first, _, more = cleandoc(module.__doc__ or "").partition("\n\n")
    summary = first.partition(": ")[2].rstrip(".")
    description = f"{summary[:1].upper()}{summary[1:]}.\n\n{more}".rstrip()
    command = commands.add_parser(name, help=summary, description=description)
    run = getattr(module, "run", None)  # of `weights` and `results` each action has its own
    command.set_defaults(run=run, parser=command)
    module.add(command)
    return summary


def leaves(parser: argparse.ArgumentParser, name: str = "stvt") -> Iterator[tuple[str, Any]]:
    """The parsers that take a command's options, by the words before these: "stvt weights list"."""
    inner = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not inner:
        yield name, parser
    for action in inner:
        for word, one in action.choices.items():
            yield from leaves(one, f"{name} {word}")
