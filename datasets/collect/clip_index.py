"""What a training set holds, or a list asks for: sections of videos, and hashes of their pictures."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from stvt.core.safe_names import name_in, path_in

from ..errors import DatasetError
from ..frames import read_bytes
from ..manifest import FILE, TRAINING

RECORDS = "videos"  # beside the manifest: what is remembered of each video
_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")
_VIDEO_COLUMNS = ("video", "id", "url")


@dataclass(frozen=True)
class Section:
    """A part of a video, in seconds; an `end` of None is that of the video.

    clip, frames, sha256: of the clip that was made of it, if one was.
    hashes: of what its pictures look like, 64 bits each; reason: why it was refused.
    file:   of the clip, which may be elsewhere.
    """

    video: str
    start: float = 0.0
    end: float | None = None
    clip: str = ""
    frames: int = 0
    sha256: str = ""
    hashes: tuple[int, ...] = ()
    reason: str = ""
    file: Path | None = None


@dataclass
class Holding:
    """held: what is there, or what a list asks for; refused: what was left out, and why."""

    name: str
    is_list: bool
    held: list[Section] = field(default_factory=list)
    refused: list[Section] = field(default_factory=list)

    def videos(self) -> set[str]:
        return {section.video for section in self.held}


def read_holding(what: str, root: Path | str = "data") -> Holding:
    """The holding of a training set or a list.

    what: the name of a set under `root`, its folder, its manifest, or a list: a CSV file whose
          first row names its columns: `video` (or `id`, `url`), and maybe `start` and `end`.
    Raises DatasetError if it is none of these or cannot be read.
    """
    given = Path(what)
    if given.suffix.lower() == ".csv":
        return _list(given)
    for file in (given, given / FILE, Path(root) / what / FILE):
        if file.is_file():
            return _manifest(file)
    raise DatasetError(
        f"{what}: is no training set under {root}, no folder of one, no manifest and no list (.csv)"
    )


def video_id(text: str) -> str:
    """The id in an address of a video, or the text as it is; a file's name is without its suffix.

    >>> video_id("https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=3"), video_id("walk.mp4")
    ('dQw4w9WgXcQ', 'walk')
    >>> video_id("https://youtu.be/dQw4w9WgXcQ"), video_id("dQw4w9WgXcQ")
    ('dQw4w9WgXcQ', 'dQw4w9WgXcQ')
    """
    text = text.strip()
    if "://" not in text:
        return Path(text).stem if Path(text).suffix.lower() in (".mp4", ".mov", ".mkv") else text
    parts = urlsplit(text)
    asked = parse_qs(parts.query).get("v")
    return asked[0] if asked else Path(parts.path).name


def seconds(text: str) -> float | None:
    """Seconds, of 83.5 or 1:23.5 or 0:01:23.5; None of nothing.

    >>> seconds("1:23.5"), seconds("7"), seconds("")
    (83.5, 7.0, None)
    """
    if not text.strip():
        return None
    found = _TIME.fullmatch(text.strip())
    if not found:
        raise ValueError(f"'{text}' is no time; write seconds, or h:mm:ss")
    hours, minutes, rest = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest)


def _list(file: Path) -> Holding:
    made = Holding(file.stem, is_list=True)
    try:
        text = read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{file}: is no list: {error}") from error
    lines = (line for line in io.StringIO(text) if line.strip() and not line.startswith("#"))
    rows = csv.DictReader(lines)
    names = {name.strip().lower(): name for name in rows.fieldnames or ()}
    column = next((names[name] for name in _VIDEO_COLUMNS if name in names), None)
    if column is None:
        raise DatasetError(
            f"{file}: its first row names no column {' or '.join(_VIDEO_COLUMNS)}; "
            "write `video,start,end` there"
        )
    for number, row in enumerate(rows, 1):
        try:
            start, end = (seconds(row.get(names.get(n, "")) or "") for n in ("start", "end"))
        except ValueError as error:
            raise DatasetError(f"{file}: row {number}: {error}") from error
        if end is not None and end <= (start or 0):
            raise DatasetError(f"{file}: row {number}: it ends before it starts")
        if video := video_id(row.get(column) or ""):
            made.held.append(Section(video, start or 0.0, end))
    return made


def _manifest(file: Path) -> Holding:
    try:
        manifest: Any = json.loads(read_bytes(file))
        if manifest.get("kind") != TRAINING:
            raise DatasetError(f"{file}: is no manifest of a training set")
        looks = _looks(file.parent / RECORDS)
        held = [_clip(line, looks, file) for line in manifest["clips"]]
        refused = [
            Section(line["video"], line["start"] or 0.0, line["end"], reason=line["reason"])
            for line in manifest["refused"]
        ]
        return Holding(name_in(manifest["name"], file, "name"), False, held, refused)
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise DatasetError(f"{file}: is damaged ({error!r}); prepare the set again") from error


def _clip(line: dict[str, Any], looks: dict[str, list[str]], manifest: Path) -> Section:
    hashes = line.get("hashes") or looks.get(line["name"], [])
    return Section(
        line["video"],
        float(line["start"]),
        float(line["end"]),
        name_in(line["name"], manifest, "clips.name"),
        line["frames"],
        line["sha256"],
        tuple(int(bits, 16) for bits in hashes),
        file=path_in(manifest.parent, line["file"], manifest, "clips.file")
        if "file" in line
        else None,
    )


def _looks(folder: Path) -> dict[str, list[str]]:
    """The hashes of clips' pictures, from what the set remembers of its videos."""
    found = {}
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            record: Any = json.loads(file.read_bytes())
            found.update({clip["name"]: clip["hashes"] for clip in record["clips"]})
        except (OSError, ValueError, KeyError, TypeError):
            continue  # without it one comparison less can be made
    return found
