"""`stvt bench`: time, multiply-accumulates and memory of methods, part by part."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from stvt.cli import options
from stvt.cli.options import natural, positive, size
from stvt.cli.output import note, table

if TYPE_CHECKING:
    from stvt.profiling.stream import Comparison, FormName

METHODS = "stvun,edvr,dain"
FORMS = ("published", "moments", "windows", "stream", "compiled", "graphs")
# What was measured of ourselves alone, and where it is measured now.
MOVED = {
    "data": "tests/benchmarks/training_windows.py",
    "metrics": "tests/benchmarks/metrics.py",
    "evaluate": "tests/benchmarks/evaluate.py",
    "precision": "tests/benchmarks/precision.py",
}


def add(command: Any) -> None:
    command.add_argument(
        "what",
        type=_what,
        metavar="{model,stream}",
        help="model: by part, for each megapixel made; stream: the whole, against one window "
        "after another",
    )
    options.add_names(command, "--methods", "of `stvt list methods`", default=METHODS)
    command.add_argument(
        "--size",
        type=lambda text: [size(part) for part in text.split(",")],
        default=[(540, 960)],
        metavar="WxH",
        help="of the outputs, or several: 960x540,1920x1080 (default: 960x540)",
    )
    command.add_argument(
        "--times", type=natural, default=1, metavar="N", help="new frames between two"
    )
    command.add_argument(
        "--forms",
        metavar="A,B",
        type=_forms,
        help="to compare: windows, stream, moments (each output by itself), published (window by "
        "window, float32, PyTorch's convolutions), compiled (the stream by torch.compile), graphs "
        "(that with CUDA graphs); the first is what ratios are to (default: those that "
        "differ; of stream published, too)",
    )
    command.add_argument("--rounds", type=positive, default=3, metavar="N", help="timed, of each")
    options.flag(command, "--float64", "to compare outputs exactly")
    options.add_device(command)
    options.add_precision(command)
    options.add_out(
        command, "FILE.json", words="none", text="every number, written after each method"
    )


def _what(text: str) -> str:
    if text in MOVED:
        raise argparse.ArgumentTypeError(
            f"{text} is no part of stvt any more; in a checkout: python -P {MOVED[text]}"
        )
    if text not in ("model", "stream"):
        raise argparse.ArgumentTypeError(f"'{text}' is neither model nor stream")
    return text


def _forms(text: str) -> tuple[str, ...]:
    forms = tuple(dict.fromkeys(text.split(",")))
    if unknown := [form for form in forms if form not in FORMS]:
        raise argparse.ArgumentTypeError(f"no form '{unknown[0]}'; there are {', '.join(FORMS)}")
    return forms


def run(args: argparse.Namespace) -> int:
    from stvt import baselines
    from stvt.core.files import write_json
    from stvt.device import usable_device
    from stvt.profiling.flops import device_of
    from stvt.profiling.memory import Case, peak
    from stvt.profiling.stream import compare, parts_table, stream_table
    from stvt.profiling.synthetic import available_method
    from stvt.profiling.timing import ceilings

    device = usable_device(args.device)
    times = tuple((k + 1) / (args.times + 1) for k in range(args.times))
    facts: list[dict[str, Any]] = []
    product = copy = 0.0
    for height, width in args.size:
        rows: list[dict[str, object]] = []
        peaks: list[dict[str, object]] = []
        for spec in baselines.parse_methods(args.methods):
            method = available_method(spec, device, args.precision)
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
                forms=args.forms or _usual_forms(args.what, args.times),
                rounds=args.rounds,
                precision=args.precision,
            )
            facts.append(comparison.facts())
            if args.what == "stream":
                rows += stream_table(comparison)
            else:
                rows += parts_table(comparison, product, copy)
                case = Case(spec, height, width, times, device, args.precision, args.float64)
                needed, memory_is = peak(case)
                facts[-1] |= {"peak_memory_bytes": needed, "memory_is": memory_is}
                mebibytes = None if needed is None else needed >> 20
                peaks.append({"method": method.name, "peak MiB": mebibytes, "": memory_is})
            ceiling = {"multiply_accumulates_a_second": product, "bytes_a_second": copy}
            args.facts = {"what": args.what, "ceilings": ceiling, "methods": facts}
            if args.out:  # after each, for all of them may take hours
                write_json(args.out, args.facts)
            note(_outputs(spec, comparison))
        clock = "processor time of all threads" if facts[0]["on_cpu"] else "time by the clock"
        print(f"{width}x{height}, {facts[0]['precision']}, {facts[0]['device']}; ms are {clock}")
        print(
            f"in the same run: {product / 1e9:.0f} GMAC/s in {args.precision} matrix products, "
            f"{copy / 1e9:.1f} GB/s copied"
        )
        table(rows)
        if peaks:
            table(peaks)
    return 0


def _usual_forms(what: str, times: int) -> tuple[FormName, ...]:
    """What is compared where --forms says nothing."""
    published: tuple[FormName, ...] = ("published",) if what == "stream" else ()
    moments: tuple[FormName, ...] = ("moments",) if times > 1 else ()
    return (*published, *moments, "windows", "stream")


def _outputs(spec: str, comparison: Comparison) -> str:
    return (
        f"{spec}: {comparison.weights or 'no'} weights, {comparison.outputs} frames each "
        f"interval, largest relative difference of the forms {comparison.difference:.1e}"
    )
