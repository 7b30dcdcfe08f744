"""`stvt doctor`: what is installed and found here; `stvt doctor tiles`: how visible seams are."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from stvt.cli.options import size

METHODS = "stvun,edvr-m,dain"


def add(commands: Any) -> None:
    command = commands.add_parser("doctor", help="what is here; how visible the seams of tiles are")
    command.set_defaults(run=doctor)
    command.add_argument("what", nargs="?", choices=["tiles"], help="else the machine is described")
    command.add_argument(
        "--root", type=Path, default=Path("data"), help="folder of prepared sets (default: data)"
    )
    tiles = command.add_argument_group("tiles", "a run by tiles against one without")
    tiles.add_argument("--method", default=METHODS, metavar="A,B", help=f"(default: {METHODS})")
    tiles.add_argument("--tile", type=_tiles, default=[96], metavar="N,M", help="(default: 96)")
    tiles.add_argument(
        "--size", type=size, default=(136, 240), metavar="WxH", help="of the input frames"
    )
    tiles.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    tiles.add_argument("--precision", choices=["fp32", "bf16", "fp16"], default="fp32")


def doctor(args: argparse.Namespace) -> int:
    from tabulate import tabulate

    from stvt import doctor
    from stvt.device import usable_device

    if args.what is None:
        print(tabulate(doctor.machine(args.root), tablefmt="plain"))
        return 0
    rows, untrained = [], set()
    height, width = args.size
    for spec in args.method.split(","):
        for tile in args.tile:
            found = doctor.seams(
                spec, tile, height, width, usable_device(args.device), args.precision
            )
            rows += [one.row() for one in found]
            untrained |= {one.method for one in found if one.weights == "untrained"}
    print(f"input {width}x{height}; differences in 8-bit levels, tiled against untiled")
    print(tabulate(rows, headers="keys", tablefmt="simple"))
    if untrained:
        print(
            f"stvt: WARNING: {', '.join(sorted(untrained))}: no weights here, so random ones were "
            "used; trained ones differ",
            file=sys.stderr,
        )
    return 0


def _tiles(text: str) -> list[int]:
    sides = [int(side) for side in text.split(",")]
    if min(sides) < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return sides
