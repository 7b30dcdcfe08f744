"""`stvt evaluate`: scores methods on prepared sets, and writes the report."""

from __future__ import annotations

import argparse
from typing import Any

from stvt.cli import options
from stvt.cli.options import positive


def add(commands: Any) -> None:
    """Adds the command to the sub-parsers of `stvt`."""
    command = commands.add_parser("evaluate", help="score methods on prepared sets")
    command.set_defaults(run=evaluate)
    command.add_argument("--datasets", required=True, metavar="A,B", help="prepared sets")
    command.add_argument(
        "--methods",
        required=True,
        metavar="A,B",
        help="of `stvt list methods`; a+b composes, name=frames:FOLDER scores frames made "
        "elsewhere, name=FILE.py:Class runs your own",
    )
    options.add_root(command)
    options.add_out(command, "RUN", words="runs/DATASETS-PROTOCOL")
    command.add_argument(
        "--metrics",
        default="psnr,ssim",
        help="psnr, ssim, lpips, lpips-vgg, dists; your own: NAME=FILE.py:function",
    )
    options.add_weights(command)
    options.add_untrained(command)
    options.add_device(command)
    options.add_compile(command)
    options.add_workers(command)
    options.add_cluster(command)
    command.add_argument(
        "--verify",
        action="store_true",
        help="compare the checksum of every frame with the manifest (without: sizes and times)",
    )
    command.add_argument("--save-frames", action="store_true", help="keep every scored frame")
    command.add_argument("--runtime", action="store_true", help="time one 960x540 frame, too")
    command.add_argument("--runtime-size", type=options.size, metavar="WxH", help="of another size")
    rules = command.add_argument_group("protocol", "a preset, and what differs from it")
    rules.add_argument(
        "--protocol", default="paper", choices=["paper", "zsm", "space", "videoinr", "authors"]
    )
    rules.add_argument("--scale", type=int, choices=[2, 3, 4])
    rules.add_argument("--degradation", choices=["BD", "BI", "BDC"])
    rules.add_argument("--time-step", type=int, metavar="N", help="every N-th frame is input")
    rules.add_argument(
        "--frames", choices=["new", "existing", "all", "centre"], help="which are scored"
    )
    rules.add_argument("--clip", type=int, metavar="N", help="only frames of whole clips of N")
    rules.add_argument("--ends", choices=["valid", "replicate"], help="at a sequence's ends")
    rules.add_argument(
        "--common-frames",
        choices=["on", "off"],
        help="on: with --ends valid all methods are scored on the frames that each has its whole "
        "window for; off: each on all its own (default: on)",
    )
    rules.add_argument("--channel", choices=["rgb", "y"])
    rules.add_argument("--crop-border", type=int, metavar="N", help="pixels left out")
    rules.add_argument("--limit", type=positive, metavar="N", help="input intervals a scene")
    options.add_precision(rules, default=None)
    options.add_tile(rules)
    options.add_chunk(rules)
    rules.add_argument("--handover", choices=["float", "uint8"], help="inside cascades")


def evaluate(args: argparse.Namespace) -> int:
    from stvt.baselines import check_names, parse_methods
    from stvt.datasets import load
    from stvt.metrics import find_metric

    specs = parse_methods(args.methods)
    check_names(specs)
    for name in options.names(args.metrics):
        if ":" not in name:  # a file's function is looked for when it is to be run
            find_metric(name)
    for name in options.names(args.datasets):
        load(name, args.root.resolve())  # kept: the run reads no manifest twice

    # torch takes seconds, so only now.
    from stvt.baselines import Settings
    from stvt.cli.report import print_report
    from stvt.core.progress import progress_line
    from stvt.evaluation.run import computed_line, evaluate

    given = Settings(args.scale or 4, weights=dict(args.weights), untrained=args.untrained)
    options.say_own_weights("evaluate", specs, given)
    with progress_line() as show:
        scores = evaluate(
            args.datasets,
            args.methods,
            root=args.root,
            out=args.out,
            protocol=args.protocol,
            metrics=args.metrics,
            weights=dict(args.weights),
            untrained=args.untrained,
            device=args.device,
            compiled=args.compile,
            workers=args.workers,
            cluster=args.cluster,
            runtime=args.runtime or args.runtime_size is not None,
            runtime_size=args.runtime_size or (540, 960),
            save_frames=args.save_frames,
            verify=args.verify,
            progress=show,
            scale=args.scale,
            degradation=args.degradation,
            time_step=args.time_step,
            frames=args.frames,
            clip=args.clip,
            ends=args.ends,
            common_frames=args.common_frames,
            channel=args.channel,
            crop_border=args.crop_border,
            limit=args.limit,
            precision=args.precision,
            tile=args.tile,
            chunk=args.chunk,
            handover=args.handover,
        )
    code = print_report(scores)
    if line := computed_line(scores.attrs["computed"]):
        print(line)
    return code
