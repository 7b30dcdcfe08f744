"""Frames of a shot that make no clip: fades and plain pictures, stills, flickering light.

Each detector takes the statistics of a shot's frames, one after the other, and gives for each frame
the reason why it is left out, empty if there is none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby, pairwise

from .frame_stats import FrameStats


@dataclass
class _ShotDetector:
    frames: list[FrameStats] = field(default_factory=list, init=False)

    def process_frame(self, stats: FrameStats) -> None:
        self.frames.append(stats)


@dataclass
class FadeDetector(_ShotDetector):
    """Finds plain pictures, and frames that fade to or from one.

    rate:  frames a second as shown.
    plain: contrast, in levels of 255, of a picture that shows nothing.
    rise:  the contrast grows by this part at least while a picture comes out of nothing, ...
    rise_seconds: ... over so long: at 240 fps one step is noise.
    """

    rate: Fraction
    plain: float = 4.0
    rise: float = 1.02
    rise_seconds: Fraction = Fraction(1, 10)

    def result(self) -> list[str]:
        """From a plain frame on, contrast rises until the picture is there; that far it is a fade."""
        contrast = [stats.contrast for stats in self.frames]
        plain = [value < self.plain for value in contrast]
        forwards = self._fades(contrast, plain)
        backwards = self._fades(contrast[::-1], plain[::-1])[::-1]
        return [
            "a plain picture" if is_plain else "a fade" if one or other else ""
            for is_plain, one, other in zip(plain, forwards, backwards, strict=True)
        ]

    def _fades(self, contrast: list[float], plain: list[bool]) -> list[bool]:
        """Where the contrast rises after a plain picture."""
        count, step = len(contrast), max(1, round(self.rate * self.rise_seconds))
        fades, end = [False] * count, -1
        for at in range(1, count):
            if at > end + 1 and plain[at - 1] and not plain[at]:
                end = at
                while end + step < count and contrast[end + step] > self.rise * contrast[end]:
                    end += 1
                if end > at:
                    fades[at : end + step] = [True] * len(fades[at : end + step])
        return fades


@dataclass
class StillDetector(_ShotDetector):
    """Finds rests: training needs pauses, not stills.

    rate:    frames a second as shown.
    motion:  least `FrameStats.busiest_change` of a frame with motion; measured: noise 0.3 to 0.9,
             slow pans 2.
    seconds: a rest that is shorter is left in.
    """

    rate: Fraction
    motion: float = 1.0
    seconds: Fraction = Fraction(1, 4)

    def result(self) -> list[str]:
        still = [stats.busiest_change < self.motion for stats in self.frames]
        still[:1] = still[1:2] or still  # the first has none before it to be compared with
        least = max(self.rate * self.seconds, Fraction(2))
        reasons: list[str] = []
        for is_still, group in groupby(still):
            length = len(list(group))
            reasons += ["still: nothing moves" if is_still and length >= least else ""] * length
        return reasons


@dataclass
class FlickerDetector(_ShotDetector):
    """Finds frames between which the light goes up and down: lamps on mains current, at high rates.

    window: frames that are judged together.
    gain:   least levels of a frame's change that one gain for the whole picture explains. Measured:
            more than this in half of the frames of a film at 960 a second under lamps, which is
            found as a whole; of 50 other real files only a time lapse of a flower, whose light
            jumps, is found, in a fifth of its frames.
    part:   of the frames of a window that have such a change.
    turns:  from up to down or back, that they make in it.
    """

    window: int = 30
    gain: float = 0.3
    part: float = 0.3
    turns: int = 4

    def result(self) -> list[str]:
        count = len(self.frames)
        flickers: list[bool] = []
        for start in range(0, count, self.window):
            # The last window is as long as the others, where the shot is.
            window = self.frames[max(0, min(start, count - self.window)) : start + self.window]
            ups = [s.brightening > 0 for s in window if abs(s.brightening) > self.gain]
            turns = sum(one != other for one, other in pairwise(ups))
            is_flicker = len(ups) >= self.part * len(window) and turns >= self.turns
            flickers += [is_flicker] * min(self.window, count - start)
        # Light that flickers before and after a gap of one window does so between.
        runs = [(value, len(list(group))) for value, group in groupby(flickers)]
        reasons: list[str] = []
        for k, (value, length) in enumerate(runs):
            gap = length <= self.window and 0 < k < len(runs) - 1
            reasons += ["flicker: the light goes up and down" if value or gap else ""] * length
        return reasons
