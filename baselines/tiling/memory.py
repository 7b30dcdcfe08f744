"""How much memory the networks take, as measured, and what fits into a given one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ..errors import MethodError

UNITS = {"": 1, "k": 1, "m": 2, "g": 3, "t": 4}
STEP = 16  # pixels between one side of a tile that is tried and the next


def parse_size(text: str) -> int:
    """Bytes, from a number with a unit; a unit with an i counts in 1024s, one without in 1000s.

    >>> parse_size("4GiB"), parse_size("1.5 GB"), parse_size("512MiB"), parse_size("100000000")
    (4294967296, 1500000000, 536870912, 100000000)

    Raises MethodError for anything else.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?|b?)\s*", text, re.IGNORECASE)
    if match is None or not float(match[1]):
        raise MethodError(f"{text!r} is no size of memory; write one as in 4GiB or 800MB")
    base = 1024 if match[3] else 1000
    return int(float(match[1]) * (base ** UNITS[match[2].lower()] if match[2] else 1))


def written(size: float) -> str:
    """A size as people read it, rounded up.

    >>> written(2**29), written(2**32 + 1)
    ('512MiB', '4.1GiB')
    """
    if size <= 1000 << 20:
        return f"{-(-int(size) >> 20)}MiB"
    return f"{-(-int(size) * 10 >> 30) / 10:.1f}GiB"


@dataclass(frozen=True)
class Need:
    """Bytes at the most while a stream runs, the weights included.

    fixed:  whatever the size.
    whole:  more for each pixel of a frame that is worked on whole.
    tile:   more for each pixel of a tile, its margin included.
    frame:  more for each pixel of a frame that is worked on in tiles.
    least:  the smallest side of a tile that is worth its margin.
    border: pixels by which a frame grows at most, in each direction, before the network sees it.
    """

    fixed: int
    whole: int
    tile: int
    frame: int
    least: int
    border: int = 15

    def of_frame(self, height: int, width: int) -> int:
        """Of frames of that size, worked on whole."""
        return self.fixed + self.whole * self._seen(height, width)

    def of_tiles(self, side: int, height: int, width: int) -> int:
        """Of frames of that size, worked on in tiles of that side."""
        return self.fixed + self.tile * side**2 + self.frame * self._seen(height, width)

    def in_half_precision(self) -> Need:
        parts = {name: int(HALF * getattr(self, name)) for name in ("whole", "tile", "frame")}
        return replace(self, **parts)

    def _seen(self, height: int, width: int) -> int:
        return (height + self.border) * (width + self.border)


MIB = 1 << 20
# Peaks of resident memory with tests/benchmarks/memory.py, in float32 on a CPU, one thread, from
# 64x48 up; rounded up so that no measured peak lies above. docs/performance.md has the peaks.
NEEDS = {
    "stvun": Need(340 * MIB, 37_000, 66_000, 600, least=96),
    "stvun-w-af": Need(300 * MIB, 54_000, 92_000, 600, least=96),
    "stvun-s": Need(95 * MIB, 12_000, 22_000, 600, least=96),
    "stvun-m": Need(155 * MIB, 20_000, 37_000, 600, least=96),
    "edvr": Need(150 * MIB, 38_000, 56_000, 600, least=64),
    "edvr-m": Need(90 * MIB, 21_500, 33_000, 600, least=64),
    "edvr-s": Need(75 * MIB, 12_000, 18_000, 600, least=64),
    "dain": Need(850 * MIB, 4_700, 5_000, 960, least=64, border=128),
    "fisr": Need(330 * MIB, 7_500, 8_000, 4_200, least=128, border=31),
}
HALF = 0.8  # of what is needed beyond `fixed`, in bf16 on a CPU; measured were 0.61 to 0.76


def tile_within(
    network: str,
    memory: int,
    height: int,
    width: int,
    *,
    half: bool = False,
    alone: bool = True,
) -> int | None:
    """The side of the largest tiles with which a network stays within so many bytes.

    height, width: of its frames, in low-resolution pixels.
    half:  whether in bf16 on a CPU. For a GPU, where nothing was measured, leave it.
    alone: otherwise another stage works beside it. Then it takes the whole frame only where that
           is a fifth of the memory, for it keeps much between frames, and else no more than
           four fifths.

    Returns None where the whole frame fits.
    Raises MethodError if the smallest tiles do not.
    """
    need = NEEDS[network].in_half_precision() if half else NEEDS[network]
    share = 1.0 if alone else 0.8
    small = max(height, width) <= need.least  # so that a tile would be the whole frame
    whole = need.of_frame(height, width)
    if whole <= (memory if alone else share * memory if small else memory / 5):
        return None
    sides = range(need.least, max(height, width), STEP)
    fitting = [side for side in sides if need.of_tiles(side, height, width) <= share * memory]
    if not fitting:
        least = (whole if small else need.of_tiles(need.least, height, width)) / share
        raise MethodError(
            f"{network}: --memory {written(memory)} is too little for frames of {width}x{height}; "
            f"it takes {written(least)} at least"
        )
    return max(fitting)
