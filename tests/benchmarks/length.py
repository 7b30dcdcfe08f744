"""What 2000 frames cost against 100: processor time and peak memory of `stvt evaluate`.

    taskset -c 1 python -P tests/benchmarks/length.py [--method bicubic+blend] [--size 320x192]

Prepares scenes of 100 and 2000 frames and evaluates each in a process of its own, in turns. The
time is what the run itself keeps of its scene: the start and the report, which every run costs
whatever its length, are not in it; the memory is of the whole process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from cv2 import GaussianBlur

from stvt import datasets
from stvt.datasets.frames import encode_png
from stvt.evaluation.provenance import sessions
from stvt.profiling.synthetic import moving_scene

DISTINCT = 12  # frames, played to and fro
LENS = 3.0  # the blur that makes the scene as compressible as decoded video, about a quarter
LENGTHS = {"short": 100, "long": 2000}


def evaluate(place: Path, name: str, method: str, number: int) -> tuple[float, int]:
    """Seconds of the processor for the scene, and the largest resident memory in bytes."""
    run = place / f"run-{name}-{number}"
    words = ["evaluate", "--datasets", name, "--methods", method, "--root", str(place)]
    words += ["--out", str(run), "--device", "cpu"]
    process = subprocess.Popen([sys.executable, "-m", "stvt", *words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"evaluating {name} failed")
    (spent,) = sessions(run)[-1]["computed"].values()
    return float(spent["processor"]), 1024 * used.ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--method", default="bicubic+blend")
    parser.add_argument("--size", default="320x192", help="of the true frames, WxH")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--long", type=int, default=LENGTHS["long"])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    lengths = LENGTHS | {"long": args.long}
    pictures = [
        encode_png(
            GaussianBlur(frame.permute(1, 2, 0).numpy() * 255, (0, 0), LENS).astype(np.uint8)
        )
        for frame in moving_scene(DISTINCT, height, width)
    ]
    seconds: dict[str, list[float]] = {name: [] for name in lengths}
    memory: dict[str, list[int]] = {name: [] for name in lengths}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, frames in lengths.items():
            source = place / f"{name}-source" / "scene"
            source.mkdir(parents=True)
            for number in range(frames):
                at = number % (2 * DISTINCT - 2)
                picture = pictures[min(at, 2 * DISTINCT - 2 - at)]
                (source / f"{number:08d}.png").write_bytes(picture)
            datasets.prepare(name, place, source.parent)
        for lap in range(args.rounds):
            for name in lengths:
                spent, most = evaluate(place, name, args.method, lap)
                seconds[name].append(spent)
                memory[name].append(most)
    middle = {name: float(np.median(values)) for name, values in seconds.items()}
    peak = {name: max(values) for name, values in memory.items()}
    times = lengths["long"] / lengths["short"]
    ratio = middle["long"] / middle["short"]
    print(f"{args.method}, {args.size}, {args.rounds} rounds in turn; {times:g} times the frames")
    for name, frames in lengths.items():
        print(f"{frames:5} frames: {middle[name]:8.2f} processor s, {peak[name] >> 20} MiB at most")
    print(f"{ratio:6.2f} times the processor time")
    print(f"{peak['long'] / peak['short']:6.3f} times the memory")
    if args.json:
        facts = {"lengths": lengths, "seconds": seconds, "memory": memory, "ratio": ratio}
        args.json.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
