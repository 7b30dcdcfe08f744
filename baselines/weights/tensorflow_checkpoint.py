"""Reading TensorFlow's checkpoints (`.index` and `.data-00000-of-00001`) without TensorFlow."""

from __future__ import annotations

import math
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stvt.core.files import reading
from stvt.core.formatting import LONGEST, plain

from ..errors import MethodError

MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
FOOTER = 48  # bytes, MAGIC included
TRAILER = 5  # bytes after a block: its compression, its checksum
TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8"}
INDEX_LIMIT = 4 << 20  # bytes; FISR's has 30,000
KEY_LIMIT = 4096  # bytes of a name: each may repeat the one before, and so far more than the file
DIMENSIONS = 16
PART = re.compile(r"checkpoint|[\w.+-]+\.index|[\w.+-]+\.data-\d+-of-\d+")
LANES = 4096  # pieces of data whose checksums are computed side by side

Bits = NDArray[np.uint32]


class CorruptIndex(Exception):
    """Bytes that should be a checkpoint's index are not; the message says why."""


@dataclass(frozen=True)
class Variable:
    """A variable: its type, and where its values are."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int


class TensorFlowCheckpoint:
    """The variables of a checkpoint; each is read, and its checksum compared, when asked for.

    path: the prefix that TensorFlow knows it by (`model-1000`), one of its files, or the folder
          that it is in: the one that `checkpoint` there names, or the only one.

    Raises MethodError, one line, for anything missing or damaged; so does `read`.
    """

    def __init__(self, path: Path) -> None:
        self.prefix = find_prefix(path)
        self.index = Path(f"{self.prefix}.index")
        if not self.index.is_file():
            raise MethodError(
                f"there is no checkpoint {self.prefix} ({self.index.name} is missing); name its "
                "prefix, such as FISRnet-122000, or its folder"
            )
        with reading(self.index, MethodError), self.index.open("rb") as opened:
            data = opened.read(INDEX_LIMIT + 1)
        try:
            self.shards, self.entries = parse_index(data)
        except (CorruptIndex, IndexError, TypeError, ValueError, OverflowError) as error:
            what = plain(error, LONGEST) if isinstance(error, CorruptIndex) else "it makes no sense"
            raise MethodError(
                f"{self.index} is damaged or no index of a checkpoint ({what}); fetch it again"
            ) from error

    def read(self, name: str) -> NDArray[Any]:
        """The values of a variable."""
        if name not in self.entries:
            raise MethodError(f"{self.prefix} holds no variable {name}")
        entry = self.entries[name]
        file = Path(f"{self.prefix}.data-{entry.shard:05d}-of-{self.shards:05d}")
        if not file.is_file():
            raise MethodError(f"{file} is missing; put it beside {self.index.name}")
        if (end := entry.offset + entry.size) > (size := file.stat().st_size):
            raise MethodError(
                f"{file} is cut short: {name} ends at byte {end}, the file at {size}; fetch it again"
            )
        with reading(file, MethodError), file.open("rb") as opened:
            opened.seek(entry.offset)
            data = opened.read(entry.size)
        if mask_checksum(crc32c(data)) != entry.checksum:
            raise MethodError(f"{file} is damaged: the checksum of {name} is wrong; fetch it again")
        return np.frombuffer(data, entry.dtype).reshape(entry.shape).copy()


def find_prefix(path: Path) -> Path:
    """The prefix of the checkpoint that a path means."""
    if not path.is_dir():
        name = re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", path.name)
        return path.with_name(name) if name else path
    named = path / "checkpoint"
    if named.is_file():
        with reading(named, MethodError), named.open("rb") as opened:
            text = opened.read(1 << 16).decode(errors="replace")
        match = re.search(r'^\s*model_checkpoint_path:\s*"([^"\n]+)"', text, re.MULTILINE)
        # The folder was another where it was written.
        prefix = re.split(r"[/\\]", match[1])[-1] if match else ""
        if not prefix.isprintable() or prefix in ("", ".", ".."):
            raise MethodError(f"{named} names no checkpoint; name one by its prefix")
        return path / prefix
    files = sorted(path.glob("*.index"))
    if len(files) != 1:
        many = f"{len(files)} checkpoints; name one of them" if files else "no checkpoint (*.index)"
        raise MethodError(f"{path} holds {many}")
    return files[0].with_suffix("")


def parse_index(index: bytes) -> tuple[int, dict[str, Variable]]:
    """What an index says: into how many files the data is cut, and each variable's entry."""
    if len(index) > INDEX_LIMIT:
        raise CorruptIndex(f"it has more than {INDEX_LIMIT >> 20} MiB")
    if len(index) < FOOTER or not index.endswith(MAGIC):
        raise CorruptIndex("it does not end as one")
    (_, _, offset, size), _ = _varints(index[-FOOTER:], 0, 4)
    shards, entries, end = 1, {}, 0
    for _, handle in _block(index, offset, size):
        (offset, size), _ = _varints(handle, 0, 2)
        if offset < end:  # else a few bytes could name the same block again and again
            raise CorruptIndex("its blocks overlap")
        end = offset + size
        for key, value in _block(index, offset, size):
            if key:
                name = key.decode()
                entries[name] = _variable(name, value)
            else:
                header = dict(_message_fields(value))
                if header.get(2):
                    raise CorruptIndex(
                        "it is of a big-endian machine, which this reader does not read"
                    )
                shards = int(header.get(1, 1))
    return shards, entries


def _block(index: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block of the table."""
    if offset + size + TRAILER > len(index) - FOOTER:
        raise CorruptIndex("it is cut short")
    block, trailer = index[offset : offset + size], index[offset + size :][:TRAILER]
    if mask_checksum(crc32c(block + trailer[:1])) != int.from_bytes(trailer[1:], "little"):
        raise CorruptIndex("a checksum is wrong")
    if trailer[0]:
        raise CorruptIndex("it is compressed, which this reader does not undo")
    restarts = int.from_bytes(block[-4:], "little")
    end = size - 4 - 4 * restarts
    place, key = 0, b""
    while place < end:
        (shared, unshared, length), place = _varints(block, place, 3)
        if shared > len(key) or place + unshared + length > end:
            raise CorruptIndex("its entries overlap")
        if shared + unshared > KEY_LIMIT:
            raise CorruptIndex(f"a name has more than {KEY_LIMIT} bytes")
        key = key[:shared] + block[place : place + unshared]
        place += unshared + length
        yield key, block[place - length : place]


def _variable(name: str, message: bytes) -> Variable:
    shape: list[int] = []
    fields: dict[int, Any] = {}
    for field, value in _message_fields(message):
        if field == 2:
            shape += [
                int(dict(_message_fields(size)).get(1, 0))
                for key, size in _message_fields(value)
                if key == 2
            ]
        else:
            fields[field] = value
    if 7 in fields:
        raise CorruptIndex(f"{name} is in slices, which this reader does not join")
    if len(shape) > DIMENSIONS:
        raise CorruptIndex(f"{name} has more than {DIMENSIONS} dimensions")
    kind = int(fields.get(1, 0))
    # Of a type that is not known nothing can be read; it may well not be asked for.
    dtype = np.dtype(TYPES.get(kind, "V1"))
    offset, size = int(fields.get(4, 0)), int(fields.get(5, 0))
    if kind in TYPES and size != math.prod(shape) * dtype.itemsize:
        raise CorruptIndex(f"{name} has another size than its shape")
    return Variable(dtype, tuple(shape), int(fields.get(3, 0)), offset, size, int(fields.get(6, 0)))


def _message_fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of each field of a protocol buffer message."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        value: int | bytes
        if tag & 7 == 0:
            value, place = _varint(message, place)
        elif tag & 7 in (1, 5):
            width = 8 if tag & 7 == 1 else 4
            value, place = int.from_bytes(message[place : place + width], "little"), place + width
        elif tag & 7 == 2:
            length, place = _varint(message, place)
            value, place = message[place : place + length], place + length
        else:
            raise CorruptIndex("a field is of no known kind")
        if place > len(message):
            raise CorruptIndex("a field is cut short")
        yield tag >> 3, value


def _varints(data: bytes, place: int, count: int) -> tuple[list[int], int]:
    """So many numbers of 7 bits a byte, low ones first, and the place after them."""
    numbers = []
    for _ in range(count):
        value, place = _varint(data, place)
        numbers.append(value)
    return numbers, place


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number of 7 bits a byte, low ones first, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise CorruptIndex("a number has no end")


def mask_checksum(checksum: int) -> int:
    """A checksum as it is stored, so that data with checksums inside has none that fits by chance."""
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """The CRC-32C (Castagnoli) of the data.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    table = _table()
    if len(data) < 256:  # for which NumPy's calls take longer
        checksum, bytewise = 0xFFFFFFFF, table.tolist()
        for byte in data:
            checksum = bytewise[(checksum ^ byte) & 255] ^ (checksum >> 8)
        return int(checksum) ^ 0xFFFFFFFF
    # A CRC is linear: that of a whole is the sum (xor) of those of its pieces, each followed by as
    # many zeros as there are bytes after it. The pieces go side by side through NumPy, and with them
    # each bit of a state through as many zeros: 100 times as fast as byte by byte in Python.
    lanes = min(LANES, 1 << (len(data) // 16).bit_length())
    rows = np.zeros((lanes + 32, -(-len(data) // lanes)), np.uint8)  # zeros before change nothing
    filled = rows[:lanes].reshape(-1)[-len(data) :]
    filled[:] = np.frombuffer(data, np.uint8)
    filled[:4] ^= 255  # a state of ones to start with
    state: Bits = np.zeros(lanes + 32, np.uint32)
    state[lanes:] = np.uint32(1) << np.arange(32, dtype=np.uint32)
    for row in np.ascontiguousarray(rows.T):
        state = table[(state ^ row) & 255] ^ (state >> 8)
    state, zeros = state[:lanes], state[lanes:]
    while len(state) > 1:
        state = _apply(zeros, state[::2]) ^ state[1::2]
        zeros = _apply(zeros, zeros)
    return int(state[0]) ^ 0xFFFFFFFF


@cache
def _table() -> Bits:
    """What a byte does to the state."""
    state = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        state = np.where(state & 1, state >> 1 ^ np.uint32(0x82F63B78), state >> 1)
    return state


def _apply(operator: Bits, states: Bits) -> Bits:
    """A linear operator, given by its value of each bit, applied to states."""
    result = np.zeros_like(states)
    for bit, image in enumerate(operator):
        result ^= np.where(states >> np.uint32(bit) & 1, image, np.uint32(0))
    return result


def checkpoint_parts(file: Path) -> dict[str, zipfile.ZipInfo]:
    """The parts of a checkpoint in a zip file, by name; none if it holds no index, or is none.

    Raises MethodError for a zip file that is damaged.
    """
    if not zipfile.is_zipfile(file):
        return {}
    with _unpacking(file), zipfile.ZipFile(file) as opened:
        infos = {PurePosixPath(info.filename).name: info for info in opened.infolist()}
    parts = {name: info for name, info in infos.items() if PART.fullmatch(name)}
    return parts if any(name.endswith(".index") for name in parts) else {}


def unpack_checkpoint(file: Path, into: Path) -> None:
    """Write the parts of a checkpoint, without their folders.

    Raises MethodError for a file that holds none, is damaged, encrypted or out of proportion.
    """
    parts = checkpoint_parts(file)
    if not parts:
        raise MethodError(f"{file} holds no TensorFlow checkpoint (*.index)")
    unpacked = sum(info.file_size for info in parts.values())
    if unpacked > 8 * file.stat().st_size + (64 << 20):
        raise MethodError(f"{file} would unpack to {unpacked >> 20} MiB, which can be no weights")
    with _unpacking(file), zipfile.ZipFile(file) as opened:
        for name, info in parts.items():
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise zipfile.BadZipFile("packed in an unusual way")  # without a bound to its size
            with opened.open(info) as packed, (into / name).open("wb") as written:
                shutil.copyfileobj(packed, written, 1 << 20)


@contextmanager
def _unpacking(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, MemoryError):
        raise
    except Exception as error:  # a damaged archive can make `zipfile` raise nearly anything
        raise MethodError(
            f"{file} is damaged or not to be unpacked ({plain(error, 100)}); fetch it again"
        ) from error
