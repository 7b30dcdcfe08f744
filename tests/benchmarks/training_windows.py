"""How fast training windows come: from stored clips, and from a folder of pictures, in turns.

python -P tests/benchmarks/training_windows.py [--set NAME] [--patch 128,256] [--rounds 7]
"""

from __future__ import annotations

import argparse
import tempfile
import time as clock
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tabulate import tabulate

from stvt.cli import options
from stvt.cli.options import positive, size
from stvt.core.files import write_json
from stvt.datasets import (
    STORAGES,
    Box,
    Clip,
    DatasetError,
    Frame,
    Sample,
    Sampler,
    Sampling,
    TrainingClip,
    frame_files,
    load_training,
    read_frame,
    suffix,
    write_clip,
    write_frame,
)
from stvt.profiling.synthetic import moving_scene

SEED = 0
LENS = 3.0  # the blur that makes the made scene as compressible as decoded video, about a quarter
PICTURES = "PNG files"
MORE = 9  # frames of a clip than a window spans
CLIPS = 3  # of a set that are taken, spread over it


@dataclass
class Way:
    """A way to keep clips, and what windows of them cost: seconds of the processor each.

    read: of them, those spent on reading; frame_bytes: on disk.
    """

    name: str
    clips: list[TrainingClip]
    seconds: list[float] = field(default_factory=list)
    read: list[float] = field(default_factory=list)
    frame_bytes: float = 0.0
    reading: list[float] = field(default_factory=lambda: [0.0])  # so far, of this round


@dataclass(frozen=True)
class Measured:
    """Sampler of one patch size by several ways. same: whether all gave the same windows."""

    patch: int
    sampling: Sampling
    ways: list[Way]
    same: bool

    def facts(self) -> dict[str, Any]:
        """As plain values for JSON."""
        told = {
            way.name: {"seconds": way.seconds, "read": way.read, "frame_bytes": way.frame_bytes}
            for way in self.ways
        }
        return {"patch": self.patch, **vars(self.sampling), "same": self.same, "ways": told}


class PictureFolder(Clip):
    """A clip kept as PNG files, each decoded whole: what data loaders usually read."""

    def __init__(self, path: Path) -> None:
        self.path, self._files = path, frame_files(path)
        height, width = read_frame(self._files[0]).shape[:2]
        self.shape: tuple[int, int, int, int] = (len(self._files), height, width, 3)

    def __len__(self) -> int:
        return len(self._files)

    def read(self, indices: Sequence[int], box: Box | None = None) -> Frame:
        top, left, rows, columns = box or (0, 0, *self.shape[1:3])
        frames = [read_frame(self._files[index]) for index in indices]
        return np.stack([frame[top : top + rows, left : left + columns] for frame in frames])


class _Timed(Clip):
    """A clip whose reading is timed."""

    def __init__(self, clip: Clip, spent: list[float]) -> None:
        self.path, self.shape = clip.path, clip.shape
        self._clip, self._spent = clip, spent

    def __len__(self) -> int:
        return len(self._clip)

    def read(self, indices: Sequence[int], box: Box | None = None) -> Frame:
        begun = clock.process_time()
        made = self._clip.read(indices, box)
        self._spent[0] += clock.process_time() - begun
        return made


@dataclass(frozen=True)
class TimedClip(TrainingClip):
    """A training clip that adds the seconds of reading it to the one item of `spent`.

    Its file may be a folder of pictures, too.
    """

    spent: list[float] = field(compare=False)

    def open(self) -> Clip:
        return _Timed(
            PictureFolder(self.file) if self.file.is_dir() else super().open(), self.spent
        )


def measure(
    name: str | None,
    root: Path,
    patches: Sequence[int] = (128, 256),
    *,
    between: int = 1,
    size: tuple[int, int] = (540, 960),
    rounds: int = 5,
    number: int = 8,
) -> list[Measured]:
    """Draws the same windows by each way in turn, A B A B, and times them on one thread.

    name:    of a training set under `root`, of which some clips are taken; None makes a scene.
    size:    of the made scene, height and width. between: new frames between two of the input.
    number:  windows of each round; one round before those that are timed fills caches.
    Raises DatasetError if there is no such set, or no clip of it is long and large enough.
    """
    frames = Sampling(between=between).span + MORE
    with tempfile.TemporaryDirectory() as place:
        ways = list(_stored(_clips(name, root, size, frames), Path(place)))
        return [
            _measured(ways, Sampling(patch=p, between=between), rounds, number) for p in patches
        ]


def _clips(
    name: str | None, root: Path, size: tuple[int, int], frames: int
) -> list[tuple[str, Frame]]:
    """Some clips, each with as many frames as are taken of it."""
    if name is None:
        scene = [frame.permute(1, 2, 0).numpy() * 255 for frame in moving_scene(frames, *size)]
        soft = [cv2.GaussianBlur(frame, (0, 0), LENS).round().astype(np.uint8) for frame in scene]
        return [("scene", np.stack(soft))]
    clips = load_training(name, root).part("train")
    if not clips:
        raise DatasetError(f"{name}: has no clip for training")
    few = len(clips) <= CLIPS
    chosen = clips if few else [clips[n * len(clips) // CLIPS] for n in range(CLIPS)]
    return [(clip.name, clip.open().read(range(min(frames, clip.frames)))) for clip in chosen]


def _stored(clips: Sequence[tuple[str, Frame]], place: Path) -> Iterator[Way]:
    """The clips by every way; the first is the one that others are compared with."""
    for kind in (PICTURES, *STORAGES):
        way = Way(kind, [])
        written = 0
        for name, frames in clips:
            file = place / (name if kind == PICTURES else f"{name}{suffix(kind)}")
            if kind == PICTURES:
                file.mkdir()
                for number, frame in enumerate(frames):
                    write_frame(file / f"{number:08d}.png", frame)
                written += sum(one.stat().st_size for one in frame_files(file))
            else:
                write_clip(file, frames)
                written += file.stat().st_size
            count, height, width, _ = frames.shape
            way.clips.append(
                TimedClip(name, file, name, "train", count, height, width, {}, way.reading)
            )
        way.frame_bytes = written / sum(len(frames) for _, frames in clips)
        yield way


def _measured(ways: list[Way], sampling: Sampling, rounds: int, number: int) -> Measured:
    results = [replace(way, seconds=[], read=[]) for way in ways]
    drawn = [Sampler([(way.clips, 1.0)], sampling, SEED) for way in ways]
    same = True
    for lap in range(rounds + 1):
        first: list[Sample] = []
        for way, draw in zip(results, drawn, strict=True):
            way.reading[0] = 0.0
            begun = clock.process_time()
            made = [draw(lap, place) for place in range(number)]
            spent = clock.process_time() - begun
            if lap:
                way.seconds.append(spent / number)
                way.read.append(way.reading[0] / number)
            first = first or made
            same &= all(
                np.array_equal(getattr(a, part), getattr(b, part))
                for a, b in zip(first, made, strict=True)
                for part in ("lq", "gt", "gt_between")
            )
    return Measured(sampling.patch, sampling, results, same)


def table(measured: Sequence[Measured]) -> list[dict[str, object]]:
    """One row a way and patch: windows a second on one core, and times those of the first way."""
    rows: list[dict[str, object]] = []
    for one in measured:
        base = np.array(one.ways[0].seconds)
        for way in one.ways:
            rates = 1 / np.array(way.seconds)
            low, high = np.percentile(rates, [10, 90])
            rows.append(
                {
                    "patch": one.patch,
                    "stored as": way.name,
                    "windows/s": round(float(np.median(rates)), 1),
                    "p10-p90": f"{low:.1f}-{high:.1f}",
                    "ms a window": round(1e3 * float(np.median(way.seconds)), 2),
                    "of it reading": round(1e3 * float(np.median(way.read)), 2),
                    "ratio": round(float(np.median(base / way.seconds)), 2),
                    "KB a frame": round(way.frame_bytes / 1e3, 1),
                }
            )
    return rows


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--set", metavar="NAME", help="a training set (default: a textured scene)")
    parser.add_argument("--patch", default="128,256", metavar="A,B", help="sides of the crops")
    parser.add_argument("--size", type=size, default=(540, 960), metavar="WxH", help="of the scene")
    parser.add_argument("--times", type=positive, default=1, metavar="N", help="new frames")
    parser.add_argument("--rounds", type=positive, default=7, metavar="N")
    parser.add_argument("--windows", type=positive, default=8, metavar="N", help="of a round")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options.add_root(parser)
    args = parser.parse_args(arguments)
    height, width = args.size
    measured = measure(
        args.set,
        args.root,
        [positive(part) for part in args.patch.split(",")],
        between=args.times,
        size=args.size,
        rounds=args.rounds,
        number=args.windows,
    )
    if args.json:
        write_json(args.json, {"windows": [one.facts() for one in measured]})
    what = f"clips of {args.set}" if args.set else f"a textured scene of {width}x{height}"
    one = measured[0].sampling
    print(
        f"{what}: windows of {one.frames} consecutive input frames and {1 + args.times} true ones, "
        f"{one.degradation}x{one.scale} made on the fly, cropped, flipped, turned, reversed"
    )
    print(
        f"{args.rounds} rounds of {args.windows} windows each in turn; processor time of one "
        "thread, files in the memory of the system"
    )
    print(tabulate(table(measured), headers="keys", tablefmt="simple"))
    if not all(one.same for one in measured):
        raise SystemExit("the ways to store clips gave different windows")


if __name__ == "__main__":
    main()
