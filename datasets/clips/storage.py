"""A clip of frames as one file: written once, whole or not at all, and read frame by frame.

The suffix of the file says how it is stored: `.npy` is a plain array of all frames, mapped into
memory; `.avi` is lossless video, a quarter of that (docs/storage.md).
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..errors import DatasetError
from .clip import Box, Clip, Frame, checked, within

__all__ = ["Box", "Clip", "Frame", "Written", "open_clip", "suffix", "write_clip"]

DEFAULT = "magicyuv"  # docs/storage.md says why


@dataclass(frozen=True)
class Written:
    """What `write_clip` wrote: `sha256` is of the frames' bytes, RGB, one frame after another."""

    frames: int
    height: int
    width: int
    sha256: str
    bytes: int


def write_clip(path: Path | str, frames: Iterable[Frame]) -> Written:
    """Write a clip: whole under its name, or not at all; the same bytes for the same frames.

    path:   its suffix says how it is stored, one of `SUFFIXES`.
    frames: uint8 RGB (H, W, 3), all of one size; taken one by one, one is held at a time.
    Raises DatasetError if there are no frames or their sizes differ, OSError if the disk refuses;
    what `frames` raises passes through. Nothing is left behind then.
    """
    path = Path(path)
    with _replacing(path) as temporary:
        course = _Course(path, frames)
        _form(path).write(temporary, course, *course.size)
        written = Written(
            course.frames, *course.size, course.checksum.hexdigest(), temporary.stat().st_size
        )
    return written


def open_clip(path: Path | str) -> Clip:
    """The clip that `write_clip` wrote. Raises DatasetError if it cannot be read."""
    path = Path(path)
    form = _form(path)
    try:
        return form.open(path)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise DatasetError(f"{path}: cannot be read: {why}") from error


class _Course:
    """The frames on their way to a file, checked and counted."""

    def __init__(self, path: Path, frames: Iterable[Frame]) -> None:
        self.path, self.frames, self.checksum = path, 0, hashlib.sha256()
        self.size = 0, 0
        self._source = iter(frames)
        first = next(self._source, None)
        if first is None:
            raise DatasetError(f"{path}: there are no frames to write")
        self._first: Frame | None = first
        self.size = first.shape[0], first.shape[1]

    def __iter__(self) -> Iterator[Frame]:
        frame, self._first = self._first, None
        while frame is not None:
            if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
                raise ValueError(f"a frame is uint8 (H, W, 3), not {frame.dtype} {frame.shape}")
            if frame.shape[:2] != self.size:
                raise DatasetError(
                    f"{self.path}: its frames differ in size: the first is "
                    f"{self.size[1]}x{self.size[0]}, number {self.frames} is "
                    f"{frame.shape[1]}x{frame.shape[0]}"
                )
            frame = np.ascontiguousarray(frame)
            self.checksum.update(frame.data)
            self.frames += 1
            yield frame
            frame = next(self._source, None)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, which takes its place if all goes well and else goes."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())  # what a manifest will name must outlive a power cut
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class _Array:
    """A clip stored as a plain array, mapped into memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            frames: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise DatasetError(f"{path}: is damaged or no clip: {error}") from error
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
            raise DatasetError(
                f"{path}: holds {frames.dtype} {frames.shape}, not frames of uint8 (n, H, W, 3)"
            )
        self._frames: NDArray[np.uint8] = np.asarray(frames)
        self.shape: tuple[int, int, int, int] = (*frames.shape[:3], 3)

    def __len__(self) -> int:
        return self.shape[0]

    def __reduce__(self) -> tuple[type[_Array], tuple[Path]]:
        return _Array, (self.path,)

    def read(self, indices: Sequence[int], box: Box | None = None) -> NDArray[np.uint8]:
        rows, columns = within(box, *self.shape[1:3])
        numbers = checked(indices, len(self), self.path)
        part = self._frames[:, rows, columns]
        made = np.empty((len(numbers), *part.shape[1:]), np.uint8)
        for place, index in enumerate(numbers):
            made[place] = part[index]
        return made


def _write_array(path: Path, frames: Iterable[Frame], height: int, width: int) -> None:
    with path.open("wb") as file:
        _write_header(file, (0, height, width, 3))
        start, count = file.tell(), 0
        for count, frame in enumerate(frames, 1):
            file.write(frame.data)
        file.seek(0)
        _write_header(file, (count, height, width, 3))
        if file.tell() != start:  # NumPy leaves room for the first number to grow
            raise RuntimeError("the header of an array has grown")


def _write_header(file: Any, shape: tuple[int, ...]) -> None:
    described = {"descr": "|u1", "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(file, described)


@dataclass(frozen=True)
class _Form:
    """A way to store: its name in manifests is `STORAGES`' key."""

    suffix: str
    write: Callable[[Path, Iterable[Frame], int, int], None]
    open: Callable[[Path], Clip]


def _write_video(path: Path, frames: Iterable[Frame], height: int, width: int) -> None:
    from .magicyuv import write_video  # PyAV loads for those who need it

    write_video(path, frames, height, width)


def _open_video(path: Path) -> Clip:
    from .magicyuv import LosslessVideo

    return LosslessVideo(path)


STORAGES = {
    "npy": _Form(".npy", _write_array, _Array),
    "magicyuv": _Form(".avi", _write_video, _open_video),
}
SUFFIXES = {form.suffix: form for form in STORAGES.values()}


def suffix(storage: str) -> str:
    """The suffix of clips of a storage, as a manifest names it.

    >>> suffix("npy")
    '.npy'
    """
    if storage not in STORAGES:
        raise DatasetError(f"no storage {storage!r}; there are {', '.join(STORAGES)}")
    return STORAGES[storage].suffix


def _form(path: Path) -> _Form:
    if path.suffix not in SUFFIXES:
        raise DatasetError(f"{path}: is no clip; clips end in {', '.join(SUFFIXES)}")
    return SUFFIXES[path.suffix]
