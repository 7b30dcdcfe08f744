"""How much memory a network takes at a size of frame and tile: the table of docs/performance.md.

    OMP_NUM_THREADS=1 python -P tests/benchmarks/memory.py stvun 240x136 [--tile 96]

One case a process: memory that an earlier one left behind would hide what this one needs. Prints the
growth of resident memory at its peak plus the weights, while a stream makes one output in register
and one between from a full window (untrained weights, noise as frames).
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import time
from pathlib import Path

import torch

from stvt.baselines import METHODS, build
from stvt.baselines.method import Settings


def resident(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("method")
    parser.add_argument("size", help="of the input frames, WxH")
    parser.add_argument("--tile", type=int)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    # The first of its scales from the end: 4, or 2 for FISR.
    scale = METHODS[args.method].scales[-1] if args.method in METHODS else 4
    method = build(
        args.method,
        Settings(
            scale=4 if scale == 1 else scale,
            untrained=True,
            tile=args.tile,
            precision=args.precision,
        ),
    )
    spatial = args.method in METHODS and METHODS[args.method].kind == "spatial"
    times = [] if spatial else [0.5]
    before = max(method.support(t, times)[0] for t in (0.0, *times))
    after = max(method.support(t, times)[1] for t in (0.0, *times))
    wanted = {float(before), before + 0.5}
    frames = list(torch.rand(before + after + 2, 3, height, width))
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    start, seconds = resident("VmRSS"), time.process_time()
    for _ in method.stream(frames, times, wanted.__contains__):
        pass
    weights = sum(p.nbytes for network in method.networks() for p in network.parameters())
    peak = resident("VmHWM") - start + weights
    tile = f"tile {args.tile}" if args.tile else "whole"
    print(
        f"{args.method} {args.size} {args.precision} {tile}: "
        f"{peak >> 20} MiB, {time.process_time() - seconds:.0f} s of processor time"
    )


if __name__ == "__main__":
    main()
