"""Frames between which the light goes up and down: lamps on mains current, filmed at a high rate."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise

from .frame_stats import Seen

WINDOW = 30  # frames that are judged together
# Levels of a frame's change that one gain for the whole picture explains. Measured: more than this
# in half of the frames of a film at 960 a second under lamps, which is found as a whole; of 50 other
# real files only a time lapse of a flower, whose light jumps, is found, in a fifth of its frames.
LIT = 0.3
PART = 0.3  # of the frames of a window that have such a change
TURNS = 4  # from up to down or back, that they make in it


def flickering(part: Sequence[Seen]) -> list[bool]:
    """Whether each frame of a shot lies where the light flickers."""
    found = [False] * len(part)
    for start in range(0, len(part), WINDOW):
        # The last window is as long as the others, where the shot is.
        begin = max(0, min(start, len(part) - WINDOW))
        window = part[begin : start + WINDOW]
        ups = [seen.brighter > 0 for seen in window if abs(seen.brighter) > LIT]
        turns = sum(one != other for one, other in pairwise(ups))
        if len(ups) >= PART * len(window) and turns >= TURNS:
            found[start : start + len(window)] = [True] * len(part[start : start + WINDOW])
    return _joined(found)


def _joined(found: list[bool]) -> list[bool]:
    """Without the gaps of one window: light that flickers before and after does so between."""
    runs = [(value, len(list(group))) for value, group in groupby(found)]
    for k, (value, length) in enumerate(runs):
        if not value and length <= WINDOW and 0 < k < len(runs) - 1:
            runs[k] = (True, length)
    return [value for value, length in runs for _ in range(length)]
