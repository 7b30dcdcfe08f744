"""Verifies a prepared set: every file against the manifest; and repairs it from its sources."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stvt.core.errors import StvtError
from stvt.core.files import reason, write_text
from stvt.core.progress import Progress

from ..errors import DatasetError
from ..manifest import (
    FILE,
    GT,
    LEDGER,
    PREPARING,
    VIDEOS,
    AnyManifest,
    TestSetManifest,
    TrainingManifest,
    meta_info_name,
    read_manifest,
    read_plan,
)
from ..schema import FileRecord
from ..sources.resolve import ResolvedSource, resolve
from ..sources.scenes import Scene, set_name
from ..test_set import command
from .engine import BUILDING, CannotWrite, building, cores
from .scene_units import GtUnit, LrUnit
from .synthetic_set import synthetic_unit
from .training_video import unit_again
from .video_record import recorded_files

Again = Callable[[str, frozenset[int]], Any]  # (unit, numbers of files) -> what builds them


@dataclass(frozen=True)
class FileFault:
    """A fault of one file of a unit, by its path in the set."""

    unit: str
    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


@dataclass
class Verification:
    """The result of `verify`.

    problems: a line for each file that is missing, altered or too many, and is so still.
    fixed:    a line for each that was, and has been made again.
    files:    number of files that were read.
    """

    name: str
    folder: Path
    problems: list[str] = field(default_factory=list)
    fixed: list[str] = field(default_factory=list)
    files: int = 0


def verify(
    name: str,
    root: Path | str,
    fix: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Compares every file of a prepared set, of either kind, with its manifest.

    fix: make the missing and altered files again, and no others: low-resolution frames from
         ground truth, that and clips from their source. Files that are too many are only named.
    Raises DatasetError if the set is not prepared, or its manifest cannot be read.
    """
    folder = Path(root) / set_name(name)
    manifest = read_manifest(folder)
    if manifest is None:
        raise DatasetError(f"{name}: is not prepared in {folder}; run `{command(name)}`")
    verification = Verification(name, folder)
    problems, fixed = verification.problems, verification.fixed
    records = VIDEOS if isinstance(manifest, TrainingManifest) else BUILDING
    with building(folder, records) if fix else nullcontext() as builder:
        if builder:
            builder.keep = (folder / BUILDING).exists()  # of a run that was cut short
            manifest = read_manifest(folder) or manifest  # another process may have written it
        faults = list(_faults(manifest, folder, verification, workers or cores(), progress))
        reasons = _repair(manifest, folder, faults) if fix and faults else {}
        for fault in faults:
            if not fix:
                problems.append(str(fault))
            elif why := reasons.get(fault.path):
                problems.append(f"{fault}, and cannot be made again: {why}")
            else:
                fixed.append(f"{fault}; made again")
        if isinstance(manifest, TestSetManifest):
            list_, text = folder / meta_info_name(manifest.name), manifest.meta_info()
            if list_.is_file() and list_.read_bytes() == text.encode():
                pass
            elif fix:
                write_text(list_, text)
                fixed.append(f"{list_.name}: written again")
            else:
                problems.append(f"{list_.name}: is missing or altered")
        elif any((folder / VIDEOS).glob("*.json")) and not (folder / LEDGER).is_file():
            again = f"`stvt prepare {name}` with its source or list makes it again"
            problems.append(f"{LEDGER}: is missing; {again}")
        if (folder / PREPARING).exists():
            again = command(name, known_source=True)
            problems.append(f"preparing was cut short; run `{again}`")
        problems += [f"{extra}: is no file of the set" for extra in _extra(manifest, folder)]
    return verification


def _faults(
    manifest: AnyManifest,
    folder: Path,
    verification: Verification,
    workers: int,
    progress: Progress | None,
) -> Iterator[FileFault]:
    files = [
        (unit, path, known)
        for unit, paths in manifest.files().items()
        for path, known in paths.items()
    ]
    verification.files = len(files)

    def fault(file: tuple[str, str, FileRecord]) -> str | None:
        _, path, known = file
        try:
            return None if FileRecord.of(folder / path) == known else "is altered"
        except FileNotFoundError:
            return "is missing"
        except OSError as error:
            return f"cannot be read: {reason(error)}"

    with ThreadPoolExecutor(workers) as pool:
        for done, (file, what) in enumerate(zip(files, pool.map(fault, files), strict=True), 1):
            unit, path, _ = file
            if progress:
                progress(done, len(files), unit.rpartition("/")[2])
            if what:
                yield FileFault(unit, path, what)


def _extra(manifest: AnyManifest, folder: Path) -> Iterator[str]:
    """Files that are none of the set's, by their path in it.

    Hidden folders are work under way, as are scenes that a run that was cut short was changing.
    """
    known = {path for paths in manifest.files().values() for path in paths}
    known |= {FILE, PREPARING, meta_info_name(manifest.name)}
    if isinstance(manifest, TrainingManifest):
        known |= {LEDGER, *recorded_files(folder)}
    changing: list[str] = []
    with suppress(StvtError):  # which is a line of its own
        changing = read_plan(folder)
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder)
        if len(path.parts) == 3 and path.parts[1] in changing:
            continue
        record = path.parts[0] == VIDEOS and path.suffix == ".json"
        hidden = path.parts[0].startswith(".") and len(path.parts) > 1
        if not file.is_dir() and path.as_posix() not in known and not record and not hidden:
            yield path.as_posix()


def _repair(manifest: AnyManifest, folder: Path, faults: list[FileFault]) -> dict[str, str]:
    """Makes faulty files again; why that was in vain, by the path of the file.

    The set is locked for this process.
    """
    reasons: dict[str, str] = {}
    with ExitStack() as meanwhile:
        again = _builders(manifest, folder, faults, meanwhile)
        # Ground truth first: low-resolution frames are made of it.
        for unit in sorted({fault.unit for fault in faults}, key=lambda u: not u.startswith(GT)):
            files = manifest.files()[unit]
            paths = [fault.path for fault in faults if fault.unit == unit]
            part = folder / BUILDING / f"{unit.replace('/', '.')}.part"
            try:
                part.mkdir(parents=True)
                again(unit, frozenset(map([*files].index, paths))).build(part)
                for path in paths:
                    new, place = part / path, folder / path
                    if new.is_file() and FileRecord.of(new) == files[path]:
                        place.parent.mkdir(parents=True, exist_ok=True)
                        new.replace(place)
                    else:
                        reasons[path] = "other bytes came out; prepare the set again"
            except CannotWrite:
                raise
            except DatasetError as error:
                reasons |= dict.fromkeys(paths, str(error))
            finally:
                shutil.rmtree(part, ignore_errors=True)
    return reasons


def _builders(
    manifest: AnyManifest, folder: Path, faults: list[FileFault], meanwhile: ExitStack
) -> Again:
    """What gives the unit that builds files of a set again; it raises DatasetError if none can."""
    if isinstance(manifest, TrainingManifest):
        if "photographs" in manifest.settings:
            return lambda unit, numbers: synthetic_unit(manifest, folder)
        return lambda video, numbers: unit_again(folder.absolute(), video, manifest.settings)
    scenes: dict[str, tuple[ResolvedSource, Scene]] = {}
    unresolved = ""
    if any(fault.unit.startswith(f"{GT}/") for fault in faults):
        try:
            sources = resolve(manifest.name, folder, None, manifest, always_open=True)
            for source in meanwhile.enter_context(sources):
                inside = source.contents.scenes if source.contents else ()
                scenes |= {scene.name: (source, scene) for scene in inside}
        except DatasetError as error:
            unresolved = str(error)

    def test_unit(unit: str, numbers: frozenset[int]) -> GtUnit | LrUnit:
        kind, _, name = unit.partition("/")
        gt = manifest.scenes[name].gt
        if kind != GT:
            parameters = manifest.degradations[kind]
            return LrUnit(name, kind, parameters, gt, folder, cores(), only=numbers)
        if name not in scenes:
            why = f"{gt.source.path} is no longer there" if gt.source.path else "it is not known"
            there = gt.source.path and Path(gt.source.path).exists()
            raise DatasetError(unresolved or ("the source has no such scene" if there else why))
        source, scene = scenes[name]
        again = GtUnit(scene, source, manifest.multiple, 1, gt.fps, None, cores(), only=numbers)
        if not again.is_current(gt):
            raise DatasetError(f"{gt.source.path or name}: has changed; prepare the set again")
        return again

    return test_unit
