"""Builds the units of a set: each is whole in its place or not there, however a run ends.

A unit is the frames of a scene (`GT/walk`, `BDx4/walk`) or the clips of a video. It is made in a
folder inside the set, and its files are moved to their places when all of them are there:

    .building/GT.walk.part/    being made; worth nothing after a kill
    .building/GT.walk.whole/   made: its files, each under its path in the set, and `unit.json`
    .building/GT.walk.ready/   being moved to their places; the next run ends that
    RECORDS/GT.walk.json       the record of a unit that is in its place
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from stvt.core.files import locked, reason, remove_temporaries, sha256_of, write_json
from stvt.core.records import from_dict
from stvt.core.safe_names import UnsafeName, refuse_links_out

from ..errors import DatasetError
from ..schema import FileRecord, are_there, stored_json

BUILDING = ".building"
_UNIT = "unit.json"
# The files that units consist of; no other file is ever moved or removed.
_OWNED = re.compile(
    r"(GT|[A-Z]{2,3}x[1-9])/[\w+-][\w.+-]*/\d{8}\.png|clips/[\w+-][\w.+-]*\.(npy|avi)"
)


class CannotWrite(DatasetError):
    """The disk is full, or the set's folder may not be written: nothing more can be prepared."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raises CannotWrite, one line, where the disk refuses what is written for the set in a folder."""
    try:
        yield
    except OSError as error:
        raise CannotWrite(f"{folder}: cannot be written: {reason(error)}") from error


class Unit(Protocol):
    """A part of a set that is built as a whole; it can be pickled, for other processes.

    record_type: a dataclass of plain values with a `fingerprint`; `files(unit)`, the record of each
                 file by its path in the set; and `check(unit, folder, file)`, which raises UnsafeName
                 if it names what it must not, as it was read from `file`.
    fingerprint: of its inputs and settings; DatasetError if these cannot be read.
    """

    record_type: ClassVar[type[Any]]

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    def is_current(self, record: Any) -> bool:
        """Whether a record is of this very unit, so that building it again would change nothing."""
        ...

    def build(self, folder: Path) -> Any:
        """Writes the unit's files below `folder`, by their paths in the set; returns its record.

        Raises DatasetError if there is no such unit to be had, OSError if the disk refuses.
        """
        ...


@dataclass(frozen=True)
class Result:
    """The result of a unit: its record, or why there is none; `built` if it was made just now."""

    record: Any = None
    failure: str = ""
    built: bool = True


@dataclass(frozen=True)
class _Move:
    """What `unit.json` says of a unit that is made: its record, and the files that go when it comes."""

    record: dict[str, Any]
    removes: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """A unit to be built. earlier: its files as they are recorded now."""

    unit: Any
    folder: Path
    records: str
    earlier: tuple[str, ...]
    commit: bool

    @property
    def name(self) -> str:
        return str(self.unit.name)


Run = Callable[[Callable[[Job], Result], Sequence[Job]], Iterator[tuple[Job, Result | None]]]


def one_by_one(
    work: Callable[[Job], Result], jobs: Sequence[Job]
) -> Iterator[tuple[Job, Result | None]]:
    """The jobs done in this process, one after the other."""
    for job in jobs:
        yield job, work(job)


class Builder:
    """Builds the units of one set. known: the records that its manifest has, by unit."""

    def __init__(self, folder: Path, records: str) -> None:
        self.folder, self.records = folder, records
        self.known: Mapping[str, Any] = {}
        self.keep = False  # what is in `.building`, after the run

    def done(self, unit: Unit) -> Any | None:
        """The record of a unit that is in its place, by `are_there`; None if it is to be built."""
        return self._done(unit, self._recorded(unit))

    def _done(self, unit: Unit, records: Sequence[Any]) -> Any | None:
        for record in records:
            if unit.is_current(record) and are_there(self.folder, record.files(unit.name)):
                return record
        return None

    def _recorded(self, unit: Unit) -> list[Any]:
        """The records of a unit, the latest first."""
        stored = read_record(self.folder, self.records, unit.name, unit.record_type)
        return [one for one in (stored, self.known.get(unit.name)) if one is not None]

    def build(
        self,
        units: Iterable[Unit],
        *,
        run: Run = one_by_one,
        commit: bool = True,
        show: Callable[[str], None] | None = None,
    ) -> dict[str, Result]:
        """Builds what is not done; what came of each unit, by its name.

        run:    does the jobs, in any order and process; None for one that cannot be done.
        commit: move each unit to its place as soon as it is whole; else `commit` does, for all.
        show:   called with the name of each unit that is built.
        Raises CannotWrite if the disk refuses; what was built until then is kept.
        """
        results: dict[str, Result] = {}
        jobs = []
        for unit in units:
            try:
                records = self._recorded(unit)
                if (done := self._done(unit, records)) is not None:
                    results[unit.name] = Result(done, built=False)
                else:
                    earlier = {path for one in records for path in one.files(unit.name)}
                    job = Job(unit, self.folder, self.records, tuple(sorted(earlier)), commit)
                    jobs.append(job)
            except DatasetError as error:
                results[unit.name] = Result(failure=str(error))
        for job, result in run(make, jobs) if jobs else ():
            results[job.name] = result or self._after_death(job)
            if show is not None:
                show(job.name)
        return results

    def commit(self, names: Iterable[str]) -> None:
        """Moves units that were built with `commit=False` to their places."""
        for name in names:
            if _stage(self.folder, name, "whole").is_dir():
                _commit(self.folder, self.records, name)

    def is_moving(self, name: str) -> bool:
        """Whether a unit is partly in its place, as an error left it; the next run ends that."""
        return _stage(self.folder, name, "ready").is_dir()

    def discard(self, names: Iterable[str]) -> None:
        """Removes units that were built with `commit=False` and are not wanted after all."""
        for name in names:
            shutil.rmtree(_stage(self.folder, name, "whole"), ignore_errors=True)

    def _after_death(self, job: Job) -> Result:
        """The result of a unit whose worker died; a move that it began is ended."""
        if not self.is_moving(job.name):
            return Result(failure="the process that worked on it died; prepare again")
        _move(self.folder, self.records, _stage(self.folder, job.name, "ready"))
        return Result(read_record(self.folder, self.records, job.name, job.unit.record_type))


@contextmanager
def building(folder: Path, records: str = BUILDING) -> Iterator[Builder]:
    """The builder of the set in a folder, for this process alone; first a killed run's work is ended.

    records: the folder in the set where the records of units are kept.
    What is under way goes when the block ends; after an error it stays for the next run.
    Raises CannotWrite if the folder cannot be made, DatasetError if another process has it,
    UnsafeName if a link in it leads out of it.
    """
    with locked(folder, "being prepared", CannotWrite):
        refuse_links_out(folder)
        inner = folder / BUILDING
        with writing(folder):
            remove_temporaries(folder)
            remove_temporaries(folder / records)
            for ready in sorted(inner.glob("*.ready")):
                _move(folder, records, ready)
            for part in inner.glob("*.part"):
                shutil.rmtree(part)
        builder = Builder(folder, records)
        try:
            yield builder
            if not builder.keep and not any(inner.glob("*.ready")):
                shutil.rmtree(inner, ignore_errors=True)
        finally:
            with suppress(OSError):
                inner.rmdir()  # if nothing is in it


def make(job: Job) -> Result:
    """Builds one unit, in any process that sees the set's folder."""
    unit, part = job.unit, _stage(job.folder, job.name, "part")
    whole = _stage(job.folder, job.name, "whole")
    try:
        if (record := _resumed(unit, whole)) is None:
            shutil.rmtree(part, ignore_errors=True)
            shutil.rmtree(whole, ignore_errors=True)
            part.mkdir(parents=True)
            record = unit.build(part)
            removes = sorted({*job.earlier} - {*record.files(job.name)})
            write_json(part / _UNIT, asdict(_Move(asdict(record), tuple(removes))))
            part.rename(whole)
        if job.commit:
            _commit(job.folder, job.records, job.name)
    except CannotWrite:
        raise
    except (DatasetError, MemoryError) as error:
        memory = isinstance(error, MemoryError)
        return Result(failure="takes more memory than there is" if memory else str(error))
    except OSError as error:
        raise CannotWrite(f"{job.folder}: cannot be written: {reason(error)}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Result(record)


def read_record(folder: Path, records: str, unit: str, record_type: type[Any]) -> Any | None:
    """The stored record of a unit; None if there is none that can be read.

    Raises UnsafeName if it names what it must not.
    """
    file = folder / records / f"{_file_name(unit)}.json"
    try:
        record = from_dict(record_type, stored_json(file), str(file), DatasetError)
        record.check(unit, folder, file)
    except DatasetError:
        return None
    return record


def _resumed(unit: Unit, whole: Path) -> Any | None:
    """The record of a unit that a killed run had made, if that is still the one to be made."""
    file = whole / _UNIT
    try:
        content = from_dict(_Move, stored_json(file), str(file), DatasetError)
        record = from_dict(unit.record_type, content.record, str(file), DatasetError)
        record.check(unit.name, whole, file)
        files = record.files(unit.name)
        same = all(FileRecord.of(whole / path) == known for path, known in files.items())
        return record if same and unit.is_current(record) else None
    except (DatasetError, OSError):
        return None


def _commit(folder: Path, records: str, name: str) -> None:
    ready = _stage(folder, name, "ready")
    if ready.is_dir():  # of another worker, which died at it
        _move(folder, records, ready)
    _stage(folder, name, "whole").rename(ready)
    _move(folder, records, ready)


def _move(folder: Path, records: str, ready: Path) -> None:
    """Moves a unit's files to their places, its record last; ends what a killed run began."""
    if (ready / _UNIT).is_file():
        try:
            move = from_dict(_Move, stored_json(ready / _UNIT), str(ready / _UNIT), DatasetError)
        except DatasetError as error:
            raise UnsafeName(f"{error}; delete {ready.parent}") from error
        for path in move.removes:
            (folder / _owned(path, ready)).unlink(missing_ok=True)
        for file in sorted(ready.rglob("*")):
            if file.name == _UNIT or (file.is_dir() and not file.is_symlink()):
                continue
            target = folder / _owned(file.relative_to(ready).as_posix(), ready)
            if file.is_symlink() or target.parent.is_symlink():
                raise UnsafeName(f"{file}: is a link; delete {ready.parent}")
            if target.is_file() and sha256_of(target) == sha256_of(file):
                continue  # so that a file that stays is not written anew
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
        write_json(folder / records / f"{ready.stem}.json", move.record)
    shutil.rmtree(ready)


def _owned(path: str, ready: Path) -> str:
    if not _OWNED.fullmatch(path):
        raise UnsafeName(f"{ready / _UNIT}: {path!r} is no file of a unit; delete {ready.parent}")
    return path


def remove_files(folder: Path, files: Iterable[str]) -> None:
    """Removes files of a set by their paths in it, and the folders that are empty then."""
    files = [path for path in files if _OWNED.fullmatch(path)]
    for path in files:
        (folder / path).unlink(missing_ok=True)
    above = {parent for path in files for parent in Path(path).parents}
    for place in sorted((folder / parent for parent in above), reverse=True):
        if place != folder and place.is_dir() and not any(place.iterdir()):
            place.rmdir()


def _stage(folder: Path, name: str, state: str) -> Path:
    return folder / BUILDING / f"{_file_name(name)}.{state}"


def _file_name(unit: str) -> str:
    return unit.replace("/", ".")


def cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
