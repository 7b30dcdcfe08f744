"""The scenes that a source holds: folders of pictures, videos, frames that are rendered."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from stvt.core.files import reason
from stvt.core.images import animated_webp, kinds_of

from ..errors import DatasetError, listed
from ..frames import (
    PICTURES,
    Frame,
    are_time_stamps,
    frame_files,
    natural_key,
    numbering_fault,
)
from .archives import SUFFIXES as ARCHIVES

VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".qt", ".avi", ".mkv", ".webm", ".y4m", ".flv", ".f4v", ".3gp"),
    *(".3g2", ".mpg", ".mpeg", ".m2v", ".ts", ".mts", ".m2ts", ".wmv", ".asf", ".ogv", ".ogg"),
    *(".nut", ".m1v", ".divx", ".trp", ".m2t", ".apng", ".ogm", ".rm", ".rmvb", ".mpe", ".mk3d"),
    *(".gif", ".mxf", ".vob", ".h264", ".264", ".h265", ".hevc", ".265", ".ivf", ".obu", ".dv"),
)
# What lies beside frames and is none, and is not worth a line.
DOCUMENTS = (
    *("", ".txt", ".md", ".rst", ".json", ".csv", ".tsv", ".xml", ".yml", ".yaml", ".html", ".pdf"),
    *(".htm", ".log", ".ini", ".db", ".py", ".sh", ".bat", ".doc", ".docx", ".bib", ".toml"),
)
_NO_TIMESTAMPS = 0x80  # AVFMT_NOTIMESTAMPS, of formats that are bare streams
_TEXT_ART = ("bin", "xbin", "adf", "idf", "tty")
# Where published sets keep the true frames, beside folders of low-resolution ones.
TRUTHS = ("gt", "hr", "ground_truth", "groundtruth", "ground-truth")


@dataclass(frozen=True)
class Scene:
    """A scene of a source.

    kind:   "frames": those in `files`, in order; "video": those of the one file;
            "rendered": computed by number, by `render`.
    place:  the folder of the files, or the video.
    frames: their number; None for a video, which has to be decoded.
    version: of the recipe that renders it.
    """

    kind: Literal["frames", "video", "rendered"]
    name: str
    place: Path = Path()
    files: Sequence[Path] = ()
    frames: int | None = None
    render: Callable[[int], Frame] | None = None
    version: int = 1

    @classmethod
    def of_files(cls, name: str, folder: Path, files: Sequence[Path]) -> Scene:
        return cls("frames", name, folder, files, len(files))

    @classmethod
    def of_video(cls, name: str, file: Path) -> Scene:
        return cls("video", name, file, [file])


@dataclass
class SourceScenes:
    """The scenes of a source, by rising name; a line for each that is none, and for what was left out."""

    scenes: list[Scene] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_scenes(source: Path, name: str = "") -> SourceScenes:
    """The scenes of a video, of a folder of frames, or of a folder of scenes and videos.

    name: of the scene that the folder itself is, if not its own.
    Where a folder holds a subfolder named as true frames usually are (GT, HR, ...), that is
    looked into instead.
    Raises DatasetError if the source is not there, cannot be listed or holds nothing of the kind.
    """
    contents, names = SourceScenes(), set[str]()
    if source.is_file():
        if animated_webp(source):
            raise DatasetError(
                f"{source}: is an animated WebP, which FFmpeg cannot decode; make it a GIF, or a "
                "folder of its frames"
            )
        if source.suffix.lower() in PICTURES:
            raise DatasetError(f"{source}: is one picture; give the folder of a clip's frames")
        return SourceScenes([Scene.of_video(safe_name(source.stem, names), source)])
    if not source.is_dir():
        raise DatasetError(f"{source}: there is no such file or folder to take frames from")
    given = source
    source, folders, files = _look(source)
    if source != given:
        contents.notes.append(f"frames are taken from {source}, as the folder's name says")

    def add(name: str, folder: Path, pictures: list[Path]) -> None:
        if fault := numbering_fault(pictures):
            contents.failures.append(f"{name}: {folder}: {fault}")
            return
        scene = Scene.of_files(safe_name(name, names), folder, pictures)
        contents.scenes.append(scene)
        if are_time_stamps(pictures):
            contents.notes.append(f"{scene.name}: named by time stamps, taken in their order")

    empty, inner_files = [], list[str]()
    for folder in folders:
        try:
            inside, _, files_inside = _look(folder)
            pictures = frame_files(inside)
        except DatasetError as error:
            contents.failures.append(f"{folder.name}: {error}")
            continue
        if pictures:
            add(folder.name, inside, pictures)
        else:
            empty.append(folder.name)
            inner_files += [file.name for file in files_inside]
    has_folders = bool(contents.scenes)
    videos = [file for file in files if is_video(file)]
    contents.scenes += [Scene.of_video(safe_name(file.stem, names), file) for file in videos]
    if (pictures := frame_files(source)) and has_folders:
        empty.append(f"{len(pictures)} pictures beside the scenes")
    elif pictures:
        above = [part for part in source.resolve().parts if part.lower() not in TRUTHS]
        add(name or above[-1], source, pictures)
    if empty:
        contents.notes.append(f"left out of {source}, holding no frames: {', '.join(empty)}")
    others = [file.name for file in files if file not in videos]
    if not contents.scenes and not contents.failures:
        line = not_read(others + inner_files)
        raise DatasetError(
            f"{source}: holds no frames; give a folder of pictures, a folder of such folders, "
            "a video, or a folder of videos"
            + (f"; {line}; pictures are {', '.join(PICTURES)}" if line else "")
        )
    if left_out := not_read(others):
        contents.notes.append(f"left out of {source}: {left_out}")
    contents.scenes.sort(key=lambda scene: natural_key(scene.name))
    return contents


def _look(folder: Path) -> tuple[Path, list[Path], list[Path]]:
    """The folder itself or the one of true frames in it, its folders and its files."""
    try:
        entries = sorted(
            (entry for entry in os.scandir(folder) if not entry.name.startswith(".")),
            key=lambda entry: natural_key(entry.name),
        )
        inside = [Path(folder) / entry.name for entry in entries]
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be listed: {reason(error)}") from error
    folders = [path for path in inside if path.is_dir()]
    # A FIFO would be read without end; what is not there is said when it is to be read.
    files = [path for path in inside if path.is_file() or not path.exists()]
    for truth in TRUTHS:
        for inner in folders:
            if inner.name.lower() == truth and not inner.samefile(folder):
                return _look(inner)
    return folder, folders, files


def is_video(file: Path) -> bool:
    """Whether a file is a video: by its suffix, and by what FFmpeg finds in it for others."""
    suffix = file.suffix.lower()
    if suffix in VIDEOS:
        return True
    if suffix in (*PICTURES, *DOCUMENTS, *ARCHIVES):
        return False
    from av.stream import Disposition

    from ..video.probe import open_container

    try:
        with open_container(file) as container:
            form = container.format
            raw = bool(form.flags & _NO_TIMESTAMPS) and suffix[1:] not in form.extensions
            if raw or form.name in _TEXT_ART:  # FFmpeg takes noise for these
                return False
            for stream in container.streams.video:
                cover = Disposition.attached_pic in stream.disposition
                if not cover and stream.frames != 1 and next(container.decode(stream), None):
                    return True
    except (DatasetError, OSError, ValueError):
        pass
    return False


def not_read(names: Iterable[str]) -> str:
    """What of a source's files is not read and may be missed; "" for nothing."""
    names = [PurePosixPath(name).name for name in names]
    archives = [name for name in names if PurePosixPath(name).suffix.lower() in ARCHIVES]
    known = (*VIDEOS, *DOCUMENTS, *ARCHIVES)
    kinds = kinds_of(name for name in names if PurePosixPath(name).suffix.lower() not in known)
    packed = f"it holds {listed(archives, 4)}: unpack that first" if archives else ""
    return "; ".join(filter(None, (packed, kinds)))


def safe_name(name: str, names: set[str]) -> str:
    """A scene's name that is safe as a folder and as a word of a line; added to `names`.

    >>> safe_name("my clip (2).final", set()), safe_name("--x", set()), safe_name("..", set())
    ('my_clip_2_.final', 'x', 'scene')
    >>> safe_name("a", {"a"})
    'a_2'
    """
    word = re.sub(r"[^\w.+-]+", "_", unicodedata.normalize("NFC", name)).lstrip("-.")
    # Bytes, not letters: file systems allow 255 of a name, which units and their files lengthen.
    word = word.rstrip(".").encode(errors="replace")[:80].decode(errors="ignore") or "scene"
    unique, number = word, 2
    while unique.casefold() in names:
        unique, number = f"{word}_{number}", number + 1
    names.add(unique.casefold())
    return unique


def set_name(name: str) -> str:
    """The name of a data set, if it is safe as a folder; DatasetError otherwise."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}", name) or name.endswith("."):
        raise DatasetError(
            f"{name!r} cannot be the name of a data set: take letters, digits, '.', '_' and '-', "
            "a letter or digit first"
        )
    return name
