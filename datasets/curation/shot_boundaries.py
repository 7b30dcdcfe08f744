"""Where one shot ends and the next begins, found while frames stream by."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")
Picture = NDArray[np.generic]

SIDE = 96  # pixels of the longer side of what is compared
SMALLEST = 16  # and of the shorter: optical flow needs as many
# Measured on real clips: cuts leave 0.35 or more of the contrast unexplained by motion, over 0.40 or
# more of the picture; a whip pan 0.23 over 0.24, the wildest hand-held shot 0.20 over 0.65.
LEFT = 0.3  # unexplained difference of a cut, as a part of the contrast
SPREAD = 0.3  # part of the picture where it is more than LEVELS
LEVELS = 12
SUDDEN = 2.0  # a cut is so many times the differences around it: a pan is not
FLASH = 3  # frames at most that a flash or a drop-out lasts, plus one
AROUND = 2  # differences on either side with which one is compared


class _Look:
    """A frame as it is compared: small, in colour and in grey."""

    def __init__(self, picture: Picture) -> None:
        height, width = picture.shape[:2]
        part = SIDE / max(height, width)
        size = [max(round(side * part), SMALLEST) for side in (width, height)]
        small = cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA)
        if small.dtype != np.uint8:
            small = (np.clip(small, 0, 1) * 255).round().astype(np.uint8)
        self.colour = np.asarray(small, np.uint8)
        self.grey = cv2.cvtColor(self.colour, cv2.COLOR_RGB2GRAY)
        self.contrast = max(float(self.grey.std()), 1.0)


class _Comparison:
    """How much of a look motion cannot explain by another."""

    def __init__(self) -> None:
        self.dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self.dis.setFinestScale(0)

    def __call__(self, one: _Look, other: _Look) -> tuple[float, float]:
        """The mean difference left, in levels of 255, and the part of the picture it spreads over."""
        if np.array_equal(one.colour, other.colour):  # stills and repeats: soon done
            return 0.0, 0.0
        flow = self.dis.calc(other.grey, one.grey, None)
        height, width = other.grey.shape
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        moved = cv2.remap(
            one.colour,
            x + flow[..., 0],
            y + flow[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        here = other.colour.astype(np.float32)
        along, still = (np.abs(p.astype(np.float32) - here).mean(-1) for p in (moved, one.colour))
        left = cv2.blur(np.minimum(along, still), (5, 5))
        return float(left.mean()), float((left > LEVELS).mean())

    def differ(self, one: _Look, other: _Look) -> bool:
        """Whether the two are of different shots, as far as two frames can tell."""
        left, spread = self(one, other)
        return spread > SPREAD and left > LEFT * max(one.contrast, other.contrast)


def shots(
    items: Iterable[Item],
    picture: Callable[[Item], Picture] = lambda item: item,  # type: ignore[assignment,return-value]
) -> Iterator[tuple[int, Item]]:
    """Each item with the number of the shot it belongs to, from 0, some frames behind.

    picture: the frame of an item, (H, W, 3), RGB: uint8, or floats in [0, 1].

    A cut is a change that motion does not explain, far above those just before and after. A flash,
    or up to two odd frames, after which the picture comes back is none; nor is a fade.
    """
    compare = _Comparison()
    # Each with the difference to the one before, which the very first has not.
    waiting: deque[tuple[Item, _Look, float | None]] = deque()
    past: deque[tuple[_Look, float | None]] = deque(maxlen=FLASH)
    shot = 0

    def cut() -> bool:
        """Whether a shot begins with the first that waits."""
        look, left = waiting[0][1:]
        if left is None or left <= LEFT * min(look.contrast, past[-1][0].contrast):
            return False
        lefts = [left for _, left in past][-AROUND:]
        lefts += [left for _, _, left in list(waiting)[1 : AROUND + 1]]
        around = [value for value in lefts if value is not None]
        if around and left < SUDDEN * float(np.median(around)):
            return False
        befores = [look for look, _ in past]
        return _all_differ(compare, befores, [look for _, look, _ in list(waiting)[:FLASH]])

    last: _Look | None = None
    for item in items:
        look = _Look(picture(item))
        left = compare(last, look)[0] if last is not None else None
        waiting.append((item, look, left))
        last = look
        if len(waiting) > FLASH:
            shot += cut()
            done, seen, left = waiting.popleft()
            past.append((seen, left))
            yield shot, done
    while waiting:
        shot += cut()
        done, seen, left = waiting.popleft()
        past.append((seen, left))
        yield shot, done


def _all_differ(compare: _Comparison, befores: Sequence[_Look], afters: Sequence[_Look]) -> bool:
    """Whether no look of the one side is of the same shot as one of the other, nearest first."""
    pairs = [(b, a) for b in range(len(befores)) for a in range(len(afters))]
    pairs.sort(key=lambda pair: len(befores) - pair[0] + pair[1])
    return all(compare.differ(befores[b], afters[a]) for b, a in pairs)
