"""Video list: the CSV file of the videos of a training set, that a person wrote or reviewed."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from stvt.core.files import reading
from stvt.core.formatting import seconds_in

from ..curation.extract import Section
from ..errors import DatasetError
from ..sources.scenes import VIDEOS, safe_name
from ..video.timestamps import checked_rate

LONGEST = 10_000  # characters of a line
COLUMNS = ("video", "start", "end", "rate", "split", "sha256")
SAME_AS_VIDEO = ("id", "url")  # what other lists call that column
FOR_READERS = ("title", "channel", "seconds", "note")  # written by a search, and not read
TEMPLATE = (
    "# A list for `stvt prepare youtube240 --list THIS_FILE`; how to fill it: docs/training_data.md\n"
    "# video: an id, an address, or a file beside this list; start, end: 83.5 or 1:23.5;\n"
    "# rate: frames a second as filmed, for slow motion; split: train or validation;\n"
    "# sha256: of the video file, if it must be that very one. All but `video` may be empty.\n"
    + ",".join(COLUMNS)
    + "\n"
)
YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")


@dataclass(frozen=True)
class Listed:
    """A video of the list with all its sections, in order of time; `line` is where it first stands.

    url is empty for a local `file`.
    """

    name: str
    url: str
    file: Path | None
    sections: tuple[Section, ...]
    rate: str | None
    split: str
    sha256: str
    line: int


def read_list(path: Path, *, strict: bool = True) -> list[Listed]:
    """The videos of a list, in the order in which they first stand there.

    strict: it can be prepared from: all columns are known, sections do not overlap. Without that,
            lists of somebody else's can be compared with.
    A file that is not there is no fault of the list: it is missing where it is to be read.
    Raises DatasetError with the number of the line that cannot be used.
    """
    with reading(path, DatasetError):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        if any("\0" in line or len(line) > LONGEST for line in lines):
            raise ValueError("it is no list of videos")
    rows = [
        (number, line)
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not rows:
        raise DatasetError(f"{path}: is empty; its first line is {','.join(COLUMNS)}")
    number, head = rows[0]
    names = [name.strip().lower() for name in next(csv.reader([head]))]
    columns = [
        "video" if name in SAME_AS_VIDEO and "video" not in names else name for name in names
    ]
    unknown = [name for name in columns if name not in COLUMNS + FOR_READERS]
    if "video" not in columns or len(set(columns)) < len(columns) or (unknown and strict):
        raise DatasetError(
            f"{path}:{number}: the first line names the columns: video (or id, url), and of "
            f"{', '.join((COLUMNS + FOR_READERS)[1:])} those that are there"
        )
    videos: dict[str, Listed] = {}
    taken: set[str] = set()
    for number, line in rows[1:]:
        where = f"{path}:{number}"
        cells = next(csv.reader([line]))
        if len(cells) > len(columns):
            raise DatasetError(f"{where}: has {len(cells)} fields, the first line {len(columns)}")
        row = dict(zip(columns, (cell.strip() for cell in cells)))
        try:
            key, name, url, file = _video(row.get("video", ""), path, where, strict)
            section = _section(row, where)
        except ValueError as error:  # no address, or a number of more digits than Python reads
            raise DatasetError(f"{where}: cannot be read: {error}") from error
        try:
            rate = str(checked_rate(row["rate"])) if row.get("rate") else None
        except DatasetError as error:
            raise DatasetError(f"{where}: {error}") from error
        facts = rate, row.get("split", ""), row.get("sha256", "").lower()
        if facts[1] not in ("", "train", "validation"):
            raise DatasetError(
                f"{where}: split is {facts[1]!r}; write train, validation or nothing"
            )
        if facts[2] and not re.fullmatch(r"[0-9a-f]{64}", facts[2]):
            raise DatasetError(f"{where}: sha256 is not 64 hexadecimal digits")
        before = videos.get(key)
        if before is None:
            videos[key] = Listed(safe_name(name, taken), url, file, (section,), *facts, number)
            continue
        if (before.rate, before.split, before.sha256) != facts:
            raise DatasetError(
                f"{where}: rate, split or sha256 are not those of line {before.line}, the same video"
            )
        if strict and any(_overlap(section, other) for other in before.sections):
            raise DatasetError(f"{where}: overlaps another section of the same video")
        sections = sorted((*before.sections, section), key=lambda each: each.start)
        videos[key] = replace(before, sections=tuple(sections))
    if not videos:
        raise DatasetError(f"{path}: names no video yet; docs/training_data.md says how to fill it")
    return list(videos.values())


def _overlap(one: Section, other: Section) -> bool:
    return (one.end is None or other.start < one.end) and (
        other.end is None or one.start < other.end
    )


def _video(text: str, path: Path, where: str, strict: bool) -> tuple[str, str, str, Path | None]:
    """Key, name, address and file of a video as the list names it."""
    if not text:
        raise DatasetError(f"{where}: names no video")
    youtube = re.fullmatch(
        r"(?:https?://)?(?:www\.|m\.)?(?:youtube\.com/(?:watch\?(?:.*&)?v=|shorts/)|youtu\.be/)"
        r"([A-Za-z0-9_-]{11})(?:[?&#].*)?",
        text,
    )
    file = path.parent / text
    if youtube or (YOUTUBE_ID.fullmatch(text) and not file.exists()):
        key = youtube[1] if youtube else text
        return key, key, f"https://www.youtube.com/watch?v={key}", None
    if re.match(r"https?://", text):
        parts = urlsplit(text)
        (name,) = parse_qs(parts.query).get("v", [Path(parts.path).stem])[:1]
        return text, name or "video", text, None
    if file.is_file():
        return str(file.resolve()), file.stem, "", file
    if strict and (Path(text).suffix or "/" in text):  # a file that is missing is its row's failure
        return str(file.absolute()), file.stem, "", file
    if strict:
        raise DatasetError(f"{where}: {text!r} is no id of 11 characters, no address and no file")
    name = Path(text).stem if Path(text).suffix.lower() in VIDEOS else text
    return text, name, "", None


def _section(row: dict[str, str], where: str) -> Section:
    times: dict[str, Fraction | None] = {}
    for what in ("start", "end"):
        text = row.get(what, "")
        times[what] = seconds_in(text) if text else None
        if text and times[what] is None:
            raise DatasetError(f"{where}: {what} is {text!r}; write seconds, or 1:23.5")
    start, end = times["start"] or Fraction(0), times["end"]
    if end is not None and end <= start:
        raise DatasetError(f"{where}: its end is not after its start")
    return Section(start, end)
