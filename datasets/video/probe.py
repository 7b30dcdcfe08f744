"""Video containers: opening one, choosing its stream, or the likeliest reason why it cannot be read."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from ..errors import DatasetError

CAPTURE_RATE = "com.android.capture.fps"  # of slow motion and of time lapse


def open_input(path: Path) -> InputContainer:
    """A file opened by FFmpeg, by its absolute path: "-x.mp4" it reads as an option, "a:b.mp4" as a protocol.

    Titles of old cameras are in Latin-1: PyAV 18 is told to replace what is not UTF-8, as players
    do; 19 always keeps it, as surrogates.
    """
    options: Any = {"metadata_errors": "replace"} if av.__version__.startswith("18.") else {}
    container: InputContainer = av.open(os.path.abspath(path), **options)
    return container


def as_fraction(rational: Any) -> Fraction:
    """A rational of PyAV: a Fraction or None in version 18, an AVRational in 19; 0 where it is unset."""
    return Fraction(rational or 0)


def open_container(path: Path) -> InputContainer:
    """The container of a file; DatasetError with the likeliest reason if it cannot be opened."""
    try:
        if path.is_dir():
            raise DatasetError(f"{path}: is a folder, not a video file")
        with path.open("rb") as file:
            start = file.read(1)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    if not start:
        raise DatasetError(f"{path}: is empty (0 bytes)")
    try:
        container = open_input(path)
    except av.FFmpegError as error:
        raise DatasetError(f"{path}: {_why_unopened(path, error)}") from None
    if container.format.name in ("tty", "image2") or container.format.name.endswith("_pipe"):
        container.close()
        raise DatasetError(f"{path}: is a text or a still picture, not a video")
    return container


def _why_unopened(path: Path, error: av.FFmpegError) -> str:
    """Why FFmpeg refuses `path`: for the mp4 family found by walking its boxes."""
    end, at = path.stat().st_size, 0
    boxes: list[bytes] = []
    with path.open("rb") as file:
        while at + 8 <= end:
            file.seek(at)
            header = file.read(16)
            size, kind = struct.unpack(">I4s", header[:8])
            if size == 1 and len(header) == 16:
                size = struct.unpack(">Q", header[8:])[0]
            if not boxes and kind not in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
                return f"is not a video, or of a kind FFmpeg does not know ({error.strerror})"
            boxes.append(kind)
            if size == 0:  # this box reaches to the end of the file
                break
            if size < 8:
                name = kind.decode("ascii", "replace")
                return f"cannot be opened: damaged at byte {at} (a box {name!r} of {size} bytes)"
            at += size
    if b"moov" not in boxes:
        return "cannot be opened: its index (moov) is missing, the file is cut off or unfinished"
    return f"cannot be opened: {error.strerror}"


def is_picture(stream: VideoStream) -> bool:
    """Whether `stream` is a cover picture or thumbnails, which containers carry as video."""
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def header_frames(path: Path) -> int | None:
    """About how many frames a video holds, by its header; None where that does not tell."""
    try:
        with open_container(path) as container:
            stream = select_stream(path, container, None, [])
            if stream.frames:
                return int(stream.frames)
            rate, seconds = as_fraction(stream.average_rate), (container.duration or 0) / 1_000_000
            return round(seconds * rate) or None if rate < 500 else None
    except DatasetError:  # to be said when it is decoded
        return 0


def capture_rate(path: Path) -> Fraction | None:
    """Frames a second as filmed, where a phone wrote it into the file; None where none did."""
    with open_container(path) as container:
        text = container.metadata.get(CAPTURE_RATE, "")
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None
    return rate if 0 < rate <= 1000 else None


def select_stream(
    path: Path, container: InputContainer, number: int | None, notes: list[str]
) -> VideoStream:
    """The stream to read, and a note if there was a choice."""
    streams = [stream for stream in container.streams.video if not is_picture(stream)]
    if not streams:
        cover = ", only a cover picture" if container.streams.video else ""
        raise DatasetError(f"{path}: has no video stream{cover}")
    numbers = ", ".join(str(stream.index) for stream in streams)
    if number is not None:
        streams = [stream for stream in streams if stream.index == number]
        if not streams:
            raise DatasetError(f"{path}: stream {number} is no video; its video streams: {numbers}")
    readable = [stream for stream in streams if stream.codec_context is not None]
    if not readable:
        raise DatasetError(f"{path}: this installation has no decoder for its video")
    # An animated AVIF stores its first picture once more, as a still for those that cannot play it.
    readable = [stream for stream in readable if stream.frames != 1] or readable
    default = [stream for stream in readable if stream.disposition & Disposition.default]
    chosen = default[0] if default else max(readable, key=lambda s: s.width * s.height)
    if "," in numbers:
        notes.append(f"stream {chosen.index} of the video streams {numbers} is read")
    if any(is_picture(stream) for stream in container.streams.video):
        notes.append("a cover picture is left out")
    return chosen
