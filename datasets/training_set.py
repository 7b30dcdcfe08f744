"""A training set read back: its clips, and the windows that a network learns from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stvt.core.safe_names import name_in, path_in

from .clips.storage import Clip, open_clip
from .errors import DatasetError
from .frames import reason
from .manifest import FILE, TRAINING

FORMAT = 1


@dataclass(frozen=True)
class TrainingClip:
    """One line of the manifest: frames of one shot, one after another.

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

    def open(self) -> Clip:
        return open_clip(self.file)


@dataclass(frozen=True)
class TrainingSet:
    """name: of the set; sha256 of its manifest's bytes says which state of it this is."""

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
    from hashlib import sha256

    file = Path(root) / name / FILE
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"{file}: no training set {name!r} here ({reason(error)}); "
            f"make it with `stvt prepare {name}`"
        ) from error
    try:
        manifest: Any = json.loads(content)
        if manifest.get("kind") != TRAINING:
            raise DatasetError(f"{file}: is of a test set; training needs a training set")
        if manifest["format"] != FORMAT:
            raise DatasetError(f"{file}: has format {manifest['format']}, not {FORMAT}")
        clips = tuple(
            TrainingClip(
                name_in(line["name"], file, "clips.name"),
                path_in(file.parent, line["file"], file, "clips.file"),
                line["video"],
                line["split"],
                line["frames"],
                line["height"],
                line["width"],
                line.get("motion") or {},
            )
            for line in manifest["clips"]
        )
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise DatasetError(f"{file}: is damaged ({error}); prepare the set again") from error
    return TrainingSet(name, clips, sha256(content).hexdigest())
