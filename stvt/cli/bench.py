"""`stvt bench`: what each part costs, what sharing saves, how fast training windows come."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from stvt.cli.options import natural, positive, size
from stvt.core.errors import UsageError

METHODS = "stvun,edvr,dain"
SHORT = {"methods": "edvr-m", "size": [(32, 48)], "rounds": 1}  # seconds: for plumbing


def add(commands: Any) -> None:
    command = commands.add_parser(
        "bench", help="what parts of methods, sharing, data, metrics and evaluating cost"
    )
    command.set_defaults(run=bench)
    command.add_argument(
        "what",
        choices=["model", "stream", "data", "metrics", "evaluate", "precision"],
        help="model: by part, for each megapixel made; stream: the whole, against one window "
        "after another; data: training windows a second, by ways to store clips; metrics: PSNR "
        "and SSIM, against scikit-image; evaluate: scoring frames made elsewhere, against decoding "
        "and metrics alone; precision: PSNR in bf16 or fp16 against float32, on the set named by "
        "--set (default: vid4 if it is prepared, else sample)",
    )
    command.add_argument("--methods", metavar="A,B", help=f"(default: {METHODS})")
    command.add_argument(
        "--size",
        type=_sizes,
        metavar="WxH",
        help="of the outputs, several for model and stream (960x540,1920x1080), of the clip or of "
        "the frames (default: 960x540)",
    )
    command.add_argument(
        "--times", type=natural, default=1, metavar="N", help="new frames between two (default: 1)"
    )
    command.add_argument(
        "--forms",
        metavar="A,B",
        type=_forms,
        help="that model and stream compare: windows, stream, moments (each output by itself), "
        "published (window by window, float32, plain convolutions), demo (STVUN's program as a "
        "whole), compiled (the stream by torch.compile), graphs (that with CUDA graphs); the first "
        "is what ratios are to",
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
    evaluating = command.add_argument_group("evaluate and precision")
    evaluating.add_argument(
        "--frames", type=positive, metavar="N", help="a scene (default: 301; precision: all)"
    )
    evaluating.add_argument("--workers", type=positive, metavar="N", help="(default: all cores)")
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


def _forms(text: str) -> list[str]:
    known = ("demo", "published", "moments", "windows", "stream", "compiled", "graphs")
    forms = text.split(",")
    if unknown := [form for form in forms if form not in known]:
        raise argparse.ArgumentTypeError(f"no form {unknown[0]!r}; there are {', '.join(known)}")
    return forms


def _sizes(text: str) -> list[tuple[int, int]]:
    return [size(part) for part in text.split(",")]


def _one_size(args: argparse.Namespace, short: tuple[int, int]) -> tuple[int, int]:
    """Height and width, of the commands that take one."""
    sizes = args.size or [short if args.short else (540, 960)]
    if len(sizes) > 1:
        raise UsageError(f"bench {args.what} takes one --size")
    one: tuple[int, int] = sizes[0]
    return one


def bench(args: argparse.Namespace) -> int:
    runs = {"data": _bench_data, "metrics": _bench_metrics, "evaluate": _bench_evaluate}
    runs["precision"] = _bench_precision
    return runs.get(args.what, _bench_methods)(args)


def _bench_data(args: argparse.Namespace) -> int:
    from tabulate import tabulate

    from stvt.core.files import write_json
    from stvt.profiling.bench_data import measure, table

    patches = args.patch or ([32] if args.short else [128, 256])
    height, width = _one_size(args, (96, 128))
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
        write_json(args.json, {"what": "data", "windows": [one.facts() for one in measured]})
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


def _bench_metrics(args: argparse.Namespace) -> int:
    from tabulate import tabulate

    from stvt.core.files import write_json
    from stvt.profiling.bench_metrics import NEARNESS, measure, table

    height, width = _one_size(args, (48, 64))
    rounds = args.rounds or (2 if args.short else 15)
    compared = measure(height, width, rounds)
    if args.json:
        facts = [one.facts() for one in compared]
        write_json(args.json, {"what": "metrics", "size": [width, height], "rows": facts})
    print(f"{width}x{height}, one thread, {rounds} rounds in turn; processor time, medians")
    print(tabulate(table(compared), headers="keys", tablefmt="simple"))
    if any(one.difference > NEARNESS for one in compared):
        raise UsageError(f"they differ by more than {NEARNESS:g}; please report this")
    return 0


def _bench_evaluate(args: argparse.Namespace) -> int:
    from tabulate import tabulate

    from stvt.core.files import write_json
    from stvt.profiling.bench_evaluate import cores, measure, table

    height, width = _one_size(args, (48, 64))
    frames = args.frames or (7 if args.short else 301)
    workers, rounds = args.workers or cores(), args.rounds or (1 if args.short else 3)
    measured = measure(height, width, frames, workers, rounds)
    if args.json:
        facts = {"what": "evaluate", "size": [width, height], **measured.facts()}
        write_json(args.json, facts)
    print(
        f"{workers} scenes of {measured.frames // workers} frames of {width}x{height}, {workers} workers on {cores()} "
        f"cores, {rounds} rounds in turn; medians (p10-p90)"
    )
    decoding = sum(measured.decoding) / sum(one.process for one in measured.least)
    print(f"decode + metrics: {decoding:.0%} of it is decoding".replace("%", " %"))
    print(tabulate(table(measured), headers="keys", tablefmt="simple"))
    return 0


def _bench_precision(args: argparse.Namespace) -> int:
    from tempfile import TemporaryDirectory

    from tabulate import tabulate

    from stvt import baselines, datasets
    from stvt.core.files import write_json
    from stvt.device import usable_device
    from stvt.profiling.bench_precision import facts, measure, table

    precision: Any = "bf16" if args.precision == "fp32" else args.precision
    methods = baselines.parse_methods(args.methods or "stvun-s")
    frames = args.frames or (1 if args.short else None)
    with TemporaryDirectory() as place:
        name, root = args.set, args.root
        if name is None and (args.root / "vid4" / "manifest.json").exists() and not args.short:
            name = "vid4"
        elif name is None:
            name, root = "sample", Path(place)
            datasets.prepare(name, root)
        compared = [
            one
            for spec in methods
            for one in measure(
                spec,
                name,
                root,
                precision,
                device=usable_device(args.device),
                frames=frames,
                progress=lambda scene: print(f"{name} {scene}", file=sys.stderr),
            )
        ]
    if not compared:
        raise UsageError(f"no scene of {name} has the whole window of a method; name another --set")
    if args.json:
        told = {"what": "precision", "set": name, "precision": precision, "rows": facts(compared)}
        write_json(args.json, told)
    print(f"{name}, {precision} against float32; PSNR in RGB to the truth, and between both")
    print(tabulate(table(compared), headers="keys", tablefmt="simple", disable_numparse=True))
    return 0


def _bench_methods(args: argparse.Namespace) -> int:
    from tabulate import tabulate

    from stvt import baselines
    from stvt.core.files import write_json
    from stvt.device import usable_device
    from stvt.doctor import with_what_is_there
    from stvt.profiling.bench import FormName, ceilings, compare, parts_table, stream_table
    from stvt.profiling.flops import device_of
    from stvt.profiling.memory import Case, peak

    standard: dict[str, Any] = {"methods": METHODS, "size": [(540, 960)], "rounds": 3}
    asked = {name: getattr(args, name) for name in standard if getattr(args, name) is not None}
    chosen = standard | (SHORT if args.short else {}) | asked
    device, times = usable_device(args.device), _times(args.times)
    forms: tuple[FormName, ...] = ("windows", "stream")
    if args.times > 1:
        forms = ("moments", *forms)
    forms = args.forms or (("published", *forms) if args.what == "stream" else forms)
    told: list[dict[str, Any]] = []
    product = copy = 0.0
    for height, width in chosen["size"]:
        rows: list[dict[str, object]] = []
        peaks: list[dict[str, object]] = []
        for spec in baselines.parse_methods(chosen["methods"]):
            method = with_what_is_there(spec, device, args.precision)
            if args.float64:
                for network in method.networks():
                    network.double()
            if not product:
                product, copy = ceilings(device_of(method), args.precision)
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
            if args.what == "stream":
                rows += stream_table(comparison)
            else:
                rows += parts_table(comparison, product, copy)
                case = Case(spec, height, width, times, device, args.precision, args.float64)
                needed, memory_is = peak(case)
                told[-1] |= {"peak_memory_bytes": needed, "memory_is": memory_is}
                mebibytes = None if needed is None else needed >> 20
                peaks.append({"method": method.name, "peak MiB": mebibytes, "": memory_is})
            if args.json:  # after each, for all of them may take hours
                ceiling = {"multiply_accumulates_a_second": product, "bytes_a_second": copy}
                facts = {"what": args.what, "ceilings": ceiling, "methods": told}
                write_json(args.json, facts)
            print(
                f"{spec}: {comparison.weights or 'no'} weights, {comparison.outputs} frames each "
                f"interval, largest relative difference of the forms {comparison.difference:.1e}",
                file=sys.stderr,
            )
        clock = "processor time of all threads" if told[0]["on_cpu"] else "time by the clock"
        print(f"{width}x{height}, {told[0]['precision']}, {told[0]['device']}; ms are {clock}")
        print(
            f"in the same run: {product / 1e9:.0f} GMAC/s in {args.precision} matrix products, "
            f"{copy / 1e9:.1f} GB/s copied"
        )
        print(tabulate(rows, headers="keys", tablefmt="simple"))
        if peaks:
            print(tabulate(peaks, headers="keys", tablefmt="simple"))
    return 0


def _times(number: int) -> tuple[float, ...]:
    return tuple((k + 1) / (number + 1) for k in range(number))
