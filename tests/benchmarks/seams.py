"""How visible the seams of tiles are: a run by tiles against one on whole frames.

    python -P tests/benchmarks/seams.py --method stvun --tile 64,96 --size 128x112

Untrained weights where none are here: random ones, which the table says; trained ones differ.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

import torch
from tabulate import tabulate
from torch import Tensor

from stvt import baselines
from stvt.baselines import MethodError, Precision
from stvt.cli import options
from stvt.device import usable_device
from stvt.profiling.flops import device_of, reach
from stvt.profiling.synthetic import available_method, moving_scene

NEAR = 8  # pixels of the output on either side of a seam


@dataclass(frozen=True)
class Seams:
    """How the frames of a tiled run differ from those of an untiled one, in 8-bit levels.

    near, far: mean differences within 8 pixels of a seam and elsewhere; None where there is no
               such place, or the method does not tell where it cuts.
    """

    method: str
    weights: str
    tile: int
    kept: int | None
    time: float
    largest: float
    mean: float
    near: float | None
    far: float | None
    psnr: float

    def row(self) -> dict[str, object]:
        return {
            "method": self.method,
            "weights": self.weights[:9] or "none",
            "tile": self.tile,
            "kept": self.kept,
            "output": "in register" if self.time % 1 == 0 else "between",
            "largest": round(self.largest, 4),
            "mean": round(self.mean, 5),
            "near seams": None if self.near is None else round(self.near, 5),
            "elsewhere": None if self.far is None else round(self.far, 5),
            "PSNR dB": "equal" if math.isinf(self.psnr) else round(self.psnr, 1),
        }


def seams(
    spec: str,
    tile: int,
    height: int,
    width: int,
    device: str,
    precision: Precision = "fp32",
    *,
    double: bool = False,
) -> list[Seams]:
    """A method by tiles against itself whole, on a moving textured scene: one row an output.

    height, width: of its input frames.
    double: in float64, where rounding does not move a flow from one pixel to the next.

    Raises MethodError for a method without a network, or that does not work in tiles.
    """
    entry = baselines.METHODS.get(spec)
    if entry is None or not entry.networks:
        named = ", ".join(name for name, one in baselines.METHODS.items() if one.networks)
        raise MethodError(f"{spec}: no network that works in tiles; there are {named}")
    whole = available_method(spec, device, precision)
    tiled = available_method(spec, device, precision, tile)
    times = () if entry.kind == "spatial" else (0.5,)
    moments = times if entry.kind == "temporal" else (0.0, *times)
    before, after = reach(whole, moments, times)
    frames = moving_scene(before + after + 1, height, width)
    wanted = {before + m for m in moments}
    cut = getattr(tiled, "cut", None)
    kept = cut(tile).side if cut and max(height, width) > tile else None
    outputs = []
    for method in (whole, tiled):
        if double:
            for network in method.networks():
                network.double()
        sources = [frame.to(device_of(method)) for frame in frames]
        outputs.append(dict(method.stream(sources, times, wanted.__contains__)))
    found = []
    for time in sorted(wanted):
        error = 255 * (outputs[0][time] - outputs[1][time]).abs().double()
        near, far = _near_and_far(error, kept * whole.scale) if kept else (None, None)
        square = float((error**2).mean())
        found.append(
            Seams(
                method=spec,
                weights=whole.weights,
                tile=tile,
                kept=kept,
                time=time - before,
                largest=float(error.max()),
                mean=float(error.mean()),
                near=near,
                far=far,
                psnr=10 * math.log10(255**2 / square) if square else math.inf,
            )
        )
    return found


def _near_and_far(error: Tensor, side: int) -> tuple[float | None, float | None]:
    """Mean errors near the seams, which lie at every multiple of `side`, and elsewhere."""
    near = torch.zeros(error.shape[-2:], dtype=torch.bool, device=error.device)
    for seam in range(side, error.shape[-2], side):
        near[max(seam - NEAR, 0) : seam + NEAR] = True
    for seam in range(side, error.shape[-1], side):
        near[:, max(seam - NEAR, 0) : seam + NEAR] = True
    means = [error[:, part] for part in (near, ~near)]
    there, elsewhere = (float(part.mean()) if part.numel() else None for part in means)
    return there, elsewhere


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--method", default="stvun,edvr-m,dain", metavar="A,B")
    parser.add_argument("--tile", default="96", metavar="N,M")
    parser.add_argument("--size", type=options.size, default=(136, 240), metavar="WxH")
    options.add_device(parser)
    options.add_precision(parser)
    args = parser.parse_args(arguments)
    height, width = args.size
    rows = [
        one.row()
        for spec in args.method.split(",")
        for tile in map(int, args.tile.split(","))
        for one in seams(spec, tile, height, width, usable_device(args.device), args.precision)
    ]
    print(f"input {width}x{height}; differences in 8-bit levels, tiled against untiled")
    print(tabulate(rows, headers="keys", tablefmt="simple"))


if __name__ == "__main__":
    main()
