"""`stvt upsample`: a video or folder in, a larger and smoother one out; resumes, and is whole or absent."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np

from stvt.baselines import Method, Settings
from stvt.core.errors import StvtError, UsageError
from stvt.core.files import locked, reason
from stvt.core.progress import Progress
from stvt.datasets import usual_hold
from stvt.evaluation.threads import ordered_pool
from stvt.upsampling.choose import SideBySide, choose_method
from stvt.upsampling.cuts import CutList
from stvt.upsampling.encoder import (
    EncoderSettings,
    encoder_settings,
    loses_aspect,
    pad_to_even,
)
from stvt.upsampling.job import UpsampleJob, UpsampleResult, check_places, check_record
from stvt.upsampling.placement import FINE, SNAP, Placement, even_times
from stvt.upsampling.sequence import Upsampling, as_picture, resized
from stvt.upsampling.sinks import FolderSink, VideoSink
from stvt.upsampling.sources import FolderSource, Source, VideoSource

Say = Callable[[str], None]
FOLDER_RATE = Fraction(25)  # of a folder of frames whose rate nobody asks for


def upsample_file(
    job: UpsampleJob, settings: Settings, progress: Progress, say: Say
) -> UpsampleResult:
    """Carry out a job; `say` gets each note as soon as it is known.

    What was done when it was interrupted, killed, or a frame failed is in `job.parts`, and a job
    that is the same but for `resume` goes on there.

    Raises StvtError: nothing is left then but an old output, and parts if any were done.
    """
    check_places(job)
    source = open_source(job)
    coding = (job.codec, job.crf, job.pixel_format, job.lossless)
    encoder = encoder_settings(job.output, source.bits, *coding) if job.to_video else None
    rate, placement = timing(job, source)
    method = build_method(job, settings, new=bool(placement.times))
    scale = job.scale or Fraction(settings.scale)
    width, height = (max(round(side * scale), 1) for side in source.size)
    width *= 2 if job.preview else 1
    cuts = job.cuts
    if isinstance(cuts, CutList):
        cuts = cuts.at(source.when.start, source.when.opening)
    tell = say if settings.tile == "auto" else None
    upsampling = Upsampling(method, placement, cuts, tell, job.repeats)
    with locked(job.parts, "being written", UsageError):
        check_places(job)  # another process may have ended meanwhile
        check_record(job, settings, method)
        weights = f", weights {method.weights[:12]}" if method.weights else ""
        say(f"method: {method.name}{weights}")
        notes = [*source.notes, *output_notes(job, source, encoder, (height, width))]
        notes += timing_notes(job, source, rate)
        if method.scale != scale:
            notes.append(
                f"{method.name} enlarges by {method.scale}: its frames are reduced to {width}x{height} "
                "by an antialiased bicubic filter"
            )
        for note in notes:
            say(note)
        sink = VideoSink(job, encoder, source, rate) if encoder else FolderSink(job)
        if sink.done:
            say(f"{sink.done} frames are done: going on after them")
        done, known = sink.done, len(source.notes)
        total = source.expected(placement.step or 1 / rate)

        def written(_: None) -> None:
            nonlocal done
            done += 1
            progress(done, total, job.output.name)

        try:
            with ordered_pool(written) as submit:  # encodes while the next output is computed
                for output in upsampling.outputs(source.frames(), lambda: source.last, done):
                    picture = as_picture(resized(output, (height, width)))
                    submit(partial(sink.write, picture))
            sink.close()
            check_places(job)  # what came to be at the output meanwhile is not replaced
            later = [*source.notes[known:], *repeat_notes(job, upsampling.duplicate)]
            later += [line for stage in method.stages for line in stage.warnings]
            later += sink.finish(source)
        except (StvtError, OSError) as error:
            sink.close()
            kept = "; what was done is kept, and --resume goes on there" if sink.done else ""
            message = str(error)
            if isinstance(error, OSError):
                message = f"{error.filename or job.output}: cannot be written: {reason(error)}"
            raise UsageError(f"{message}{kept}") from error
        finally:
            sink.close()
            if not sink.done:
                shutil.rmtree(job.parts, ignore_errors=True)
        for note in later:
            say(note)
        shutil.rmtree(job.parts, ignore_errors=True)
    repeats = sum(upsampling.duplicate)
    return UpsampleResult(
        upsampling.frames, repeats, done, rate, upsampling.cuts, notes + later, source.problems
    )


def open_source(job: UpsampleJob) -> Source:
    """The source of a job, opened."""
    if job.source.is_dir():
        if job.stream is not None:
            raise UsageError(f"--stream is for videos, and {job.source} is a folder of frames")
        rate = job.source_fps or job.fps
        if rate is None and job.to_video:
            raise UsageError(f"{job.source}: how fast are its frames shown? give --fps")
        return FolderSource(job.source, job.part, rate or FOLDER_RATE)
    if job.source_fps is not None:
        raise UsageError("--source-fps is for folders of frames; a video knows its own")
    return VideoSource(job.source, job.part, job.stream)


def build_method(job: UpsampleJob, settings: Settings, new: bool) -> Method:
    """The method of a job; for a preview beside bicubic. new: whether it makes new frames."""
    method = choose_method(job.method, settings, new=new)
    if not job.preview:
        return method
    phase = (method.scale - 1) / 2
    settings = replace(settings, scale=method.scale, phase=phase, weights={})
    return SideBySide(choose_method("bicubic+repeat", settings, new=new), method)


def timing(job: UpsampleJob, source: Source) -> tuple[Fraction, Placement]:
    """The rate of a job's output, and where its frames lie between those of the source."""
    usual, slower = source.when.rate, job.factor if job.slow else 1
    rate = usual * (1 if job.slow else job.factor)
    if job.fps is not None and not (job.source.is_dir() and job.source_fps is None):
        rate = job.fps
    step = 1 / (rate * slower)
    if not source.when.constant_rate:
        new = job.fps is not None or job.factor > 1 or job.repeats == "even"
        near = SNAP * min(step, 1 / usual)
        return rate, Placement(even_times(FINE if new else 1), step, job.hold, near=near)
    parts = (step * usual).denominator
    if parts > FINE or job.repeats == "even":
        parts = FINE
    period = None if job.repeats == "even" else 1 / usual
    return rate, Placement(even_times(parts), step, job.hold, period, near=1 / usual / (2 * FINE))


def repeat_notes(job: UpsampleJob, duplicate: Sequence[bool]) -> list[str]:
    """A note on frames that repeat the one before, where most pictures are held so."""
    hold = usual_hold(duplicate)
    if hold is None:
        return []
    line = f"{sum(duplicate)} frames repeat the one before (each picture is held for {hold})"
    if job.repeats == "even":
        return [f"{line}: left out, and motion spread evenly"]
    return [f"{line}, and so motion is as uneven as before; --repeats even spreads it evenly"]


def output_notes(
    job: UpsampleJob, source: Source, encoder: EncoderSettings | None, size: tuple[int, int]
) -> list[str]:
    """Notes on what the output, of so many pixels down and across, will lack or have besides."""
    if encoder is None:
        return [f"frames of {source.bits} bits become PNG files of 8"] if source.bits > 8 else []
    notes = [encoder.note] if encoder.note else []
    blank = np.broadcast_to(np.uint8(0), (*size, 3))
    if pad_to_even(blank, encoder).shape != blank.shape:
        notes.append(f"{size[1]}x{size[0]} is odd: its last column or row is there twice")
    if source.vui.aspect != 1 and loses_aspect(job.output, encoder):
        notes.append(
            f"the sample aspect ratio {source.vui.aspect} is lost: {job.output.suffix} keeps none "
            f"for {encoder.encoder}; take .mp4, or h264"
        )
    return notes


def timing_notes(job: UpsampleJob, source: Source, rate: Fraction) -> list[str]:
    """Notes on a rate and cuts that may not be what was meant."""
    notes = []
    if source.when.rate > rate * (job.factor if job.slow else 1):
        notes.append(
            f"{float(rate):g} frames a second are fewer than the source's {float(source.when.rate):g}: "
            "some are left out"
        )
    if isinstance(job.cuts, CutList):
        beyond = job.cuts.beyond(source.when.frames, source.when.seconds)
        if beyond:
            notes.append(
                f"{beyond} of the {len(job.cuts.cuts)} cuts of {job.cuts.path} lie after the last "
                f"frame of {source.path}: is the list another video's?"
            )
    return notes
