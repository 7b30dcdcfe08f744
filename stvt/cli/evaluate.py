"""`stvt evaluate`: score methods on prepared sets."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any

from stvt.cli import options
from stvt.cli.options import names, positive


def add(command: Any) -> None:
    options.add_names(command, "--datasets", "prepared sets", type=names, required=True)
    options.add_names(
        command,
        "--methods",
        "of `stvt list methods`; a+b composes, name=frames:FOLDER scores frames made elsewhere, "
        "name=FILE.py:Class runs your own",
        required=True,
    )
    command.add_argument(
        "--scenes", type=names, default=(), metavar="A,B", help="only these (default: all)"
    )
    options.add_root(command)
    options.add_runs(command, "RUN", "DATASETS-PROTOCOL")
    options.add_names(
        command,
        "--metrics",
        "of `stvt list metrics`; your own: NAME=FILE.py:function, or :Class for sequences",
        type=names,
        default="psnr,ssim",
    )
    options.add_weights(command)
    options.add_untrained(command)
    options.add_device(command)
    options.add_compile(command)
    options.add_workers(command)
    options.add_cluster(command)
    options.flag(
        command,
        "--verify",
        "compare the checksum of every frame with the manifest (without: sizes and times)",
    )
    options.flag(command, "--save-frames", "keep every scored frame")
    options.flag(command, "--runtime", "time one 960x540 frame, too")
    command.add_argument(
        "--runtime-size", type=options.size, metavar="WxH", help="time one of it (default: 960x540)"
    )
    rules = command.add_argument_group("protocol", "a preset, and what differs from it")
    rules.add_argument(
        "--protocol",
        default="paper",
        choices=["paper", "zsm", "space", "videoinr", "authors"],
        help="rules of a paper",
    )

    def rule(option: str, text: str, **more: Any) -> None:
        rules.add_argument(option, help=f"{text} (default: the protocol's)", **more)

    rule("--scale", "of the enlargement", type=int, choices=[2, 3, 4])
    rule("--degradation", "of the low-resolution frames", choices=["BD", "BI", "BDC"])
    rule("--time-step", "every N-th frame is input", type=int, metavar="N")
    rule("--frames", "which are scored", choices=["new", "existing", "all", "centre"])
    rule("--clip", "only frames of whole clips of N", type=int, metavar="N")
    rule("--ends", "at a sequence's ends", choices=["valid", "replicate"])
    rule(
        "--common-frames",
        "on: with --ends valid all methods are scored on the frames that each has its whole window "
        "for; off: each on all its own",
        choices=["on", "off"],
    )
    rule("--channel", "that is scored", choices=["rgb", "y"])
    rule("--crop-border", "pixels left out", type=int, metavar="N")
    rule("--limit", "input intervals a scene", type=positive, metavar="N")
    rule("--handover", "inside cascades", choices=["float", "uint8"])
    options.add_precision(rules, words="the protocol's")
    options.add_tile(rules)
    options.add_chunk(rules)


def run(args: argparse.Namespace) -> int:
    from stvt.baselines import check_names, parse_methods
    from stvt.datasets import choose_scenes, load
    from stvt.metrics import find_metric

    specs = parse_methods(args.methods)
    check_names(specs)
    for name in args.metrics:
        if ":" not in name:  # a file's function is looked for when it is to be run
            find_metric(name)
    root = args.root.resolve()  # by which the run finds the manifests that are read here
    choose_scenes([load(name, root) for name in args.datasets], args.scenes)

    # torch takes seconds, so only now.
    from stvt.baselines import Settings
    from stvt.cli.report import print_report
    from stvt.core.progress import progress_line
    from stvt.evaluation.plan import RunOptions
    from stvt.evaluation.protocol import Protocol
    from stvt.evaluation.run import computed_line, evaluate

    args.weights = options.weights(args, specs)
    args.runtime |= args.runtime_size is not None
    settings = Settings(args.scale or 4, weights=args.weights, untrained=args.untrained)
    options.say_own_weights(specs, settings)
    known = {one.name for one in (*fields(RunOptions), *fields(Protocol))}
    given = {name: value for name, value in vars(args).items() if name in known}
    with progress_line() as show, progress_line("method") as show_methods:
        scores = evaluate(
            args.datasets,
            args.methods,
            protocol=args.protocol,
            progress=show,
            cost_progress=show_methods,
            **given,
        )
    code = print_report(args, scores)
    if line := computed_line(scores.attrs["computed"]):
        print(line)
    args.facts["computed"] = scores.attrs["computed"]
    return code
