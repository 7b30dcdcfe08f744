"""Video reader: any video file as a stream of upright RGB frames, with notes on all that was not plain."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from ..errors import DatasetError
from .color import PRIMARIES, TRANSFERS, Pixels, ToRGB, color_spec, high_dynamic_range, orientation
from .crop import container_crop
from .probe import as_fraction, is_picture, open_container, select_stream
from .stream_stats import StreamStats
from .timestamps import SeekPoint, Timestamps, read_timestamps


class Video:
    """The frames of one video stream, in the order they are shown; made by `open_video`.

    `width` and `height` are those of the frames that iteration yields, after rotation; `bits` those
    of a number as coded, `start` the first time stamp in seconds, None where there is none. `fps`
    and whether it varies are those of `timestamps`. `notes` (one sentence each) and `facts`
    (plain values, for a manifest) are complete once an iteration has come to its end, `faults`, the
    notes on the frames read, also where it was left early; every iteration opens the file anew and
    writes its part of them afresh. One frame is held at a time.
    """

    def __init__(self, path: Path, stream: int | None = None, threads: int = 1) -> None:
        self.path = path
        self.notes: list[str] = []
        self._threads = threads
        self._stats = StreamStats()
        with open_container(path) as container:
            chosen = select_stream(path, container, stream, self.notes)
            first = next(_decode(container, chosen, threads, self._stats), None)
            if first is None:
                why = self._stats.stopped or self._stats.unread or "it holds none"
                codec = _codec(chosen)
                raise DatasetError(f"{path}: no frame of its {codec} video can be decoded: {why}")
            self._index = chosen.index
            self.start = _seconds(first)
            self._spec, self._orientation = color_spec(first), orientation(first)
            self._stored = first.width, first.height
            number = [each.index for each in container.streams.video].index(chosen.index)
            self._crop = container_crop(path, container.format.name, number, *self._stored)
            self.bits = self._spec.bits
            left, top, right, bottom = self._crop
            size = first.width - left - right, first.height - top - bottom
            upright = self._orientation.degrees % 180 == 0
            self.width, self.height = size if upright else size[::-1]
            self.facts = self._opening_facts(container, chosen, first)
            self._add_opening_notes(chosen, first)
        self._opening = list(self.notes)
        self.faults: list[str] = []

    @cached_property
    def timestamps(self) -> Timestamps:
        """The time stamps of the stream; the file is read for them, nothing is decoded."""
        return read_timestamps(self.path, self._index)

    @property
    def fps(self) -> Fraction | None:
        """Frames a second, those of the median gap where they vary; None of a single frame."""
        return self.timestamps.rate if self.timestamps.frames > 1 else None

    @property
    def missing(self) -> int:
        """How many frames fewer than packets have come since the first, as far as has been read."""
        return self._stats.packets - self._stats.delay - self._stats.frames

    def _opening_facts(
        self, container: InputContainer, stream: VideoStream, first: VideoFrame
    ) -> dict[str, object]:
        """What the header and the first frame tell; None for what iteration will."""
        aspect = as_fraction(stream.sample_aspect_ratio)
        return {
            "container": container.format.name,
            "stream": stream.index,
            "video_streams": [s.index for s in container.streams.video if not is_picture(s)],
            "codec": _codec(stream),
            "pix_fmt": first.format.name,
            "stored_width": first.width,
            "stored_height": first.height,
            "width": self.width,
            "height": self.height,
            "rotation": self._orientation.degrees,
            "mirrored": self._orientation.mirrored,
            "sample_aspect_ratio": str(aspect) if aspect else None,
            "matrix": self._spec.matrix,
            "matrix_guessed": self._spec.matrix_guessed,
            "range": self._spec.range,
            "range_guessed": self._spec.range_guessed,
            "primaries": PRIMARIES.get(first.color_primaries),
            "transfer": TRANSFERS.get(first.color_trc),
            "hdr": high_dynamic_range(first),
            "alpha": self._spec.alpha,
            **dict.fromkeys(StreamStats.FACTS),
        }

    def _add_opening_notes(self, stream: VideoStream, first: VideoFrame) -> None:
        if self._orientation.note:
            self.notes.append(self._orientation.note)
        if any(self._crop):
            left, top, right, bottom = self._crop
            self.notes.append(
                f"cropped by {left}, {top}, {right} and {bottom} pixels (left, top, right, bottom), "
                "as its container asks"
            )
        self.notes += self._spec.notes
        if hdr := high_dynamic_range(first):
            self.notes.append(f"high dynamic range ({hdr}): kept as coded, not tone-mapped")
        if self._spec.alpha:
            self.notes.append("alpha: composited over black")
        elif stream.metadata.get("alpha_mode") == "1":
            self.notes.append("alpha: stored beside the picture, dropped")
        aspect = as_fraction(stream.sample_aspect_ratio)
        if aspect not in (0, 1):
            self.notes.append(f"sample aspect ratio {aspect}: frames are as stored, not resampled")

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        for _, picture in self.timed():
            yield np.asarray(picture, np.uint8)

    def timed(
        self, deep: bool = False, point: SeekPoint | None = None
    ) -> Generator[tuple[Fraction | None, Pixels], None, None]:
        """The frames with their time stamps in seconds, None where the container has none.

        deep:  frames of more than 8 bits come as float32 in [0, 1], not rounded to 8.
        point: leave out the frames before this one. They are not decoded if the file can be
               entered at the key frame that it names and gives this very frame then.
        """
        if point is not None and self._opens_at(point.key):
            frames = self._read(deep, point, point.key)
            first = next(frames, None)
            if first is not None:
                yield first
                yield from frames
                return
        yield from self._read(deep, point)

    def _read(
        self, deep: bool, point: SeekPoint | None, key: int | None = None
    ) -> Iterator[tuple[Fraction | None, Pixels]]:
        """What `timed` gives; from the key frame of that time stamp on nothing but the point's."""
        self.notes[:] = self._opening
        deep = deep and self._spec.bits > 8
        to_rgb, form = ToRGB(self._spec, deep), ""
        stats = self._stats = StreamStats(entered=point is not None)
        with open_container(self.path) as container:
            stream = self._stream(container)
            try:
                for frame in _decode(container, stream, self._threads, stats, key):
                    if point is not None and not stats.frames:
                        if frame.pts is not None and frame.pts < point.tick:
                            continue
                        if key is not None and frame.pts != point.tick:
                            return
                    stats.add(frame, self._stored)
                    if form != (form := f"{frame.width}x{frame.height} {frame.format.name}"):
                        to_rgb = ToRGB(color_spec(frame, self._spec), deep)
                    yield _seconds(frame), self._upright(to_rgb(frame))
            finally:  # of those read, where not all are wanted
                self.faults = stats.faults()
                self.notes += self.faults
                self.facts["frames_interlaced"] = stats.interlaced
                self.facts["frames_scaled"] = stats.scaled
            self.notes += stats.finish(container, stream, self.timestamps, self.facts)

    def _upright(self, picture: Pixels) -> Pixels:
        """The picture as it is shown: of the first one's size, cropped, turned."""
        if picture.shape[1::-1] != self._stored:
            less = picture.shape[1] > self._stored[0]
            how = cv2.INTER_AREA if less else cv2.INTER_CUBIC
            scaled: Any = cv2.resize(picture, self._stored, interpolation=how)
            picture = scaled if scaled.dtype == np.uint8 else scaled.clip(0, 1)
        left, top, right, bottom = self._crop
        height, width = picture.shape[:2]
        cropped: Any = picture[top : height - bottom, left : width - right]
        return np.ascontiguousarray(self._orientation(cropped))  # type: ignore[return-value]

    def _stream(self, container: InputContainer) -> VideoStream:
        return next(s for s in container.streams.video if s.index == self._index)

    def _opens_at(self, key: int) -> bool:
        """Whether the file can be entered at the key frame of that time stamp, or at one before."""
        with open_container(self.path) as container:
            stream = self._stream(container)
            try:
                container.seek(key, stream=stream)
                first = next((packet for packet in container.demux(stream) if packet.size), None)
            except av.FFmpegError:
                return False
            if first is None or first.pts is None:
                return False
            return first.is_keyframe and first.pts <= key  # mov may go one further back


def open_video(path: str | Path, stream: int | None = None, threads: int = 1) -> Video:
    """The frames of a video file, as an iterable of uint8 RGB (H, W, 3) arrays, upright.

    `stream` is the number of the stream in its container, as ffprobe shows it. None takes the
    first video stream marked as default, and where none is, the largest; cover pictures do not
    count. `threads` bounds the decoder's threads; frames do not depend on it, save those that the
    decoder patches up in a damaged file: leave it at 1 where bytes must repeat.

    Decoding that stops part way is no error: the frames got are yielded, then `notes` and
    `facts["partial"]` say so.

    Raises DatasetError, naming the file and the reason, if no frame can be had.
    """
    return Video(Path(path), stream, threads)


def _seconds(frame: VideoFrame) -> Fraction | None:
    return None if frame.pts is None else frame.pts * as_fraction(frame.time_base)


def _codec(stream: VideoStream) -> str:
    """The name of the codec (av1), not of the decoder that reads it (libdav1d)."""
    return stream.codec_context.codec.canonical_name


def _decode(
    container: InputContainer,
    stream: VideoStream,
    threads: int,
    stats: StreamStats,
    key: int | None = None,
) -> Iterator[VideoFrame]:
    """The frames that `stream` decodes to; packets that cannot be decoded are counted.

    key: time stamp of a key frame to begin at.
    """
    stream.thread_count = threads
    stream.thread_type = "SLICE"
    try:
        if key is not None:
            # What the first frame says of its encoder holds for all: without it 4:4:4 video of old
            # x264 comes out as noise.
            next(container.decode(stream), None)
            container.seek(key, stream=stream)
        for packet in container.demux():
            if packet.pts is not None and packet.time_base:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                stats.end_seconds = max(stats.end_seconds, float(end))
            if packet.stream.index != stream.index:
                continue
            stats.packets += packet.size > 0
            stats.hidden += packet.is_discard
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                stats.unread = _reason(error)
                if stats.frames:
                    stats.failed += 1
                else:
                    # A cut at the start leaves packets that lean on frames which are gone.
                    stats.skipped += 1
                continue
            if frames and packet.size:
                stats.lost, stats.failed = stats.lost + stats.failed, 0
            yield from (frame for frame in frames if isinstance(frame, VideoFrame))
        if stats.failed:
            stats.stopped = stats.unread
    except av.FFmpegError as error:
        stats.stopped = _reason(error)


def _reason(error: av.FFmpegError) -> str:
    return (error.strerror or type(error).__name__).lower()
