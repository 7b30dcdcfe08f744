"""Speed of the streams of this checkout against those of another one, in turns.

    python -P tests/benchmarks/against_old.py ../old --methods stvun,edvr,dain --size 320x192

Each turn is a process of its own on one thread: the first outputs warm up, then the processor time
of each interval is taken, which waiting for other programs does not count in. A ratio is of the
medians over all turns: above 1 this checkout is slower.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[2]

# Runs in both checkouts, so it uses only names that both have.
CHILD = """
import sys, time, torch
from stvt.baselines import build
from stvt.baselines.method import Settings

spec, precision, width, height, intervals = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
torch.set_num_threads(1)
method = build(spec, Settings(untrained=True, precision=precision))
times = () if spec.startswith("edvr") else (0.5,)
generator = torch.Generator().manual_seed(0)
low = height // method.scale, width // method.scale
frames = (torch.rand(3, *low, generator=generator) for _ in range(1000))
new_only = method.scale == 1  # frames that exist cost nothing
outputs = method.stream(frames, times, lambda t: bool(t % 1) or not new_only)
step = 1 if new_only or not times else 2
for _ in range(2 * step):
    next(outputs)
for _ in range(intervals):
    start = time.process_time()
    for _ in range(step):
        next(outputs)
    print(time.process_time() - start)
"""


def interval_seconds(checkout: Path, arguments: list[str]) -> list[float]:
    """Processor seconds of each interval of a stream, by the code of a checkout."""
    environment = os.environ | {
        "PYTHONPATH": str(checkout),
        "OMP_NUM_THREADS": "1",
        "THP_MEM_ALLOC_ENABLE": "1",  # from the start, as by the command line
    }
    ran = subprocess.run(
        [sys.executable, "-P", "-c", CHILD, *arguments],
        cwd=checkout,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return [float(line) for line in ran.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path, help="the other checkout")
    parser.add_argument("--methods", default="stvun,edvr,dain")
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--size", default="320x192", help="of the outputs")
    parser.add_argument("--intervals", type=int, default=3, help="timed in a turn")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    print("| method | output | precision | old s | new s | ratio |\n|---|---|---|---|---|---|")
    for method in args.methods.split(","):
        for precision in args.precisions.split(","):
            asked = [method, precision, *args.size.split("x"), str(args.intervals)]
            laps: dict[Path, list[float]] = {args.old.resolve(): [], HERE: []}
            for _ in range(args.rounds):
                for checkout, seconds in laps.items():
                    seconds += interval_seconds(checkout, asked)
            old, new = map(statistics.median, laps.values())
            print(
                f"| `{method}` | {args.size} | {precision} | {old:.3f} | {new:.3f} "
                f"| {new / old:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
