"""A job of `stvt upsample`, and its result."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from stvt.upsampling.cuts import CutList
from stvt.upsampling.encoder import SUFFIXES
from stvt.upsampling.sequence import Repeats
from stvt.upsampling.sources import Part


@dataclass(frozen=True)
class UpsampleJob:
    """One run of `stvt upsample`: source, output and options.

    scale:   output pixels for one input pixel, in each direction; None: the method's.
    factor:  output frames for one input frame.
    slow:    they take `factor` times as long, instead of coming `factor` times as fast.
    fps:     the output's rate, whatever the factor; of a folder without `source_fps` the source's.
    hold:    whether the last frame is shown as long as the others: n * factor frames, or else
             (n - 1) * factor + 1.
    cuts:    whether they are looked for, or a list of them.
    repeats: what becomes of frames that repeat the one before: see `Upsampling`.
    preview: bicubic on the left, the method on the right.
    """

    source: Path
    output: Path
    method: str | None = None
    scale: Fraction | None = None
    factor: int = 2
    slow: bool = False
    hold: bool = True
    cuts: bool | CutList = True
    repeats: Repeats = "hold"
    preview: bool = False
    part: Part = field(default_factory=Part)
    stream: int | None = None
    fps: Fraction | None = None
    source_fps: Fraction | None = None
    codec: str | None = None
    crf: float | None = None
    pixel_format: str | None = None
    lossless: bool = False
    resume: bool = False
    overwrite: bool = False

    @property
    def to_video(self) -> bool:
        """Whether the output is a video, not a folder of PNG."""
        return self.output.suffix.lower() in SUFFIXES

    @property
    def parts(self) -> Path:
        """The folder of what is done, until all is."""
        return self.output.with_name(f"{self.output.name}.parts")


@dataclass
class UpsampleResult:
    """The outcome of a job: numbers of frames and of those that only repeat, the output's rate, cuts,
    notes and problems."""

    frames: int
    repeats: int
    outputs: int
    rate: Fraction
    cuts: list[int]
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
