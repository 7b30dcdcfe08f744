"""`stvt export`: a method as an ONNX graph for inputs of one size (extra onnx)."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stvt.cli import options


def add(command: Any) -> None:
    command.add_argument("method", metavar="METHOD", help="stvun-s, edvr-s, basicvsr ...")
    command.add_argument("out", metavar="OUT.onnx", type=Path, help="the graph")
    command.add_argument(
        "--size", type=options.size, required=True, metavar="WxH", help="of the input frames"
    )
    command.add_argument(
        "--times",
        type=options.moments,
        default=(0.5,),
        metavar="T,T",
        help="of the new frames between the centre frame and the next, 0 to 1 (default: 0.5)",
    )
    command.add_argument(
        "--frames", type=options.positive, metavar="N", help="of basicvsr's sequence (default: 5)"
    )
    command.add_argument(
        "--scale", type=int, choices=[2, 3, 4], default=4, help="of the outputs (default: 4)"
    )
    options.add_weights(command)
    options.add_untrained(command)


def run(args: argparse.Namespace) -> int:
    from stvt.api import load_method
    from stvt.baselines import Settings, check_names, export_onnx

    check_names([args.method])
    weights = options.weights(args, [args.method])
    settings = Settings(args.scale, weights=weights, untrained=args.untrained)
    options.say_own_weights([args.method], settings)
    method = load_method(
        args.method,
        weights,
        scale=args.scale,
        device="cpu",
        untrained=args.untrained,
    )
    difference = export_onnx(method, args.out, args.size, args.times, args.frames)
    args.facts = {"file": args.out, "method": args.method, "largest_difference": difference}
    height, width = args.size
    print(
        f"{args.out}: {args.method} for {width}x{height}, {args.out.stat().st_size / 1e6:.0f} MB; "
        f"ONNX Runtime differs from PyTorch by {difference:.1e} at most"
    )
    return 0
