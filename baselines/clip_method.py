"""A method around a network that makes a clip of 2n - 1 frames of n: clip after clip through a sequence."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Sequence

from torch import Tensor

from .method import IsWanted, Outputs, everything, require_halfway, windows
from .network_method import Frame, Network, SingleNetwork


class ClipMethod(SingleNetwork[Network, Frame]):
    """Clips as Zooming Slow-Mo's and RSTT's authors take them: at input frames 0, n - 1, 2 (n - 1), ...

    Two clips share a frame, and what the earlier one makes of it counts. Input frames that fill no
    clip are made from one that ends with the sequence: as RSTT's authors do it, where ZSM's leave
    them out (docs/protocols.md). A sequence shorter than a clip has its end frame repeated.

    frames: n, the input frames of a clip.
    whole_sequence: where clips begin depends on where the sequence does.
    """

    scale = 4
    frames = 4
    whole_sequence = True

    @property
    def burst(self) -> int:
        """The new frames of a clip, which are made at once."""
        return self.frames - 1

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return self.frames - 1 - (t > 0), self.frames - 1

    @abstractmethod
    def outputs(self, clip: Sequence[Frame], places: Sequence[int]) -> Tensor:
        """Those of a clip's 2n - 1 outputs, (len(places), 3, 4h, 4w); place 2k belongs to input k."""

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
    ) -> Outputs:
        require_halfway(self.name, times)
        step = 2 if not times else 1  # of places
        clip = deque[Frame](maxlen=self.frames)
        due = 0  # the first place of the sequence that no clip has made
        for k, ((frame,), last) in enumerate(windows(map(self.cached_frame, frames), 0, 0)):
            clip.append(frame)
            if not last and (k == 0 or k % (self.frames - 1)):
                continue
            first = 2 * (k + 1 - len(clip))
            asked = [place for place in range(due, 2 * k + 1, step) if is_wanted(place / 2)]
            due = 2 * k + step
            if asked:
                whole = [*clip, *[frame] * (self.frames - len(clip))]
                with self.computing():
                    outputs = self.compute(whole, [place - first for place in asked])
                yield from ((place / 2, output) for place, output in zip(asked, outputs))

    def compute(self, clip: Sequence[Frame], places: Sequence[int]) -> Tensor:
        return self.in_tiles(clip, len(places), lambda parts: self.outputs(parts, places))
