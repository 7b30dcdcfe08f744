"""Outputs of `stvt upsample`: segments of a video, or a folder of PNG; the output appears when it is whole.

A sink takes the outputs in order (`write`), keeps what was written, whether it is all or not (`close`),
and puts the whole in place (`finish`); `done` says how many are kept already.
"""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from itertools import count
from pathlib import Path

import numpy as np

from stvt.core.errors import UsageError
from stvt.core.files import remove_temporaries
from stvt.datasets import Pixels, frame_files, write_frame
from stvt.upsampling.encoder import EncoderSettings, SegmentWriter, loses_range
from stvt.upsampling.job import UpsampleJob
from stvt.upsampling.mux import SourceStreams, mux_segments
from stvt.upsampling.sources import Source, VideoSource


class VideoSink(SegmentWriter):
    """A video, written in segments and joined with the source's other streams at the end."""

    def __init__(
        self, job: UpsampleJob, settings: EncoderSettings, source: Source, rate: Fraction
    ) -> None:
        full = source.vui.full and not loses_range(job.output, settings)
        super().__init__(job.parts / "segments", settings, replace(source.vui, full=full), rate)
        self.job = job

    def finish(self, source: Source) -> list[str]:
        """Joins the segments; returns notes on what was left out."""
        whole = self.job.parts / f"whole{self.job.output.suffix.lower()}"
        streams = self._streams(source) if isinstance(source, VideoSource) else None
        try:
            notes = mux_segments(self, whole, streams)
            self._put_in_place(whole)
        finally:
            whole.unlink(missing_ok=True)
        return notes

    def _put_in_place(self, whole: Path) -> None:
        """Names the whole as the output, unless something has come to be there meanwhile."""
        output = self.job.place
        if not self.job.overwrite:
            try:
                os.link(whole, output)  # which never replaces anything
                return
            except FileExistsError:
                raise UsageError(f"{output}: is there already; give another name") from None
            except OSError:  # a file system without links
                pass
        os.replace(whole, output)

    def _streams(self, source: VideoSource) -> SourceStreams | None:
        if source.first is None:
            return None
        part, end = self.job.part, None
        if part.end is not None:  # sound may go on after the picture, as far as was asked for
            end = source.first + max(self.done / self.rate, part.end - part.start)
        return SourceStreams(
            source.path,
            opening=None if part.start else min(source.when.opening, source.first),
            start=source.first,
            end=end,
            sound=not self.job.slow,
            picture=source.stream,
        )


class FolderSink:
    """A folder of numbered PNG files, each whole as soon as it is there."""

    def __init__(self, job: UpsampleJob) -> None:
        self.job, self.folder = job, job.parts / "frames"
        self.folder.mkdir(exist_ok=True)
        remove_temporaries(self.folder)  # the folder itself becomes the output
        self.done = next(n for n in count() if not (self.folder / f"{n:08d}.png").exists())

    def write(self, picture: Pixels) -> None:
        rounded = np.rint(picture * 255).astype(np.uint8)
        write_frame(self.folder / f"{self.done:08d}.png", np.ascontiguousarray(rounded))
        self.done += 1

    def close(self) -> None:
        """Nothing is open."""

    def finish(self, _: Source) -> list[str]:
        """Names the folder as the output; returns no notes."""
        output = self.job.place
        if output.is_dir():
            for file in frame_files(output) if self.job.overwrite else ():
                file.unlink()
            output.rmdir()  # fails if anything else has come to be there meanwhile
        os.rename(self.folder, output)
        return []
