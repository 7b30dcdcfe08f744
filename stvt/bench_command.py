"""`stvt bench`: what each part costs, what sharing saves, how fast training windows come."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from stvt.arguments import positive, size
from stvt.errors import UsageError

METHODS = "stvun,edvr,dain"
SHORT = {"methods": "edvr-m", "size": (32, 48), "rounds": 1}  # seconds: for plumbing


def add(commands: Any) -> None:
    command = commands.add_parser("bench", help="what parts of methods, sharing and data cost")
    command.set_defaults(run=bench)
    command.add_argument(
        "what",
        choices=["model", "stream", "data"],
        help="model: by part, for each megapixel made; stream: the whole, against one window "
        "after another; data: training windows a second, by ways to store clips",
    )
    command.add_argument("--methods", metavar="A,B", help=f"(default: {METHODS})")
    command.add_argument(
        "--size", type=size, metavar="WxH", help="of the outputs or the clip (default: 960x540)"
    )
    command.add_argument(
        "--times", type=int, default=1, metavar="N", help="new frames between two (default: 1)"
    )
    command.add_argument(
        "--rounds", type=positive, metavar="N", help="timed, of each (default: 3; data: 7)"
    )
    command.add_argument(
        "--short", action="store_true", help="seconds instead: edvr-m at 48x32, or a small clip"
    )
    command.add_argument("--float64", action="store_true", help="to compare outputs exactly")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    command.add_argument("--precision", choices=["fp32", "bf16", "fp16"], default="fp32")
    command.add_argument("--json", type=Path, metavar="FILE", help="every number, for programs")
    data = command.add_argument_group("data")
    data.add_argument(
        "--set", metavar="NAME", help="a training set to take clips of (default: a made scene)"
    )
    data.add_argument(
        "--root", type=Path, default=Path("data"), help="folder of sets (default: data)"
    )
    data.add_argument(
        "--patch", metavar="A,B", type=_sides, help="sides of the crops (default: 128,256)"
    )


def _sides(text: str) -> list[int]:
    return [positive(part) for part in text.split(",")]


def bench(args: argparse.Namespace) -> int:
    return _bench_data(args) if args.what == "data" else _bench_methods(args)


def _bench_data(args: argparse.Namespace) -> int:
    from tabulate import tabulate

    from stvt import results
    from stvt.bench_data import measure, table

    patches = args.patch or ([32] if args.short else [128, 256])
    height, width = args.size or ((96, 128) if args.short else (540, 960))
    rounds, number = (args.rounds or 3, 2) if args.short else (args.rounds or 7, 8)
    measured = measure(
        args.set,
        args.root,
        patches,
        between=args.times,
        size=(height, width),
        rounds=rounds,
        number=number,
    )
    if args.json:
        results.write_json(
            args.json, {"what": "data", "windows": [one.facts() for one in measured]}
        )
    what = f"clips of {args.set}" if args.set else f"a made scene of {width}x{height}"
    one = measured[0].sampling
    print(
        f"{what}: windows of {one.frames} consecutive input frames and {1 + args.times} true ones, "
        f"{one.degradation}x{one.scale} made on the fly, cropped, flipped, turned, reversed"
    )
    print(
        f"{rounds} rounds of {number} windows each in turn; processor time of one thread, "
        "files in the memory of the system"
    )
    print(tabulate(table(measured), headers="keys", tablefmt="simple"))
    if not all(one.same for one in measured):
        raise UsageError("the ways gave different windows; please report this")
    return 0


def _bench_methods(args: argparse.Namespace) -> int:
    from tabulate import tabulate

    from stvt import baselines, results
    from stvt.bench import FormName, ceilings, compare, parts_table, stream_table
    from stvt.doctor import with_what_is_there
    from stvt.operations import device_of
    from stvt.plan import usable_device

    standard: dict[str, Any] = {"methods": METHODS, "size": (540, 960), "rounds": 3}
    asked = {name: getattr(args, name) for name in standard if getattr(args, name) is not None}
    chosen = standard | (SHORT if args.short else {}) | asked
    height, width = chosen["size"]
    times = tuple((k + 1) / (args.times + 1) for k in range(args.times))
    forms: tuple[FormName, ...] = ("windows", "stream")
    if args.times > 1:
        forms = ("moments", *forms)
    told: list[dict[str, Any]] = []
    rows: list[dict[str, object]] = []
    product = copy = 0.0
    for spec in baselines.parse_methods(chosen["methods"]):
        method = with_what_is_there(spec, usable_device(args.device), args.precision)
        if args.float64:
            for network in method.networks():
                network.double()
        if not product:
            product, copy = ceilings(device_of(method))
        comparison = compare(
            spec,
            method,
            height,
            width,
            times,
            forms=forms,
            rounds=chosen["rounds"],
            precision=args.precision,
        )
        told.append(comparison.facts())
        if args.json:  # after each, for all of them may take hours
            ceiling = {"multiply_accumulates_a_second": product, "bytes_a_second": copy}
            results.write_json(args.json, {"what": args.what, "ceilings": ceiling, "methods": told})
        rows += (
            stream_table(comparison) if args.what == "stream" else parts_table(comparison, product)
        )
        print(
            f"{spec}: {comparison.weights or 'no'} weights, {comparison.outputs} frames each "
            f"interval, largest relative difference of the forms {comparison.difference:.1e}",
            file=sys.stderr,
        )
    clock = "processor time of all threads" if told[0]["on_cpu"] else "time by the clock"
    print(f"{width}x{height}, {told[0]['precision']}, {told[0]['device']}; ms are {clock}")
    print(
        f"in the same run: {product / 1e9:.0f} GMAC/s in float32 matrix products, "
        f"{copy / 1e9:.1f} GB/s copied"
    )
    print(tabulate(rows, headers="keys", tablefmt="simple"))
    return 0
