"""Lossless storage for training clips: what each way costs to write, to read and to keep.

    taskset -c 1 python -P tests/benchmarks/codecs.py VIDEO... [--frames 24] [--rounds 3] [--json FILE]

Milliseconds of processor time on one thread for each frame, frames held in memory: encoding from
RGB, decoding to RGB of random windows of 8 consecutive frames, and what a window of crops costs
where parts of frames can be had. The ways take turns, A B C A B C, and medians are shown. Exits
with 1 if one of them does not give the same frames back, or the same bytes twice.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.codec.context import CodecContext
from numpy.typing import NDArray
from PIL import Image

from stvt.datasets.clips.storage import open_clip, suffix, write_clip
from stvt.datasets.frames import Box, encode_png
from stvt.datasets.video.reader import open_video

Frame = NDArray[np.uint8]
WINDOW = 8  # consecutive frames
CROPS = (144, 272)  # patches of 128 and 256 with the margin that the blur needs


class Pictures:
    """Each frame by itself, by an encoder of pictures."""

    def __init__(self, encode: Callable[[Frame], bytes]) -> None:
        self.encode = encode

    def write(self, frames: Sequence[Frame]) -> list[bytes]:
        return [self.encode(frame) for frame in frames]

    def read(self, packets: list[bytes], start: int) -> list[Frame]:
        made = [
            cv2.imdecode(np.frombuffer(packet, np.uint8), cv2.IMREAD_COLOR_RGB)
            for packet in packets[start : start + WINDOW]
        ]
        return [np.asarray(frame, np.uint8) for frame in made]


class Codec:
    """FFmpeg's, by its own packets; `group` frames from one that stands alone to the next."""

    def __init__(self, name: str, form: str, options: dict[str, str], group: int = 1) -> None:
        self.name, self.form, self.group, self.options = name, form, group, options
        self.extradata: bytes | None = None

    def write(self, frames: Sequence[Frame]) -> list[bytes]:
        encoder: Any = CodecContext.create(self.name, "w")
        encoder.height, encoder.width = frames[0].shape[:2]
        encoder.pix_fmt, encoder.thread_count, encoder.gop_size = self.form, 1, self.group
        encoder.max_b_frames = 0
        encoder.time_base, encoder.options = Fraction(1, 30), self.options
        packets: list[bytes] = []
        for number, frame in enumerate(frames):
            given: Any = frame
            picture = av.VideoFrame.from_ndarray(given, format="rgb24").reformat(format=self.form)
            picture.pts = number
            packets += [bytes(packet) for packet in encoder.encode(picture)]
        packets += [bytes(packet) for packet in encoder.encode(None)]
        self.extradata, self.size = encoder.extradata, frames[0].shape[:2]
        self.tag = encoder.codec_tag
        return packets

    def read(self, packets: list[bytes], start: int) -> list[Frame]:
        decoder: Any = CodecContext.create(self.name.replace("libx264rgb", "h264"), "r")
        decoder.thread_count, decoder.extradata = 1, self.extradata
        decoder.height, decoder.width = self.size
        decoder.pix_fmt, decoder.codec_tag = self.form, self.tag
        key = start - start % self.group
        pictures = []
        for packet in packets[key : start + WINDOW]:
            pictures += decoder.decode(av.Packet(packet))
        pictures += decoder.decode(None)
        return [picture.to_ndarray(format="rgb24") for picture in pictures[start - key :]]


class Stored:
    """What `datasets.storage` does, from a file."""

    def __init__(self, storage: str, folder: Path) -> None:
        self.file = folder / f"clip{suffix(storage)}"

    def write(self, frames: Sequence[Frame]) -> list[bytes]:
        write_clip(self.file, frames)
        return [self.file.read_bytes()]

    def read(self, packets: list[bytes], start: int) -> list[Frame]:
        return list(open_clip(self.file).read(range(start, start + WINDOW)))

    def crop(self, start: int, side: int, random: np.random.Generator) -> float:
        """Milliseconds a frame for a window of crops at a random place."""
        clip = open_clip(self.file)
        height, width = clip.shape[1:3]
        top, left = int(random.integers(height - side)), int(random.integers(width - side))
        begun = time.process_time()
        clip.read(range(start, start + WINDOW), Box(top, left, side, side))
        return 1000 * (time.process_time() - begun) / WINDOW


def pillow(kind: str, **options: Any) -> Callable[[Frame], bytes]:
    def encode(frame: Frame) -> bytes:
        file = io.BytesIO()
        Image.fromarray(frame).save(file, kind, **options)
        return file.getvalue()

    return encode


def ways(folder: Path) -> dict[str, Pictures | Codec | Stored]:
    four = {"level": "3", "slices": "4"}
    ultra, very = ({"qp": "0", "preset": f"{speed}fast"} for speed in ("ultra", "very"))
    left, median, gradient = ({"pred": name} for name in ("left", "median", "gradient"))
    return {
        "stored npy": Stored("npy", folder),
        "stored magicyuv": Stored("magicyuv", folder),
        "PNG, Pillow level 6": Pictures(pillow("png")),
        "PNG, Pillow level 1": Pictures(pillow("png", compress_level=1)),
        "PNG, OpenCV (write_frame)": Pictures(encode_png),
        "WebP lossless, method 0": Pictures(pillow("webp", lossless=True, method=0, quality=0)),
        "JPEG-LS": Codec("jpegls", "rgb24", {}),
        "FFV1, 4 slices, Golomb-Rice": Codec("ffv1", "bgr0", {**four, "coder": "rice"}),
        "FFV1, 4 slices, range coder": Codec("ffv1", "bgr0", {**four, "coder": "1"}),
        "H.264 RGB, ultrafast, intra": Codec("libx264rgb", "rgb24", ultra),
        "H.264 RGB, ultrafast, 8": Codec("libx264rgb", "rgb24", ultra, WINDOW),
        "H.264 RGB, veryfast, 8": Codec("libx264rgb", "rgb24", very, WINDOW),
        "HuffYUV, left": Codec("huffyuv", "rgb24", left),
        "FFVHuff, median": Codec("ffvhuff", "gbrp", median),
        "Ut Video, left": Codec("utvideo", "gbrp", left),
        "Ut Video, median": Codec("utvideo", "gbrp", median),
        "MagicYUV, left": Codec("magicyuv", "gbrp", left),
        "MagicYUV, median": Codec("magicyuv", "gbrp", median),
        "MagicYUV, gradient": Codec("magicyuv", "gbrp", gradient),
    }


@dataclass
class Costs:
    encode: list[float] = field(default_factory=list)
    decode: list[float] = field(default_factory=list)
    crops: dict[int, list[float]] = field(default_factory=lambda: {side: [] for side in CROPS})
    bytes: list[float] = field(default_factory=list)
    exact: bool = True


def measure(
    way: Pictures | Codec | Stored, frames: Sequence[Frame], seed: int, costs: Costs
) -> None:
    random = np.random.default_rng(seed)
    begun = time.process_time()
    packets = way.write(frames)
    costs.encode.append(1000 * (time.process_time() - begun) / len(frames))
    costs.bytes.append(sum(map(len, packets)) / len(frames))
    costs.exact &= way.write(frames) == packets
    for _ in range(3):
        start = int(random.integers(len(frames) - WINDOW + 1))
        begun = time.process_time()
        made = way.read(packets, start)
        costs.decode.append(1000 * (time.process_time() - begun) / WINDOW)
        same = map(np.array_equal, made, frames[start : start + WINDOW])
        costs.exact &= len(made) == WINDOW and all(same)
        if isinstance(way, Stored):
            for side in CROPS:
                if min(frames[0].shape[:2]) > side:
                    costs.crops[side].append(way.crop(start, side, random))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=24, help="of each video (default 24)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="ways whose names hold this")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    table: dict[str, Costs] = {}
    with tempfile.TemporaryDirectory() as folder:
        for video in args.videos:
            frames = list(islice(open_video(video), args.frames))
            for turn in range(args.rounds):
                for name, way in ways(Path(folder)).items():
                    if args.only in name:
                        measure(way, frames, turn, table.setdefault(name, Costs()))
    raw = frames[0].size
    rows = []
    for name, costs in table.items():
        row: dict[str, Any] = {"way": name}
        row["encode ms"] = round(float(np.median(costs.encode)), 2)
        row["decode ms"] = round(float(np.median(costs.decode)), 2)
        low, high = np.percentile(costs.decode, [10, 90])
        row["decode p10-p90"] = f"{low:.2f}-{high:.2f}"
        for side, spent in costs.crops.items():
            row[f"crop {side} ms"] = round(float(np.median(spent)), 2) if spent else ""
        row["KB"] = round(float(np.mean(costs.bytes)) / 1000, 1)
        row["of raw"] = round(float(np.mean(costs.bytes)) / raw, 3)
        row["exact"] = costs.exact
        rows.append(row)
    from tabulate import tabulate

    height, width = frames[0].shape[:2]
    names = ", ".join(video.stem for video in args.videos)
    print(f"{names}: {width}x{height}, {args.frames} frames each, one thread, {args.rounds} rounds")
    print(tabulate(rows, headers="keys", tablefmt="github"))
    if args.json:
        facts = {"videos": [video.name for video in args.videos], "rounds": args.rounds}
        facts["versions"] = {"av": av.__version__, "opencv": cv2.__version__}
        args.json.write_text(json.dumps({**facts, "rows": rows}, indent=2) + "\n")
    return int(not all(costs.exact for costs in table.values()))


if __name__ == "__main__":
    sys.exit(main())
