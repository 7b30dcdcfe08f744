"""The `stvt` command: one function a sub-command, each parses, calls and prints."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from stvt.cli.options import add_compile, memory_size, positive, size
from stvt.core.errors import StvtError
from stvt.core.version import __version__

if TYPE_CHECKING:
    from pandas import DataFrame

DESCRIPTION = """\
The benchmark and the data sets for joint space-time video upsampling.

  stvt prepare sample                       make a test set (the built-in one here)
  stvt evaluate --datasets sample --methods bicubic+blend,bicubic+flow
  stvt report runs/sample-paper             its tables again
  stvt list methods                         what there is
"""

# Commands with a file of their own; `add(commands)` of each says what it takes.
MORE = (
    "prepare",
    "compare",
    "reproduce",
    "weights",
    "confidence",
    "flow",
    "bench",
    "doctor",
    "upsample",
    "train",
    "coverage",
    "inspect",
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line `argv` (that of the process if None) and returns the exit code.

    0: done. 2: something is wrong that the user can mend, said in one line each; what could be
    done was done and kept. 130: interrupted; the same command continues.
    """
    # PyTorch then asks Linux for huge pages for tensors of 2 MiB and more, which a CPU reads and
    # writes up to twice as fast (docs/performance.md). It looks when it first allocates one.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    args = _parser().parse_args(argv)
    try:
        code: int = args.run(args)
    except KeyboardInterrupt:
        print("\nstvt: interrupted; the same command continues where it was", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (StvtError, OSError) as error:
        print(f"stvt {args.command}: {_one_line(error)}", file=sys.stderr)
        return 2
    return code


def verify(args: argparse.Namespace) -> int:
    from stvt import datasets
    from stvt.core.progress import progress_line

    with progress_line("file") as show:
        found = datasets.verify(args.name, args.root, fix=args.fix, progress=show)
    for line in found.problems:
        print(f"stvt verify: {line}", file=sys.stderr)
    for line in found.fixed:
        print(f"fixed: {line}")
    if not found.problems:
        print(f"{args.name}: its {found.files} files are as the manifest says")
    return 2 if found.problems else 0


def evaluate(args: argparse.Namespace) -> int:
    from stvt.core.progress import progress_line
    from stvt.evaluation.run import computed_line, evaluate

    with progress_line() as show:
        scores = evaluate(
            args.datasets,
            args.methods,
            root=args.root,
            out=args.out,
            protocol=args.protocol,
            metrics=[name.strip() for name in args.metrics.split(",")],
            weights=dict(args.weights),
            untrained=args.untrained,
            device=args.device,
            compiled=args.compile,
            workers=args.workers,
            cluster=args.cluster,
            runtime=args.runtime or args.runtime_size is not None,
            runtime_size=args.runtime_size or (540, 960),
            save_frames=args.save_frames,
            progress=show,
            scale=args.scale,
            degradation=args.degradation,
            time_step=args.time_step,
            frames=args.frames,
            ends=args.ends,
            channel=args.channel,
            crop_border=args.crop_border,
            limit=args.limit,
            precision=args.precision,
            tile=args.tile,
            memory=args.memory,
            handover=args.handover,
        )
    code = _print_report(scores)
    if line := computed_line(scores.attrs["computed"]):
        print(line)
    return code


def report(args: argparse.Namespace) -> int:
    from stvt.evaluation.report import report, table

    if args.table or args.quoted or args.format != "terminal":
        name = args.table or "dataset"
        print(table(args.run_folder, name, args.format, quoted=args.quoted), end="")
        return 0
    if args.crop or args.video:
        from stvt.evaluation.figures import crop_figures, videos

        for made in crop_figures(args.run_folder, args.crop, args.root):
            print(made)
        for made in videos(args.run_folder) if args.video else ():
            print(made)
        return 0
    return _print_report(report(args.run_folder))


def _print_report(scores: DataFrame) -> int:
    from stvt import reports

    facts = scores.attrs["facts"]
    print(reports.table(scores, facts, format="terminal"))
    for line in facts["warnings"]:
        print(f"stvt: WARNING: {line}", file=sys.stderr)
    for line in scores.attrs["failures"]:
        print(f"stvt: {line}", file=sys.stderr)
    print(f"report: {scores.attrs['report']}")
    return 2 if scores.attrs["failures"] else 0


def list_(args: argparse.Namespace) -> int:
    from tabulate import tabulate

    from stvt.cli.list import rows

    print(tabulate(rows(args.what, args.root), headers="keys", tablefmt="simple"))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="stvt", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"stvt {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = commands.add_parser("verify", help="check a prepared set against its manifest")
    command.set_defaults(run=verify)
    command.add_argument("name", metavar="NAME")
    _add_root(command)
    command.add_argument("--fix", action="store_true", help="rebuild missing and altered files")

    _add_evaluate(commands.add_parser("evaluate", help="score methods on prepared sets"))

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
        "--quoted", action="store_true", help="with rows of later papers (protocol zsm)"
    )
    command.add_argument(
        "--crop",
        action="append",
        default=[],
        metavar="SCENE:FRAME:X,Y,W,H",
        help="draw this part of a scene: enlarged, its errors, and its x-t slice",
    )
    command.add_argument("--video", action="store_true", help="make side-by-side videos")
    _add_root(command)

    command = commands.add_parser("list", help="the methods, data sets or metrics there are")
    command.set_defaults(run=list_)
    command.add_argument("what", choices=["methods", "datasets", "metrics"])
    _add_root(command)

    for module in MORE:
        import_module(f"stvt.cli.{module}").add(commands)
    return parser


def _add_root(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--root", type=Path, default=Path("data"), help="folder of prepared sets (default: data)"
    )


def _add_evaluate(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=evaluate)
    command.add_argument("--datasets", required=True, metavar="A,B", help="prepared sets")
    command.add_argument(
        "--methods",
        required=True,
        metavar="A,B",
        help="of `stvt list methods`; a+b composes, name=frames:FOLDER scores frames made "
        "elsewhere, name=FILE.py:Class runs your own",
    )
    _add_root(command)
    command.add_argument(
        "--out", type=Path, metavar="RUN", help="(default: runs/DATASETS-PROTOCOL)"
    )
    command.add_argument("--metrics", default="psnr,ssim", help="psnr, ssim, lpips")
    command.add_argument(
        "--weights", action="append", default=[], type=_weights, metavar="NETWORK=FILE"
    )
    command.add_argument(
        "--untrained", action="store_true", help="random weights, for runtime and plumbing"
    )
    command.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    add_compile(command)
    command.add_argument("--workers", type=positive, default=1, help="processes (default: 1)")
    command.add_argument("--cluster", metavar="tcp://HOST:8786", help="a Dask scheduler")
    command.add_argument("--save-frames", action="store_true", help="keep every scored frame")
    command.add_argument("--runtime", action="store_true", help="time one 960x540 frame, too")
    command.add_argument("--runtime-size", type=size, metavar="WxH", help="of another size")
    rules = command.add_argument_group("protocol", "a preset, and what differs from it")
    rules.add_argument("--protocol", default="paper", choices=["paper", "zsm", "authors"])
    rules.add_argument("--scale", type=int, choices=[2, 3, 4])
    rules.add_argument("--degradation", choices=["BD", "BI"])
    rules.add_argument("--time-step", type=int, metavar="N", help="every N-th frame is input")
    rules.add_argument("--frames", choices=["new", "existing", "all"], help="which are scored")
    rules.add_argument("--ends", choices=["valid", "replicate"], help="at a sequence's ends")
    rules.add_argument("--channel", choices=["rgb", "y"])
    rules.add_argument("--crop-border", type=int, metavar="N", help="pixels left out")
    rules.add_argument("--limit", type=positive, metavar="N", help="input intervals a scene")
    rules.add_argument("--precision", choices=["fp32", "bf16", "fp16"])
    rules.add_argument("--tile", type=positive, metavar="N", help="low-resolution pixels")
    rules.add_argument(
        "--memory", type=memory_size, metavar="SIZE", help="tiles that fit, as in 4GiB"
    )
    rules.add_argument("--handover", choices=["float", "uint8"], help="inside cascades")


def _weights(text: str) -> tuple[str, Path]:
    name, equals, file = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form NETWORK=FILE")
    return name, Path(file)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
