"""Time, disk and memory of making a training set of many short videos, at growing sizes.

    python -P tests/benchmarks/training_scale.py 15 30 60        # videos of 122 frames
    python -P tests/benchmarks/training_scale.py 1800            # the paper's: 1800 clips, 220K frames

Each size is made by a process of its own, whose peak memory is then that of the size alone.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from stvt.datasets.build.training_set import prepare_training
from stvt.datasets.build.training_video import Settings

FRAMES, HEIGHT, WIDTH = 122, 90, 160


def write_film(path: Path, seed: int) -> None:
    """A textured plane moving by a step of its own, as MPEG-4 of 240 frames a second."""
    random = np.random.default_rng(seed)
    rough = random.integers(0, 255, (20, 40, 3), np.uint8)
    plane = cv2.resize(rough, (WIDTH * 3, HEIGHT * 3), interpolation=cv2.INTER_CUBIC)
    across, down = random.uniform(0.3, 1.5, 2)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=240)
        stream.width, stream.height, stream.bit_rate = WIDTH, HEIGHT, 4_000_000
        stream.codec_context.time_base = Fraction(1, 240)
        for k in range(FRAMES):
            move = np.array([[1, 0, -across * k], [0, 1, -down * k]], np.float32)
            picture: Any = cv2.warpAffine(plane, move, (WIDTH, HEIGHT))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def measure(videos: int) -> str:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        for seed in range(videos):
            write_film(folder / "in" / f"v{seed:05d}.mp4", seed)
        begun, cpu = time.perf_counter(), time.process_time()
        outcome = prepare_training("set", folder, folder / "in", settings=Settings(min_side=64))
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        disk = sum(file.stat().st_size for file in (folder / "set").rglob("*") if file.is_file())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    thousands = videos * FRAMES / 1000
    return (
        f"{videos:6d} videos {videos * FRAMES:7d} frames: {outcome.clips} clips, "
        f"{seconds / thousands:6.2f} s ({cpu / thousands:.2f} s of CPU) and "
        f"{disk / 2**20 / thousands:.1f} MiB per 1000 frames, peak memory {peak:.0f} MiB"
    )


def main(arguments: Sequence[str]) -> None:
    if arguments[0] == "--one":
        print(measure(int(arguments[1])))
        return
    for size in arguments:  # each in a process of its own: peaks of memory must not mix
        subprocess.run([sys.executable, "-P", __file__, "--one", size], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
