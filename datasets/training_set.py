"""A training set read back: its clips."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from stvt.core.files import sha256_of
from stvt.core.suggestions import did_you_mean

from .clips.storage import Clip, open_clip
from .errors import DatasetError
from .manifest import FILE, TrainingManifest, read_manifest, read_plan


@dataclass(frozen=True)
class TrainingClip:
    """A clip of a training set: frames of one shot, one after another.

    video: what it was cut from; clips of one video are never on both sides of a split.
    motion: median and 95th percentile of the flow between frames, in pixels; empty if unknown.
    """

    name: str
    file: Path
    video: str
    split: str
    frames: int
    height: int
    width: int
    motion: dict[str, float] = field(compare=False)
    rate: Fraction | None = field(default=None, compare=False, kw_only=True)

    def open(self) -> Clip:
        return open_clip(self.file)


# Training sets with a name -> what else `stvt prepare` is to be told of them.
NAMED = {"photographs": "", "youtube240": " --list ..."}


@dataclass(frozen=True)
class TrainingSet:
    """The clips of a training set; sha256 of its manifest's bytes says which state of it this is."""

    name: str
    clips: tuple[TrainingClip, ...]
    sha256: str

    def part(self, split: str) -> tuple[TrainingClip, ...]:
        """The clips of one split, "train" or "validation"."""
        return tuple(clip for clip in self.clips if clip.split == split)


def load_training(name: str, root: Path | str) -> TrainingSet:
    """The training set `root`/`name`.

    Raises DatasetError if it is not there, not a training set, or its manifest cannot be read.
    """
    folder = Path(root) / name
    manifest = read_manifest(folder)
    if manifest is None:
        options = NAMED.get(name, " --training --source ...")
        here = [file.parent.name for file in Path(root).glob(f"*/{FILE}")]
        raise DatasetError(
            f"{folder / FILE}: no training set {name!r} here; make it with "
            f"`stvt prepare {name}{options}`{did_you_mean(name, [*NAMED, *here])}"
        )
    if not isinstance(manifest, TrainingManifest):
        raise DatasetError(f"{folder / FILE}: is of a test set; training needs a training set")
    if read_plan(folder):
        raise DatasetError(f"{name}: preparing it in {folder} was cut short; prepare it again")
    return TrainingSet(
        name,
        tuple(
            TrainingClip(
                *(one.name, folder / one.file, one.video, one.split, one.frames),
                *(one.height, one.width, one.motion),
                rate=Fraction(one.rate) if one.rate else None,
            )
            for one in manifest.clips
        ),
        sha256_of(folder / FILE),
    )
