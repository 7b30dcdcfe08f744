"""What `stvt upsample` costs on a video of full size, by stage, beside FFmpeg's own filters.

    python -P tests/benchmarks/upsampling.py CLIP [--seconds 0.2] [--scale 2]

The clip is enlarged by `bicubic+blend` with twice the frames, and by FFmpeg's `zscale` or `scale`
(bicubic) and `minterpolate` (mi_mode=blend), each coded by x264 at CRF 16. Prints seconds, processor
seconds, and how many processors were at work. The stages alone, which tell what bounds the whole:
decoding, computing (nothing written), and encoding of the same frames.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from stvt.baselines import Settings
from stvt.datasets import open_video
from stvt.upsampling.choose import choose_method
from stvt.upsampling.encoder import SegmentWriter, encoder_settings
from stvt.upsampling.job import UpsampleJob
from stvt.upsampling.sequence import Upsampling
from stvt.upsampling.sources import Part, VideoSource
from stvt.upsampling.video import timing, upsample_file


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock, and of all processors, for some output frames."""

    wall: float
    processor: float
    frames: int

    @property
    def at_work(self) -> float:
        return self.processor / self.wall

    def line(self, name: str) -> str:
        each = 1000 / self.frames
        return (
            f"{name:32s} {each * self.wall:8.0f} ms, {each * self.processor:8.0f} processor ms a "
            f"frame, {self.at_work:.2f} processors at work"
        )


def spent(work: Callable[[], int]) -> Spent:
    """What some work costs, its child processes too; it returns the number of frames."""
    before, begun = os.times(), time.perf_counter()
    frames = work()
    wall, after = time.perf_counter() - begun, os.times()
    return Spent(wall, sum(after[:4]) - sum(before[:4]), frames)


def measure(clip: Path, seconds: Fraction, scale: int, folder: Path) -> dict[str, Spent]:
    """The stages, the whole, and FFmpeg's filters where there are any, in one run."""
    settings = Settings(scale=scale, phase=(scale - 1) / 2)
    part = Part(end=seconds)
    job = UpsampleJob(clip, folder / "out.mp4", "bicubic+blend", part=part, overwrite=True)
    coding = encoder_settings(job.output)
    source = VideoSource(clip, part)
    rate, placement = timing(job, source)

    def decode() -> int:
        return 2 * sum(1 for _ in source.frames())

    def compute() -> int:
        method = choose_method(job.method, settings, new=True)
        outputs = Upsampling(method, placement, repeats=job.repeats).outputs
        return sum(1 for _ in outputs(source.frames(), lambda: source.last))

    def encode() -> int:
        writer = SegmentWriter(folder / "segments", coding, source.vui, rate)
        for picture in pictures:
            writer.write(picture)
        writer.close()
        return len(pictures)

    def whole() -> int:
        return upsample_file(job, settings, lambda *_: None, lambda _: None).outputs

    found = {"stvt: decode, find cuts": spent(decode)}
    count = found["stvt: decode, find cuts"].frames
    found["stvt: that, and compute"] = spent(compute)
    found["stvt upsample"] = spent(whole)
    pictures = list(open_video(job.output))
    found["stvt: convert and encode alone"] = spent(encode)
    width, height = (side * scale for side in source.size)
    for name in ("zscale", "scale"):
        size = "w={}:h={}:filter=bicubic" if name == "zscale" else "{}:{}:flags=bicubic"
        filters = f"{name}={size.format(width, height)},minterpolate=fps={rate}:mi_mode=blend"
        if cost := ffmpeg(clip, seconds, filters, folder / f"{name}.mp4", count):
            found[f"ffmpeg {name}, minterpolate"] = cost
    return found


def ffmpeg(clip: Path, seconds: Fraction, filters: str, out: Path, count: int) -> Spent | None:
    """What FFmpeg costs; None where it, or one of the filters, is not there."""
    program = shutil.which("ffmpeg")
    if program is None:
        return None
    command = [program, "-v", "error", "-y", "-t", str(float(seconds)), "-i", str(clip)]
    command += ["-vf", filters, "-c:v", "libx264", "-crf", "16", "-c:a", "copy", str(out)]
    codes: list[int] = []

    def run() -> int:
        codes.append(subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode)
        return count

    cost = spent(run)
    return None if codes[0] else cost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--seconds", type=Fraction, default=Fraction(1, 5))
    parser.add_argument("--scale", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, cost in measure(args.clip, args.seconds, args.scale, Path(folder)).items():
            print(cost.line(name))


if __name__ == "__main__":
    main()
