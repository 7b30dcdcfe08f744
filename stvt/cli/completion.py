"""`stvt completion`: tab completion for bash and zsh.

Prints what the shell sources:

  stvt completion bash > ~/.local/share/bash-completion/completions/stvt
  stvt completion zsh > ~/.zfunc/_stvt       # a folder of $fpath
"""

from __future__ import annotations

import argparse
from typing import Any


def add(command: Any) -> None:
    command.add_argument("shell", choices=["bash", "zsh"], help="which shell")


def run(args: argparse.Namespace) -> int:
    from stvt.cli.main import build_parser
    from stvt.core.errors import UsageError

    try:
        import shtab
    except ImportError as error:
        raise UsageError("needs shtab; type pip install 'stvt[completion]'") from error
    parser = build_parser()
    for action in parser._actions:
        if action.dest == "command":
            action.help = None  # shtab, too, leaves out what help does not show
    script = shtab.complete(parser, args.shell)
    args.facts = {"shell": args.shell, "script": script}
    print(script)
    return 0
