"""A prepared test set, read back: its scenes, and the frames of each."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from stvt.core.files import sha256_of
from stvt.core.suggestions import did_you_mean

from .errors import DatasetError
from .frames import natural_key
from .manifest import FILE, GT, PREPARING, TestSetManifest, read_plan, read_test_manifest
from .recipes import DATASETS
from .schema import LrRecord, Missing, SceneRecord, frame_name
from .sources.scenes import set_name


@dataclass(frozen=True)
class PreparedScene:
    """One scene of a prepared set. Frame i is file number i, of the true and of the small frames.

    height, width: of the true frames.
    fps:           frames a second, where known.
    """

    name: str
    folder: Path
    record: SceneRecord

    @property
    def frames(self) -> int:
        return len(self.record.gt.frames)

    @property
    def height(self) -> int:
        return self.record.gt.height

    @property
    def width(self) -> int:
        return self.record.gt.width

    @property
    def fps(self) -> Fraction | None:
        return None if self.record.gt.fps is None else Fraction(self.record.gt.fps)

    def gt_path(self, index: int) -> Path:
        """The file of a true frame."""
        return self.folder / GT / self.name / frame_name(self._checked(index))

    def lr_path(self, index: int, label: str) -> Path:
        """The file of a low-resolution frame, `label` being "BDx4" or the like."""
        self._lr(label)
        return self.folder / label / self.name / frame_name(self._checked(index))

    def gt_size(self, label: str) -> tuple[int, int]:
        """Height and width of the part of the true frames, from the top left, that the
        low-resolution frames show: all of it unless the scale does not divide it."""
        return self._lr(label).crop or (self.height, self.width)

    def _lr(self, label: str) -> LrRecord:
        if label not in self.record.lr:
            raise _not_degraded(self.folder.name, label, [self.name])
        return self.record.lr[label]

    def _checked(self, index: int) -> int:
        if not 0 <= index < self.frames:
            raise IndexError(f"{self.name} has frames 0 to {self.frames - 1}, not {index}")
        return index


@dataclass(frozen=True)
class Prepared:
    """A prepared set: its scenes in order, and its degradations ("BDx4" -> parameters)."""

    name: str
    folder: Path
    manifest: TestSetManifest

    @cached_property  # it is asked for once a unit, and sorting takes long
    def scenes(self) -> dict[str, PreparedScene]:
        names = sorted(self.manifest.scenes, key=natural_key)
        return {n: PreparedScene(n, self.folder, self.manifest.scenes[n]) for n in names}

    @property
    def degradations(self) -> dict[str, dict[str, object]]:
        return self.manifest.degradations

    @property
    def missing(self) -> Missing | None:
        """The scenes and frames that a known set lacks, as it was asked for; None if it is whole."""
        return self.manifest.recipe.missing if self.manifest.recipe else None

    @property
    def manifest_sha256(self) -> str:
        """A checksum of all files' checksums: not of paths, nor of anything but frames."""
        return self.manifest.digest()

    def digest(self, label: str) -> str:
        """The digest of the true frames and one degradation, whatever others are prepared."""
        self.require(label)
        return self.manifest.digest(label)

    def check_frames(self, label: str | None, *, hashes: bool = False) -> None:
        """Raises DatasetError if a frame is not as the manifest says, by the size of its file.

        label:  of the low-resolution frames that are checked beside the true ones, if any.
        hashes: by the sha256 of its file, too. Without, only of files newer than the manifest,
                which is written last: they were altered, or copied.
        """
        written = (self.folder / FILE).stat().st_mtime_ns
        for unit, record in self.manifest.units().items():
            if unit.split("/")[0] not in (GT, label):
                continue
            folder, statuses = self.folder / unit, dict[str, os.stat_result]()
            with suppress(OSError), os.scandir(folder) as entries:
                statuses = {entry.name: entry.stat() for entry in entries}
            for index, one in enumerate(record.frames):
                file, what = frame_name(index), "is missing"
                if status := statuses.get(file):
                    is_right = status.st_size == one.bytes
                    if is_right and (hashes or status.st_mtime_ns > written):
                        is_right = sha256_of(folder / file) == one.sha256
                    if is_right:
                        continue
                    what = "is not as the manifest says"
                raise DatasetError(
                    f"{self.name}: {folder / file} {what}; `stvt verify {self.name} --fix` "
                    "makes it again"
                )

    def require(self, label: str) -> None:
        """Raises DatasetError with the command to type unless every scene has the degradation."""
        missing = [n for n, scene in self.manifest.scenes.items() if label not in scene.lr]
        if missing:
            raise _not_degraded(self.name, label, missing)


def load(name: str, root: Path | str) -> Prepared:
    """The prepared set `root/name`.

    Raises DatasetError, with the command that mends it, if it is not or not wholly prepared.
    """
    folder, recipe, again = Path(root) / set_name(name), DATASETS.get(name), command(name)
    manifest = read_test_manifest(folder)
    if manifest is None:
        cut = (folder / PREPARING).exists()
        what = f"preparing it in {folder} was cut short" if cut else f"is not prepared in {folder}"
        prepared = [file.parent.name for file in Path(root).glob(f"*/{FILE}")]
        hint = "" if recipe else did_you_mean(name, [*DATASETS, *prepared])
        raise DatasetError(f"{name}: {what}; run `{again}`{hint}")
    missing, what = read_plan(folder), ""
    if recipe and not (manifest.recipe and manifest.recipe.missing):
        missing += [scene for scene in recipe.scenes if scene not in manifest.scenes]
        if recipe.count not in (None, len(manifest.scenes)):
            what = f"{len(manifest.scenes)} of {recipe.count} scenes are there"
    if missing:
        what = f"{', '.join(dict.fromkeys(missing))} missing"
    if what:
        raise DatasetError(f"{name}: is not wholly prepared in {folder}: {what}; run `{again}`")
    return Prepared(name, folder, manifest)


def choose_scenes(
    prepared: Iterable[Prepared], chosen: Collection[str]
) -> dict[str, list[PreparedScene]]:
    """The name of each set -> its scenes, of those that are asked for; all where none are.

    Raises DatasetError for a scene that no set has, and for a set that has none of them.
    """
    sets = {one.name: one.scenes for one in prepared}
    every = [name for scenes in sets.values() for name in scenes]
    if unknown := [scene for scene in chosen if scene not in every]:
        hint = did_you_mean(unknown[0], every)
        raise DatasetError(f"{', '.join(sets)}: has no scene '{unknown[0]}'{hint}")
    wanted = {
        name: [scene for scene in scenes.values() if not chosen or scene.name in chosen]
        for name, scenes in sets.items()
    }
    if none := [name for name, scenes in wanted.items() if chosen and not scenes]:
        raise DatasetError(f"{none[0]}: has no scene of {', '.join(chosen)}")
    return wanted


def command(name: str, label: str = "BDx4", known_source: bool = False) -> str:
    """The command that prepares a set; its source need not be typed again once it is prepared.

    >>> command("vid4", "BIx3", known_source=True)
    'stvt prepare vid4 --degradation BI --scale 3'
    """
    recipe = DATASETS.get(name)
    kind, _, scale = label.partition("x")
    itself = recipe is not None and (recipe.render is not None or recipe.file is not None)
    return (
        f"stvt prepare {name}"
        + ("" if itself or known_source else " --source ...")
        + ("" if kind == "BD" else f" --degradation {kind}")
        + ("" if scale == "4" else f" --scale {scale}")
    )


def _not_degraded(name: str, label: str, scenes: list[str]) -> DatasetError:
    again = command(name, label, known_source=True)
    return DatasetError(f"{name}: has no {label} frames of {', '.join(scenes)}; run `{again}`")
