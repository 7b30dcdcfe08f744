"""BasicVSR as a method: a whole sequence in, or pieces of it that overlap; every frame out, larger."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO

import torch
from torch import Tensor

from ..edvr.fast import SWAPS
from ..method import IsWanted, Outputs, Scene, Settings, everything
from ..network_method import CachedFrame, SingleNetwork
from ..ops.warp import full_precision, warp_padded
from .network import BasicVSR

STORED = 4 << 30  # bytes of the features of a sequence that is computed as a whole
IN_MEMORY = 512 << 20  # bytes of the backward features of a piece
OVERLAP = 32  # frames after a piece, from which its backward features come
ENDLESS = 1 << 30  # frames: no scene, but a benchmark
BURST = 8  # frames of a benchmark's pieces


class BasicVsrMethod(SingleNetwork[BasicVSR, CachedFrame]):
    """BasicVSR with frames in [0, 1] of any h and w. It works on whole frames, not in tiles.

    The backward features of a sequence come from its end, so that no frame is made before all are
    read. They are kept in memory, and beyond 512 MiB in a temporary file. A sequence of more than
    `chunk` frames (`Settings.chunk`, or as many as have 4 GiB of features) is read in pieces of so
    many: the features that go forward are carried on as they are, those that come backward begin
    anew at the end of each piece, whose last 32 frames (or the last quarter) are computed for
    that alone, and again in the next.
    """

    scale = 4
    spatial = True
    whole_sequence = True
    swaps = SWAPS
    tiled = False

    def __init__(
        self, network: BasicVSR, settings: Settings, name: str = "", weights: str = ""
    ) -> None:
        super().__init__(network, settings, name, weights)
        self.chunk, self.endless = settings.chunk, False

    @property
    def burst(self) -> int:
        return BURST

    def begin(self, scene: Scene) -> None:
        self.warnings = ()
        self.endless = scene.frames >= ENDLESS

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return 0, 0

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
    ) -> Outputs:
        endless, self.endless = self.endless, False  # of the scene that was told, no other
        k = 0
        before: Tensor | None = None
        F: Tensor | None = None
        for piece, count in self._pieces(map(self.normalize, frames), endless):
            B = FeatureStack()
            wanted = [is_wanted(k + i) for i in range(count)]
            if any(wanted):
                with self.computing():
                    self._backward(piece, count, B)
            for i in range(count):
                with self.computing():
                    s = None
                    if F is not None and before is not None:
                        s = warp_padded(F, self._flow(piece[i], before))
                    F, before = self.network.forward_features(piece[i], s), piece[i]
                    if wanted[i]:
                        large = self.network.restore(piece[i], B.pop(), F)[0]
                        large = large.to(piece[i].dtype).clamp(0, 1)
                    elif any(wanted):
                        B.pop()
                if wanted[i]:
                    yield k + i, large
            k += count

    def _pieces(
        self, frames: Iterator[Tensor], endless: bool
    ) -> Iterator[tuple[list[Tensor], int]]:
        """The frames that are computed together, and how many of them, from the first, are output."""
        pending: deque[Tensor] = deque(islice(frames, 1))
        if not pending:
            return
        length = BURST if endless else self._length(pending[0])
        overlap = 0 if endless else min(OVERLAP, length // 4)
        first = True
        while pending:
            pending.extend(islice(frames, length - len(pending)))
            following = list(islice(frames, 1)) if len(pending) == length else []
            count = length - overlap if following else len(pending)
            if following and first and not endless:
                warning = (
                    f"{self.name}: more than {length} frames are computed in pieces of {length} that "
                    f"overlap by {overlap}, not as one sequence (--chunk N: pieces of N)"
                )
                self.warnings = (warning,)
            first = False
            yield list(pending), count
            pending = deque([*islice(pending, count, None), *following])

    def _length(self, x: Tensor) -> int:
        """Of a piece, in frames."""
        if self.chunk is not None:
            return self.chunk
        features = self.network.channels * x.shape[-2] * x.shape[-1] * x.element_size()
        return max(STORED // features, 1)

    def _backward(self, piece: Sequence[Tensor], count: int, kept: FeatureStack) -> None:
        """Puts the backward features of the first `count` frames on a stack, from the last on."""
        B = None
        for i in reversed(range(len(piece))):
            s = None if B is None else warp_padded(B, self._flow(piece[i], piece[i + 1]))
            B = self.network.backward_features(piece[i], s)
            if i < count:
                kept.push(B)

    def _flow(self, x: Tensor, neighbour: Tensor) -> Tensor:
        """In single precision at least: bfloat16 has no hundredths of a pixel."""
        with full_precision(self.device):
            flow: Tensor = self.network.spynet(x, neighbour)
        return flow


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
