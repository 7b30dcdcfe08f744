"""Prepares training sets: clips of constant motion from videos, one video a unit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path

from stvt.core.progress import Progress

from ..collect.video_list import read_list
from ..collect.ytdlp import YtdlpOptions
from ..errors import DatasetError, listed
from ..manifest import (
    TRAINING,
    VIDEOS,
    TrainingManifest,
    kind_of,
    read_manifest,
    write_plan,
)
from ..sources.archive_readers import size
from ..sources.scenes import find_scenes, safe_name, set_name
from .engine import Run, building, one_by_one, remove_files
from .ledger import TrainingOutcome, finish
from .training_video import Settings, VideoUnit
from .video_record import VideoRecord, VideoSource, read_video_record


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
        done = {unit.name: builder.done(unit) for unit in units}
        outcome.unchanged = sum(record is not None for record in done.values())
        changing = [u.name for u in units if not done[u.name] and read_video_record(folder, u.name)]
        if changing:
            write_plan(folder, changing)
        count = outcome.unchanged

        def show(video: str) -> None:
            nonlocal count
            count += 1
            if progress:
                progress(count, len(units), video)

        records = {}
        for video, result in builder.build(units, run=run, show=show).items():
            records[video] = result.record or read_video_record(folder, video) or _failed(video)
            if result.failure:
                line = result.failure.removeprefix(f"{video}: ")
                outcome.failures.append(f"{video}: {line}")
        ordered = [records[unit.name] for unit in units]
        if prune and not outcome.failures:
            _remove_others(folder, records.keys())
        elif lost:
            others = [read_video_record(folder, video) for video in lost]
            ordered += [record for record in others if record]
            stay = "not in the source, which has faults; the clips made before stay"
            outcome.failures.append(f"{listed(lost)}: {stay}")
        finish(outcome, ordered, splits, asdict(settings))
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
        if unit.path is None:
            what = f"from {unit.source.url}"
        elif unit.path.is_dir():
            what = f"{counted(len(files), 'frame')} in {unit.path}"
        else:
            what = f"{unit.path}, {size(on_disk)}"
        if sections != VideoSource().sections:
            what += f", {counted(len(sections), 'section')} of it"
        if read_video_record(outcome.folder, unit.name):
            what += "; looked at by an earlier run"
        lines.append(f"{unit.name}: {what}")
    far = sum(bool(unit.source.url) for unit in units)
    lines.append(
        f"{name}: {counted(len(units), 'video')}, {far} to be transferred (of sizes not known "
        f"before), {len(units) - far} here ({size(here)}); one at a time is kept on the disk"
    )
    return lines + outcome.failures


def counted(number: int, what: str) -> str:
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
            sections = tuple(
                (str(s.start), None if s.end is None else str(s.end)) for s in video.sections
            )
            videos[video.name] = VideoSource(path, video.url, sections, video.rate, video.sha256)
            if video.split:
                splits[video.name] = video.split
    elif source is not None:
        names: set[str] = set()
        for one in [source] if isinstance(source, str | Path) else source:
            contents = find_scenes(Path(one))
            outcome.failures += contents.failures
            for scene in contents.scenes:
                place = str(scene.place.absolute())
                videos[safe_name(scene.name, names)] = VideoSource(place)
    else:
        raise DatasetError(
            f"{outcome.name}: give a list of videos (--list), or where they are (--source)"
        )
    folder = outcome.folder.absolute()
    units = [VideoUnit(n, video, settings, folder, transfer) for n, video in videos.items()]
    return units, splits


def _failed(video: str) -> VideoRecord:
    """The record of a video whose worker died; it is not written, so that it is tried again."""
    return VideoRecord(video, "", VideoSource(), "failed", "died", "its process died")


def _lost(folder: Path, units: Sequence[VideoUnit]) -> list[str]:
    """The videos that the set has clips of and that are not to be done: by all that tells of them."""
    try:
        manifest = read_manifest(folder)
    except DatasetError:
        manifest = None  # damaged: it is made anew of the records
    videos = (
        {clip.video for clip in manifest.clips} if isinstance(manifest, TrainingManifest) else set()
    )
    for file in (folder / VIDEOS).glob("*.json"):
        record = read_video_record(folder, file.stem)
        if record is None or record.clips:
            videos.add(file.stem)
    return sorted(videos - {unit.name for unit in units})


def _remove_others(folder: Path, videos: Collection[str]) -> None:
    """Removes the clips and records of videos that are no longer asked for."""
    for file in sorted((folder / VIDEOS).glob("*.json")):
        if file.stem not in videos:
            record = read_video_record(folder, file.stem)
            remove_files(folder, record.files(file.stem) if record else ())
            file.unlink()
