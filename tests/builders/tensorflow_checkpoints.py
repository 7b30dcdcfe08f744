"""Checkpoints in TensorFlow's format, and a network with one layer of each kind of name."""

from pathlib import Path

import numpy as np
from torch import nn

from stvt.baselines.weights.tensorflow_checkpoint import crc32c, mask_checksum
from tests.golden_cases import Arrays


class Small(nn.Module):
    """As few layers as have one of each kind of name."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1a = nn.Conv2d(3, 4, 3)
        self.conv6_0 = nn.Conv2d(4, 5, 3)
        self.flow6 = nn.Conv2d(5, 2, 3)
        self.up_flow6 = nn.ConvTranspose2d(3, 2, 4)


def varint(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value) if value else b""
    return varint(number << 3 | 2) + varint(len(value)) + value


def write_checkpoint(prefix: Path, values: Arrays) -> None:
    """In TensorFlow's format, with one block of entries."""
    data, entries = b"", {b"": field(1, 1)}
    for name, value in sorted(values.items()):
        shape = b"".join(field(2, field(1, size)) for size in value.shape)
        raw = value.tobytes()
        kind = 1 if value.dtype == np.float32 else 3
        message = field(1, kind) + field(2, shape) + field(4, len(data)) + field(5, len(raw))
        checksum = mask_checksum(crc32c(raw)).to_bytes(4, "little")
        entries[name.encode()] = message + varint(6 << 3 | 5) + checksum
        data += raw
    table, last = block(entries), b"\xff"
    index = table + block({last: varint(0) + varint(len(table) - 5)})
    handles = varint(0) + varint(0) + varint(len(table)) + varint(len(index) - len(table) - 5)
    index += handles.ljust(40, b"\0") + (0xDB4775248B80FB57).to_bytes(8, "little")
    Path(f"{prefix}.index").write_bytes(index)
    Path(f"{prefix}.data-00000-of-00001").write_bytes(data)


def block(entries: dict[bytes, bytes]) -> bytes:
    made, before = b"", b""
    for key, value in entries.items():
        shared = 0
        while shared < min(len(key), len(before)) and key[shared] == before[shared]:
            shared += 1
        made += varint(shared) + varint(len(key) - shared) + varint(len(value))
        made += key[shared:] + value
        before = key
    made += bytes(4) + (1).to_bytes(4, "little")  # one restart, at 0
    return made + b"\0" + mask_checksum(crc32c(made + b"\0")).to_bytes(4, "little")
