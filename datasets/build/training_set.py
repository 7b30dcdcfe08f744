"""Prepares training sets: clips of constant motion from videos, one video a unit."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from stvt.core.progress import Progress

from ..collect.video_list import read_list
from ..collect.ytdlp import YtdlpOptions
from ..curation.phash import lookalikes
from ..errors import DatasetError, listed
from ..manifest import (
    LEDGER,
    TRAINING,
    VIDEOS,
    TrainingManifest,
    kind_of,
    read_manifest,
    write_changed,
    write_manifest,
    write_plan,
)
from ..schema import RefusedRecord
from ..sources.archives import size
from ..sources.scenes import find_scenes, safe_name, set_name
from .engine import Run, building, one_by_one, remove_files
from .training_video import Settings, VideoUnit
from .video_record import VideoRecord, VideoSource, read_video_record

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
    notes: lines on what was left out of the source.
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
    notes: list[str] = field(default_factory=list)


def prepare_training(
    name: str,
    root: Path | str,
    source: Path | str | Sequence[Path | str] | None = None,
    clips_list: Path | str | None = None,
    settings: Settings | None = None,
    transfer: YtdlpOptions | None = None,
    run: Run = one_by_one,
    progress: Progress | None = None,
    prune: bool = False,
) -> TrainingOutcome:
    """Makes `root/name` a training set: its clips, a record of each video, ledger and manifest.

    source:     a video, a folder of videos or of folders of frames, or several of these.
    clips_list: a list of videos to transfer or read instead; see `collect.video_list`.
    run:        does the videos, each a job: `run(work, jobs)` yields (job, result) as they end,
                None for one that cannot be done.
    progress:   called with (videos done, videos in all, video).
    prune:      remove clips of videos that are no longer in the source or list; without it that
                is refused, before anything is done.
    What is there already and still of the same video and settings is left alone; the order of
    work, and however often it was stopped, makes no difference to the manifest.
    Raises DatasetError if there is nothing to make a set of; one video's failure is a line of the
    outcome.
    """
    settings, transfer = settings or Settings(), transfer or YtdlpOptions()
    folder = Path(root) / set_name(name)
    outcome = TrainingOutcome(name, folder)
    units, splits = _units(source, clips_list, settings, transfer, outcome)
    if kind_of(folder) not in (None, TRAINING):
        raise DatasetError(f"{folder}: holds a test set; give the training set another name")
    with building(folder, VIDEOS) as builder:
        lost = _lost(folder, units)
        if lost and not prune:
            raise DatasetError(
                f"{folder}: holds clips of {listed(lost, 4)}, no longer in the source or "
                "list; --prune removes them, another name keeps both"
            )
        builder.folder = folder.absolute()  # workers of a cluster are in folders of their own
        done = {unit.name for unit in units if builder.done(unit)}
        outcome.unchanged = count = len(done)
        todo = [unit.name for unit in units if unit.name not in done]
        if changing := [video for video in todo if read_video_record(folder, video)]:
            write_plan(folder, changing)

        def show(video: str) -> None:
            nonlocal count
            count += 1
            if progress:
                progress(count, len(units), video)

        records = {}
        for video, result in builder.build(units, run=run, show=show).items():
            records[video] = result.record or read_video_record(folder, video) or _failed(video)
            if result.failure:
                outcome.failures.append(f"{video}: {result.failure.removeprefix(f'{video}: ')}")
        ordered = [records[unit.name] for unit in units]
        if prune and not outcome.failures:
            for file in sorted((folder / VIDEOS).glob("*.json")):
                if file.stem not in records:
                    other = read_video_record(folder, file.stem)
                    remove_files(folder, other.files(file.stem) if other else ())
                    file.unlink()
        elif lost:
            ordered += filter(None, [read_video_record(folder, video) for video in lost])
            stay = "not in the source, which has faults; the clips made before stay"
            outcome.failures.append(f"{listed(lost)}: {stay}")
        _finish(outcome, ordered, splits, asdict(settings))
        write_plan(folder, ())
    return outcome


def dry_run_training(
    name: str,
    root: Path | str,
    source: Path | str | Sequence[Path | str] | None = None,
    clips_list: Path | str | None = None,
) -> list[str]:
    """The plan of `prepare_training` in lines for a person: what it would transfer and read.

    Raises DatasetError as it would, as far as that can be known.
    """
    outcome = TrainingOutcome(name, Path(root) / set_name(name))
    units, _ = _units(source, clips_list, Settings(), YtdlpOptions(), outcome)
    lines, here = [], 0
    for unit in units:
        files, sections = unit.files, unit.source.sections
        on_disk = sum(file.stat().st_size for file in files if file.is_file())
        here += on_disk
        what = f"{unit.path}, {size(on_disk)}"
        if unit.path is None:
            what = f"from {unit.source.url}"
        elif unit.path.is_dir():
            what = f"{_counted(len(files), 'frame')} in {unit.path}"
        if sections != VideoSource().sections:
            what += f", {_counted(len(sections), 'section')} of it"
        if read_video_record(outcome.folder, unit.name):
            what += "; looked at by an earlier run"
        lines.append(f"{unit.name}: {what}")
    far = sum(bool(unit.source.url) for unit in units)
    lines.append(
        f"{name}: {_counted(len(units), 'video')}, {far} to be transferred (of sizes not known "
        f"before), {len(units) - far} here ({size(here)}); one at a time is kept on the disk"
    )
    return lines + outcome.notes + outcome.failures


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _units(
    source: Path | str | Sequence[Path | str] | None,
    clips_list: Path | str | None,
    settings: Settings,
    transfer: YtdlpOptions,
    outcome: TrainingOutcome,
) -> tuple[list[VideoUnit], dict[str, str]]:
    """The videos that are to be done, and on which side of the split a list wants them.

    Their paths are absolute: workers of a cluster are in folders of their own.
    """
    videos: dict[str, VideoSource] = {}
    splits: dict[str, str] = {}
    if clips_list is not None:
        for video in read_list(Path(clips_list)):
            path = str(video.file.absolute()) if video.file else None
            sections = tuple((str(a), None if b is None else str(b)) for a, b in video.sections)
            videos[video.name] = VideoSource(path, video.url, sections, video.rate, video.sha256)
            if video.split:
                splits[video.name] = video.split
    elif source is not None:
        names: set[str] = set()
        for one in [source] if isinstance(source, str | Path) else source:
            contents = find_scenes(Path(one))
            outcome.failures += contents.failures
            outcome.notes += contents.notes
            for scene in contents.scenes:
                place = str(scene.place.absolute())
                videos[safe_name(scene.name, names)] = VideoSource(place)
    else:
        raise DatasetError(
            f"{outcome.name}: give a list of videos (--list), or where they are (--source)"
        )
    folder = outcome.folder.absolute()
    return [VideoUnit(n, one, settings, folder, transfer) for n, one in videos.items()], splits


def _failed(video: str) -> VideoRecord:
    """The record of a video whose worker died; it is not written, so that it is tried again."""
    return VideoRecord(video, "", VideoSource(), "failed", "died", "its process died")


def _lost(folder: Path, units: Sequence[VideoUnit]) -> list[str]:
    """The videos that the set has clips of and that are not to be done: by all that tells of them."""
    videos: set[str] = set()
    with suppress(DatasetError):  # a manifest that is damaged is made anew of the records
        if isinstance(manifest := read_manifest(folder), TrainingManifest):
            videos = {clip.video for clip in manifest.clips}
    for file in (folder / VIDEOS).glob("*.json"):
        record = read_video_record(folder, file.stem)
        if record is None or record.clips:
            videos.add(file.stem)
    return sorted(videos - {unit.name for unit in units})


def _finish(
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
    clips, refused = [], list[RefusedRecord]()
    for number, clip in enumerate(every):
        if number in twins:
            why = f"looks like {every[twins[number]].name}"
            refused.append(RefusedRecord(clip.video, clip.start, clip.end, why))
        else:
            clips.append(clip)
    for record in records:
        parts = [(part.start, part.end, part.reason) for part in record.refused]
        if record.outcome != "kept" and not parts:
            refused.append(RefusedRecord(record.video, None, None, record.reason))
        refused += [RefusedRecord(record.video, *part) for part in parts]
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
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for record in records:
        clips = [clip for clip in record.clips if clip.name in names]
        alike = "all of its clips look like others" if record.clips and not clips else ""
        writer.writerow(
            (
                record.video,
                "refused" if alike else record.outcome,
                record.failure or _class(record.reason),
                alike or record.reason,
                *(record.width, record.height, record.rate, record.frames),
                len(clips),
                sum(clip.frames for clip in clips),
                sum(part.frames for part in record.refused),
                "; ".join(record.notes),
            )
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
