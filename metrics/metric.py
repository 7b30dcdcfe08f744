"""What a metric is: its name, direction, unit and definition, and how to get it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from .sequence import SequenceMeasure

# (restored, truth, channel, crop_border): two uint8 RGB frames (H, W, 3), to a number.
Measure = Callable[[Any, Any, str, int], float]
# Of one sequence; a new one for each scene.
NewSequence = Callable[[], SequenceMeasure]
# Name -> a network with its weights (baselines.published_network); raises StvtError if they are not here.
LoadNetwork = Callable[[str], Any]


@dataclass(frozen=True)
class Metric:
    """A metric as tables and signatures name it, and how to get it.

    unit:       "dB", or "" for a plain number.
    channels:   those it is defined for: "rgb", "y".
    definition: the part of a score's signature that says which of the variants in use it is.
    open:       (device, load) -> the measure, a `Measure` for the input "frame", a `NewSequence` for
                "sequence"; raises StvtError, before any work, if it cannot be had.
    spec:       what names it on the command line, where that is not its name alone.
    input:      what it scores: a pair of frames, or two sequences: the scored frames of a scene and
                the true ones, in the order of time.
    """

    name: str
    higher_is_better: bool
    summary: str
    definition: str
    open: Callable[[str, LoadNetwork], Any]
    unit: str = ""
    channels: tuple[str, ...] = ("rgb",)
    spec: str = ""
    input: Literal["frame", "sequence"] = "frame"
