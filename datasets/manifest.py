"""`manifest.json`: everything known of a prepared set, and the checksum of each of its files."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from stvt.core.files import json_text, reading, reason, write_json, write_text
from stvt.core.records import from_dict
from stvt.core.safe_names import UnsafeName, name_in, path_in

from .errors import DatasetError
from .frames import natural_key
from .schema import (
    ClipRecord,
    FileRecord,
    GtRecord,
    LrRecord,
    RecipeRecord,
    RefusedRecord,
    SceneRecord,
    stored_json,
)

SCHEMA = 2
FILE = "manifest.json"
TEST, TRAINING = "test", "training"  # the kinds of sets
GT = "GT"  # the folder of the ground-truth frames
PREPARING = ".preparing.json"  # there while a set is being prepared, or after that was cut short
LEDGER = "ledger.csv"  # of a training set: a line a video
VIDEOS = "videos"  # the folder of the records of a training set's videos


@dataclass(frozen=True)
class Plan:
    """The scenes, or videos, that a run of `prepare` changes."""

    schema: int
    scenes: tuple[str, ...]


@dataclass(frozen=True)
class TestSetManifest:
    """The manifest of a test set.

    multiple:     the ground-truth frames were cropped to a multiple of this.
    degradations: "BDx4" -> its parameters.
    """

    schema: int = field(default=SCHEMA, kw_only=True)
    kind: Literal["test"] = field(default="test", kw_only=True)
    name: str
    recipe: RecipeRecord | None
    multiple: int
    degradations: dict[str, dict[str, Any]] = field(default_factory=dict)
    scenes: dict[str, SceneRecord] = field(default_factory=dict)

    def files(self) -> dict[str, dict[str, FileRecord]]:
        """Unit -> path in the set -> record, of every file that the set owns."""
        return {unit: record.files(unit) for unit, record in self.units().items()}

    def units(self) -> dict[str, GtRecord | LrRecord]:
        """The record of each unit, "GT/walk" and "BDx4/walk"."""
        units: dict[str, GtRecord | LrRecord] = {}
        for name, scene in self.scenes.items():
            units[f"{GT}/{name}"] = scene.gt
            units |= {f"{label}/{name}": lr for label, lr in scene.lr.items()}
        return units

    def check(self, file: Path) -> None:
        """Raises UnsafeName if something that it names is not inside the set of `file`."""
        name_in(self.name, file, "name")
        for label, settings in self.degradations.items():
            if not re.fullmatch(r"[A-Z]{2,3}x[1-9]", label):
                raise UnsafeName(f"{file}: degradations: {label!r} is no degradation")
            if label != f"{settings.get('kind')}x{settings.get('scale')}":
                wrong = settings.get("kind")
                raise UnsafeName(f"{file}: degradations.{label}.kind: {wrong!r} is another")
        for name, scene in self.scenes.items():
            name_in(name, file, "scenes")
            scene.gt.check(f"scenes.{name}", file.parent, file)
            for label, lr in scene.lr.items():
                if label not in self.degradations:
                    raise UnsafeName(f"{file}: scenes.{name}.lr: {label!r} is no degradation")
                if len(lr.frames) != len(scene.gt.frames):
                    raise DatasetError(f"{file}: scenes.{name}.lr.{label}.frames: are not as many")
        for kind in (GT, *self.degradations):
            folder = path_in(file.parent, kind, file, "degradations")
            if folder.is_dir():
                # The path of each scene would take seconds.
                with reading(folder, DatasetError), os.scandir(folder) as entries:
                    links = [one.name for one in entries if one.is_symlink()]
                for name in self.scenes.keys() & links:
                    path_in(file.parent, f"{kind}/{name}", file, "scenes")

    def meta_info(self) -> str:
        """BasicSR's list of scenes: name, number of frames, shape."""
        return "".join(
            f"{name} {len(one.gt.frames)} ({one.gt.height},{one.gt.width},3)\n"
            for name, one in sorted(self.scenes.items(), key=_by_name)
        )

    def digest(self, label: str | None = None) -> str:
        """A checksum of what the set holds, wherever it came from; of one degradation, or of all.

        It stays the same when another degradation is added, or the source is moved.
        """
        content = {
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
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@dataclass(frozen=True)
class TrainingManifest:
    """The manifest of a training set; `settings` are those that its clips were made with."""

    schema: int = field(default=SCHEMA, kw_only=True)
    kind: Literal["training"] = field(default="training", kw_only=True)
    name: str
    storage: str = ""
    clips: tuple[ClipRecord, ...] = ()
    refused: tuple[RefusedRecord, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)

    def files(self) -> dict[str, dict[str, FileRecord]]:
        """Video -> path in the set -> record, of every clip."""
        units: dict[str, dict[str, FileRecord]] = {}
        for clip in self.clips:
            units.setdefault(clip.video, {})[clip.file] = clip.record
        return units

    def check(self, file: Path) -> None:
        name_in(self.name, file, "name")
        for clip in self.clips:
            clip.check(file.parent, file)


AnyManifest = TestSetManifest | TrainingManifest


def kind_of(folder: Path) -> str | None:
    """The kind of the set in a folder, by its folders if its manifest does not say; None for none."""
    content = None
    with suppress(DatasetError):
        content = stored_json(folder / FILE)
    kind = content.get("kind") if isinstance(content, dict) else None
    if kind in (TEST, TRAINING):
        return str(kind)
    if any((folder / VIDEOS).glob("*.json")):
        return TRAINING
    return TEST if (folder / GT).is_dir() else None


def is_training(folder: Path) -> bool:
    """Whether a folder is of a training set, whose manifest is another."""
    return kind_of(folder) == TRAINING


def read_manifest(folder: Path) -> AnyManifest | None:
    """The manifest of a prepared set, None if there is none; read once as long as it stays as it is.

    Raises DatasetError if it cannot be read or was written by another version, UnsafeName if a
    name in it is none or leads out of the folder.
    """
    file = folder / FILE
    try:
        status = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read: {reason(error)}") from error
    return _read(file.absolute(), (status.st_ino, status.st_mtime_ns, status.st_size))


def read_test_manifest(folder: Path) -> TestSetManifest | None:
    """`read_manifest` of a test set; DatasetError if it is of a training set."""
    manifest = read_manifest(folder)
    if isinstance(manifest, TrainingManifest):
        raise DatasetError(
            f"{folder / FILE}: is of a training set; this takes test sets, give another name"
        )
    return manifest


@lru_cache(maxsize=16)
def _read(file: Path, stamp: tuple[int, ...]) -> AnyManifest:
    again = f"delete {file.parent} and prepare the set again"
    try:
        content = stored_json(file)
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            raise DatasetError(f"{file}: is of another version than this program's")
        is_training_set = content.get("kind") == TRAINING
        kind: type[AnyManifest] = TrainingManifest if is_training_set else TestSetManifest
        manifest = from_dict(kind, content, str(file), DatasetError)
    except DatasetError as error:
        raise DatasetError(f"{error}; {again}") from error
    manifest.check(file)
    return manifest


def read_plan(folder: Path) -> list[str]:
    """The scenes that a `prepare` that did not come to its end was changing.

    Raises DatasetError if that cannot be known, UnsafeName if it names a scene that cannot be one.
    """
    file = folder / PREPARING
    if not os.path.lexists(file):
        return []
    try:
        plan = from_dict(Plan, stored_json(file), str(file), DatasetError)
        if plan.schema > SCHEMA:
            raise DatasetError(f"{file}: is of another version than this program's")
    except DatasetError as error:
        raise DatasetError(f"{error}; prepare the set again") from error
    return [name_in(scene, file, "scenes") for scene in plan.scenes]


def write_plan(folder: Path, scenes: Sequence[str]) -> None:
    """Says which scenes are going to change: they may not be evaluated on for a while; none ends that."""
    if scenes:
        write_json(folder / PREPARING, asdict(Plan(SCHEMA, tuple(scenes))))
    else:
        (folder / PREPARING).unlink(missing_ok=True)


def write_manifest(folder: Path, manifest: AnyManifest) -> None:
    """Writes manifest and list of scenes, where they differ from what is there.

    The same for the same set, wherever and whenever prepared.
    """
    if isinstance(manifest, TestSetManifest):
        manifest = replace(
            manifest,
            degradations=dict(sorted(manifest.degradations.items())),
            scenes=dict(sorted(manifest.scenes.items(), key=_by_name)),
        )
        write_changed(folder / meta_info_name(manifest.name), manifest.meta_info())
    write_changed(folder / FILE, json_text(asdict(manifest)))


def write_changed(file: Path, text: str) -> None:
    """Writes a text where the file does not hold it already."""
    if not file.is_file() or file.read_bytes() != text.encode():
        write_text(file, text)


def meta_info_name(name: str) -> str:
    return f"meta_info_{name}_GT.txt"


def _by_name(scene: tuple[str, SceneRecord]) -> Any:
    return natural_key(scene[0])
