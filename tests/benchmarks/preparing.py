"""`stvt prepare` against the straightforward way, in turns: A B A B, to the same frames.

    python -P tests/benchmarks/preparing.py VIDEO [--frames 48] [--rounds 3] [--workers 2]

The straightforward way, in one process: PyAV decodes, scipy.ndimage.gaussian_filter blurs, every
fourth sample is kept, Pillow writes PNG files at its default level. Its conversion to RGB is told
to be as accurate as ours, or the frames would differ. Prints the stages of both (milliseconds of
processor time a frame), then the whole by the clock and by processor time. Exits with 1 if the
frames differ.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from stvt.core.files import write_bytes
from stvt.datasets import prepare
from stvt.datasets.build.engine import cores
from stvt.datasets.degradation import degrade
from stvt.datasets.frames import encode_png, frame_files, read_frame
from stvt.datasets.schema import record_of
from stvt.datasets.video.color import ToRGB, color_spec
from stvt.datasets.video.reader import open_video

Frame = NDArray[np.uint8]
SCALE = 4


class Stages:
    """Processor time by stage, in seconds."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def run(self, name: str, call: Callable[..., Any], *given: Any) -> Any:
        begun = time.process_time()
        made = call(*given)
        self.spent[name] = self.spent.get(name, 0) + time.process_time() - begun
        return made


def straightforward(video: Path, folder: Path, frames: int, stages: Stages) -> None:
    for kind in ("GT", "BDx4"):
        (folder / kind).mkdir(parents=True)
    with av.open(video) as container:
        decoded = container.decode(video=0)
        to_rgb: ToRGB | None = None
        for number in range(frames):
            coded = stages.run("decode", next, decoded, None)
            if coded is None:
                break
            to_rgb = to_rgb or ToRGB(color_spec(coded))
            frame = stages.run("to RGB", to_rgb, coded)
            small = stages.run("blur, subsample", blurred, frame)
            for kind, picture in (("GT", frame), ("BDx4", small)):
                stages.run("store", save, picture, folder / kind / f"{number:08d}.png")


def blurred(frame: Frame) -> Frame:
    sigma = 0.4 * SCALE
    soft = gaussian_filter(frame.astype(float), (sigma, sigma, 0), mode="mirror")
    return np.floor(soft[::SCALE, ::SCALE] + 0.5).astype(np.uint8)


def save(frame: Frame, path: Path) -> None:
    Image.fromarray(frame).save(path)


def ours_by_stage(video: Path, folder: Path, frames: int, stages: Stages) -> None:
    """What `prepare` does to each frame, one after another."""
    folder.mkdir(parents=True)
    source = iter(islice(open_video(video), frames))
    while (frame := stages.run("decode and to RGB", next, source, None)) is not None:
        small = stages.run("blur, subsample", degrade, frame, "BD", SCALE)
        for number, picture in enumerate((frame, small)):
            data = stages.run("store", encode_png, picture)
            stages.run("checksum", record_of, data)
            stages.run("store", write_bytes, folder / f"{number}.png", data)


def cut(video: Path, frames: int, folder: Path) -> Path:
    """The first frames of a video as a video of their own, its packets as they are."""
    made = folder / f"cut{video.suffix}"
    with av.open(video) as given, av.open(made, "w") as container:
        old = given.streams.video[0]
        stream = container.add_stream_from_template(old)
        for packet in islice((p for p in given.demux(old) if p.size), frames):
            packet.stream = stream
            container.mux(packet)
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("video", type=Path)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    laps: dict[str, list[tuple[float, float]]] = {"straightforward": [], "stvt prepare": []}
    stages = {name: Stages() for name in ("straightforward", "stvt")}
    same = True
    with tempfile.TemporaryDirectory() as place:
        video = cut(args.video, args.frames, Path(place))
        frames = sum(1 for _ in open_video(video))
        for _ in range(args.rounds):
            theirs, ours, parts = (Path(place) / name for name in ("theirs", "ours", "parts"))
            ways: dict[str, Callable[[], object]] = {
                "straightforward": partial(
                    straightforward, video, theirs, frames, stages["straightforward"]
                ),
                "stvt prepare": partial(prepare, "x", ours, video, workers=args.workers),
            }
            for name, way in ways.items():
                wall, processor = time.perf_counter(), time.process_time()
                way()
                spent = time.perf_counter() - wall, time.process_time() - processor
                laps[name].append(spent)
            ours_by_stage(video, parts, frames, stages["stvt"])
            for kind in ("GT", "BDx4"):
                pairs = [frame_files(theirs / kind), frame_files(ours / "x" / kind / video.stem)]
                same &= len(pairs[0]) == len(pairs[1]) == frames
                same &= all(
                    np.array_equal(read_frame(a), read_frame(b))
                    for a, b in zip(*pairs, strict=True)
                )
            for folder in (theirs, ours, parts):
                shutil.rmtree(folder)
    print(
        f"{args.video.name}: {frames} frames, {args.rounds} rounds, {args.workers} workers, ",
        end="",
    )
    print(
        f"{cores()} cores ({os.getloadavg()[0]:.1f} busy); frames {'the same' if same else 'DIFFER'}"
    )
    for name, stage in stages.items():
        each = {k: round(1000 * v / frames / args.rounds, 2) for k, v in stage.spent.items()}
        told = ", ".join(f"{k} {v}" for k, v in each.items())
        print(f"{name}: {told}; in all {sum(each.values()):.1f} ms of processor time a frame")
    facts: dict[str, Any] = {"frames": frames, "same": same}
    for place_, what in enumerate(("by the clock", "processor time")):
        theirs_, ours_ = (np.array(laps[name])[:, place_] for name in laps)
        ratio = theirs_ / ours_
        facts[what] = {"straightforward": list(theirs_), "ours": list(ours_)}
        print(
            f"{what}: straightforward {1000 * np.median(theirs_) / frames:.1f} ms a frame, "
            f"stvt prepare {1000 * np.median(ours_) / frames:.1f}; "
            f"ratio {np.median(ratio):.2f} ({ratio.min():.2f} to {ratio.max():.2f})"
        )
    if args.json:
        facts["stages"] = {name: stage.spent for name, stage in stages.items()}
        args.json.write_text(json.dumps(facts, indent=2) + "\n")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
