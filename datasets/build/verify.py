"""Whether a prepared set is still what its manifest says, file by file; and mending it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import DatasetError
from ..frames import reason, replace_file
from ..manifest import (
    FILE,
    PREPARING,
    TRUTH,
    FileRecord,
    Manifest,
    SceneRecord,
    frame_name,
    is_training,
    meta_info_name,
    read_manifest,
)
from ..sources.scenes import set_name
from ..test_set import command
from .engine import Progress, cores
from .frame_files import file_record
from .lock import sole_use
from .repair import Fault, mend
from .verify_training import verify_training


@dataclass
class Verification:
    """What `verify` found.

    problems: a line for each file that is missing, altered or too many, and is so still.
    fixed:    a line for each that was, and has been made again.
    files:    number of files that were looked at.
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
    """Compare every file of a prepared set with the manifest.

    fix: make the missing and altered files again, and no others: low-resolution frames from the
         true ones, true ones from the source. Files that are too many are only named. Of a
         training set, altered clips are removed, for `prepare` to make again.
    Raises DatasetError if the set is not prepared, or its manifest cannot be read.
    """
    folder = Path(root) / set_name(name)
    if is_training(folder):
        clips = verify_training(folder, fix, workers or cores(), progress)
        return Verification(name, folder, clips.problems, files=clips.files)
    manifest = read_manifest(folder)
    if manifest is None:
        raise DatasetError(f"{name}: is not prepared in {folder}; run `{command(name)}`")
    found = Verification(name, folder)
    faults = list(_faults(manifest, folder, found, workers or cores(), progress))
    if fix and faults:
        with sole_use(folder):
            faults, fixed = mend(manifest, folder, faults)
        found.fixed += [f"{fault}; made again" for fault in fixed]
    found.problems += [str(fault) for fault in faults]
    list_file = folder / meta_info_name(name)
    if not list_file.is_file() or list_file.read_text() != manifest.meta_info():
        if fix:
            replace_file(list_file, manifest.meta_info().encode())
            found.fixed.append(f"{list_file.name}: written again")
        else:
            found.problems.append(f"{list_file.name}: is missing or altered")
    if (folder / PREPARING).exists():
        found.problems.append(f"preparing was cut short; run `{command(name, known_source=True)}`")
    found.problems += [f"{extra}: is no file of the set" for extra in _extra(manifest, folder)]
    return found


def _faults(
    manifest: Manifest,
    folder: Path,
    found: Verification,
    workers: int,
    progress: Progress | None,
) -> Iterator[Fault]:
    wanted = list(_files(manifest))
    found.files = len(wanted)

    def look(file: tuple[str, str, int, FileRecord]) -> str | None:
        kind, scene, index, known = file
        try:
            now = file_record(folder / kind / scene / frame_name(index))
        except FileNotFoundError:
            return "is missing"
        except OSError as error:
            return f"cannot be read: {reason(error)}"
        return None if now == known else "is altered"

    with ThreadPoolExecutor(workers) as pool:
        for done, (file, what) in enumerate(zip(wanted, pool.map(look, wanted), strict=True), 1):
            kind, scene, index, _ = file
            if progress:
                progress(done, len(wanted), scene)
            if what:
                yield Fault(kind, scene, index, what)


def _files(manifest: Manifest) -> Iterator[tuple[str, str, int, FileRecord]]:
    for name, scene in manifest.scenes.items():
        for kind, files in _kinds(scene).items():
            for index, known in enumerate(files):
                yield kind, name, index, known


def _kinds(scene: SceneRecord) -> dict[str, list[FileRecord]]:
    return {TRUTH: scene.truth, **{label: r.files for label, r in scene.reduced.items()}}


def _extra(manifest: Manifest, folder: Path) -> Iterator[str]:
    """Files that are none of the set's, by their path in it."""
    known = {f"{kind}/{scene}/{frame_name(index)}" for kind, scene, index, _ in _files(manifest)}
    known |= {FILE, PREPARING, meta_info_name(manifest.name)}
    for file in sorted(folder.rglob("*")):
        if not file.is_dir() and file.relative_to(folder).as_posix() not in known:
            yield file.relative_to(folder).as_posix()
