"""`manifest.json`: everything known of a prepared set, and the checksum of each of its files."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from stvt.core.files import read_json, sha256_of, write_bytes
from stvt.core.records import from_dict
from stvt.core.safe_names import UnsafeName, absolute_in, name_in, path_in

from .errors import DatasetError
from .frames import natural_key

SCHEMA = 2
FILE = "manifest.json"
TEST, TRAINING = "test", "training"  # the kinds of sets
GT = "GT"  # the folder of the ground-truth frames
PREPARING = ".preparing.json"  # there while a set is being prepared, or after that was cut short
LEDGER = "ledger.csv"  # of a training set: a line a video
VIDEOS = "videos"  # the folder of the records of a training set's videos


@dataclass(frozen=True)
class FileRecord:
    """The size of a file and its sha256, in hexadecimal."""

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> FileRecord:
        """The record of a file on the disk; OSError if it cannot be read."""
        return cls(path.stat().st_size, sha256_of(path))


def record_of(data: bytes) -> FileRecord:
    """The record of a file of that content."""
    return FileRecord(len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True)
class SourceFile:
    """A file that frames were decoded from."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class SceneSource:
    """Where the frames of a scene came from.

    path:    absolute, of the folder, video or archive that was given; None if they are rendered.
    archive: of the file at `path`, if that is an archive.
    name:    of the folder of frames, or of the video, in it.
    version: of the recipe that renders them.
    """

    kind: Literal["frames", "video", "rendered"]
    path: str | None = None
    archive: FileRecord | None = None
    name: str = ""
    files: tuple[SourceFile, ...] = ()
    version: int = 1


@dataclass(frozen=True)
class GtRecord:
    """The ground-truth frames of a scene; file number i is frame i.

    fingerprint: of the source's content and of how the frames were cropped.
    original:    (height, width) before cropping, or None if nothing was cut off.
    fps:         as a fraction, "30000/1001", where known. facts: of a video, as it was decoded.
    """

    fingerprint: str
    source: SceneSource
    height: int
    width: int
    original: tuple[int, int] | None
    fps: str | None
    frames: tuple[FileRecord, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def files(self, unit: str) -> dict[str, FileRecord]:
        return frame_files_of(unit, self.frames)

    def check(self, unit: str, folder: Path, file: Path) -> None:
        """Raises UnsafeName if it names a path that cannot be one."""
        absolute_in(self.source.path, file, f"{unit}.source.path")


@dataclass(frozen=True)
class LrRecord:
    """The low-resolution frames of one scene under one degradation.

    crop: (height, width) of the ground-truth frames that they were made of, where `scale` did not
          divide those; the rest, below and to the right, was left out.
    """

    fingerprint: str
    height: int
    width: int
    crop: tuple[int, int] | None
    frames: tuple[FileRecord, ...]

    def files(self, unit: str) -> dict[str, FileRecord]:
        return frame_files_of(unit, self.frames)

    def check(self, unit: str, folder: Path, file: Path) -> None:
        """It names nothing."""


@dataclass(frozen=True)
class SceneRecord:
    """One scene: its ground-truth frames, and the low-resolution ones by degradation."""

    gt: GtRecord
    lr: dict[str, LrRecord] = field(default_factory=dict)


@dataclass(frozen=True)
class Missing:
    """How a known set is not whole, as it was asked for.

    share:   "1 of 2 scenes, as chosen".
    chosen:  scenes that were asked for alone. partial: whether what was there was to do.
    """

    share: str
    chosen: tuple[str, ...] = ()
    partial: bool = False


@dataclass(frozen=True)
class RecipeRecord:
    """What a manifest says of the recipe of a known set."""

    name: str
    title: str
    licence: str
    citation: str
    version: int
    missing: Missing | None = None


@dataclass(frozen=True)
class Manifest:
    """What the manifests of all sets have."""

    schema: int
    kind: str
    name: str

    def files(self) -> dict[str, dict[str, FileRecord]]:
        """Unit -> path in the set -> record, of every file that the set owns."""
        raise NotImplementedError

    def check(self, file: Path) -> None:
        """Raises UnsafeName if something that it names is not inside the set of `file`."""
        raise NotImplementedError


@dataclass(frozen=True)
class TestSetManifest(Manifest):
    """The manifest of a test set.

    multiple:     the ground-truth frames were cropped to a multiple of this.
    degradations: "BDx4" -> its parameters.
    """

    recipe: RecipeRecord | None
    multiple: int
    degradations: dict[str, dict[str, Any]] = field(default_factory=dict)
    scenes: dict[str, SceneRecord] = field(default_factory=dict)

    def files(self) -> dict[str, dict[str, FileRecord]]:
        return {unit: record.files(unit) for unit, record in self.units().items()}

    def units(self) -> dict[str, GtRecord | LrRecord]:
        """The record of each unit, "GT/walk" and "BDx4/walk"."""
        units: dict[str, GtRecord | LrRecord] = {}
        for name, scene in self.scenes.items():
            units[f"{GT}/{name}"] = scene.gt
            units |= {f"{label}/{name}": lr for label, lr in scene.lr.items()}
        return units

    def check(self, file: Path) -> None:
        name_in(self.name, file, "name")
        for label, said in self.degradations.items():
            if not is_label(label):
                raise UnsafeName(f"{file}: degradations: {label!r} is no degradation")
            if label != f"{said.get('kind')}x{said.get('scale')}":
                wrong = said.get("kind")
                raise UnsafeName(f"{file}: degradations.{label}.kind: {wrong!r} is another")
        for name, scene in self.scenes.items():
            name_in(name, file, "scenes")
            scene.gt.check(f"scenes.{name}", file.parent, file)
            for label, lr in scene.lr.items():
                if label not in self.degradations:
                    raise UnsafeName(f"{file}: scenes.{name}.lr: {label!r} is no degradation")
                if len(lr.frames) != len(scene.gt.frames):
                    raise DatasetError(f"{file}: scenes.{name}.lr.{label}.frames: are not as many")
            _check_fps(scene.gt.fps, f"{file}: scenes.{name}.gt.fps")
        for kind in (GT, *self.degradations):
            for name in ("", *self.scenes):
                if (file.parent / kind / name).is_symlink():  # realpath of each would take seconds
                    path_in(file.parent, f"{kind}/{name}".rstrip("/"), file, "scenes")

    def meta_info(self) -> str:
        """BasicSR's list of scenes: name, number of frames, shape."""
        scenes = [(name, self.scenes[name].gt) for name in sorted(self.scenes, key=natural_key)]
        lines = [f"{name} {len(gt.frames)} ({gt.height},{gt.width},3)\n" for name, gt in scenes]
        return "".join(lines)

    def digest(self, label: str | None = None) -> str:
        """A checksum of what the set holds, wherever it came from; of one degradation, or of all.

        It stays the same when another degradation is added, or the source is moved.
        """
        held = {
            name: [
                [frame.sha256 for frame in scene.gt.frames],
                {
                    each: [frame.sha256 for frame in lr.frames]
                    for each, lr in sorted(scene.lr.items())
                    if label in (None, each)
                },
            ]
            for name, scene in sorted(self.scenes.items())
        }
        return hashlib.sha256(json.dumps(held).encode()).hexdigest()


@dataclass(frozen=True)
class ClipRecord:
    """One clip of a training set: frames of one shot, one after another.

    file:       its path in the set; `stored` is the record of that file.
    start, end: in the video, in seconds. rate: frames a second as filmed, "240/1".
    motion:     median and 95th percentile of the flow between frames, in pixels.
    sha256:     of the frames' bytes, RGB. hashes: of what the frames look like, 64 bits each.
    """

    name: str
    file: str
    video: str
    frames: int
    height: int
    width: int
    split: str = "train"
    start: float = 0.0
    end: float = 0.0
    rate: str | None = None
    motion: dict[str, float] = field(default_factory=dict)
    sha256: str = ""
    stored: FileRecord | None = None
    hashes: tuple[str, ...] = ()

    def check(self, folder: Path, file: Path) -> None:
        name_in(self.name, file, "clips.name")
        path_in(folder, self.file, file, "clips.file")


@dataclass(frozen=True)
class RefusedRecord:
    """A part of a video that was left out, and why; the whole video where there are no times."""

    video: str
    start: float | None
    end: float | None
    reason: str


@dataclass(frozen=True)
class TrainingManifest(Manifest):
    """The manifest of a training set; `settings` are those that its clips were made with."""

    storage: str = ""
    clips: tuple[ClipRecord, ...] = ()
    refused: tuple[RefusedRecord, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)

    def files(self) -> dict[str, dict[str, FileRecord]]:
        units: dict[str, dict[str, FileRecord]] = {}
        for clip in self.clips:
            stored = clip.stored or FileRecord(0, "")
            units.setdefault(clip.video, {})[clip.file] = stored
        return units

    def check(self, file: Path) -> None:
        name_in(self.name, file, "name")
        for clip in self.clips:
            clip.check(file.parent, file)


def kind_of(folder: Path) -> str | None:
    """The kind of the set in a folder; None if there is none, or no manifest that can be read."""
    try:
        content = json.loads((folder / FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return str(content.get("kind", TEST)) if isinstance(content, dict) else None


def is_training(folder: Path) -> bool:
    """Whether a folder is of a training set, whose manifest is another."""
    return kind_of(folder) == TRAINING


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a prepared set, None if there is none; read once as long as it stays as it is.

    Raises DatasetError if it cannot be read or was written by another version, UnsafeName if a
    name in it is none or leads out of the folder.
    """
    file = folder / FILE
    try:
        status = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _read(file.absolute(), (status.st_ino, status.st_mtime_ns, status.st_size))


def read_test_manifest(folder: Path) -> TestSetManifest | None:
    """`read_manifest` of a test set; DatasetError if it is of a training set."""
    manifest = read_manifest(folder)
    if isinstance(manifest, TrainingManifest):
        raise DatasetError(
            f"{folder / FILE}: is of a training set; this takes test sets, give another name"
        )
    return manifest if isinstance(manifest, TestSetManifest) else None


@lru_cache(maxsize=16)
def _read(file: Path, stamp: tuple[int, ...]) -> Manifest:
    again = f"delete {file.parent} and prepare the set again"
    try:
        content = read_json(file, DatasetError)
    except DatasetError as error:
        raise DatasetError(f"{error}; {again}") from error.__cause__
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise DatasetError(f"{file}: is of another version than this program's; {again}")
    kind = TrainingManifest if content.get("kind") == TRAINING else TestSetManifest
    try:
        manifest = from_dict(kind, content, str(file), DatasetError)
    except DatasetError as error:
        raise DatasetError(f"{error}; {again}") from error
    manifest.check(file)
    return manifest


def read_plan(folder: Path) -> list[str]:
    """The scenes that a `prepare` that did not come to its end was changing.

    Raises UnsafeName if it names a scene that cannot be one.
    """
    file = folder / PREPARING
    try:
        plan = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return []
    scenes = plan.get("scenes", []) if isinstance(plan, dict) else []
    if not isinstance(scenes, list):
        raise UnsafeName(f"{file}: scenes: is no list of names; delete that file")
    return [name_in(scene, file, "scenes") for scene in scenes]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes manifest and list of scenes, where they differ from what is there.

    The same for the same set, wherever and whenever prepared.
    """
    files = {}
    if isinstance(manifest, TestSetManifest):
        manifest = replace(
            manifest,
            degradations=dict(sorted(manifest.degradations.items())),
            scenes=dict(sorted(manifest.scenes.items(), key=lambda item: natural_key(item[0]))),
        )
        files[meta_info_name(manifest.name)] = manifest.meta_info()
    files[FILE] = json.dumps(asdict(manifest), indent=1, ensure_ascii=False) + "\n"
    for name, text in files.items():
        data = text.encode()
        if not (folder / name).is_file() or (folder / name).read_bytes() != data:
            write_bytes(folder / name, data)


def meta_info_name(name: str) -> str:
    return f"meta_info_{name}_GT.txt"


def frame_name(index: int) -> str:
    return f"{index:08d}.png"


def frame_files_of(unit: str, frames: tuple[FileRecord, ...]) -> dict[str, FileRecord]:
    """The frames of a unit by their paths in the set."""
    return {f"{unit}/{frame_name(index)}": frame for index, frame in enumerate(frames)}


def is_label(text: str) -> bool:
    """Whether a text names a degradation and its scale, as "BDx4" does."""
    return re.fullmatch(r"[A-Z]{2}x[1-9]", text) is not None


def fingerprint_of(inputs: Mapping[str, object]) -> str:
    """A checksum of the inputs and settings of a unit."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:32]


def _check_fps(fps: str | None, where: str) -> None:
    try:
        if fps is not None and Fraction(fps) <= 0:
            raise ValueError
    except (ValueError, ZeroDivisionError):
        raise DatasetError(f"{where}: {fps!r} is no frame rate; prepare the set again") from None
