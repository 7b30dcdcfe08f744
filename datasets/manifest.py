"""`manifest.json`: everything known of a prepared data set, and the checksum of each of its files."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stvt.core.safe_names import UnsafeName, absolute_in, name_in, path_in

from .errors import DatasetError
from .frames import natural_key, reason, replace_file

SCHEMA = 1
FILE = "manifest.json"
TRAINING = "training"  # the kind of the manifests of training sets
TRUTH = "GT"  # the folder of the true frames
VIDEOS = "videos"  # the folder of the records of a training set's videos
PREPARING = ".preparing.json"  # there while a set is being prepared, or after that was cut short


@dataclass(frozen=True)
class FileRecord:
    """The size of a file and its sha256, in hexadecimal."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Reduced:
    """The low-resolution frames of one scene under one degradation.

    crop: (height, width) of the true frames that they were made of, where `scale` did not divide
          the true frames' size; the rest, below and to the right, was left out.
    """

    height: int
    width: int
    crop: tuple[int, int] | None
    files: list[FileRecord]


@dataclass(frozen=True)
class SceneRecord:
    """One scene; file number i of a list is frame i.

    source: kind ("frames", "video", "rendered"), name, and its files' sizes and checksums.
    height, width: of the true frames; `original` is (height, width) before cropping, or None.
    fps:    as a fraction, "30000/1001", where known.
    """

    source: dict[str, Any]
    height: int
    width: int
    original: tuple[int, int] | None
    fps: str | None
    truth: list[FileRecord]
    reduced: dict[str, Reduced] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        return len(self.truth)


@dataclass
class Manifest:
    """The content of `manifest.json`.

    source:   the absolute path that the frames came from; None for a rendered set.
    multiple: the true frames were cropped to a multiple of this.
    degradations: "BDx4" -> its parameters.
    archive:  size and sha256 of the source, if that is an archive.
    """

    name: str
    recipe: dict[str, Any] | None
    source: str | None
    multiple: int
    degradations: dict[str, dict[str, Any]] = field(default_factory=dict)
    scenes: dict[str, SceneRecord] = field(default_factory=dict)
    archive: dict[str, Any] | None = None

    def content(self) -> dict[str, Any]:
        """The manifest as plain values, in the order in which it is written."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "recipe": self.recipe,
            "source": self.source,
            **({"archive": self.archive} if self.archive else {}),
            "truth": {"folder": "GT", "cropped_to_multiple_of": self.multiple},
            "degradations": {
                label: self.degradations[label] for label in sorted(self.degradations)
            },
            "scenes": {
                name: _scene_content(self.scenes[name])
                for name in sorted(self.scenes, key=natural_key)
            },
        }

    def text(self) -> str:
        """The content of the file: the same for the same set, wherever and whenever prepared."""
        text = json.dumps(self.content(), indent=1, ensure_ascii=False)
        short = re.compile(r"\[\s+((?:\d+,\s+)*\d+)\s+\]|\{\s+(\"bytes\": \d+),\s+([^\n]+)\s+\}")

        def line(found: re.Match[str]) -> str:
            numbers, size, checksum = found.groups()
            return f"{{{size}, {checksum}}}" if size else f"[{' '.join(numbers.split())}]"

        return short.sub(line, text) + "\n"

    def meta_info(self) -> str:
        """BasicSR's list of scenes: name, number of frames, shape."""
        scenes = sorted(self.scenes.items(), key=lambda item: natural_key(item[0]))
        lines = [f"{name} {s.frames} ({s.height},{s.width},3)\n" for name, s in scenes]
        return "".join(lines)

    def digest(self, label: str | None = None) -> str:
        """A checksum of what the set holds, wherever it came from; of one degradation, or of all.

        It stays the same when another degradation is added, or the source is moved.
        """
        held = {
            name: [
                [file.sha256 for file in scene.truth],
                {
                    each: [file.sha256 for file in reduced.files]
                    for each, reduced in sorted(scene.reduced.items())
                    if label in (None, each)
                },
            ]
            for name, scene in sorted(self.scenes.items())
        }
        return hashlib.sha256(json.dumps(held).encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write manifest and list of scenes, where they differ from what is there."""
        for name, text in ((meta_info_name(self.name), self.meta_info()), (FILE, self.text())):
            data = text.encode()
            if not (folder / name).is_file() or (folder / name).read_bytes() != data:
                replace_file(folder / name, data, sync=True)


def is_training(folder: Path) -> bool:
    """Whether a folder is of a training set, whose manifest is another."""
    try:
        content = json.loads((folder / FILE).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("kind") == TRAINING


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a prepared set, None if there is none.

    Raises DatasetError if it cannot be read or was written by another version, UnsafeName if a
    name in it is none or leads out of the folder.
    """
    file = folder / FILE
    again = f"delete {folder} and prepare the set again"
    try:
        content = json.loads(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read: {reason(error)}") from error
    except ValueError as error:
        raise DatasetError(f"{file}: is damaged ({error}); {again}") from error
    if isinstance(content, dict) and content.get("kind") == TRAINING:
        raise DatasetError(f"{file}: is of a training set; this takes test sets, give another name")
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise DatasetError(f"{file}: is of another version than this program's; {again}")
    try:
        made = Manifest(
            name_in(content["name"], file, "name"),
            content["recipe"],
            absolute_in(content["source"], file, "source"),
            content["truth"]["cropped_to_multiple_of"],
            content["degradations"],
            {
                name_in(name, file, "scenes"): _scene(scene)
                for name, scene in content["scenes"].items()
            },
            content.get("archive"),
        )
        _check_folders(made, file)
        return made
    except (KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{file}: is damaged (no {error}); {again}") from error


def meta_info_name(name: str) -> str:
    return f"meta_info_{name}_GT.txt"


def frame_name(index: int) -> str:
    return f"{index:08d}.png"


def _check_folders(manifest: Manifest, file: Path) -> None:
    """Raises UnsafeName unless every folder of scenes is the set's own; no link leads out of it."""
    for label, said in manifest.degradations.items():
        if not is_label(label):
            raise UnsafeName(f"{file}: degradations: {label!r} is no degradation")
        if label != f"{said['kind']}x{said['scale']}":
            raise UnsafeName(f"{file}: degradations.{label}.kind: {said['kind']!r} is another")
    for name, scene in manifest.scenes.items():
        for label in scene.reduced:
            if label not in manifest.degradations:
                raise UnsafeName(f"{file}: scenes.{name}.degraded: {label!r} is no degradation")
    for kind in (TRUTH, *manifest.degradations):
        for name in ("", *manifest.scenes):
            if (file.parent / kind / name).is_symlink():  # realpath of each would take seconds
                path_in(file.parent, f"{kind}/{name}".rstrip("/"), file, "scenes")


def is_label(text: str) -> bool:
    """Whether a text names a degradation and its scale, as "BDx4" does."""
    return re.fullmatch(r"[A-Z]{2}x[1-9]", text) is not None


def _scene_content(scene: SceneRecord) -> dict[str, Any]:
    cropped = [scene.height, scene.width] if scene.original else None
    return {
        "source": scene.source,
        "frames": scene.frames,
        "height": scene.height,
        "width": scene.width,
        "original_height": scene.original[0] if scene.original else scene.height,
        "original_width": scene.original[1] if scene.original else scene.width,
        "cropped_to": cropped,
        "fps": scene.fps,
        "input_frames": list(range(0, scene.frames, 2)),
        "truth_frames": list(range(1, scene.frames, 2)),
        "files": _files_content(scene.truth),
        "degraded": {
            label: {
                "height": reduced.height,
                "width": reduced.width,
                "truth_cropped_to": list(reduced.crop) if reduced.crop else None,
                "files": _files_content(reduced.files),
            }
            for label, reduced in sorted(scene.reduced.items())
        },
    }


def _files_content(files: list[FileRecord]) -> dict[str, Any]:
    return {frame_name(i): asdict(file) for i, file in enumerate(files)}


def _scene(content: dict[str, Any]) -> SceneRecord:
    cropped = content["cropped_to"]
    return SceneRecord(
        content["source"],
        content["height"],
        content["width"],
        (content["original_height"], content["original_width"]) if cropped else None,
        content["fps"],
        _files(content["files"]),
        {
            label: Reduced(
                reduced["height"],
                reduced["width"],
                tuple(reduced["truth_cropped_to"]) if reduced["truth_cropped_to"] else None,
                _files(reduced["files"]),
            )
            for label, reduced in content["degraded"].items()
        },
    )


def _files(content: dict[str, dict[str, Any]]) -> list[FileRecord]:
    if list(content) != [frame_name(i) for i in range(len(content))]:
        raise KeyError("frame in order")
    return [FileRecord(file["bytes"], file["sha256"]) for file in content.values()]
