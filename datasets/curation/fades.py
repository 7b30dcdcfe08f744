"""Frames of a shot that fade to or from a plain picture."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from .frame_stats import Seen

PLAIN = 4.0  # contrast, in levels of 255, of a picture that shows nothing
RISE_SECONDS = Fraction(1, 10)  # contrast is compared over so long: at 240 fps one step is noise
RISE = 1.02  # and grows by this part at least while a picture comes out of nothing


def faded(part: Sequence[Seen], rate: Fraction) -> list[str]:
    """For each frame why it is left out: plain, or on the way to or from a plain one; else empty.

    From a plain frame on, contrast rises until the picture is there; that far it is a fade.
    """
    contrast = [seen.contrast for seen in part]
    plain = [value < PLAIN for value in contrast]
    found = ["a plain picture" if empty else "" for empty in plain]
    if not any(plain):
        return found
    step = max(1, round(rate * RISE_SECONDS))
    for order in (1, -1):
        values, empties, said = contrast[::order], plain[::order], found[::order]
        at = 0
        while at < len(values):
            if empties[at] and at + 1 < len(values) and not empties[at + 1]:
                end = at + 1
                while end + step < len(values) and values[end + step] > RISE * values[end]:
                    end += 1
                if end > at + 1:
                    for k in range(at + 1, min(end + step, len(values))):
                        said[k] = said[k] or "a fade"
                at = end
            at += 1
        found = said[::order]
    return found
