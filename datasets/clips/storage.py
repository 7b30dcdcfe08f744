"""A clip of frames as one file: written once, whole or not at all, and read frame by frame.

The suffix of the file says how it is stored: `.npy` is a plain array of all frames, mapped into
memory; `.avi` is lossless video, a quarter of that (docs/storage.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from stvt.core.files import atomic_write, reading

from ..errors import DatasetError
from ..frames import Box, Frame

STORAGES = {"npy": ".npy", "magicyuv": ".avi"}  # by the names that manifests use


def suffix(storage: str) -> str:
    """The suffix of clips of a storage, as a manifest names it.

    >>> suffix("npy")
    '.npy'
    """
    if storage not in STORAGES:
        raise DatasetError(f"no storage {storage!r}; there are {', '.join(STORAGES)}")
    return STORAGES[storage]


@dataclass(frozen=True)
class Written:
    """The result of `write_clip`: `sha256` is of the frames' bytes, RGB, one frame after another."""

    frames: int
    height: int
    width: int
    sha256: str


def write_clip(path: Path | str, frames: Iterable[Frame]) -> Written:
    """Write a clip: whole under its name, or not at all; the same bytes for the same frames.

    path:   its suffix says how it is stored, one of `STORAGES`.
    frames: uint8 RGB (H, W, 3), all of one size; taken one by one, one is held at a time.
    Raises DatasetError if there are no frames or their sizes differ, OSError if the disk refuses;
    what `frames` raises passes through. Nothing is left behind then.
    """
    path, source = Path(path), iter(frames)
    is_video = _is_video(path)
    first = next(source, None)
    if first is None:
        raise DatasetError(f"{path}: there are no frames to write")
    height, width = first.shape[:2]
    sha256, count = hashlib.sha256(), 0

    def checked() -> Iterator[Frame]:
        nonlocal count
        for frame in chain([first], source):
            if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
                raise ValueError(f"a frame is uint8 (H, W, 3), not {frame.dtype} {frame.shape}")
            if frame.shape[:2] != (height, width):
                raise DatasetError(
                    f"{path}: its frames differ in size: the first is {width}x{height}, "
                    f"number {count} is {frame.shape[1]}x{frame.shape[0]}"
                )
            frame = np.ascontiguousarray(frame)
            sha256.update(frame.data)
            count += 1
            yield frame

    with atomic_write(path) as temporary:
        if is_video:
            from .magicyuv import write_video  # PyAV loads for those who need it

            write_video(temporary, checked(), height, width)
        else:
            _write_array(temporary, checked(), height, width)
    return Written(count, height, width, sha256.hexdigest())


class _Content(Protocol):
    """The content of a clip's file, which is asked only for frames and parts that there are."""

    shape: tuple[int, int, int, int]

    def read(self, numbers: Sequence[int], rows: slice, columns: slice) -> NDArray[np.uint8]: ...


class Clip:
    """A stored clip, opened. It may be pickled: what comes out of it opens the file anew.

    shape: (frames, height, width, 3).
    Raises DatasetError if the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        is_video = _is_video(path)
        with reading(path, DatasetError):
            if is_video:
                from .magicyuv import MagicYUVVideo

                self._content: _Content = MagicYUVVideo(path)
            else:
                self._content = _Array(path)
        self.shape = self._content.shape

    def __len__(self) -> int:
        return self.shape[0]

    def __reduce__(self) -> tuple[Callable[[Path], Clip], tuple[Path]]:
        return Clip, (self.path,)

    def read(self, indices: Sequence[int], box: Box | None = None) -> NDArray[np.uint8]:
        """The frames of these numbers, in this order, as uint8 (n, H, W, 3) of its own memory.

        box: the part that is wanted: that alone is copied or converted, which is most of the cost.
        Raises IndexError for a number or a box that is not within, DatasetError if the file is
        damaged.
        """
        frames, height, width, _ = self.shape
        numbers = [int(index) for index in indices]
        for number in numbers:
            if not 0 <= number < frames:
                raise IndexError(f"{self.path.name} has frames 0 to {frames - 1}, not {number}")
        top, left, rows, columns = box or (0, 0, height, width)
        if min(top, left, rows, columns) < 0 or top + rows > height or left + columns > width:
            raise IndexError(f"a frame of {width}x{height} does not hold the box {box}")
        return self._content.read(numbers, slice(top, top + rows), slice(left, left + columns))


def open_clip(path: Path | str) -> Clip:
    """The clip that `write_clip` wrote. Raises DatasetError if it cannot be read."""
    return Clip(Path(path))


class _Array:
    """A clip stored as a plain array, mapped into memory."""

    def __init__(self, path: Path) -> None:
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

    def read(self, numbers: Sequence[int], rows: slice, columns: slice) -> NDArray[np.uint8]:
        return np.ascontiguousarray(self._frames[:, rows, columns][numbers])


def _write_array(path: Path, frames: Iterable[Frame], height: int, width: int) -> None:
    def write_header(count: int) -> int:
        file.seek(0)
        shape = (count, height, width, 3)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(file, header)
        return file.tell()

    with path.open("wb") as file:
        start, count = write_header(0), 0
        for count, frame in enumerate(frames, 1):
            file.write(frame.data)
        if write_header(count) != start:  # NumPy leaves room for the first number to grow
            raise RuntimeError("the header of an array has grown")


def _is_video(path: Path) -> bool:
    if path.suffix not in STORAGES.values():
        raise DatasetError(f"{path}: is no clip; clips end in {', '.join(STORAGES.values())}")
    return path.suffix == STORAGES["magicyuv"]
