"""Prepares test sets: the scenes of a source, ground truth and degraded, unit by unit."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stvt.core.download import FetchOptions
from stvt.core.files import reason
from stvt.core.progress import Progress

from ..degradation import checked, parameters
from ..degradation_match import low_resolution_notes
from ..errors import DatasetError, listed
from ..manifest import (
    FILE,
    GT,
    TestSetManifest,
    is_training,
    meta_info_name,
    read_plan,
    read_test_manifest,
    write_manifest,
    write_plan,
)
from ..recipes import DATASETS
from ..recipes.recipe import Recipe
from ..schema import GtRecord, LrRecord, Missing, RecipeRecord, SceneRecord
from ..sources.layout import SceneSelection
from ..sources.resolve import ResolvedSource, resolve
from ..sources.scenes import set_name
from .engine import Builder, CannotWrite, building, cores, remove_files, writing
from .scene_units import GtUnit, LrUnit, StoredGtUnit, size_text
from .video_record import is_empty_training_set, remove_records


@dataclass
class Outcome:
    """The outcome of `prepare`: scenes prepared, failures and notes.

    prepared, unchanged: names of scenes. failures: a line for each that could not be prepared.
    notes: lines on what was cropped, guessed, left out or only partly decoded.
    """

    name: str
    folder: Path
    prepared: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def prepare(
    name: str,
    root: Path | str,
    source: Path | str | None = None,
    degradation: str = "BD",
    scale: int = 4,
    workers: int | None = None,
    progress: Progress | None = None,
    partial: bool = False,
    scenes: Sequence[str] = (),
    fetch: FetchOptions | None = None,
    prune: bool = False,
) -> Outcome:
    """Makes `root/name` hold the ground-truth frames of a source and low-resolution ones of them.

    name:     of a known recipe, or any other with a source.
    source:   a video, a folder of frames, or a folder of such folders and videos, or an archive
              (zip, tar, 7z) of the like; without it, the sources that the set was prepared from
              before, what a recipe makes itself, or an archive that was fetched.
    workers:  threads to work with, one a core by default.
    progress: called with (frames written, frames in all or None while not known, scene).
    partial:  of a known set, take what is there, though scenes or frames are missing.
    scenes:   only these; others that are prepared are left alone.
    fetch:    brings the published archive of a known set; without it nothing is fetched.
    prune:    remove scenes that the source no longer has; without it they stay, which a note says.
    What is there already and still of the same source is left alone. Degradations prepared earlier
    are kept up to date with the frames. No scene is replaced before what replaces it is whole; a
    set that is there takes another source whole or not at all.
    Raises DatasetError if nothing can be prepared; one scene's failure is a line of the outcome.
    """
    kind = checked(degradation, scale)
    folder = Path(root) / set_name(name)
    outcome = Outcome(name, folder)
    selection = SceneSelection(partial, tuple(scenes))
    empty = is_empty_training_set(folder)
    if is_training(folder) and not empty:
        raise DatasetError(f"{folder}: holds a training set; give the test set another name")
    with building(folder) as builder:
        before = None
        try:
            before = None if empty else read_test_manifest(folder)
        except DatasetError as error:
            if source is None and name not in DATASETS:
                raise DatasetError(f"{error}, with --source") from error
            outcome.notes.append(f"{error} (made anew)")
        with suppress(DatasetError):  # one that is damaged is written anew
            read_plan(folder)  # refused before anything is done, if it is not ours
        given = None if source is None else Path(source)
        with resolve(name, folder, given, before, selection, fetch) as sources:
            run = _Run(outcome, builder, sources, before, selection.scenes, prune)
            run.workers, run.progress = workers or cores(), progress
            run.plan(kind, scale)
            run.finish(run.build())
        if empty and not outcome.failures:
            remove_records(folder)
    return outcome


@dataclass
class _Task:
    """A scene to be there: the unit of its ground-truth frames, what the manifest says so far, and what became of it."""

    name: str
    unit: GtUnit | StoredGtUnit
    earlier: SceneRecord | None
    record: GtRecord | None = None
    lr: dict[str, LrRecord] = field(default_factory=dict)
    built: bool = False
    failed: bool = False


@dataclass
class _Run:
    """One call of `prepare`: its plan, and how far it has come.

    before:   the manifest so far; earlier: its scenes. asked: names of scenes, none for all.
    tasks:    the scenes that are to be there. gone: those that are no longer in the source.
    changing: the scenes that are new or will change, a degradation that is added left aside.
    total:    number of frames to write, where it is known; written: of them.
    """

    outcome: Outcome
    builder: Builder
    sources: list[ResolvedSource]
    before: TestSetManifest | None
    asked: tuple[str, ...]
    prune: bool
    workers: int = 1
    progress: Progress | None = None
    degradations: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: list[_Task] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    changing: list[str] = field(default_factory=list)
    total: int | None = 0
    written: int = 0

    def __post_init__(self) -> None:
        self.folder, self.recipe = self.outcome.folder, DATASETS.get(self.outcome.name)
        self.earlier = self.before.scenes if self.before else {}

    def plan(self, kind: str, scale: int) -> None:
        """Fills in what is to be done, of the sources and of what is there."""
        before, folder, outcome = self.before, self.folder, self.outcome
        self.degradations = {**(before.degradations if before else {})}
        self.degradations[f"{kind}x{scale}"] = parameters(kind, scale)
        self.multiple = before.multiple if before else scale
        self.builder.known = before.units() if before else {}
        least = max(self.multiple, *(int(one["scale"]) for one in self.degradations.values()))
        fps = self.recipe.fps if self.recipe else None
        units: dict[str, GtUnit | StoredGtUnit] = {}
        for source in self.sources:
            outcome.notes += source.notes
            if source.contents is None:
                for name, known in self.earlier.items():
                    if known.gt.source.path == source.path and name in (self.asked or (name,)):
                        units[name] = StoredGtUnit(name, known.gt, folder)
                if missing := [name for name in self.asked if name not in self.earlier]:
                    raise DatasetError(f"expected scene {missing[0]}, and its source is not there")
                continue
            outcome.failures += source.contents.failures
            outcome.notes += source.contents.notes + low_resolution_notes(source.contents)
            for scene in source.contents.scenes:
                published, workers = source.frames.get(scene.name), self.workers
                options = (self.multiple, least, fps, published, workers, self._show)
                units.setdefault(scene.name, GtUnit(scene, source, *options))
        if not self.asked:
            self.gone = [name for name in self.earlier if name not in units]
        if not self.prune:  # they stay, and take part in what is made of ground truth
            units |= {n: StoredGtUnit(n, self.earlier[n].gt, folder) for n in self.gone}
        self.tasks = [_Task(name, unit, self.earlier.get(name)) for name, unit in units.items()]
        numbers = [self._frames_to_write(task) for task in self.tasks]
        self.total = None if None in numbers else sum(filter(None, numbers))

    def _lr_units(self, name: str, gt: GtRecord) -> list[LrUnit]:
        return [
            LrUnit(name, label, settings, gt, self.folder, self.workers, self._show)
            for label, settings in self.degradations.items()
        ]

    def _show(self, scene: str) -> None:
        self.written += 1
        if self.progress:
            self.progress(self.written, self.total, scene)

    def _frames_to_write(self, task: _Task) -> int | None:
        """The frames to write of a scene, None if decoding has to tell; notes if it changes."""
        try:
            gt = self.builder.done(task.unit)
        except DatasetError:
            gt = None
        labels = list(self.degradations)
        if gt is not None:
            units = self._lr_units(task.name, gt)
            labels = [unit.label for unit in units if self.builder.done(unit) is None]
        if gt is None or (task.earlier and task.earlier.lr.keys() & set(labels)):
            self.changing.append(task.name)
        frames = len(gt.frames) if gt else task.unit.expected()
        return None if frames is None else frames * (len(labels) + (gt is None))

    def build(self) -> list[str]:
        """Builds what is to be built.

        Returns the scenes that are neither as they were nor as they are to be: the disk was full.
        """
        known = {(one.gt.source.path, one.gt.source.archive) for one in self.earlier.values()}
        now = {(source.path, source.archive) for source in self.sources}
        try:
            if known and not known & now:
                self._replace_all()
            else:
                self._begin()
                for task in self.tasks:
                    self._build_gt([task])
                    self._build_lr(task)
        except CannotWrite as error:
            self.builder.keep = True
            self.outcome.failures.append(
                f"{error}; stopped there, and what is done is kept: mend that and prepare again"
            )
            return [t.name for t in self.tasks if t.name in self.changing and not self._is_whole(t)]
        return []

    def _is_whole(self, task: _Task) -> bool:
        """Whether a scene is as it was, or as it is to be."""
        if any(self.builder.is_moving(f"{kind}/{task.name}") for kind in (GT, *self.degradations)):
            return False
        if task.record is None:
            return task.earlier is not None
        return task.lr.keys() == self.degradations.keys()

    def _begin(self) -> None:
        """Says, before any file changes, which scenes may not be evaluated on for a while."""
        if self.changing:
            with writing(self.folder):
                write_plan(self.folder, self.changing)

    def _replace_all(self) -> None:
        """Takes another source, if all of its scenes can be had."""
        tasks = [task for task in self.tasks if isinstance(task.unit, GtUnit)]
        if not self.outcome.failures:
            self._build_gt(tasks, commit=False)
        names = [task.unit.name for task in tasks]
        if wrong := self.outcome.failures:
            self.builder.discard(names)
            more = f"; and {len(wrong) - 1} more faults" if len(wrong) > 1 else ""
            source = self.sources[0].path
            raise DatasetError(
                f"{wrong[0]}{more}; nothing was taken of {source}, {self.folder} is as it was"
            )
        self._begin()
        self.builder.commit(names)
        self._build_gt([task for task in self.tasks if task not in tasks])
        for task in self.tasks:
            self._build_lr(task)

    def _build_gt(self, tasks: Sequence[_Task], commit: bool = True) -> None:
        results = self.builder.build([task.unit for task in tasks], commit=commit)
        for task in tasks:
            result = results[task.unit.name]
            if result.failure:
                self._fail(task, result.failure, stays=commit)
                continue
            task.record, task.built = result.record, result.built
            if not result.built:  # the same frames, maybe of another place
                task.record = replace(result.record, source=task.unit.source)

    def _build_lr(self, task: _Task) -> None:
        for unit in self._lr_units(task.name, task.record) if task.record else ():
            # One by one: what was built before the disk is full counts.
            result = self.builder.build([unit])[unit.name]
            if result.failure:
                self._fail(task, result.failure)
                continue
            task.lr[unit.label] = result.record
            task.built |= result.built

    def _fail(self, task: _Task, why: str, stays: bool = True) -> None:
        rest = "; what is prepared of it stays" if task.earlier and stays else ""
        self.outcome.failures.append(f"{task.name}: {why}{rest}")
        task.failed = True

    def finish(self, left: Sequence[str]) -> None:
        """Writes the manifest, and removes what is pruned; `left` are scenes that are not whole."""
        outcome, folder = self.outcome, self.folder
        pruned = set(self.gone if self.prune and not outcome.failures else ())
        scenes = {n: one for n, one in self.earlier.items() if n not in pruned and n not in left}
        for task in self.tasks:
            if task.record is None or task.name in left:
                continue
            # Low-resolution frames of earlier runs stay if they are of the same frames.
            same = task.earlier and task.record.frames == task.earlier.gt.frames
            lr = {**(task.earlier.lr if task.earlier and same else {}), **task.lr}
            scene = scenes[task.name] = SceneRecord(task.record, dict(sorted(lr.items())))
            if not task.failed:
                changed = task.built and scene != task.earlier
                (outcome.prepared if changed else outcome.unchanged).append(task.name)
                if changed:
                    outcome.notes += _notes_on(task.name, scene, task.earlier, self.multiple)
        try:
            if scenes:
                write_manifest(folder, self._manifest(scenes))
            elif self.before:
                for name in (FILE, meta_info_name(outcome.name)):
                    (folder / name).unlink(missing_ok=True)
            units = self.builder.known.items()
            unwanted = [(u, one) for u, one in units if u.partition("/")[2] in pruned]
            remove_files(folder, [path for u, one in unwanted for path in one.files(u)])
            write_plan(folder, left)
        except OSError as error:
            self.builder.keep = True
            outcome.failures.append(f"{folder / FILE}: cannot be written: {reason(error)}")
        if self.gone:
            what = "no longer in the source; what is prepared stays, unless with --prune"
            if pruned:
                what = "no longer in the source; removed"
            elif outcome.failures:
                what = "not whole in the source; what is prepared stays"
            outcome.notes.append(f"{listed(self.gone)}: {what}")

    def _manifest(self, scenes: dict[str, SceneRecord]) -> TestSetManifest:
        name, recipe, record = self.outcome.name, self.recipe, None
        labels = {label for scene in scenes.values() for label in scene.lr}
        degradations = {label: one for label, one in self.degradations.items() if label in labels}
        if recipe:
            missing = self._missing(recipe.number)
            if differing := _sizes_differing(recipe, scenes):
                self.outcome.notes.append(f"{name}: not as published: {differing}")
                if missing is None:
                    missing = Missing(differing)
                elif differing not in missing.share:
                    missing = replace(missing, share=f"{missing.share}; {differing}")
            facts = (name, recipe.title, recipe.licence, recipe.citation, recipe.version)
            record = RecipeRecord(*facts, missing)
        return TestSetManifest(name, record, self.multiple, degradations, scenes)

    def _missing(self, number: int | None) -> Missing | None:
        """What the set lacks of the `number` of scenes that its recipe has."""
        was = self.before.recipe.missing if self.before and self.before.recipe else None
        if len(self.sources) > 1:
            return was
        now, contents = self.sources[0].missing, self.sources[0].contents
        if not (self.asked and contents and self.earlier.keys() - set(self.asked)):
            return now
        if was is None or now is None or not (was.chosen or was.partial):
            return None  # it was whole, and still is
        count = len(self.earlier.keys() | {scene.name for scene in contents.scenes})
        chosen = tuple(dict.fromkeys([*was.chosen, *now.chosen])) if was.chosen else ()
        partial = was.partial or now.partial
        return Missing(f"{count} of {number} scenes, as chosen", chosen, partial)


def _notes_on(
    name: str, scene: SceneRecord, before: SceneRecord | None, multiple: int
) -> list[str]:
    """Notes on a scene, a line each: cropping, damage, changes of its source."""
    gt, notes = scene.gt, []
    if gt.original and (before is None or before.gt.original != gt.original):
        notes.append(
            f"cropped from {size_text(gt.original)} to {size_text((gt.height, gt.width))}, "
            f"a multiple of {multiple}"
        )
    for label, lr in scene.lr.items():
        if lr.crop and (before is None or label not in before.lr):
            notes.append(f"{label} was made of the frames cropped to {size_text(lr.crop)}")
    if len(gt.frames) < 3 and before is None:
        notes.append(f"of {len(gt.frames)} frames none lies between two input frames")
    if before is not None and gt.frames != before.gt.frames:
        old = before.gt.frames
        new = sum(i >= len(old) or old[i] != frame for i, frame in enumerate(gt.frames))
        notes.append(f"the source has changed; {new} of {len(gt.frames)} frames differ")
    return [f"{name}: {note}" for note in (*notes, *gt.notes)]


def _sizes_differing(recipe: Recipe, scenes: dict[str, SceneRecord]) -> str:
    """The scenes whose frames are not of the published size, in one line; "" if there are none."""
    lines = []
    for name, scene in scenes.items():
        published, gt = recipe.size_of(name), scene.gt
        size = gt.original or (gt.height, gt.width)
        if published not in (None, (gt.height, gt.width), gt.original):
            lines.append(f"{name} is {size_text(size)}, published {size_text(published)}")
    return listed(lines, 4, "; ")
