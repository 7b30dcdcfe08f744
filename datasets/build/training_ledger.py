"""What became of every video: the ledger, the manifest, and which clips stay."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..clips.storage import SUFFIXES
from ..curation.phash import lookalikes
from ..frames import replace_file
from ..manifest import FILE, TRAINING
from .training_video import Record, Settings, Unit, has_clip, write_record

LEDGER = "ledger.csv"
_COLUMNS = (
    *("video", "outcome", "class", "reason", "width", "height", "rate", "frames"),
    *("clips", "frames_kept", "frames_refused", "notes"),
)


@dataclass
class TrainingOutcome:
    """What `prepare_training` did.

    videos: of the list or the source; unchanged: of these, done by an earlier run.
    kept:   videos that gave clips; clips, frames: in the set.
    failures: a line for each video that could not be had this time; refused: for each that was.
    """

    name: str
    folder: Path
    videos: int = 0
    unchanged: int = 0
    kept: int = 0
    clips: int = 0
    frames: int = 0
    failures: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def gone(unit: Unit) -> Record:
    """The record of a video whose worker died each time; it is not written, so it is tried again."""
    why = f"{unit.video}: the process that worked on it died; prepare again"
    return {
        "video": unit.video,
        "outcome": "failed",
        "class": "died",
        "reason": why,
        "frames": 0,
        "notes": [],
        "clips": [],
        "refused": [],
    }


def finish(
    outcome: TrainingOutcome,
    units: Sequence[Unit],
    records: dict[str, Record],
    splits: dict[str, str],
    settings: Settings,
) -> list[Unit]:
    """Write manifest and ledger and remove what is in neither; or the units to be done again.

    splits: of videos whose list says it.
    """
    folder = outcome.folder
    ordered = [records[unit.video] for unit in units if unit.video in records]
    everything = [(record, clip) for record in ordered for clip in record["clips"]]
    looks = [
        (record["video"], [int(bits, 16) for bits in clip["hashes"]]) for record, clip in everything
    ]
    twins = lookalikes(looks)
    wanted = {clip["name"] for number, (_, clip) in enumerate(everything) if number not in twins}
    again = {
        record["video"]
        for record, clip in everything
        if clip["name"] in wanted and not has_clip(folder, {**clip, "dropped": False})
    }
    if again:
        return [unit for unit in units if unit.video in again]

    kept = [record for record in ordered if any(c["name"] in wanted for c in record["clips"])]
    validation = _validation([record["video"] for record in kept], splits, settings.validation)
    clips: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for number, (record, clip) in enumerate(everything):
        video = record["video"]
        if number in twins:
            why = f"looks like {everything[twins[number]][1]['name']}"
            span = {"start": clip["start"], "end": clip["end"]}
            refused.append({"video": video, **span, "reason": why})
            continue
        said = {k: v for k, v in clip.items() if k not in ("bytes", "hashes", "dropped")}
        named = {"name": said.pop("name"), "file": said.pop("file"), "video": video}
        clips.append({**named, "split": "validation" if video in validation else "train", **said})
    for record in ordered:
        for each in record["refused"]:
            span = {"start": each["start"], "end": each["end"]}
            refused.append({"video": record["video"], **span, "reason": each["reason"]})
        if record["outcome"] != "kept" and not record["refused"]:
            span = {"start": None, "end": None}
            refused.append({"video": record["video"], **span, "reason": record["reason"]})
    refused.sort(key=lambda each: (each["video"], each["start"] or 0.0, each["reason"]))
    clips.sort(key=lambda each: each["name"])
    manifest = {
        "format": 1,
        "kind": TRAINING,
        "name": outcome.name,
        "storage": settings.storage,
        "clips": clips,
        "refused": refused,
        "settings": asdict(settings),
    }
    _mark_dropped(folder, everything, twins)
    _write(folder / FILE, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    _write(folder / LEDGER, _ledger(ordered, wanted))
    _remove_others(folder, {clip["file"] for clip in clips}, {r["video"] for r in ordered})
    outcome.videos, outcome.kept = len(units), len(kept)
    outcome.clips, outcome.frames = len(clips), sum(clip["frames"] for clip in clips)
    for record in ordered:
        line = f"{record['video']}: {record['reason']}"
        if record["outcome"] == "failed":
            outcome.failures.append(record["reason"])
        elif record["outcome"] == "refused":
            outcome.refused.append(line)
    return []


def _mark_dropped(
    folder: Path, everything: Sequence[tuple[Record, Record]], twins: dict[int, int]
) -> None:
    """Remember in the videos' records which clips are left out, before their files go."""
    changed: dict[str, Record] = {}
    for number, (record, clip) in enumerate(everything):
        if bool(clip.get("dropped")) != (number in twins):
            clip["dropped"] = number in twins
            changed[record["video"]] = record
    for record in changed.values():
        write_record(folder, record)


def _ledger(records: Sequence[Record], wanted: set[str]) -> str:
    """One line a video, as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for record in records:
        clips = [clip for clip in record["clips"] if clip["name"] in wanted]
        reason = record["reason"]
        if record["clips"] and not clips:
            reason = "all of its clips look like others"
        said = {key: record.get(key, "") for key in _COLUMNS[:8]}
        frames = sum(clip["frames"] for clip in clips)
        said |= {"outcome": "kept" if clips else said["outcome"].replace("kept", "refused")}
        said |= {"reason": reason, "clips": len(clips), "frames_kept": frames}
        said |= {"frames_refused": sum(each["frames"] for each in record["refused"])}
        writer.writerow(said | {"notes": "; ".join(record["notes"])})
    return text.getvalue()


def _validation(videos: Sequence[str], splits: dict[str, str], part: float) -> set[str]:
    """The videos that are for validation: those the list says, of others by a checksum of their names.

    So adding a video moves no other. One at least, where there are two or more to choose from.
    """
    places = {
        video: int(hashlib.sha256(video.encode()).hexdigest()[:8], 16) / 2**32
        for video in videos
        if video not in splits
    }
    chosen = {video for video in videos if splits.get(video) == "validation"}
    chosen |= {video for video, place in places.items() if place < part}
    if part and not chosen and len(places) > 1:
        chosen = {min(places, key=lambda video: (places[video], video))}
    return chosen


def _write(file: Path, text: str) -> None:
    data = text.encode()
    if not file.is_file() or file.read_bytes() != data:
        replace_file(file, data, sync=True)


def _remove_others(folder: Path, files: set[str], videos: set[str]) -> None:
    """Remove clips and records of videos that are no longer asked for."""
    for file in (folder / "clips").glob("*"):
        if file.suffix in SUFFIXES and f"clips/{file.name}" not in files:
            file.unlink(missing_ok=True)
    for file in (folder / "videos").glob("*.json"):
        if file.stem not in videos:
            file.unlink(missing_ok=True)
