"""Precomputed frames: the output of another program, scored like a method: `name=frames:FOLDER`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import chain
from pathlib import Path

import cv2
import torch
from torch import Tensor

from stvt.core.files import read_json
from stvt.core.images import SUFFIXES, Frame, picture_files, picture_size, read_picture

from .errors import MethodError
from .expression import is_stated
from .method import IsWanted, Method, Outputs, Scene, everything

SAMPLES = 3  # frames of each kind that are compared for a shift; more would only cost time
SHIFT_RATIO = 0.9  # a shift is suspected when it lowers the squared error below this part
METHOD_FILE = "method.json"  # in the folder: {"params": "30.9M", "seconds": 0.3}
STATED = re.compile(r"(params|operations|seconds)=(\d{1,30}(?:\.\d+)?(?:e[+-]?\d\d?)?) ?([kMGT]?)")
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
GRID = 4  # of whose rows and columns one is compared for that


class PrecomputedFrames(Method):
    """Frames read from FOLDER/<data set>/<scene>, FOLDER/<scene>, or FOLDER for a single scene.

    The number in a file's name is the frame's index in the whole sequence, 0 the first.
    `stated` is the cost of the method that made them, as `name=frames:FOLDER,params=30.9M,seconds=0.3`
    or `method.json` in the folder say it: the fields of a run's description of a method.
    `warnings` says what looks wrong with the scene that has begun and is not an error.
    """

    def __init__(self, name: str, folder: Path, scale: int, stated: str = "") -> None:
        if not folder.is_dir():
            raise MethodError(f"{name}: there is no folder {folder}")
        self.name, self.folder, self.scale = name, folder, scale
        self.stated = stated_cost(name, folder / METHOD_FILE, stated)
        self.scene: Scene | None = None
        self.files: dict[int, Path] = {}
        self.warnings: list[str] = []
        self.samples: list[list[int]] = []  # indexes, input frames and new ones
        self.restored: dict[int, Frame] = {}  # of the samples, thinned
        self.gt: dict[int, Frame] = {}
        self.notes: set[str] = set()  # of what reading left out

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return 0, 0  # what the other program read is not known

    def begin(self, scene: Scene) -> None:
        folder = self.folder_of(scene)
        self.warnings.clear()
        self.scene = scene
        self.files = numbered(picture_files(folder, MethodError), folder)
        if set(self.files) == set(range(1, scene.frames + 1)):
            self.files = {number - 1: file for number, file in self.files.items()}
            self.warnings.append(
                f"{self.name}: {folder} is numbered from 1: read as shifted, its 1 as frame 0; "
                "number from 0 to be sure"
            )
        extra = [number for number in self.files if number >= scene.frames]
        if extra:
            self.warnings.append(
                f"{self.name}: {folder} holds {len(extra)} more frames than the scene's "
                f"{scene.frames}, {self.files[min(extra)].name} the first; they are not read"
            )
        self.samples = self._samples(scene)
        self.restored, self.gt, self.notes = {}, {}, set()

    def fingerprint_of(self, scene: Scene) -> str:
        """A checksum of the scene's files: frames made anew under the same names score anew."""
        checksum = sha256()
        for file in picture_files(self.folder_of(scene), MethodError):
            checksum.update(file.name.encode() + b"\0" + sha256(file.read_bytes()).digest())
        return checksum.hexdigest()

    def folder_of(self, scene: Scene) -> Path:
        deeper = [self.folder / scene.dataset / scene.name, self.folder / scene.name]
        for folder in deeper:
            if folder.is_dir():
                return folder
        if not picture_files(self.folder, MethodError):
            raise MethodError(
                f"{self.name}: no frames of {scene.dataset}/{scene.name}: neither {deeper[0]} nor "
                f"{deeper[1]} is there, nor are frames in {self.folder} itself"
            )
        if not scene.alone or (self.scene is not None and self.scene != scene):
            raise MethodError(
                f"{self.name}: {self.folder} holds the frames of one scene, but there are several; "
                f"put those of {scene.name} into {deeper[1]}"
            )
        return self.folder

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
    ) -> Outputs:
        scene = self.scene
        if scene is None:
            raise ValueError("PrecomputedFrames.stream: begin(scene) comes first")
        outputs = [
            (k + t, self.index(k + t, scene))
            for k in range((scene.frames - 1) // scene.step + 1)
            for t in (0.0, *times)
            if (k + (t > 0)) * scene.step < scene.frames and is_wanted(k + t)
        ]
        self.check([index for _, index in outputs], scene)
        for time, index in outputs:
            pixels = torch.from_numpy(self.read(index))
            yield time, pixels.permute(2, 0, 1).float() / 255

    def index(self, time: float, scene: Scene) -> int:
        index = round(time * scene.step)
        if abs(index - time * scene.step) > 1e-6:
            raise MethodError(
                f"{self.name}: time {time:g} lies between frames of {scene.name}, so that no file "
                f"can hold it; ask for times that are multiples of 1/{scene.step}"
            )
        return index

    def check(self, wanted: Sequence[int], scene: Scene) -> None:
        """Before anything is scored: that every wanted frame is there and of the right size."""
        folder = self.folder_of(scene)
        missing = [index for index in wanted if index not in self.files]
        if missing:
            held = f"{len(self.files)} frames numbered {min(self.files)} to {max(self.files)}"
            raise MethodError(
                f"{self.name}: {folder} misses {len(missing)} of {len(wanted)} frames, the first "
                f"is number {missing[0]}; it holds {held}, and the number in a name must be the "
                f"index in the whole sequence of {scene.frames}, from 0"
            )
        for index in wanted:
            with naming(self.name):
                height, width = picture_size(self.files[index], MethodError)
            if (height, width) != (scene.height, scene.width):
                raise MethodError(
                    f"{self.name}: {self.files[index]} is {width}x{height}, the scene's frames are "
                    f"{scene.width}x{scene.height}"
                )

    def read(self, index: int) -> Frame:
        """The frame of that index, by the rules by which the ground truth is read. From any thread."""
        with naming(self.name):
            return read_picture(self.files[index], MethodError, self.notes)

    def warn_of_reading(self) -> None:
        """Adds a warning of each thing that reading left out of some frame, as its alpha."""
        assert self.scene is not None
        folder = self.folder_of(self.scene)
        self.warnings += [f"{self.name}: {folder}: {note}" for note in sorted(self.notes)]

    def observe(self, index: int, restored: Frame, gt: Frame) -> None:
        """Takes frames as they are scored, so that `check_shift` need not read them again."""
        for sample in chain(*self.samples):
            if sample == index:
                self.restored[index] = thinned(restored)
            if abs(sample - index) <= 1:
                self.gt[index] = thinned(gt)

    def check_shift(self, gt: Callable[[int], Frame]) -> None:
        """Adds a warning if the frames fit the truth better one index earlier or later.

        gt: the frame of an index of the whole sequence, called for a few.
        """
        if self.scene is None:
            raise ValueError("PrecomputedFrames.check_shift: begin(scene) comes first")
        for index in chain(*self.samples):
            if index not in self.restored:
                self.restored[index] = thinned(self.read(index))
            for near in (index - 1, index, index + 1):
                if near not in self.gt:
                    self.gt[near] = thinned(gt(near))
        shifts = {likely_shift(self._errors(kind)) for kind in self.samples}
        shift = shifts.pop() if len(shifts) == 1 else 0
        if shift:
            self.warnings.append(
                f"{self.name}: the frames of {self.scene.name} are nearer to the truth "
                f"{'before' if shift < 0 else 'after'} them than to their own: shifted by one?"
            )

    def _samples(self, scene: Scene) -> list[list[int]]:
        """The frames that are compared for a shift: some input frames, and some new ones.

        Each kind by itself: new frames that repeat the one before are rightly nearest to that. Files
        of another size are left out: only those that are scored need be right.
        """
        usable = [index for index in range(1, scene.frames - 1) if index in self.files]
        given = [index for index in usable if index % scene.step == 0]
        new = [index for index in usable if index % scene.step]
        kinds = [kind[:: -(-len(kind) // SAMPLES)] for kind in (given, new) if kind]
        size = scene.height, scene.width
        fitting = ([i for i in kind if file_size(self.files[i]) == size] for kind in kinds)
        return [kind for kind in fitting if kind]

    def _errors(self, indexes: Sequence[int]) -> dict[int, float]:
        """The squared error of frames i to truth i + offset, by the offset."""
        return {
            offset: sum(squared_error(self.restored[i], self.gt[i + offset]) for i in indexes)
            for offset in (0, -1, 1)
        }


def likely_shift(errors: Mapping[int, float]) -> int:
    """The offset at which frames fit clearly better than at 0, or 0.

    errors: offset -> squared error of frame i to truth i + offset, over the same i.

    >>> likely_shift({0: 100.0, -1: 20.0, 1: 180.0}), likely_shift({0: 100.0, -1: 95.0, 1: 180.0})
    (-1, 0)
    """
    best = min(errors, key=lambda offset: (errors[offset], abs(offset)))
    return best if errors[best] < SHIFT_RATIO * errors[0] else 0


def thinned(frame: Frame) -> Frame:
    """A few rows and columns of a frame, enough to tell it from its neighbours."""
    step = GRID if min(frame.shape[:2]) >= 16 * GRID else 1
    return frame[::step, ::step].copy()


def squared_error(restored: Frame, gt: Frame) -> float:
    return float(cv2.norm(restored, gt, cv2.NORM_L2SQR)) / restored.size


def numbered(files: Sequence[Path], folder: Path) -> dict[int, Path]:
    """The files by the number in their names: the one number that is not the same in all.

    >>> files = [Path(f"clip2_{i:03}_x4.png") for i in (7, 8)]
    >>> list(numbered(files, Path(".")))
    [7, 8]
    """
    if not files:
        raise MethodError(f"{folder} holds no frames ({', '.join(sorted(SUFFIXES))})")
    groups = [re.findall(r"\d+", file.stem) for file in files]
    if len({len(group) for group in groups}) > 1 or not all(groups):
        raise MethodError(
            f"{folder}: the frames' names do not all follow one pattern with a number, as in "
            f"00000000.png; {files[0].name} and {files[-1].name} are there"
        )
    columns = [[int(part) for part in column] for column in zip(*groups, strict=True)]
    varying = [column for column in columns if len(set(column)) > 1] or columns[-1:]
    if len(varying) > 1:
        raise MethodError(f"{folder}: {files[0].name} has several numbers; which is the frame's?")
    by_number: dict[int, Path] = {}
    for number, file in zip(varying[0], files, strict=True):
        if number in by_number:
            raise MethodError(
                f"{folder}: {by_number[number].name} and {file.name} are both {number}"
            )
        by_number[number] = file
    return by_number


def file_size(file: Path) -> tuple[int, int] | None:
    """Height and width of a picture, None for a file that cannot be read: it may not be wanted."""
    try:
        return picture_size(file, MethodError)
    except MethodError:
        return None


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Puts the method's name before what is wrong with a file."""
    try:
        yield
    except MethodError as error:
        raise MethodError(f"{name}: {error}") from error


def stated_cost(name: str, file: Path, text: str) -> dict[str, object]:
    """The cost that a text, or else the file, states, by the names that a run records.

    Raises MethodError for what is no number.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if file.is_file():
        held = read_json(file, MethodError)
        if not isinstance(held, dict):
            raise MethodError(f'{file}: holds no object such as {{"params": "30.9M"}}')
        words = [f"{key}={value}" for key, value in held.items() if is_stated(f"{key}=")] + words
    numbers = {}
    for word in words:
        match = STATED.fullmatch(word)
        if match is None:
            raise MethodError(f"{name}: {word!r} is no number, as in params=30.9M or seconds=0.3")
        numbers[match[1]] = float(match[2]) * UNITS[match[3]]
    cost: dict[str, object] = {"stated": sorted(numbers)} if numbers else {}
    for key, field in (("params", "parameters"), ("operations", "multiply_accumulates")):
        cost |= {field: round(numbers[key])} if key in numbers else {}
    return cost | ({"runtime": {"median": numbers["seconds"]}} if "seconds" in numbers else {})
