"""`--tile auto`: whole frames, and when memory runs out tiles of half the side, again and again."""

from __future__ import annotations

import gc
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

import torch
from torch import Tensor

from ..method import IsWanted, Method, Outputs, everything
from .tiles import Tiles

LEAST = 32  # pixels: smaller tiles are nearly all margin


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a device or on the host."""
    text = str(error).lower()
    signs = ("out of memory", "not enough memory", "can't allocate memory", "failed to allocate")
    return isinstance(error, MemoryError) or any(sign in text for sign in signs)


def tiles_of(method: Method) -> list[Tiles]:
    """The tiles of a method's networks; none if it always works on whole frames."""
    tilings = (getattr(stage, "tiles", None) for stage in method.stages)
    return [tiles for tiles in tilings if isinstance(tiles, Tiles)]


def tile_in_use(method: Method) -> int | None:
    """The side of the smallest tiles that a method's networks work in; None: on whole frames."""
    return min((one.tile for one in tiles_of(method) if one.tile is not None), default=None)


def stream_in_tiles(
    method: Method,
    frames: Iterable[Tensor],
    times: Sequence[float],
    is_wanted: IsWanted = everything,
    tell: Callable[[str], None] = lambda line: None,
) -> Outputs:
    """`method.stream`, whose networks go on in tiles of half the side when memory runs out.

    The input frames that the next output reads are kept (all, where it may read all), so that
    nothing is asked for twice. The side stays with the method: its next stream begins with it.
    tell: given a line each time.
    Raises the error of memory if the tiles cannot be smaller or the method has none.
    """
    source = _Source(frames)
    reach = [method.support(t, times) for t in (0.0, *times)]
    before = max(b for b, _ in reach)
    last = -math.inf  # the time of the last output that was given
    while True:
        offset, begun_after = source.start, last

        def needed(time: float, offset: int = offset, after: float = begun_after) -> bool:
            at = _time(time, offset, times)
            return at > after and is_wanted(at)

        try:
            for time, output in method.stream(source.replay(), times, needed):
                at = _time(time, offset, times)
                if at > last:
                    last = at
                    yield at, output
                    if not method.whole_sequence:
                        source.forget(math.floor(at) - before)
            return
        except (RuntimeError, MemoryError) as error:  # torch's own is a RuntimeError
            if source.failed or not is_out_of_memory(error):
                raise
            side = _halve(method, source.longest)
            if side is None:
                raise
        # Outside of the handler, where nothing of the failed attempt is referred to any more.
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        tell(f"{method.name}: out of memory; it goes on in tiles of {side} pixels")


def _halve(method: Method, longest: int) -> int | None:
    """Halves the sides of a method's tiles and returns the smallest; None if that cannot be."""
    tiles = tiles_of(method)
    sides = [one.side(longest, longest) or longest for one in tiles]
    if not tiles or max(sides) // 2 < LEAST:
        return None
    half = max(sides) // 2
    for one in tiles:
        one.tile = half
    return half


def _time(time: float, offset: int, times: Sequence[float]) -> float:
    """The time of an output in the whole sequence, of one in a stream that began at `offset`."""
    k = math.floor(time + 1e-6)
    return offset + k + min((0.0, *times), key=lambda moment: abs(k + moment - time))


class _Source:
    """Input frames, of which the last ones can be given again.

    start:   the number of the first that can. longest: the longer side of a frame.
    failed:  whether an error came from reading them.
    """

    def __init__(self, frames: Iterable[Tensor]) -> None:
        self.rest = iter(frames)
        self.kept: deque[Tensor] = deque()
        self.start = self.longest = 0
        self.failed = False

    def replay(self) -> Iterator[Tensor]:
        return chain(list(self.kept), self._new())

    def _new(self) -> Iterator[Tensor]:
        while True:
            try:
                frame = next(self.rest, None)
            except BaseException:
                self.failed = True
                raise
            if frame is None:
                return
            self.kept.append(frame)
            self.longest = max(self.longest, *frame.shape[-2:])
            yield frame

    def forget(self, number: int) -> None:
        """No frame before that number will be asked for again."""
        while self.start < number and self.kept:
            self.kept.popleft()
            self.start += 1
