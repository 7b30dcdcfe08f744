"""`stvt bench`: what sharing between windows and times saves, and what each part costs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from stvt.arguments import size

METHODS = "stvun,edvr,dain"
SHORT = {"methods": "edvr-m", "size": (32, 48), "rounds": 1}  # seconds: for plumbing


def add(commands: Any) -> None:
    command = commands.add_parser("bench", help="what parts of methods cost and sharing saves")
    command.set_defaults(run=bench)
    command.add_argument(
        "what",
        choices=["model", "stream"],
        help="model: by part, for each megapixel made; stream: the whole, against one window "
        "after another",
    )
    command.add_argument("--methods", metavar="A,B", help=f"(default: {METHODS})")
    command.add_argument(
        "--size", type=size, metavar="WxH", help="of the outputs (default: 960x540)"
    )
    command.add_argument(
        "--times", type=int, default=1, metavar="N", help="new frames between two (default: 1)"
    )
    command.add_argument("--rounds", type=int, metavar="N", help="timed, of each form (default: 3)")
    command.add_argument("--short", action="store_true", help="seconds instead: edvr-m at 48x32")
    command.add_argument("--float64", action="store_true", help="to compare outputs exactly")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    command.add_argument("--precision", choices=["fp32", "bf16", "fp16"], default="fp32")
    command.add_argument("--json", type=Path, metavar="FILE", help="every number, for programs")


def bench(args: argparse.Namespace) -> int:
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
