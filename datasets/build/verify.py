"""Verifies a prepared set: every file against the manifest; and repairs it from its sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from stvt.core.files import reason, write_text

from ..errors import DatasetError
from ..manifest import (
    FILE,
    LEDGER,
    PREPARING,
    VIDEOS,
    Manifest,
    TestSetManifest,
    TrainingManifest,
    meta_info_name,
    read_manifest,
)
from ..schema import FileRecord
from ..sources.scenes import set_name
from ..test_set import command
from .engine import BUILDING, building, cores
from .repair import FileFault, repair
from .video_record import recorded_files

Progress = Callable[[int, int | None, str], None]


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
    with building(folder, _records(manifest)) if fix else nullcontext() as builder:
        if builder:
            builder.keep = (folder / BUILDING).exists()  # of a run that was cut short
            manifest = read_manifest(folder) or manifest  # another process may have written it
        _verify(manifest, verification, fix, workers or cores(), progress)
    return verification


def _verify(
    manifest: Manifest,
    verification: Verification,
    fix: bool,
    workers: int,
    progress: Progress | None,
) -> None:
    name, folder = verification.name, verification.folder
    faults = list(_faults(manifest, folder, verification, workers, progress))
    if fix and faults:
        faults, fixed = repair(manifest, folder, faults)
        verification.fixed += [f"{fault}; made again" for fault in fixed]
    verification.problems += [str(fault) for fault in faults]
    if isinstance(manifest, TestSetManifest):
        _check_list(manifest, folder, verification, fix)
    elif any((folder / VIDEOS).glob("*.json")) and not (folder / LEDGER).is_file():
        again = f"`stvt prepare {name}` with its source or list makes it again"
        verification.problems.append(f"{LEDGER}: is missing; {again}")
    if (folder / PREPARING).exists():
        verification.problems.append(
            f"preparing was cut short; run `{command(name, known_source=True)}`"
        )
    verification.problems += [
        f"{extra}: is no file of the set" for extra in _extra(manifest, folder)
    ]


def _records(manifest: Manifest) -> str:
    return VIDEOS if isinstance(manifest, TrainingManifest) else BUILDING


def _check_list(
    manifest: TestSetManifest, folder: Path, verification: Verification, fix: bool
) -> None:
    """Compares the list of scenes, which is made of the manifest."""
    file = folder / meta_info_name(manifest.name)
    if file.is_file() and file.read_text() == manifest.meta_info():
        return
    if fix:
        write_text(file, manifest.meta_info())
        verification.fixed.append(f"{file.name}: written again")
    else:
        verification.problems.append(f"{file.name}: is missing or altered")


def _faults(
    manifest: Manifest,
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


def _extra(manifest: Manifest, folder: Path) -> Iterator[str]:
    """Files that are none of the set's, by their path in it; hidden folders are work under way."""
    known = {path for paths in manifest.files().values() for path in paths}
    known |= {FILE, PREPARING, meta_info_name(manifest.name)}
    if isinstance(manifest, TrainingManifest):
        known |= {LEDGER, *recorded_files(folder)}
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder)
        record = path.parts[0] == VIDEOS and path.suffix == ".json"
        hidden = path.parts[0].startswith(".") and len(path.parts) > 1
        if not file.is_dir() and path.as_posix() not in known and not record and not hidden:
            yield path.as_posix()
