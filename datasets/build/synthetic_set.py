"""Prepares training sets of photographs in motion: scikit-image's, the same everywhere, or one's own."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from stvt.core.progress import Progress
from stvt.core.records import from_dict

from ..clips.storage import suffix, write_clip
from ..clips.synthetic import FASTEST, SLOWEST, VARIETIES, Picture, clip, photographs
from ..errors import DatasetError
from ..frames import frame_files, read_frame
from ..manifest import (
    FILE,
    GT,
    VIDEOS,
    TrainingManifest,
    kind_of,
    read_manifest,
    write_manifest,
    write_plan,
)
from ..schema import ClipRecord, FileRecord, fingerprint_of
from ..sources.scenes import set_name
from .engine import building
from .video_record import VideoRecord, VideoSource

VERSION = 1  # of the clips that are made of the same photographs
HELD_BACK = ("rocket", "brick")  # photographs that only the clips for validation show
EVERY = 12  # of which one is for validation
SMALLEST = 32  # pixels of a side


@dataclass(frozen=True)
class SyntheticSettings:
    """The settings of synthetic clips, as the manifest records them.

    source: absolute, of a folder of pictures; None for the photographs of scikit-image.
    photographs, fingerprint: names and checksum of the pictures, once they were read.
    """

    source: str | None
    clips: int
    frames: int
    side: int
    fastest: float
    storage: str
    photographs: tuple[str, ...] = ()
    fingerprint: str = ""
    vary: tuple[str, ...] = ()


@dataclass(frozen=True)
class SyntheticUnit:
    """All clips of a set of photographs, which take a minute together."""

    record_type: ClassVar[type[Any]] = VideoRecord
    name: ClassVar[str] = "photographs"

    settings: SyntheticSettings
    show: Progress | None = field(default=None, compare=False)

    @cached_property
    def pictures(self) -> dict[str, Picture]:
        if self.settings.source is None:
            return photographs()
        return _pictures(Path(self.settings.source), self.settings.side)

    @cached_property
    def fingerprint(self) -> str:
        pictures = {n: sha256(p.tobytes()).hexdigest() for n, p in self.pictures.items()}
        settings = {**asdict(self.settings), "source": None, "photographs": (), "fingerprint": ""}
        if not self.settings.vary:
            del settings["vary"]  # so that sets from before it stay as they are
        return fingerprint_of({"version": VERSION, "settings": settings, "pictures": pictures})

    def is_current(self, record: VideoRecord) -> bool:
        return record.fingerprint == self.fingerprint

    def build(self, folder: Path) -> VideoRecord:
        settings, names = self.settings, list(self.pictures)
        held_back = names[EVERY - 1 :: EVERY] if settings.source else HELD_BACK
        clips = []
        for number in range(settings.clips):
            validates = number % EVERY == EVERY - 1
            file = f"clips/{number:05d}{suffix(settings.storage)}"
            frames = clip(
                [self.pictures[name] for name in names if (name in held_back) == validates],
                number,
                frames=settings.frames,
                side=settings.side,
                fastest=settings.fastest,
                vary=settings.vary,
            )
            written = write_clip(folder / file, frames)
            clips.append(
                ClipRecord(
                    name=f"{number:05d}",
                    file=file,
                    video="held back" if validates else "photographs",
                    **asdict(written),
                    split="validation" if validates else "train",
                    end=float(written.frames),
                    rate="1/1",
                    stored=FileRecord.of(folder / file),
                )
            )
            if self.show:
                self.show(number + 1, settings.clips, file)
        return self.record(self.fingerprint, clips)

    def record(self, fingerprint: str, clips: Iterable[ClipRecord]) -> VideoRecord:
        return VideoRecord(self.name, fingerprint, VideoSource(), "kept", clips=tuple(clips))


def prepare_photographs(
    root: Path | str,
    *,
    name: str = "photographs",
    source: Path | str | None = None,
    clips: int = 240,
    frames: int = 24,
    side: int = 176,
    fastest: float = FASTEST,
    storage: str = "npy",
    vary: Collection[str] = (),
    progress: Progress | None = None,
) -> Path:
    """Makes the training set `root`/`name`; a minute's work.

    source:  a folder of sharp pictures, every twelfth of which only the clips for validation show;
             without one, the photographs that scikit-image installs.
    clips, frames, side: how many clips, of how many frames, of which height and width.
    storage: of the clips, "npy" or "magicyuv".
    fastest: pixels that anything moves from frame to frame, at most.
    vary:    what more than motion the clips have, of `VARIETIES` (see `clip`).
    Returns its folder. Raises DatasetError for a source with too few pictures, or small ones,
    and for a side, a speed or a variety that no clip can have.
    """
    if not SLOWEST < fastest < float("inf"):
        raise DatasetError(
            f"{name}: fastest {fastest:g} pixels a frame; give a finite number above {SLOWEST}"
        )
    if side < SMALLEST:
        raise DatasetError(f"{name}: side {side} is too small; give {SMALLEST} or more")
    if unknown := sorted(set(vary) - set(VARIETIES)):
        raise DatasetError(f"{name}: no clips vary by {unknown[0]!r}; give {', '.join(VARIETIES)}")
    suffix(storage)  # says which there are
    folder = Path(root) / set_name(name)
    path = None if source is None else str(Path(source).absolute())
    varied = tuple(sorted(set(vary)))
    settings = SyntheticSettings(path, clips, frames, side, fastest, storage, vary=varied)
    unit = SyntheticUnit(settings, progress)
    known = replace(settings, photographs=tuple(unit.pictures), fingerprint=unit.fingerprint)
    before = _stored(folder)
    with building(folder) as builder:
        if before is not None:
            fingerprint = str(before.settings.get("fingerprint", ""))
            builder.known = {unit.name: unit.record(fingerprint, before.clips)}
        result = builder.build([unit], commit=False)[unit.name]
        if result.failure:
            raise DatasetError(f"{name}: {result.failure}")
        if result.built:
            write_plan(folder, [unit.name])  # half of its clips in place is no set
            builder.commit([unit.name])
        manifest = TrainingManifest(name, storage, result.record.clips, (), asdict(known))
        write_manifest(folder, manifest)
        write_plan(folder, ())
    return folder


def synthetic_unit(manifest: TrainingManifest, folder: Path) -> SyntheticUnit:
    """The unit of a set that is there; DatasetError if its pictures are not as they were."""
    settings = from_dict(SyntheticSettings, manifest.settings, str(folder / FILE), DatasetError)
    unit = SyntheticUnit(settings)
    if unit.fingerprint != settings.fingerprint:
        raise DatasetError(f"{settings.source}: has changed; prepare the set again")
    return unit


def _stored(folder: Path) -> TrainingManifest | None:
    """The manifest of the set that is there, if it can be read; DatasetError for another kind."""
    if kind_of(folder) is None:
        return None
    try:
        manifest = read_manifest(folder)
    except DatasetError:
        if not (folder / GT).exists() and not (folder / VIDEOS).exists():
            return None  # of another version, or damaged: it is made anew
        manifest = None
    if isinstance(manifest, TrainingManifest) and "photographs" in manifest.settings:
        return manifest
    raise DatasetError(f"{folder}: holds another kind of set; give this one another name")


def _pictures(source: Path, side: int) -> dict[str, Picture]:
    if not source.is_dir():
        raise DatasetError(f"{source}: no such folder of pictures")
    every = {file.name: read_frame(file) for file in frame_files(source)}
    for name, picture in every.items():
        if min(picture.shape[:2]) < side:
            height, width = picture.shape[:2]
            raise DatasetError(f"{source / name}: {width}x{height} is too small for {side}x{side}")
    if len(every) < EVERY:
        raise DatasetError(
            f"{source}: {len(every)} pictures; {EVERY} or more are needed, one for validation"
        )
    return every
