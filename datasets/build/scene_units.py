"""The units of a test set: the ground-truth frames of a scene, and low-resolution ones of those."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from stvt.core.files import reading, reason, write_bytes

from ..degradation import degrade
from ..errors import DatasetError
from ..frames import Frame, decode, encode_png, read_bytes
from ..manifest import GT
from ..schema import (
    FileRecord,
    GtRecord,
    LrRecord,
    SceneSource,
    SourceFile,
    are_there,
    fingerprint_of,
    frame_name,
    record_of,
)
from ..sources.resolve import ResolvedSource
from ..sources.scenes import Scene
from .engine import writing

VERSION = 1  # of what is made of the same source: raised, all sets are made anew
T = TypeVar("T")
R = TypeVar("R")
Show = Callable[[str], None]


@dataclass(frozen=True)
class GtUnit:
    """The ground-truth frames of a scene, decoded from its source and cropped.

    multiple:  their height and width are made multiples of this.
    least:     pixels that a side must have, for the low-resolution frames to be.
    fps:       of frames, which have no rate of their own. published: how many there must be.
    workers:   threads: decoding, blurring and encoding run outside Python's lock.
    show:      called with the scene's name for each frame.
    only:      the frames to write, for a unit that is repaired.
    """

    record_type: ClassVar[type[Any]] = GtRecord

    scene: Scene
    origin: ResolvedSource
    multiple: int
    least: int
    fps: str | None = None
    published: int | None = None
    workers: int = 1
    show: Show | None = None
    only: frozenset[int] | None = None

    @property
    def name(self) -> str:
        return f"{GT}/{self.scene.name}"

    @cached_property
    def source(self) -> SceneSource:
        """Where the frames come from, with the checksums of the files: these are read for it."""
        scene, origin = self.scene, self.origin
        if scene.kind == "rendered":
            return SceneSource("rendered", name=scene.name, version=scene.version)
        with ThreadPoolExecutor(self.workers) as pool:
            files = tuple(pool.map(_source_file, scene.files))
        base, name = origin.base, scene.place.name
        if base and base in scene.place.parents:
            name = scene.place.relative_to(base).as_posix()
        return SceneSource(scene.kind, origin.path, origin.archive, name, files)

    @cached_property
    def fingerprint(self) -> str:
        source, is_rendered = self.source, self.scene.kind == "rendered"
        rendered = [source.name, source.version, self.scene.frames] if is_rendered else None
        return fingerprint_of(
            {
                "version": VERSION,
                "multiple": self.multiple,
                "files": [file.sha256 for file in source.files],
                "rendered": rendered,
                "fps": None if source.kind == "video" else self.fps,
            }
        )

    def is_current(self, record: GtRecord) -> bool:
        return record.fingerprint == self.fingerprint

    def expected(self) -> int | None:
        """The number of frames, by its header for a video; None if it takes decoding to know."""
        if self.scene.kind != "video":
            return self.scene.frames
        from ..video.probe import header_frames

        return header_frames(self.scene.place)

    def build(self, folder: Path) -> GtRecord:
        scene, video, notes = self.scene, None, set[str]()
        if scene.kind == "video":
            from ..video.reader import open_video  # PyAV loads for those who need it

            video = open_video(scene.place)
            functions: Iterable[Callable[[], Any]] = (partial(np.asarray, one) for one in video)
        elif scene.render:
            functions = (partial(scene.render, index) for index in range(scene.frames or 0))
        else:
            pairs = zip(scene.files, self.source.files, strict=True)
            functions = (partial(_decoded, *pair, notes) for pair in pairs)
        jobs = (job for job in enumerate(functions) if self.only is None or job[0] in self.only)
        place, size = folder / GT / scene.name, (0, 0)
        store = partial(_store_gt, place=place, multiple=self.multiple, least=self.least)
        frames: list[FileRecord] = []

        def called(index: int) -> str:
            return scene.files[index].name if scene.kind == "frames" else f"frame {index}"

        try:
            for one, frame in in_order(self.workers, store, jobs):
                size = size if frames else one
                if one != size:
                    raise DatasetError(
                        f"its frames differ in size: {called(0)} is {size_text(size)}, "
                        f"{called(len(frames))} is {size_text(one)}"
                    )
                frames.append(frame)
                if self.show:
                    self.show(scene.name)
        except OSError as error:  # PyAV's errors of decoding among them
            raise DatasetError(f"cannot be decoded: {reason(error)}") from error
        if not frames:
            raise DatasetError("it holds no frames")
        if self.published not in (None, len(frames)) and self.only is None:
            raise DatasetError(f"has {len(frames)} frames, the published scene {self.published}")
        height, width = (side - side % self.multiple for side in size)
        rate = self.fps if video is None else str(video.fps) if video.fps else None
        return GtRecord(
            self.fingerprint,
            self.source,
            height,
            width,
            size if size != (height, width) else None,
            rate,
            tuple(frames),
            dict(video.facts) if video else {},
            tuple(video.notes if video else sorted(notes)),
        )


@dataclass(frozen=True)
class StoredGtUnit:
    """The ground-truth frames of a scene as they are in the set's folder: their source is not there."""

    record_type: ClassVar[type[Any]] = GtRecord

    scene: str
    record: GtRecord
    folder: Path

    @property
    def name(self) -> str:
        return f"{GT}/{self.scene}"

    @property
    def source(self) -> SceneSource:
        return self.record.source

    @property
    def fingerprint(self) -> str:
        return self.record.fingerprint

    def is_current(self, record: GtRecord) -> bool:
        return record == self.record

    def expected(self) -> int:
        return 0  # of those to be written

    def build(self, folder: Path) -> GtRecord:
        """Raises DatasetError that names the first file that is missing."""
        files = self.record.files(self.name).items()
        lost = (path for path, one in files if not are_there(self.folder, {path: one}))
        raise DatasetError(f"{next(lost, self.name)} is missing, as is its source")


@dataclass(frozen=True)
class LrUnit:
    """The low-resolution frames of a scene under one degradation, made of its ground-truth frames.

    parameters: of the degradation `label`, "BDx4". gt: the record of the ground-truth frames.
    folder:     of the set that these are in.
    """

    record_type: ClassVar[type[Any]] = LrRecord

    scene: str
    label: str
    parameters: dict[str, Any]
    gt: GtRecord
    folder: Path
    workers: int = 1
    show: Show | None = None
    only: frozenset[int] | None = None

    @property
    def name(self) -> str:
        return f"{self.label}/{self.scene}"

    @cached_property
    def fingerprint(self) -> str:
        gt = [frame.sha256 for frame in self.gt.frames]
        return fingerprint_of({"version": VERSION, "parameters": self.parameters, "gt": gt})

    def is_current(self, record: LrRecord) -> bool:
        return record.fingerprint == self.fingerprint and len(record.frames) == len(self.gt.frames)

    def build(self, folder: Path) -> LrRecord:
        scale = int(self.parameters["scale"])
        height, width = self.gt.height // scale, self.gt.width // scale
        if not height or not width:
            small = size_text((self.gt.height, self.gt.width))
            raise DatasetError(f"a frame of {small} is too small for scale {scale}")
        place, kind = folder / self.label / self.scene, self.parameters["kind"]
        store = partial(_store_lr, place=place, degradation=kind, scale=scale)
        files = self.gt.files(f"{GT}/{self.scene}").items()
        frames = []
        for frame in in_order(
            self.workers,
            store,
            (
                (index, self.folder / path, known)
                for index, (path, known) in enumerate(files)
                if self.only is None or index in self.only
            ),
        ):
            frames.append(frame)
            if self.show:
                self.show(self.scene)
        size = (height * scale, width * scale)
        crop = size if size != (self.gt.height, self.gt.width) else None
        return LrRecord(self.fingerprint, height, width, crop, tuple(frames))


def in_order(workers: int, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """`function` of each item, by threads, in the items' order; few items are held at a time."""
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def cropped(frame: Frame, multiple: int, least: int = 0) -> Frame:
    """The frame without the rows below and columns on the right beyond a multiple.

    Raises DatasetError if it has fewer than `least` of either, or if nothing is left.
    """
    height, width = frame.shape[:2]
    least = max(multiple, least)
    if height < least or width < least:
        raise DatasetError(f"a frame of {width}x{height} is too small for scale {least}")
    return frame[: height - height % multiple, : width - width % multiple]


def size_text(size: tuple[int, int]) -> str:
    """(height, width) in words."""
    return f"{size[1]}x{size[0]}"


def _store_gt(
    job: tuple[int, Callable[[], Frame]], place: Path, multiple: int, least: int
) -> tuple[tuple[int, int], FileRecord]:
    index, function = job
    frame = function()
    height, width = frame.shape[:2]
    return (height, width), _write(place, index, cropped(frame, multiple, least))


def _store_lr(
    job: tuple[int, Path, FileRecord], place: Path, degradation: str, scale: int
) -> FileRecord:
    index, path, known = job
    data = read_bytes(path)
    if record_of(data) != known:
        raise DatasetError(f"{path}: is altered; `stvt verify NAME --fix` makes it again")
    return _write(place, index, degrade(cropped(decode(data, path), scale), degradation, scale))


def _write(place: Path, index: int, frame: Frame) -> FileRecord:
    data = encode_png(frame)
    path = place / frame_name(index)
    with writing(place.parent):
        write_bytes(path, data, sync=False)
    return record_of(data)


def _source_file(file: Path) -> SourceFile:
    with reading(file, DatasetError):
        known = FileRecord.of(file)
    return SourceFile(file.name, known.bytes, known.sha256)


def _decoded(file: Path, known: SourceFile, notes: set[str]) -> Frame:
    data = read_bytes(file)
    if record_of(data) != FileRecord(known.bytes, known.sha256):
        raise DatasetError(f"{file}: has changed while it was read; prepare the set again")
    return decode(data, file, notes)
