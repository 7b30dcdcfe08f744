"""What a faster arithmetic costs in quality: each frame made in it and in float32, and scored.

python -P tests/benchmarks/precision.py --set vid4 [--precision bf16] [--methods stvun-s] [--frames 2]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tabulate import tabulate
from torch import Tensor

from stvt import baselines, datasets
from stvt.baselines import Method, Precision
from stvt.cli import options
from stvt.cli.options import positive
from stvt.core.files import write_json
from stvt.datasets import read_frame
from stvt.device import usable_device
from stvt.evaluation.frames import levels
from stvt.metrics import psnr
from stvt.profiling.flops import reach
from stvt.profiling.synthetic import available_method

LOW = "BDx4"
STEP = 2  # of the paper: every second frame is given, one new between two


@dataclass(frozen=True)
class Compared:
    """A method on one scene: means over frames, in decibels.

    float32, other: PSNR to the truth, in RGB; between: PSNR of the two outputs before they are
    rounded to 8 bits. weights: as in tables.
    """

    method: str
    weights: str
    scene: str
    frames: int
    float32: float
    other: float
    between: float

    @property
    def difference(self) -> float:
        return self.other - self.float32


def measure(
    spec: str,
    name: str,
    root: Path,
    precision: Precision,
    *,
    device: str = "cpu",
    frames: int | None = None,
    progress: Callable[[str], None] = lambda what: None,
) -> list[Compared]:
    """A method on every scene of a prepared set, in float32 and in `precision`, frame by frame.

    frames: scored of each scene, from its middle; None is all whose window is whole.
    Raises DatasetError if the set is not prepared.
    """
    prepared = datasets.load(name, root)
    prepared.require(LOW)
    plain, fast = (available_method(spec, device, kind) for kind in ("fp32", precision))
    compared = []
    for scene in prepared.scenes.values():
        if found := _of_scene(plain, fast, scene, device, frames):
            compared.append(found)
            progress(scene.name)
    return compared


def _of_scene(
    plain: Method, fast: Method, scene: datasets.PreparedScene, device: str, frames: int | None
) -> Compared | None:
    inputs, times = (scene.frames - 1) // STEP + 1, (1 / STEP,)
    before, after = reach(plain, (0.0, *times), times)
    places = range(2 * before, 2 * (inputs - after))
    if frames is not None:
        middle = max(0, len(places) // 2 - frames // 2)
        places = places[middle : middle + frames]
    if not places:
        return None
    first = max(places[0] // 2 - before, 0)
    last = min(places[-1] // 2 + after + 1, inputs - 1)
    wanted = {place / 2 - first for place in places}
    height, width = scene.gt_size(LOW)
    made = (
        method.stream(_inputs(scene, range(first, last + 1), device), times, wanted.__contains__)
        for method in (plain, fast)
    )
    values: list[tuple[float, float, float]] = []
    for (time, one), (_, other) in islice(zip(*made, strict=False), len(wanted)):
        truth = read_frame(scene.gt_path(round(STEP * (time + first))))[:height, :width]
        error = (one.float() - other.float()).double().square().mean().item()
        between = -10 * float(np.log10(error)) if error else float("inf")
        values.append((psnr(levels(one), truth), psnr(levels(other), truth), between))
    means = np.mean(values, axis=0).tolist()
    return Compared(plain.name, plain.weights, scene.name, len(values), *means)


def _inputs(scene: datasets.PreparedScene, numbers: Sequence[int], device: str) -> Iterator[Tensor]:
    for k in numbers:
        stored = torch.from_numpy(read_frame(scene.lr_path(STEP * k, LOW)))
        yield stored.to(device).permute(2, 0, 1).float() / 255


def table(compared: Sequence[Compared]) -> list[dict[str, object]]:
    """One row a scene, then the mean of the scenes."""
    rows: list[dict[str, object]] = [_row(one.method, one.scene, [one]) for one in compared]
    for method in dict.fromkeys(one.method for one in compared):
        rows.append(_row(method, "mean", [one for one in compared if one.method == method]))
    return rows


def _row(method: str, scene: str, compared: Sequence[Compared]) -> dict[str, object]:
    def mean(name: str) -> float:
        return float(np.mean([getattr(one, name) for one in compared]))

    return {
        "method": method,
        "scene": scene,
        "frames": sum(one.frames for one in compared),
        "float32 dB": round(mean("float32"), 4),
        "other dB": round(mean("other"), 4),
        "difference": f"{mean('difference'):+.4f}",
        "between them dB": round(mean("between"), 1),
    }


def facts(compared: Sequence[Compared]) -> list[dict[str, Any]]:
    """As plain values for JSON."""
    return [{**vars(one), "difference": one.difference} for one in compared]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--set", default="vid4", metavar="NAME")
    parser.add_argument("--methods", default="stvun-s", metavar="A,B")
    parser.add_argument("--precision", choices=["bf16", "fp16"], default="bf16")
    parser.add_argument("--frames", type=positive, metavar="N", help="a scene (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options.add_root(parser)
    options.add_device(parser)
    args = parser.parse_args(arguments)
    compared = [
        one
        for spec in baselines.parse_methods(args.methods)
        for one in measure(
            spec,
            args.set,
            args.root,
            args.precision,
            device=usable_device(args.device),
            frames=args.frames,
            progress=lambda scene: print(f"{args.set} {scene}", file=sys.stderr),
        )
    ]
    if not compared:
        raise SystemExit(f"no scene of {args.set} has the whole window of a method")
    if args.json:
        write_json(
            args.json, {"set": args.set, "precision": args.precision, "rows": facts(compared)}
        )
    print(f"{args.set}, {args.precision} against float32; PSNR in RGB to the truth, between both")
    print(tabulate(table(compared), headers="keys", tablefmt="simple", disable_numparse=True))


if __name__ == "__main__":
    main()
