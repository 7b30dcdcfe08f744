"""A video or a folder of frames in, a larger and smoother one out; resumes, and is whole or absent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from stvt.baselines.method import Method, Settings
from stvt.core.errors import UsageError, user_errors
from stvt.datasets.frames import write_frame
from stvt.datasets.video.encoder import SUFFIXES, Encoding, Pieces, encoding, even, loses_aspect
from stvt.datasets.video.mux import Company, join
from stvt.upsampling.checks import begin, check_places
from stvt.upsampling.sequence import (
    FINE,
    Picture,
    Placement,
    SideBySide,
    Upsampling,
    as_picture,
    chosen_method,
    even_times,
)
from stvt.upsampling.sources import FolderSource, Part, Source, VideoSource

Progress = Callable[[int, int | None, str], None]
FOLDER_RATE = Fraction(25)  # of a folder of frames whose rate nobody asks for


@dataclass(frozen=True)
class Wish:
    """What one run is to make.

    factor:  output frames for one input frame.
    slow:    they take `factor` times as long, instead of coming `factor` times as fast.
    hold:    whether the last frame is shown as long as the others: n * factor frames, or else
             (n - 1) * factor + 1.
    preview: the plain way on the left, the method on the right.
    """

    source: Path
    output: Path
    method: str | None = None
    factor: int = 2
    slow: bool = False
    hold: bool = True
    cuts: bool = True
    preview: bool = False
    part: Part = field(default_factory=Part)
    stream: int | None = None
    fps: Fraction | None = None
    codec: str | None = None
    crf: float | None = None
    form: str | None = None
    lossless: bool = False
    resume: bool = False
    overwrite: bool = False

    @property
    def parts(self) -> Path:
        """The folder of what is done, until all is."""
        return self.output.with_name(f"{self.output.name}.parts")


@dataclass
class Made:
    """What became of it: numbers of frames, the rate, and what is to be said."""

    frames: int
    outputs: int
    rate: Fraction
    cuts: list[int]
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Sink(Protocol):
    """Where outputs go; `done` are there already, `finish` puts the whole in place."""

    done: int

    def write(self, picture: Picture) -> None: ...
    def close(self) -> None: ...
    def finish(self, source: Source) -> list[str]: ...


def upsample_file(
    wish: Wish, settings: Settings, progress: Progress, say: Callable[[str], None]
) -> Made:
    """Carry out a wish; `say` gets each note as soon as it is known.

    What was done when it was interrupted, killed, or a frame failed is in `wish.parts`, and a wish
    that is the same but for `resume` goes on there.

    Raises the rooms' errors and UsageError.
    """
    check_places(wish)
    source = opened_source(wish)
    rate = source.when.rate * (1 if wish.slow else wish.factor)
    to_video = wish.output.suffix.lower() in SUFFIXES
    form = None
    if to_video:
        form = encoding(wish.output, source.bits, wish.codec, wish.crf, wish.form, wish.lossless)
    method = built(wish, settings)
    say(f"method: {method.name}" + (f", weights {method.weights[:12]}" if method.weights else ""))
    begin(wish, settings, method)
    sink: Sink = VideoSink(wish, form, source, rate) if form else FolderSink(wish)
    notes = [*source.notes, *([form.note] if form and form.note else [])]
    width, height = (side * settings.scale for side in source.size)
    if form:
        width *= 2 if wish.preview else 1
        blank = np.broadcast_to(np.uint8(0), (height, width, 3))
        if even(blank, form).shape != blank.shape:
            notes.append(f"{width}x{height} is odd: its last column or row is there twice")
        if source.look.aspect != 1 and loses_aspect(wish.output, form):
            notes.append(
                f"the sample aspect ratio {source.look.aspect} is lost: "
                f"{wish.output.suffix} keeps none for {form.encoder}; take .mp4, or h264"
            )
    elif source.bits > 8:
        notes.append(f"frames of {source.bits} bits become PNG files of 8")
    for note in notes:
        say(note)
    if sink.done:
        say(f"{sink.done} frames are done: going on after them")
    upsampling = Upsampling(method, placement(wish, source), wish.cuts)
    done = sink.done
    total = source.expected(wish.factor)
    try:
        for made in upsampling.outputs(source.frames(), lambda: source.last, done):
            sink.write(as_picture(made))
            done += 1
            progress(done, total, wish.output.name)
    except user_errors() as error:
        sink.close()
        kept = "; what was done is kept, and --resume goes on there" if sink.done else ""
        raise UsageError(f"{error}{kept}") from error
    finally:
        sink.close()
        if not sink.done:
            shutil.rmtree(wish.parts, ignore_errors=True)
    said = sink.finish(source)
    for note in said:
        say(note)
    shutil.rmtree(wish.parts, ignore_errors=True)
    return Made(upsampling.frames, done, rate, upsampling.cuts, notes + said, source.problems)


def opened_source(wish: Wish) -> Source:
    if wish.source.is_dir():
        if wish.fps is None and wish.output.suffix.lower() in SUFFIXES:
            raise UsageError(f"{wish.source}: how fast are its frames shown? give --fps")
        return FolderSource(wish.source, wish.part, wish.fps or FOLDER_RATE)
    if wish.fps is not None:
        raise UsageError("--fps is for folders of frames; a video knows its own")
    return VideoSource(wish.source, wish.part, wish.stream)


def built(wish: Wish, settings: Settings) -> Method:
    smoother = wish.factor > 1
    method = chosen_method(wish.method, settings, smoother=smoother)
    if not wish.preview:
        return method
    return SideBySide(chosen_method("bicubic+repeat", settings, smoother=smoother), method)


def placement(wish: Wish, source: Source) -> Placement:
    if source.when.steady:
        return Placement(even_times(wish.factor), hold=wish.hold)
    step = 1 / (source.when.rate * wish.factor)
    return Placement(even_times(FINE) if wish.factor > 1 else (), step, wish.hold)


class VideoSink:
    """Pieces of video, joined with the source's sound at the end."""

    def __init__(self, wish: Wish, form: Encoding, source: Source, rate: Fraction) -> None:
        self.wish, self.form, self.rate = wish, form, rate
        self.look = source.look
        self.pieces = Pieces(wish.parts / "pieces", form, self.look, rate)
        self.done = self.pieces.done

    def write(self, picture: Picture) -> None:
        self.pieces.write(picture)

    def close(self) -> None:
        self.pieces.close()
        self.done = self.pieces.done

    def finish(self, source: Source) -> list[str]:
        whole = self.wish.parts / f"whole{self.wish.output.suffix.lower()}"
        company = None
        if isinstance(source, VideoSource) and source.first is not None:
            part = self.wish.part
            end = None
            if part.end is not None:  # sound may go on after the picture, as far as was asked for
                end = source.first + max(self.pieces.done / self.rate, part.end - part.start)
            company = Company(
                source.path,
                opening=None if part.start else min(source.when.opening, source.first),
                start=source.first,
                end=end,
                sound=not self.wish.slow,
                picture=source.stream,
            )
        notes = join(self.pieces.folder, whole, self.form, self.look, self.rate, company)
        os.replace(whole, self.wish.output)
        return notes


class FolderSink:
    """Numbered PNG files."""

    def __init__(self, wish: Wish) -> None:
        self.wish, self.folder = wish, wish.parts / "frames"
        self.folder.mkdir(exist_ok=True)
        self.done = next(self._free())

    def _free(self) -> Iterator[int]:
        """The numbers from the first on that has no file."""
        number = 0
        while (self.folder / f"{number:08d}.png").exists():
            number += 1
        yield number

    def write(self, picture: Picture) -> None:
        rounded = np.rint(picture * 255).astype(np.uint8)
        write_frame(self.folder / f"{self.done:08d}.png", np.ascontiguousarray(rounded))
        self.done += 1

    def close(self) -> None:
        """Every file is whole already."""

    def finish(self, source: Source) -> list[str]:
        if self.wish.output.is_dir():
            shutil.rmtree(self.wish.output)
        os.replace(self.folder, self.wish.output)
        return []
