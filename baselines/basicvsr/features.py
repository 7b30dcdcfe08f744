"""Features of many frames: some in memory, the others in a temporary file."""

from __future__ import annotations

import tempfile
from typing import IO

import torch
from torch import Tensor

IN_MEMORY = 512 << 20  # bytes of features


class FeatureStack:
    """Tensors of one shape that are put on in order and taken off in reverse; memory stays flat."""

    def __init__(self, limit: int = IN_MEMORY) -> None:
        self.limit = limit
        self.in_memory: list[Tensor] = []
        self.bytes = 0
        self.on_disk = 0
        self.file: IO[bytes] | None = None

    def push(self, features: Tensor) -> None:
        if not self.on_disk and self.bytes + features.nbytes <= self.limit:
            self.in_memory.append(features)
            self.bytes += features.nbytes
            return
        if self.file is None:
            self.file = tempfile.TemporaryFile()  # noqa: SIM115  # closed when it is forgotten
            self.like = features
        self.file.seek(self.on_disk * features.nbytes)
        self.file.write(features.contiguous().cpu().view(torch.uint8).numpy().tobytes())
        self.on_disk += 1

    def pop(self) -> Tensor:
        if not self.on_disk or self.file is None:
            features = self.in_memory.pop()
            self.bytes -= features.nbytes
            return features
        self.on_disk -= 1
        size = self.like.nbytes
        self.file.seek(self.on_disk * size)
        raw = torch.frombuffer(bytearray(self.file.read(size)), dtype=self.like.dtype)
        return raw.view(self.like.shape).to(self.like.device)
