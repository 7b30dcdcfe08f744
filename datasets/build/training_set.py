"""A training set on disk: clips of even motion from videos, made one video at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from stvt.core.safe_names import UnsafeName, refuse_links_out

from ..collect.overlap import read_clip_index
from ..collect.video_list import read_list
from ..collect.ytdlp import YtdlpOptions
from ..curation.extract import Section
from ..errors import DatasetError
from ..manifest import FILE, is_training
from ..sources.archive_members import size
from ..sources.scenes import Pictures, VideoFile, find_scenes, safe_name, set_name
from .lock import sole_use
from .training_ledger import TrainingOutcome, finish, gone
from .training_video import Record, Settings, Unit, is_done, make_video, read_record

Run = Callable[[Callable[[Unit], Record], Sequence[Unit]], Iterator[tuple[Unit, Record | None]]]
Progress = Callable[[int, int | None, str], None]


def one_by_one(
    work: Callable[[Unit], Record], units: Sequence[Unit]
) -> Iterator[tuple[Unit, Record | None]]:
    """The units done in this process."""
    for unit in units:
        yield unit, work(unit)


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
    """Make `root/name` a training set: its clips, a record of each video, ledger and manifest.

    source:     a video, a folder of videos or of folders of frames, or several of these.
    clips_list: a list of videos to transfer or read instead; see `clip_list`.
    run:        does the videos, one a unit: `run(work, units)` yields (unit, result) as they end,
                None for one that cannot be done.
    progress:   called with (videos done, videos in all, video).
    prune:      remove clips of videos that are no longer in the source or list; without it that
                is refused, before anything is done.
    What is there already and still as it was made is left alone; the order of work, and however
    often it was stopped, makes no difference to the manifest.
    Raises DatasetError if there is nothing to make a set of; one video's failure is a line of the
    outcome.
    """
    settings, transfer = settings or Settings(), transfer or YtdlpOptions()
    folder = Path(root) / set_name(name)
    outcome = TrainingOutcome(name, folder)
    units, splits = _units(source, clips_list, settings, transfer, outcome)
    show = progress or (lambda done, total, what: None)
    if (folder / FILE).is_file() and not is_training(folder):
        raise DatasetError(f"{folder}: holds a test set; give the training set another name")
    with sole_use(folder):
        refuse_links_out(folder)
        _refuse_loss(folder, units, prune)
        _remove_leftovers(folder)
        records = {}
        for unit in units:
            record = read_record(folder, unit.video)
            if record is not None and is_done(record, unit):
                records[unit.video] = record
        outcome.unchanged = len(records)
        todo = [unit for unit in units if unit.video not in records]
        while True:
            for unit, made in run(make_video, todo):
                records[unit.video] = made or gone(unit)
                if why := records[unit.video].pop("stays", ""):
                    outcome.failures.append(f"{unit.video}: {why}; the clips made before stay")
                show(len(records), len(units), unit.video)
            # A clip left out for another one, which is gone since, is wanted again.
            todo = finish(outcome, units, records, splits, settings)
            if not todo:
                break
    return outcome


def foresee_training(
    name: str,
    root: Path | str,
    source: Path | str | Sequence[Path | str] | None = None,
    clips_list: Path | str | None = None,
) -> list[str]:
    """What `prepare_training` would transfer and read: lines for a person; nothing is done.

    Raises DatasetError as it would, as far as that can be known.
    """
    outcome = TrainingOutcome(name, Path(root) / set_name(name))
    units, _ = _units(source, clips_list, Settings(), YtdlpOptions(), outcome)
    lines, here = [], 0
    for unit in units:
        whole = unit.sections == (Section(),)
        part = "" if whole else f", {counted(len(unit.sections), 'section')} of it"
        if unit.url:
            what = f"from {unit.url}"
        else:
            held = sum(file.stat().st_size for file in unit.files if file.is_file())
            here += held
            what = f"{unit.files[0]}, {size(held)}"
            if unit.pictures:
                what = f"{counted(len(unit.files), 'frame')} in {unit.files[0].parent}"
        done = "; looked at by an earlier run" if read_record(outcome.folder, unit.video) else ""
        lines.append(f"{unit.video}: {what}{part}{done}")
    far = sum(bool(unit.url) for unit in units)
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
) -> tuple[list[Unit], dict[str, str]]:
    """The videos that are to be done, and on which side of the split a list wants them.

    Their paths are absolute: workers of a cluster are in folders of their own.
    """
    splits: dict[str, str] = {}
    folder = outcome.folder.absolute()
    if clips_list is not None:
        return _listed(Path(clips_list), settings, transfer, folder, splits), splits
    if source is not None:
        sources = [source] if isinstance(source, str | Path) else list(source)
        return _found(sources, settings, folder, outcome), splits
    raise DatasetError(
        f"{outcome.name}: give a list of videos (--list), or where they are (--source)"
    )


def _listed(
    path: Path, settings: Settings, transfer: YtdlpOptions, folder: Path, splits: dict[str, str]
) -> list[Unit]:
    units = []
    for video in read_list(path):
        files = (video.file.absolute(),) if video.file else ()
        units.append(
            Unit(
                *(video.name, files, False, video.sections, video.rate, settings, folder),
                *(video.url, video.sha256, transfer),
            )
        )
        if video.split:
            splits[video.name] = video.split
    return units


def _found(
    sources: Sequence[Path | str], settings: Settings, folder: Path, outcome: TrainingOutcome
) -> list[Unit]:
    units = []
    taken: set[str] = set()
    for source in sources:
        found = find_scenes(Path(source))
        outcome.failures += found.failures
        for scene in found.scenes:
            files: tuple[Path, ...]
            match scene:
                case VideoFile(file=file):
                    files = (file.absolute(),)
                case Pictures(files=several):
                    files = tuple(file.absolute() for file in several)
                case _:
                    continue
            name = safe_name(scene.name, taken)
            pictures = isinstance(scene, Pictures)
            units.append(Unit(name, files, pictures, (Section(),), None, settings, folder))
    return units


def _refuse_loss(folder: Path, units: Sequence[Unit], prune: bool) -> None:
    """Raises DatasetError if clips would go, or the manifest names what is outside of the set."""
    try:
        held = read_clip_index(str(folder / FILE)).videos() if (folder / FILE).is_file() else set()
    except UnsafeName:
        raise
    except DatasetError:
        return  # damaged: it is made anew of the records
    lost = sorted(held - {unit.video for unit in units})
    if lost and not prune:
        more = f" and {len(lost) - 4} more" if len(lost) > 4 else ""
        raise DatasetError(
            f"{folder}: holds clips of {', '.join(lost[:4])}{more}, no longer in the source or list; "
            "--prune removes them, another name keeps both"
        )


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed process had begun to write."""
    for inner in (folder, folder / "clips", folder / "videos"):
        for file in inner.glob(".*.tmp"):
            file.unlink(missing_ok=True)
