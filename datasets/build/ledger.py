"""The ledger and the manifest of a training set, made of the records of its videos."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..curation.phash import lookalikes
from ..manifest import LEDGER, TrainingManifest, write_changed, write_manifest
from ..schema import RefusedRecord
from .video_record import VideoRecord

_COLUMNS = (
    *("video", "outcome", "class", "reason", "width", "height", "rate", "frames"),
    *("clips", "frames_kept", "frames_refused", "notes"),
)


@dataclass
class TrainingOutcome:
    """The outcome of `prepare_training`.

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


def finish(
    outcome: TrainingOutcome,
    records: Sequence[VideoRecord],
    splits: Mapping[str, str],
    settings: dict[str, Any],
) -> None:
    """Writes manifest and ledger, and counts what is in them.

    Clips that look like those of an earlier video are in neither; their files stay, so that the
    set is the same, whatever videos come and go. splits: of videos whose list says it.
    """
    every = [clip for record in records for clip in record.clips]
    twins = lookalikes([(clip.video, [int(bits, 16) for bits in clip.hashes]) for clip in every])
    clips = [clip for number, clip in enumerate(every) if number not in twins]
    refused = [
        RefusedRecord(clip.video, clip.start, clip.end, f"looks like {every[twins[number]].name}")
        for number, clip in enumerate(every)
        if number in twins
    ]
    for record in records:
        refused += [
            RefusedRecord(record.video, part.start, part.end, part.reason)
            for part in record.refused
        ]
        if record.outcome != "kept" and not record.refused:
            refused.append(RefusedRecord(record.video, None, None, record.reason))
    videos = list(dict.fromkeys(clip.video for clip in clips))
    validation = _validation(videos, splits, float(settings["validation"]))
    manifest = TrainingManifest(
        outcome.name,
        str(settings["storage"]),
        tuple(
            # What the frames look like is in the videos' records.
            replace(clip, split="validation" if clip.video in validation else "train", hashes=())
            for clip in sorted(clips, key=lambda clip: clip.name)
        ),
        tuple(sorted(refused, key=lambda each: (each.video, each.start or 0.0, each.reason))),
        settings,
    )
    write_manifest(outcome.folder, manifest)
    write_changed(outcome.folder / LEDGER, _ledger(records, {clip.name for clip in clips}))
    outcome.videos, outcome.kept = len(records), len(videos)
    outcome.clips, outcome.frames = len(clips), sum(clip.frames for clip in clips)
    for record in records:
        if record.outcome == "failed" and record.failure != "died":
            outcome.failures.append(record.reason)
        elif record.outcome == "refused":
            outcome.refused.append(f"{record.video}: {record.reason}")


def _ledger(records: Sequence[VideoRecord], names: set[str]) -> str:
    """One line a video, as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for record in records:
        clips = [clip for clip in record.clips if clip.name in names]
        alike = "all of its clips look like others" if record.clips and not clips else ""
        writer.writerow(
            {
                "video": record.video,
                "outcome": "refused" if alike else record.outcome,
                "class": record.failure or _class(record.reason),
                "reason": alike or record.reason,
                "width": record.width,
                "height": record.height,
                "rate": record.rate,
                "frames": record.frames,
                "clips": len(clips),
                "frames_kept": sum(clip.frames for clip in clips),
                "frames_refused": sum(part.frames for part in record.refused),
                "notes": "; ".join(record.notes),
            }
        )
    return text.getvalue()


def _class(reason: str) -> str:
    """The class of a reason: what stands before its colon.

    >>> _class("interlaced: 50 frames are two fields"), _class("1x1 is too small: 128 is the least")
    ('interlaced', '')
    """
    start, colon, _ = reason.partition(":")
    return start if colon and len(start.split()) <= 2 else ""


def _validation(videos: Sequence[str], splits: Mapping[str, str], part: float) -> set[str]:
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
