"""A video or a folder of frames in, a larger and smoother one out; resumes, and is whole or absent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Protocol

import numpy as np

from stvt.baselines import Method, Settings
from stvt.core.errors import StvtError, UsageError
from stvt.datasets import (
    SUFFIXES,
    Company,
    Encoding,
    Pieces,
    encoding,
    even,
    join,
    loses_aspect,
    write_frame,
)
from stvt.upsampling.checks import begin, check_places
from stvt.upsampling.job import UpsampleJob, UpsampleResult
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
from stvt.upsampling.sources import FolderSource, Source, VideoSource

Progress = Callable[[int, int | None, str], None]
FOLDER_RATE = Fraction(25)  # of a folder of frames whose rate nobody asks for


class Sink(Protocol):
    """Where outputs go; `done` are there already, `finish` puts the whole in place."""

    done: int

    def write(self, picture: Picture) -> None: ...
    def close(self) -> None: ...
    def finish(self, source: Source) -> list[str]: ...


def upsample_file(
    job: UpsampleJob, settings: Settings, progress: Progress, say: Callable[[str], None]
) -> UpsampleResult:
    """Carry out a job; `say` gets each note as soon as it is known.

    What was done when it was interrupted, killed, or a frame failed is in `job.parts`, and a job
    that is the same but for `resume` goes on there.

    Raises the rooms' errors and UsageError.
    """
    check_places(job)
    source = opened_source(job)
    rate = source.when.rate * (1 if job.slow else job.factor)
    to_video = job.output.suffix.lower() in SUFFIXES
    form = None
    if to_video:
        form = encoding(job.output, source.bits, job.codec, job.crf, job.form, job.lossless)
    method = built(job, settings)
    say(f"method: {method.name}" + (f", weights {method.weights[:12]}" if method.weights else ""))
    begin(job, settings, method)
    sink: Sink = VideoSink(job, form, source, rate) if form else FolderSink(job)
    notes = [*source.notes, *([form.note] if form and form.note else [])]
    width, height = (side * settings.scale for side in source.size)
    if form:
        width *= 2 if job.preview else 1
        blank = np.broadcast_to(np.uint8(0), (height, width, 3))
        if even(blank, form).shape != blank.shape:
            notes.append(f"{width}x{height} is odd: its last column or row is there twice")
        if source.look.aspect != 1 and loses_aspect(job.output, form):
            notes.append(
                f"the sample aspect ratio {source.look.aspect} is lost: "
                f"{job.output.suffix} keeps none for {form.encoder}; take .mp4, or h264"
            )
    elif source.bits > 8:
        notes.append(f"frames of {source.bits} bits become PNG files of 8")
    for note in notes:
        say(note)
    if sink.done:
        say(f"{sink.done} frames are done: going on after them")
    upsampling = Upsampling(method, placement(job, source), job.cuts)
    done = sink.done
    total = source.expected(job.factor)
    try:
        for made in upsampling.outputs(source.frames(), lambda: source.last, done):
            sink.write(as_picture(made))
            done += 1
            progress(done, total, job.output.name)
    except (StvtError, OSError) as error:
        sink.close()
        kept = "; what was done is kept, and --resume goes on there" if sink.done else ""
        raise UsageError(f"{error}{kept}") from error
    finally:
        sink.close()
        if not sink.done:
            shutil.rmtree(job.parts, ignore_errors=True)
    said = sink.finish(source)
    for note in said:
        say(note)
    shutil.rmtree(job.parts, ignore_errors=True)
    return UpsampleResult(
        upsampling.frames, done, rate, upsampling.cuts, notes + said, source.problems
    )


def opened_source(job: UpsampleJob) -> Source:
    if job.source.is_dir():
        if job.fps is None and job.output.suffix.lower() in SUFFIXES:
            raise UsageError(f"{job.source}: how fast are its frames shown? give --fps")
        return FolderSource(job.source, job.part, job.fps or FOLDER_RATE)
    if job.fps is not None:
        raise UsageError("--fps is for folders of frames; a video knows its own")
    return VideoSource(job.source, job.part, job.stream)


def built(job: UpsampleJob, settings: Settings) -> Method:
    smoother = job.factor > 1
    method = chosen_method(job.method, settings, smoother=smoother)
    if not job.preview:
        return method
    return SideBySide(chosen_method("bicubic+repeat", settings, smoother=smoother), method)


def placement(job: UpsampleJob, source: Source) -> Placement:
    if source.when.constant_rate:
        return Placement(even_times(job.factor), hold=job.hold)
    step = 1 / (source.when.rate * job.factor)
    return Placement(even_times(FINE) if job.factor > 1 else (), step, job.hold)


class VideoSink:
    """Pieces of video, joined with the source's sound at the end."""

    def __init__(self, job: UpsampleJob, form: Encoding, source: Source, rate: Fraction) -> None:
        self.job, self.form, self.rate = job, form, rate
        self.look = source.look
        self.pieces = Pieces(job.parts / "pieces", form, self.look, rate)
        self.done = self.pieces.done

    def write(self, picture: Picture) -> None:
        self.pieces.write(picture)

    def close(self) -> None:
        self.pieces.close()
        self.done = self.pieces.done

    def finish(self, source: Source) -> list[str]:
        whole = self.job.parts / f"whole{self.job.output.suffix.lower()}"
        company = None
        if isinstance(source, VideoSource) and source.first is not None:
            part = self.job.part
            end = None
            if part.end is not None:  # sound may go on after the picture, as far as was asked for
                end = source.first + max(self.pieces.done / self.rate, part.end - part.start)
            company = Company(
                source.path,
                opening=None if part.start else min(source.when.opening, source.first),
                start=source.first,
                end=end,
                sound=not self.job.slow,
                picture=source.stream,
            )
        notes = join(self.pieces.folder, whole, self.form, self.look, self.rate, company)
        os.replace(whole, self.job.output)
        return notes


class FolderSink:
    """Numbered PNG files."""

    def __init__(self, job: UpsampleJob) -> None:
        self.job, self.folder = job, job.parts / "frames"
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
        if self.job.output.is_dir():
            shutil.rmtree(self.job.output)
        os.replace(self.folder, self.job.output)
        return []
