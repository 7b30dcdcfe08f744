"""A job of `stvt upsample`: its options, its result, and its checks before anything is done."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

from stvt.baselines import Method, Settings
from stvt.core.errors import UsageError
from stvt.core.files import json_text, read_json, remove_temporaries, write_json
from stvt.core.version import __version__
from stvt.datasets import frame_files
from stvt.upsampling.cuts import CutList
from stvt.upsampling.encoder import SUFFIXES
from stvt.upsampling.sequence import Repeats
from stvt.upsampling.sources import Part

NO_OPTIONS = ("source", "output", "method", "resume", "overwrite")  # or said by another name


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
    def place(self) -> Path:
        """The output's real path: what is at the end of a link is written, and the link stays."""
        return self.output.resolve()

    @property
    def parts(self) -> Path:
        """The folder of what is done, until all is: on the output's file system."""
        return self.place.with_name(f"{self.place.name}.parts")


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


def check_places(job: UpsampleJob) -> None:
    """Raises UsageError for a source that is not there, or an output that must not be."""
    output = job.output
    if str(output) == "-" or str(output).startswith("pipe:"):
        raise UsageError(f"{output}: the result is joined when it is whole, so it needs a file")
    if job.place == job.source.resolve():
        raise UsageError(f"{output}: is the input; give the result another name")
    if not job.source.exists():
        raise UsageError(f"{job.source}: there is no such file or folder")
    if not job.source.is_file() and not job.source.is_dir():
        raise UsageError(f"{job.source}: is read more than once, so it must be a file or folder")
    if output.suffix and not output.is_dir() and output.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{output}: no kind of video to write; take {', '.join(SUFFIXES)}, or a name without "
            "a dot for a folder of frames"
        )
    if output.exists() and not output.is_file() and not output.is_dir():
        raise UsageError(f"{output}: is neither a file nor a folder; give another name")
    full = any(output.iterdir()) if output.is_dir() else output.exists()
    if full and not job.overwrite:
        raise UsageError(f"{output}: is there already; give another name, or --overwrite")
    if output.is_dir() and output.suffix.lower() in SUFFIXES:
        raise UsageError(f"{output}: is a folder; give the video another name")
    if output.is_file() and not job.to_video:
        raise UsageError(f"{output}: is a file, and a folder of frames is to be; give another name")
    if full and output.is_dir() and len(frame_files(output)) != len(list(output.iterdir())):
        raise UsageError(f"{output}: holds more than frames, so it is not overwritten")
    if not job.place.parent.is_dir():
        raise UsageError(f"{job.place.parent}: there is no such folder")
    if job.place.is_dir() and (job.place.is_mount() or Path.cwd().is_relative_to(job.place)):
        why = "a mount" if job.place.is_mount() else "the folder you are in"
        raise UsageError(f"{output}: is {why}, which is not replaced; give a name in it")
    for name in () if job.to_video else ("codec", "crf", "pixel_format", "lossless"):
        if getattr(job, name) not in (None, False):
            option = name.replace("_", "-")
            raise UsageError(f"--{option}: {output} will be a folder of PNG, which is not coded")


def check_record(job: UpsampleJob, settings: Settings, method: Method) -> None:
    """Writes what the parts are made by, or raises UsageError if those that are there are others."""
    record: dict[str, object] = {
        "version": __version__,
        "source": [str(job.source.resolve()), *_states(job.source)],
        "method": [method.name, method.weights, method.fingerprint],
        "settings": [settings.scale, settings.precision, settings.tile, settings.chunk],
        "options": {name: str(one) for name, one in vars(job).items() if name not in NO_OPTIONS},
    }
    file = job.parts / "job.json"
    remove_temporaries(job.parts)
    if any(job.parts.iterdir()) and not file.exists():
        raise UsageError(
            f"{job.parts}: is where this run would put its parts, and holds what no run of stvt did; "
            "move it away, or give the output another name"
        )
    if job.overwrite and not job.resume:
        for old in job.parts.iterdir():
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    if not any(job.parts.iterdir()):
        write_json(file, record)
        return
    if not job.resume:
        raise UsageError(
            f"{job.parts}: holds what an interrupted run did; go on with --resume, or begin "
            "anew with --overwrite"
        )
    try:
        before = read_json(file, UsageError)
    except UsageError as error:
        raise UsageError(f"{error}; begin anew with --overwrite") from error
    before = before if isinstance(before, dict) else {}
    if differing := [name for name in record if before.get(name) != record[name]]:
        raise UsageError(
            f"{job.parts}: was begun with other {' and '.join(differing)}; give the same "
            "again, or begin anew with --overwrite"
        )


def _states(source: Path) -> list[object]:
    """Size and time of change of a video; of a folder how many frames, and a hash of those of each.

    The folder's own time stays when a frame is written anew in its place.
    """
    if not source.is_dir():
        stat = source.stat()
        return [stat.st_size, stat.st_mtime_ns]
    files = frame_files(source)
    stats = [(file.name, file.stat()) for file in files]
    lines = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
    return [len(files), sha256(json_text(lines).encode()).hexdigest()]
