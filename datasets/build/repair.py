"""The repair of a prepared set: units with faulty files built again, those files moved in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import DatasetError
from ..manifest import GT, Manifest, TestSetManifest, TrainingManifest
from ..schema import FileRecord
from ..sources.resolve import ResolvedSource, resolve
from .engine import BUILDING, CannotWrite, cores
from .scene_units import GtUnit, LrUnit
from .synthetic_set import synthetic_unit
from .training_video import unit_again

Again = Callable[[str, frozenset[int]], Any]  # (unit, numbers of files) -> what builds them


@dataclass(frozen=True)
class FileFault:
    """A fault of one file of a unit, by its path in the set."""

    unit: str
    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


def repair(
    manifest: Manifest, folder: Path, faults: list[FileFault]
) -> tuple[list[FileFault], list[FileFault]]:
    """Makes faulty files again; returns the faults that are left, saying why, and those repaired.

    The set is locked for this process.
    """
    left: list[FileFault] = []
    repaired: list[FileFault] = []
    units = manifest.files()
    with ExitStack() as meanwhile:
        again = _again(manifest, folder, faults, meanwhile)
        # Ground truth first: low-resolution frames are made of it.
        for unit in sorted({fault.unit for fault in faults}, key=lambda u: not u.startswith(GT)):
            mine = [fault for fault in faults if fault.unit == unit]
            files = units[unit]
            try:
                whys = _made_again(again, folder, unit, files, mine)
            except CannotWrite:
                raise
            except DatasetError as error:
                whys = {fault.path: str(error) for fault in mine}
            for fault in mine:
                if why := whys.get(fault.path):
                    what = f"{fault.what}, and cannot be made again: {why}"
                    left.append(replace(fault, what=what))
                else:
                    repaired.append(fault)
    return left, repaired


def _made_again(
    again: Again, folder: Path, unit: str, files: Mapping[str, FileRecord], faults: list[FileFault]
) -> dict[str, str]:
    """Builds faulty files; why it was in vain, by path."""
    order = list(files)
    part = folder / BUILDING / f"{unit.replace('/', '.')}.part"
    whys = {}
    try:
        part.mkdir(parents=True)
        again(unit, frozenset(order.index(fault.path) for fault in faults)).build(part)
        for fault in faults:
            new, place = part / fault.path, folder / fault.path
            if new.is_file() and FileRecord.of(new) == files[fault.path]:
                place.parent.mkdir(parents=True, exist_ok=True)
                new.replace(place)
            else:
                whys[fault.path] = "other bytes came out; prepare the set again"
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return whys


def training_unit(manifest: TrainingManifest, folder: Path, video: str) -> Any:
    """The unit of a video of a training set, or of all clips of a set of photographs."""
    if "photographs" in manifest.settings:
        return synthetic_unit(manifest, folder)
    return unit_again(folder.absolute(), video, manifest.settings)


def _again(
    manifest: Manifest, folder: Path, faults: list[FileFault], meanwhile: ExitStack
) -> Again:
    """What gives the unit that builds files of a set again; it raises DatasetError if none can."""
    if isinstance(manifest, TrainingManifest):
        return lambda video, numbers: training_unit(manifest, folder, video)
    if not isinstance(manifest, TestSetManifest):
        raise TypeError(type(manifest).__name__)
    scenes: dict[str, tuple[ResolvedSource, Any]] = {}
    gone = ""
    if any(fault.unit.startswith(f"{GT}/") for fault in faults):
        try:
            sources = meanwhile.enter_context(
                resolve(manifest.name, folder, None, manifest, look=True)
            )
        except DatasetError as error:
            sources, gone = [], str(error)
        for source in sources:
            for scene in source.contents.scenes if source.contents else ():
                scenes[scene.name] = source, scene

    def test_unit(unit: str, numbers: frozenset[int]) -> GtUnit | LrUnit:
        kind, _, name = unit.partition("/")
        gt = manifest.scenes[name].gt
        if kind != GT:
            parameters = manifest.degradations[kind]
            return LrUnit(name, kind, parameters, gt, folder, cores(), only=numbers)
        if name not in scenes:
            why = f"{gt.source.path} is no longer there" if gt.source.path else "it is not known"
            there = gt.source.path and Path(gt.source.path).exists()
            raise DatasetError(gone or ("the source has no such scene" if there else why))
        source, scene = scenes[name]
        again = GtUnit(scene, source, manifest.multiple, 1, gt.fps, None, cores(), only=numbers)
        if not again.is_current(gt):
            raise DatasetError(f"{gt.source.path or name}: has changed; prepare the set again")
        return again

    return test_unit
