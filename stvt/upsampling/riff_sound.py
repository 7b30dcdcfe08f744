"""Sound that Matroska holds by its RIFF tag ("A_MS/ACM"): WMA, ADPCM, A-law, GSM and others.

PyAV asks FFmpeg whether Matroska knows a codec before it copies a stream, and does not go on to the
tags. So the stream is declared as one of a codec that is known and whose CodecPrivate is written as
it is, with the stream's WAVEFORMATEX in it, and its name is put right in the finished file.
"""

from __future__ import annotations

import io
import re
import struct
from pathlib import Path
from typing import Any

import av

CODEC_ID = b"\x86\x88"  # the EBML element, and that it has 8 bytes
DECLARED, MEANT = b"A_TRUEHD", b"A_MS/ACM"
HEADER = 1 << 20  # bytes in which the tracks are


def wave_format(stream: Any) -> bytes | None:
    """The WAVEFORMATEX of a stream of sound; None if its codec has no RIFF tag."""
    buffer = io.BytesIO()
    try:
        with av.open(buffer, "w", format="wav") as container:
            container.add_stream_from_template(stream, opaque=True)
            container.start_encoding()
    except (ValueError, av.FFmpegError):
        return None
    data = buffer.getvalue()
    at = data.index(b"fmt ")
    (size,) = struct.unpack_from("<I", data, at + 4)
    return data[at + 8 : at + 8 + size]


def declared_stream(wave: bytes) -> Any:
    """A stream to be the template of the copy, with that WAVEFORMATEX."""
    channels, rate = struct.unpack_from("<HI", wave, 2)
    sound = _element(0xB5, struct.pack(">d", rate)) + _element(0x9F, bytes([channels]))
    track = b"".join(
        [
            *(_element(0xD7, b"\1"), _element(0x73C5, b"\1"), _element(0x83, b"\2")),
            *(_element(0x86, DECLARED), _element(0x63A2, wave), _element(0xE1, sound)),
        ]
    )
    cluster = _element(0xE7, b"\0") + _element(0xA3, b"\x81\0\0\x80" + bytes(8))
    tracks = _element(0x1654AE6B, _element(0xAE, track))
    segment = _element(0x18538067, tracks + _element(0x1F43B675, cluster))
    head = _element(0x1A45DFA3, _element(0x4282, b"matroska"))
    return av.open(io.BytesIO(head + segment)).streams.audio[0]


def put_names_right(path: Path, meant: list[bool]) -> None:
    """Names the tracks of a finished file; meant: for each of the declared codec, in order."""
    with path.open("r+b") as file:
        places = [found.end() for found in re.finditer(CODEC_ID + DECLARED, file.read(HEADER))]
        for place, is_meant in zip(places, meant, strict=True):
            if is_meant:
                file.seek(place - len(MEANT))
                file.write(MEANT)


def _element(ident: int, data: bytes) -> bytes:
    name = ident.to_bytes(-(-ident.bit_length() // 8), "big")
    return name + struct.pack(">Q", 1 << 56 | len(data)) + data
