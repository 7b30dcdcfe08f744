"""TIFF pictures of 9 to 16 bits a sample, in the one layout that OpenCV decodes rightly.

OpenCV takes separate planes for interleaved ones and white-is-zero for black-is-zero, Pillow
drops or clips the lower bits. So the directory of tags is written anew, and the strips or tiles
with the samples stay as they are, compressed or not.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

_BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR = 258, 259, 262, 277, 284
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 273, 279, 324, 325
_EXTRA, _FORMAT, _FILL_ORDER = 338, 339, 266
# Width, height, rows a strip, predictor, tile width and height: as they are in the file.
_KEPT = (256, 257, _COMPRESSION, _FILL_ORDER, 278, 317, 322, 323)
_TYPES = {1: "B", 3: "H", 4: "I", 7: "B"}  # BYTE, SHORT, LONG, UNDEFINED
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_Tags = dict[int, tuple[int, ...]]


@dataclass(frozen=True)
class DeepLayers:
    """A deep TIFF picture as others of one layer each, whose channels come one after the other.

    files:    TIFF files of 16 bits, interleaved, black-is-zero. bits: of a sample in the original.
    inverted: white is zero. tags: the original's orientation and ICC profile.
    """

    files: tuple[bytes, ...]
    bits: int
    inverted: bool
    tags: dict[int, Any]


def deep_layers(data: bytes) -> DeepLayers | None:
    """The layers of a TIFF picture of 9 to 16 bits; None for other depths, which Pillow decodes.

    Raises ValueError, saying why, for a layout that is not decoded rightly by anything here.
    """
    order = "<" if data[:2] == b"II" else ">"
    tags, following = _directory(data, order)
    bits = set(tags.get(_BITS, (1,)))
    deepest, samples = max(bits), tags.get(_SAMPLES, (1,))[0]
    signs = set(tags.get(_FORMAT, (1,)))
    if deepest > 16 or not signs <= {1, 4}:
        raise ValueError("its values are floats, signed, or of more than 16 bits; make it PNG")
    if deepest <= 8:
        return None
    if following:
        raise ValueError("it holds several pictures; give each its own file")
    photometric, planar = tags.get(_PHOTOMETRIC, (-1,))[0], tags.get(_PLANAR, (1,))[0]
    colours = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3}.get(photometric)
    whole = planar == 2 or samples in (1, 3, 4)
    if colours is None or len(bits) > 1 or not whole or samples not in (colours, colours + 1):
        raise ValueError(f"TIFF of {deepest} bits in a layout that is not read; make it PNG")
    if samples > colours and tags.get(_EXTRA, (0,))[0] != 2:
        raise ValueError(
            f"TIFF of {deepest} bits whose alpha is multiplied in, or is none; make it PNG"
        )
    if deepest not in (10, 12, 14, 16):
        raise ValueError(
            f"TIFF of {deepest} bits, and only 10, 12, 14 and 16 are read; make it PNG"
        )
    pieces, sizes = (_TILES, _TILE_BYTES) if _TILES in tags else (_STRIPS, _STRIP_BYTES)
    if pieces not in tags or len(tags.get(sizes, ())) != len(tags[pieces]):
        raise ValueError("TIFF without a list of its strips")
    layers = samples if planar == 2 else 1
    number = len(tags[pieces]) // layers
    files = []
    for layer in range(layers):
        part = slice(layer * number, (layer + 1) * number)
        inside = samples if layers == 1 else 1
        changed = {tag: tags[tag] for tag in _KEPT if tag in tags}
        changed |= {_BITS: (deepest,) * inside, _SAMPLES: (inside,), _PLANAR: (1,)}
        changed |= {_PHOTOMETRIC: (_RGB if inside >= 3 else _BLACK_IS_ZERO,)}
        changed |= {pieces: tags[pieces][part], sizes: tags[sizes][part]}
        if inside == 4:
            changed[_EXTRA] = (2,)
        files.append(_with_directory(data, order, changed))
    profile = bytes(tags.get(34675, ())) or None
    orientation = tags.get(0x0112, (1,))[0]
    return DeepLayers(
        tuple(files),
        deepest,
        photometric == _WHITE_IS_ZERO,
        {34675: profile, 0x0112: orientation},
    )


def _directory(data: bytes, order: str) -> tuple[_Tags, int]:
    """The numbers of the first directory's tags, and where the next directory is."""
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    tags: _Tags = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", data, entry)
        if (letter := _TYPES.get(kind)) is None:
            continue
        size = struct.calcsize(letter) * number
        (far,) = struct.unpack_from(order + "I", data, entry + 8)
        where = far if size > 4 else entry + 8
        if where + size > len(data):
            raise ValueError("TIFF that is cut off")
        tags[tag] = struct.unpack_from(f"{order}{number}{letter}", data, where)
    (following,) = struct.unpack_from(order + "I", data, at + 2 + 12 * count)
    return tags, following


def _with_directory(data: bytes, order: str, tags: _Tags) -> bytes:
    """The file with another directory, at its end; all numbers in it are LONG, bits are SHORT."""
    start = len(data) + len(data) % 2
    at = start + 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    for tag, numbers in sorted(tags.items()):
        kind = (
            4 if tag in (_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES) or max(numbers) > 65535 else 3
        )
        raw = struct.pack(f"{order}{len(numbers)}{_TYPES[kind]}", *numbers)
        if len(raw) > 4:
            values, raw = values + raw, struct.pack(order + "I", at + len(values))
        entries += struct.pack(order + "HHI", tag, kind, len(numbers)) + raw.ljust(4, b"\0")
    head = data[:4] + struct.pack(order + "I", start)
    directory = struct.pack(order + "H", len(tags)) + entries + bytes(4)
    return head + data[8:].ljust(start - 8, b"\0") + directory + values
