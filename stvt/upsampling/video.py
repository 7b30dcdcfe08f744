"""`stvt upsample`: a video or folder in, a larger and smoother one out; resumes, and is whole or absent."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from stvt.baselines import Method, Settings
from stvt.core.errors import StvtError, UsageError
from stvt.core.files import locked, reason
from stvt.upsampling.checks import check_places, check_record
from stvt.upsampling.choose import SideBySide, choose_method
from stvt.upsampling.encoder import (
    EncoderSettings,
    encoder_settings,
    loses_aspect,
    pad_to_even,
)
from stvt.upsampling.job import UpsampleJob, UpsampleResult
from stvt.upsampling.sequence import FINE, Placement, Upsampling, as_picture, even_times
from stvt.upsampling.sinks import FolderSink, Sink, VideoSink
from stvt.upsampling.sources import FolderSource, Source, VideoSource

Progress = Callable[[int, int | None, str], None]
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
    encoder = None
    if job.to_video:
        encoder = encoder_settings(
            job.output, source.bits, job.codec, job.crf, job.pixel_format, job.lossless
        )
    method = build_method(job, settings)
    with locked(job.parts, "being written", UsageError):
        check_places(job)  # another process may have ended meanwhile
        check_record(job, settings, method)
        return _run(job, settings, method, source, encoder, progress, say)


def _run(
    job: UpsampleJob,
    settings: Settings,
    method: Method,
    source: Source,
    encoder: EncoderSettings | None,
    progress: Progress,
    say: Say,
) -> UpsampleResult:
    say(f"method: {method.name}" + (f", weights {method.weights[:12]}" if method.weights else ""))
    rate = source.when.rate * (1 if job.slow else job.factor)
    sink: Sink = VideoSink(job, encoder, source, rate) if encoder else FolderSink(job)
    notes = [*source.notes, *output_notes(job, source, encoder, settings.scale)]
    for note in notes:
        say(note)
    if sink.done:
        say(f"{sink.done} frames are done: going on after them")
    upsampling = Upsampling(
        method, placement(job, source), job.cuts, say if settings.tile == "auto" else None
    )
    done, total, known = sink.done, source.expected(job.factor), len(source.notes)
    try:
        for output in upsampling.outputs(source.frames(), lambda: source.last, done):
            sink.write(as_picture(output))
            done += 1
            progress(done, total, job.output.name)
        sink.close()
        check_places(job)  # what came to be at the output meanwhile is not replaced
        warned = [line for stage in method.stages for line in stage.warnings]
        left_out = [*source.notes[known:], *warned, *sink.finish(source)]
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
    for note in left_out:
        say(note)
    shutil.rmtree(job.parts, ignore_errors=True)
    return UpsampleResult(
        upsampling.frames, done, rate, upsampling.cuts, notes + left_out, source.problems
    )


def open_source(job: UpsampleJob) -> Source:
    """The source of a job, opened."""
    if job.source.is_dir():
        if job.fps is None and job.to_video:
            raise UsageError(f"{job.source}: how fast are its frames shown? give --fps")
        return FolderSource(job.source, job.part, job.fps or FOLDER_RATE)
    if job.fps is not None:
        raise UsageError("--fps is for folders of frames; a video knows its own")
    return VideoSource(job.source, job.part, job.stream)


def build_method(job: UpsampleJob, settings: Settings) -> Method:
    """The method of a job; for a preview beside bicubic."""
    new = job.factor > 1
    method = choose_method(job.method, settings, new=new)
    if not job.preview:
        return method
    return SideBySide(choose_method("bicubic+repeat", settings, new=new), method)


def placement(job: UpsampleJob, source: Source) -> Placement:
    """The times of a job's outputs: equal parts of each gap, or by time stamps where these vary."""
    if source.when.constant_rate:
        return Placement(even_times(job.factor), hold=job.hold, period=1 / source.when.rate)
    step = 1 / (source.when.rate * job.factor)
    return Placement(even_times(FINE) if job.factor > 1 else (), step, job.hold)


def output_notes(
    job: UpsampleJob, source: Source, encoder: EncoderSettings | None, scale: int
) -> list[str]:
    """Notes on what the output will lack of the source, or have besides."""
    if encoder is None:
        return [f"frames of {source.bits} bits become PNG files of 8"] if source.bits > 8 else []
    notes = [encoder.note] if encoder.note else []
    width, height = (side * scale for side in source.size)
    width *= 2 if job.preview else 1
    blank = np.broadcast_to(np.uint8(0), (height, width, 3))
    if pad_to_even(blank, encoder).shape != blank.shape:
        notes.append(f"{width}x{height} is odd: its last column or row is there twice")
    if source.vui.aspect != 1 and loses_aspect(job.output, encoder):
        notes.append(
            f"the sample aspect ratio {source.vui.aspect} is lost: {job.output.suffix} keeps none "
            f"for {encoder.encoder}; take .mp4, or h264"
        )
    return notes
