"""Clips as lossless video of which any part of any frame can be had: MagicYUV RGB in an AVI file.

Every frame stands alone, in slices of `ROWS` rows that stand alone, too. A frame's packet holds,
after its header and the codes of its three channels, all channels of the first slice, of the
second, and so on. So some rows of a frame are its header with a smaller height, its codes, and one
stretch of bytes: another, smaller frame, which the decoder takes as it takes any. A crop of 128
rows costs a third of the 540 that it was cut from.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.codec.context import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from ..errors import DatasetError
from ..frames import Frame
from ..video.color import plane_rows

ROWS = 32  # about, of a slice: 17 slices in 540 rows cost 0.3 % of bytes
CODEC = "magicyuv"
_CHANNELS = 3
_HEADER = struct.Struct("<4sI8xIIII")  # magic, its bytes, width, height, slice width and height
_HEIGHT_AT = 20
_CHUNK = 8  # an AVI chunk's name and size, before its content


def write_video(path: Path, frames: Iterable[Frame], height: int, width: int) -> None:
    """Write frames, uint8 RGB (height, width, 3), to an AVI file.

    Of gradient prediction: nearly as small as by the median, and decoded nearly twice as fast.
    Raises OSError if the disk refuses (PyAV's errors are such).
    """
    with av.open(path, "w", format="avi", container_options={"fflags": "bitexact"}) as container:
        options = {
            "pred": "gradient",
            "slices": str(max(1, round(height / ROWS))),
            "flags": "bitexact",
        }
        stream = container.add_stream(CODEC, rate=30, options=options)
        assert isinstance(stream, VideoStream)  # for mypy
        stream.width, stream.height, stream.pix_fmt = width, height, "gbrp"
        stream.thread_count = 1
        for frame in frames:
            picture = VideoFrame(width, height, "gbrp")
            red, green, blue = cv2.split(frame)
            for plane, values in zip(picture.planes, (green, blue, red), strict=True):
                plane_rows(plane)[:, :width] = values
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


class MagicYUVVideo:
    """The content of a file that `write_video` wrote."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with av.open(path, format="avi") as container:
                stream = container.streams.video[0]
                codec, width, height = stream.codec_context.name, stream.width, stream.height
                entries = sorted((e.timestamp, e.pos, e.size) for e in stream.index_entries)
                promised = stream.frames
        except (av.FFmpegError, IndexError) as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise DatasetError(f"{path}: is damaged or no clip: {_why(error)}") from error
        if codec != CODEC or not promised:
            raise DatasetError(f"{path}: is no clip: it holds no {CODEC} video")
        in_order = all(time == place for place, (time, _, _) in enumerate(entries))
        end = max((pos + _CHUNK + size for _, pos, size in entries), default=0)
        if len(entries) != promised or not in_order or end > path.stat().st_size:
            raise DatasetError(f"{path}: is damaged: it is cut off, or its index is")
        self._places = [(pos + _CHUNK, size) for _, pos, size in entries]
        self.shape: tuple[int, int, int, int] = (len(entries), height, width, 3)
        # What is about to be asked for is as large as the header says, so both must say the same.
        with path.open("rb", buffering=0) as file:
            self._layout(file, 0)

    def read(self, numbers: Sequence[int], rows: slice, columns: slice) -> NDArray[np.uint8]:
        """The frames of these numbers, of which the file has them, as uint8 (n, rows, columns, 3)."""
        top, bottom, width = rows.start, rows.stop, self.shape[2]
        shape = (bottom - top, columns.stop - columns.start, _CHANNELS)
        frames = np.empty((len(numbers), *shape), np.uint8)
        if not frames.size:
            return frames
        decoder = _decoder()  # costs nothing, and threads may read at the same time
        with self.path.open("rb", buffering=0) as file:
            for place, number in enumerate(numbers):
                packet, first = self._layout(file, number).rows(top, bottom)
                try:
                    (frame,) = decoder.decode(Packet(packet))
                    green, blue, red = (
                        plane_rows(plane)[top - first : bottom - first, :width][:, columns]
                        for plane in frame.planes
                    )
                    cv2.merge((red, green, blue), frames[place])
                except (av.FFmpegError, ValueError, cv2.error) as error:
                    raise self._damaged(number, error) from error
        return frames

    def _layout(self, file: io.FileIO, index: int) -> _Layout:
        start, size = self._places[index]
        file.seek(start)
        try:
            return _Layout.of(file.read(size), *self.shape[1:3])
        except (ValueError, struct.error) as error:
            raise self._damaged(index, error) from error

    def _damaged(self, index: int, error: Exception) -> DatasetError:
        why = " ".join(_why(error).split())
        return DatasetError(f"{self.path}: frame {index} is damaged: {why}")


@dataclass(frozen=True)
class _Layout:
    """What a frame's packet holds where.

    starts: of each slice of each channel, (channels, slices), from the packet's beginning.
    """

    packet: bytes
    header: int
    height: int
    slice_height: int
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, packet: bytes, height: int, width: int) -> _Layout:
        """Raises ValueError or struct.error if it is no packet of a frame of this size."""
        magic, header, *size, _, slice_height = _HEADER.unpack_from(packet)
        if magic != b"MAGY" or header != _HEADER.size or size != [width, height]:
            raise ValueError(f"it is no MagicYUV frame of {width}x{height}")
        slices = -(-height // max(slice_height, 1))
        starts = np.frombuffer(packet, "<u4", _CHANNELS * slices, header + 4) + np.int64(header)
        in_order = np.diff(starts.reshape(_CHANNELS, slices).T.reshape(-1)) > 0
        if not slice_height or starts.max() >= len(packet) or not in_order.all():
            raise ValueError("its slices are not where they should be")
        return cls(packet, header, height, slice_height, starts.reshape(_CHANNELS, slices))

    def rows(self, top: int, bottom: int) -> tuple[bytes, int]:
        """A packet of the slices that hold these rows, and the first row of it."""
        slices = self.starts.shape[1]
        first, end = top // self.slice_height, -(-bottom // self.slice_height)
        if (first, end) == (0, slices):
            return self.packet, 0
        count = end - first
        codes = self.header + 4 + 4 * self.starts.size + 1 + self.starts.size
        data = int(self.starts[0, first])
        stop = int(self.starts[0, end]) if end < slices else len(self.packet)
        head = bytearray(self.packet[: self.header])
        height = min(self.height, end * self.slice_height) - first * self.slice_height
        struct.pack_into("<I", head, _HEIGHT_AT, height)
        table = self.packet[codes : int(self.starts[0, 0])]
        begins = 4 + 4 * _CHANNELS * count + 1 + _CHANNELS * count + len(table)
        offsets = (self.starts[:, first:end] - data + begins).astype("<u4")
        around = [
            struct.pack("<I", begins),
            offsets.tobytes(),
            bytes([_CHANNELS]),
            bytes(_CHANNELS * count),
            table,
        ]
        return b"".join([head, *around, self.packet[data:stop]]), first * self.slice_height


def _decoder() -> VideoCodecContext:
    decoder = CodecContext.create(CODEC, "r")
    assert isinstance(decoder, VideoCodecContext)  # for mypy
    decoder.thread_count = 1  # workers share the cores, each with clips of its own
    return decoder


def _why(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
