"""Crop that a container asks for: Matroska's PixelCrop elements, MP4's clean aperture (`clap`).

FFmpeg's libraries hand them on beside the stream, where PyAV does not look; so they are read here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NamedTuple

# Matroska elements (RFC 9559).
SEGMENT, TRACKS, TRACK, KIND, VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0x83, 0xE0
EBML = 0x1A45DFA3
BOTTOM, TOP, LEFT, RIGHT = 0x54AA, 0x54BB, 0x54CC, 0x54DD
IS_VIDEO = 1
MOST = 1 << 20  # bytes of a header that is read as a whole; those of sample tables are left out


class Crop(NamedTuple):
    """Pixels to leave out on each side of the stored picture."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


def container_crop(path: Path, format_: str, number: int, width: int, height: int) -> Crop:
    """The crop that the container asks for of its video track of that number, from 0.

    format_: FFmpeg's name of the container. width, height: of the stored picture.
    No crop where there is none, or one that leaves nothing or is not in whole pixels.
    """
    try:
        with path.open("rb") as file:
            if "matroska" in format_:
                crops = _matroska_crops(file)
            elif "mp4" in format_:
                crops = _mp4_crops(file, path.stat().st_size, width, height)
            else:
                return Crop()
            crop = next((each for k, each in enumerate(crops) if k == number), Crop())
    except (OSError, struct.error, ValueError, IndexError, ZeroDivisionError):
        return Crop()
    fits = crop.left + crop.right < width and crop.top + crop.bottom < height
    return crop if fits and min(crop) >= 0 else Crop()


def _matroska_crops(file: BinaryIO) -> Iterator[Crop]:
    end = file.seek(0, 2)
    file.seek(0)
    for ident, size in _elements(file, end):
        if ident == EBML:
            continue
        if ident != SEGMENT:
            return
        for inner, length in _elements(file, file.tell() + min(size, end - file.tell())):
            if inner == TRACKS and length <= MOST:
                yield from _track_crops(file, file.tell() + length)
                return


def _track_crops(file: BinaryIO, end: int) -> Iterator[Crop]:
    for ident, size in _elements(file, end):
        if ident != TRACK:
            continue
        kind, sides = 0, dict.fromkeys((LEFT, TOP, RIGHT, BOTTOM), 0)
        for inner, length in _elements(file, file.tell() + size):
            if inner == KIND:
                kind = int.from_bytes(file.read(length), "big")
            elif inner == VIDEO:
                for side, bytes_ in _elements(file, file.tell() + length):
                    if side in sides:
                        sides[side] = int.from_bytes(file.read(bytes_), "big")
        if kind == IS_VIDEO:
            yield Crop(*sides.values())


def _elements(file: BinaryIO, end: int) -> Iterator[tuple[int, int]]:
    """The identity and size of each element up to `end`; the file is at its content then."""
    while file.tell() < end:
        ident, size = _number(file, keep=True), _number(file, keep=False)
        at = file.tell()
        yield ident, size
        file.seek(at + size)


def _number(file: BinaryIO, keep: bool) -> int:
    """A number of EBML's variable length; keep: with the bit that marks its length."""
    first = file.read(1)[0]
    length = 9 - first.bit_length()
    rest = file.read(length - 1)
    if len(rest) < length - 1 or length > 8:
        raise ValueError("no EBML")
    if not keep:
        first &= (1 << (8 - length)) - 1
    value = int.from_bytes(bytes([first]) + rest, "big")
    unknown = not keep and value == (1 << 7 * length) - 1
    return 1 << 62 if unknown else value


def _mp4_crops(file: BinaryIO, end: int, width: int, height: int) -> Iterator[Crop]:
    """Of each video track, in the order of the file."""
    moov = next(_boxes(file, 0, end, b"moov"), None)
    for at, stop in _boxes(file, *moov, b"trak") if moov else ():
        place: tuple[int, int] | None = (at, stop)
        kind = b""
        for name in (b"mdia", b"minf", b"stbl", b"stsd"):
            place = next(_boxes(file, *place, name), None) if place else None
            if name == b"mdia" and place and (handler := next(_boxes(file, *place, b"hdlr"), None)):
                file.seek(handler[0] + 8)
                kind = file.read(4)
        if kind != b"vide" or place is None:
            continue
        # After version and count comes the first entry: its header, and 78 bytes of fields.
        entry = place[0] + 8
        file.seek(entry)
        (size,) = struct.unpack(">I", file.read(4))
        clap = next(_boxes(file, entry + 86, min(entry + size, place[1]), b"clap"), None)
        if clap is None:
            yield Crop()
            continue
        file.seek(clap[0])
        values = struct.unpack(">IIIIiIiI", file.read(32))
        across, down, right, below = (Fraction(*values[k : k + 2]) for k in (0, 2, 4, 6))
        left, top = (width - across) / 2 + right, (height - down) / 2 + below
        sides = (left, top, width - across - left, height - down - top)
        whole = all(side.denominator == 1 for side in sides)
        yield Crop(*map(int, sides)) if whole else Crop()


def _boxes(file: BinaryIO, at: int, end: int, name: bytes) -> Iterator[tuple[int, int]]:
    """Where the content of each box of that name begins and ends, among those from `at` to `end`."""
    while at + 8 <= end:
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        content = at + 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            content = at + 16
        size = size or end - at
        if size < 8:
            return
        if kind == name:
            yield content, min(at + size, end)
        at += size
