"""`stvt evaluate` of stored frames, against what it cannot do without, in turns.

    python -P tests/benchmarks/evaluate.py [--size 960x540] [--frames 301] [--workers N] [--rounds 3]

The least is to decode both PNG files of every frame and to compute the metrics, by the same
functions, in as many processes, timed after their start. What scoring a scene does beside that is
overhead: finding and checking files, pictures for the report, the shift check. A run says itself
what its scenes took, from opening one to its last score; its start (Python, imports, processes)
and its report, which no number of frames makes longer, are in what the command took alone.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time as clock
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from stvt import datasets, metrics
from stvt.baselines import published_network
from stvt.cli.options import positive, size
from stvt.core.files import write_json
from stvt.core.images import read_picture
from stvt.datasets import encode_png, frame_files, read_frame
from stvt.evaluation.processes import run_units
from stvt.evaluation.provenance import sessions
from stvt.profiling.synthetic import moving_scene

METRICS = ("psnr", "ssim")
SET = "long"
DISTINCT = 12  # frames, played to and fro
LENS = 3.0  # the blur that makes the made scene as compressible as decoded video, about a quarter

Frame = NDArray[np.uint8]
Pair = tuple[Path, Path]


@dataclass
class Spent:
    """Seconds by the wall clock, and of the processor in all processes."""

    wall: float
    process: float


@dataclass
class Measured:
    """What each round took: the least, the scenes of a run of `evaluate`, and that run as a whole.

    frames: in all scenes; decoding: the part of `least` that it is.
    """

    frames: int
    workers: int
    least: list[Spent] = field(default_factory=list)
    decoding: list[float] = field(default_factory=list)
    scenes: list[Spent] = field(default_factory=list)
    whole: list[Spent] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """As plain values for JSON."""
        rounds = {
            name: [vars(one) for one in getattr(self, name)]
            for name in ("least", "scenes", "whole")
        }
        shares = {"share": self.shares("wall"), "share_of_processor": self.shares("process")}
        return {**vars(self), **rounds, **shares}

    def shares(self, clock: str) -> list[float]:
        """Of each round, the least over what the scenes took."""
        pairs = zip(self.least, self.scenes, strict=True)
        return [getattr(least, clock) / getattr(scenes, clock) for least, scenes in pairs]


def command(arguments: Sequence[str]) -> Spent:
    """What `stvt` with these arguments takes in a process of its own, with those that it starts."""
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), clock.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-m", "stvt", *arguments], capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise SystemExit(f"evaluating failed: {''.join(ran.stderr.strip().splitlines()[-1:])}")
    wall = clock.perf_counter() - wall
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measure(
    height: int,
    width: int,
    frames: int,
    workers: int,
    rounds: int,
    run: Callable[[Sequence[str]], Spent] = command,
) -> Measured:
    """Both in turn, A B A B: scenes of so many frames, one for each worker, in a folder that goes."""
    frames |= 1  # the last must be an input frame: nothing after that is scored
    blank = np.zeros((height, width, 3), np.uint8)
    for name in METRICS:  # which refuse a size that is too small before anything is made
        metrics.METRICS[name].open("cpu", published_network)(blank, blank, "rgb", 0)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        _make(place, height, width, frames, workers)
        pairs = [
            tuple(zip(frame_files(folder), _truths(place, folder.name), strict=True))
            for folder in sorted((place / f"{SET}-made").iterdir())
        ]
        measured = Measured(frames * workers, workers)
        for number in range(rounds):
            out = place / f"run-{number}"
            measured.whole.append(run(_arguments(place, out, workers)))
            spent = sessions(out)[-1]["computed"]["made"]
            # As many scenes, all alike, as workers, one each.
            measured.scenes.append(Spent(spent["passed"] / workers, spent["processor"]))
            parts = [cost for _, cost in run_units(least, pairs, workers) if cost is not None]
            wall, process, decoding = (list(one) for one in zip(*parts, strict=True))
            measured.least.append(Spent(max(wall), sum(process)))
            measured.decoding.append(sum(decoding))
        return measured


def _arguments(place: Path, out: Path, workers: int) -> list[str]:
    options = ["--datasets", SET, "--methods", f"made=frames:{place / f'{SET}-made'}"]
    options += ["--root", str(place), "--out", str(out)]
    options += ["--metrics", ",".join(METRICS), "--workers", str(workers), "--device", "cpu"]
    return ["evaluate", *options, "--frames", "all", "--ends", "replicate"]


def _truths(place: Path, scene: str) -> list[Path]:
    prepared = datasets.load(SET, place).scenes[scene]
    return [prepared.gt_path(index) for index in range(prepared.frames)]


def least(pairs: Sequence[Pair]) -> tuple[float, float, float]:
    """Seconds by the wall clock, of the processor, and of it in decoding, to read and score all."""
    measures = [metrics.METRICS[name].open("cpu", published_network) for name in METRICS]

    def score(restored: Path, truth: Path) -> float:
        begun = clock.process_time()
        both = read_picture(restored), read_frame(truth)
        decoded = clock.process_time() - begun
        for one in measures:
            one(*both, "rgb", 0)
        return decoded

    score(*pairs[0])
    wall, process = clock.perf_counter(), clock.process_time()
    decoding = sum(score(*pair) for pair in pairs)
    return clock.perf_counter() - wall, clock.process_time() - process, decoding


def _make(place: Path, height: int, width: int, frames: int, scenes: int) -> None:
    """A prepared set, and beside it its frames as a method may make them."""
    truths = list(soft_scene(min(DISTINCT, frames), height, width))
    pictures = [(encode_png(_softer(f)), encode_png(f)) for f in truths]
    for scene in range(scenes):
        for kind, folder in enumerate((f"{SET}-made", f"{SET}-source")):
            into = place / folder / f"scene{scene}"
            into.mkdir(parents=True)
            for number in range(frames):
                at = number % max(2 * len(truths) - 2, 1)
                data = pictures[min(at, 2 * len(truths) - 2 - at)][kind]
                (into / f"{number:08d}.png").write_bytes(data)
    datasets.prepare(SET, place, place / f"{SET}-source")


def _softer(frame: Frame) -> Frame:
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), 1.0), np.uint8)


def soft_scene(frames: int, height: int, width: int) -> Iterator[Frame]:
    """A textured scene that moves, about as compressible as decoded video."""
    for frame in moving_scene(frames, height, width):
        soft = cv2.GaussianBlur(frame.permute(1, 2, 0).numpy() * 255, (0, 0), LENS)
        yield soft.round().astype(np.uint8)


def table(measured: Measured) -> list[dict[str, object]]:
    """One row a way: frames and scores a second, and the share of the least that it reached."""
    rows: list[dict[str, object]] = []
    ways = {"decode + metrics": "least", "evaluate, its scenes": "scenes", "evaluate": "whole"}
    for words, name in ways.items():
        spent: list[Spent] = getattr(measured, name)
        wall, process = (np.array([getattr(s, c) for s in spent]) for c in ("wall", "process"))
        by = {c: np.array([getattr(s, c) for s in measured.least]) for c in ("wall", "process")}
        shares = {"wall": by["wall"] / wall, "process": by["process"] / process}
        row: dict[str, object] = {
            "what": words,
            "frames/s": round(float(np.median(measured.frames / wall)), 1),
            "scores/s": round(float(np.median(len(METRICS) * measured.frames / wall)), 1),
            "% of least": _percent(shares["wall"]),
            "processor ms a frame": round(1e3 * float(np.median(process)) / measured.frames, 2),
            "% of least, processor": _percent(shares["process"]),
        }
        rows.append(row)
    return rows


def _percent(shares: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    low, middle, high = np.percentile(100 * shares, [10, 50, 90])
    return f"{middle:.0f} ({low:.0f}-{high:.0f})"


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=size, default=(540, 960), metavar="WxH")
    parser.add_argument("--frames", type=positive, default=301, metavar="N", help="a scene")
    parser.add_argument("--workers", type=positive, default=cores(), metavar="N")
    parser.add_argument("--rounds", type=positive, default=3, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args(arguments)
    height, width = args.size
    measured = measure(height, width, args.frames, args.workers, args.rounds)
    if args.json:
        write_json(args.json, {"size": [width, height], **measured.facts()})
    print(
        f"{args.workers} scenes of {measured.frames // args.workers} frames of {width}x{height}, "
        f"{args.workers} workers on {cores()} cores, {args.rounds} rounds in turn; medians (p10-p90)"
    )
    decoding = sum(measured.decoding) / sum(one.process for one in measured.least)
    print(f"decode + metrics: {100 * decoding:.0f} % of it is decoding")
    print(tabulate(table(measured), headers="keys", tablefmt="simple"))


if __name__ == "__main__":
    main()
