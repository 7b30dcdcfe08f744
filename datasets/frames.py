"""Frames as picture files: their order in a folder, reading one, writing one."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from stvt.core import images
from stvt.core.files import reading, write_bytes
from stvt.core.images import Frame, nanoseconds, natural_key, picture_files, read_picture

from .errors import DatasetError

__all__ = ["Frame", "natural_key"]


class Box(NamedTuple):
    """A part of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        return self.top + self.height

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def area(self) -> int:
        return self.height * self.width

    def overlaps(self, other: Box) -> bool:
        """Whether two parts of a picture have pixels in common."""
        down = self.top < other.bottom and other.top < self.bottom
        return down and self.left < other.right and other.left < self.right


PICTURES = images.SUFFIXES
# The last number of a name: Unix seconds with their nanoseconds are one.
_NUMBER = re.compile(r"((?<!\d)\d{10}\.\d{9}|\d+)(?!.*\d)", re.DOTALL)
_CLOSE = 10  # frames that are numbered are nearer than this, as time stamps are not


def frame_files(folder: Path) -> list[Path]:
    """The pictures of a folder in natural order; hidden files and other kinds are left out.

    Raises DatasetError if the folder cannot be listed.
    """
    return picture_files(folder, DatasetError)


def numbering_fault(files: list[Path]) -> str | None:
    """What is wrong with the numbers of a sequence of files, or None.

    A number that is missing, or that two files have, is a fault, and so are two sequences. Files
    whose names share no pattern have no numbers to be missing, a sequence of every n-th number
    (n > 1, at least three files) was meant so, and time stamps are taken in their order.

    >>> numbering_fault([Path(f"f{n}.png") for n in (1, 2, 4)])
    'frame number 3 is missing (f2.png is followed by f4.png)'
    """
    if fault := two_sequences(files):
        return fault
    sequence = _numbered(files)
    steps = Counter(later[0] - one[0] for one, later in pairwise(sequence))
    if len(steps) == 1 and len(sequence) > 2 and 0 not in steps:
        return None
    if are_time_stamps(files):
        return None
    for (number, name), (later, following) in pairwise(sequence):
        if later == number:
            return f"frame number {number} is there twice ({name} and {following})"
        if later > number + 1:
            several = f"frame numbers {number + 1} to {later - 1} are"
            missing = several if later > number + 2 else f"frame number {number + 1} is"
            return f"{missing} missing ({name} is followed by {following})"
    return None


def two_sequences(files: list[Path]) -> str | None:
    """That files are of two sequences, as im1.png and im1_mask.png are, in a line; None if of one.

    Two files have each number; digits before it may differ.
    """
    sequences: dict[str, dict[int, str]] = {}
    for file in files:
        if match := _NUMBER.search(stem := nanoseconds(file.stem)):
            words = re.sub(r"\d+", "0", stem)
            sequences.setdefault(words, {})[int(match[1].replace(".", ""))] = file.name
    first, second = [*sorted(sequences.values(), key=len, reverse=True), {}, {}][:2]
    both = sorted(first.keys() & second.keys())
    if len(both) < 2 or 2 * len(both) < len(second):
        return None
    names = " and ".join(sorted((first[both[0]], second[both[0]])))
    return f"two sequences, as {names} have one number; give each a folder of its own"


def are_time_stamps(files: list[Path]) -> bool:
    """Whether the numbers of a sequence are times: far apart, and their steps of no one measure.

    >>> are_time_stamps([Path(f"{n}.png") for n in (0, 33, 67, 100)])
    True
    """
    numbers = [number for number, _ in _numbered(files)]
    steps = {later - one for one, later in pairwise(numbers)}
    least = min(steps, default=0)
    return len(numbers) > 2 and least >= _CLOSE and any(step % least for step in steps)


def _numbered(files: list[Path]) -> list[tuple[int, str]]:
    """The numbers of the files whose names share the most common pattern, rising."""
    numbered: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for file in files:
        stem = nanoseconds(file.stem)
        if match := _NUMBER.search(stem):
            around = stem[: match.start()], stem[match.end() :]
            number = int(match[1].replace(".", ""))
            numbered.setdefault(around, []).append((number, file.name))
    if not numbered:
        return []
    longest = max(numbered.values(), key=len)
    return sorted(longest)


def read_frame(path: Path, notes: set[str] | None = None) -> Frame:
    """The picture in a file, uint8 RGB, (H, W, 3), the way up that viewers show it.

    Grey and palette pictures become RGB, 9 to 16 bits become 8 by rounding, alpha is composited
    over black and an ICC profile is applied; `notes` gets a line for either.

    Raises DatasetError naming the file and the reason if it cannot be read whole.
    """
    return read_picture(path, DatasetError, notes)


def read_deep_frame(path: Path, notes: set[str] | None = None) -> Frame | NDArray[np.float32]:
    """The picture in a file as `read_frame` gives it, but of 9 to 16 bits as float32 in [0, 1]."""
    return images.read_deep_picture(path, DatasetError, notes)


def read_bytes(path: Path) -> bytes:
    """The content of a file; DatasetError naming it if that cannot be had."""
    with reading(path, DatasetError):
        return Path(path).read_bytes()


def decode(data: bytes, path: Path, notes: set[str] | None = None) -> Frame:
    """`read_frame` for the content of a file already read; `path` is for messages."""
    return images.decode(data, path, DatasetError, notes)


def encode_png(frame: Frame) -> bytes:
    """The PNG file of a frame, uint8 RGB, (H, W, 3): always the same bytes for the same pixels."""
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise ValueError(f"a frame is uint8 (H, W, 3), not {frame.dtype} {frame.shape}")
    # Without any parameter OpenCV takes the cheapest row filter; naming even its own level makes
    # it try all five. Measured on Vid4 frames: 20 ms, Pillow's fastest 45 ms, sizes within 8 %.
    done, data = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    if not done:
        raise ValueError(f"OpenCV cannot encode a frame of shape {frame.shape}")
    return data.tobytes()


def write_frame(path: Path, frame: Frame) -> None:
    """Write a frame, uint8 RGB, (H, W, 3), as PNG: whole under its name, or not at all."""
    write_bytes(path, encode_png(frame), sync=False)
