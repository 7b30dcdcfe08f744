"""Small videos for tests: frames from planes of numbers, coded losslessly."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from stvt.datasets.video.reader import Video

Array = NDArray[np.floating]

# Luma weights of red and blue, from the standards themselves.
WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
TAGS = {"bt601": 6, "bt709": 1, "bt2020": 9}
PATCHES = [(r, g, b) for r in (0, 128, 255) for g in (0, 77, 255) for b in (0, 200, 255)]


def coded(rgb: Array, matrix: str, full: bool, bits: int) -> list[Array]:
    """Y, Cb and Cr of `rgb` (0 to 255) before rounding, by the definition of BT.709 and its kin."""
    kr, kb = WEIGHTS[matrix]
    r, g, b = np.moveaxis(rgb / 255, -1, 0)
    y = kr * r + (1 - kr - kb) * g + kb * b
    blue, red = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    if full:
        return [
            v * (2**bits - 1) + middle * 2 ** (bits - 1)
            for v, middle in ((y, 0), (blue, 1), (red, 1))
        ]
    unit = 2.0 ** (bits - 8)
    return [(219 * y + 16) * unit, (224 * blue + 128) * unit, (224 * red + 128) * unit]


def decoded(planes: list[Array], matrix: str, full: bool, bits: int) -> Array:
    """The inverse of `coded`: RGB from 0 to 255, not rounded."""
    kr, kb = WEIGHTS[matrix]
    unit = 2.0 ** (bits - 8)
    base, luma, chroma = (
        (0, 2**bits - 1, 2**bits - 1) if full else (16 * unit, 219 * unit, 224 * unit)
    )
    y, blue, red = (planes[0] - base) / luma, *((c - 128 * unit) / chroma for c in planes[1:])
    r, b = y + (2 - 2 * kr) * red, y + (2 - 2 * kb) * blue
    return np.clip(255 * np.stack([r, (y - kr * r - kb * b) / (1 - kr - kb), b], -1), 0, 255)


def frame_of(planes: Sequence[Array], form: str) -> av.VideoFrame:
    """A frame of planes given as numbers, rounded here."""
    height, width = planes[0].shape[:2]
    frame = av.VideoFrame(width, height, form)
    bits = frame.format.components[0].bits
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        data = np.clip(np.rint(values), 0, 2**bits - 1).astype("<u2" if bits > 8 else "u1")
        data = data.view(np.uint8)
        rows[: len(data), : data.shape[1]] = data
        plane.update(rows.tobytes())
    return frame


def packed(values: NDArray[np.uint8], form: str = "rgb24") -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(values, format=form)


def write(
    path: Path,
    frames: Sequence[av.VideoFrame],
    codec: str = "ffv1",
    times: Sequence[int] | None = None,
    setup: Callable[[VideoStream], object] = lambda stream: None,
    **options: str,
) -> Path:
    """`frames` coded into `path` at 10 frames a second, or at `times` (tenths of a second)."""
    with av.open(str(path), "w", options=options) as output:
        stream = output.add_stream(codec, rate=10)
        assert isinstance(stream, VideoStream)
        put(stream, frames[0], setup)
        for frame, time in zip(frames, times or range(len(frames)), strict=True):
            frame.pts, frame.time_base = time, Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def put(
    stream: VideoStream, like: av.VideoFrame, setup: Callable[[VideoStream], object] = id
) -> None:
    stream.width, stream.height, stream.pix_fmt = like.width, like.height, like.format.name
    stream.codec_context.time_base = Fraction(1, 10)
    setup(stream)


def greys(count: int, size: int = 32, form: str = "bgr0") -> list[av.VideoFrame]:
    plain = (packed(np.full((size, size, 3), 20 * i, np.uint8)) for i in range(count))
    return [frame.reformat(format=form) for frame in plain]


def noise(count: int, form: str = "yuv420p", size: int = 64) -> list[av.VideoFrame]:
    random = np.random.default_rng(0)
    made = (random.integers(0, 256, (size, size, 3), np.uint8) for _ in range(count))
    return [packed(values).reformat(format=form) for values in made]


def said(video: Video) -> str:
    return "; ".join(video.notes)


def tagged(matrix: str, full: bool) -> Callable[[VideoStream], object]:
    def setup(stream: VideoStream) -> None:
        stream.codec_context.colorspace = TAGS[matrix]
        stream.codec_context.color_range = 2 if full else 1

    return setup
