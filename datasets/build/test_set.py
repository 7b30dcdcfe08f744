"""Prepares test sets: the scenes of a source, ground truth and degraded, unit by unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stvt.core.download import FetchOptions
from stvt.core.files import reason
from stvt.core.progress import Progress

from ..degradation import checked, parameters
from ..degradation_match import low_resolution_notes
from ..errors import DatasetError
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
from ..schema import GtRecord, LrRecord, Missing, RecipeRecord, SceneRecord, are_there
from ..sources.layout import SceneSelection
from ..sources.resolve import ResolvedSource, resolve
from ..sources.scenes import Scene, set_name
from .engine import Builder, CannotWrite, building, cores, remove_files, writing
from .outcome import Outcome, missing_together, notes_on, sizes_differing
from .scene_units import GtUnit, LrUnit
from .video_record import is_empty_training_set, remove_records


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
        try:
            before = None if empty else read_test_manifest(folder)
        except DatasetError as error:
            if source is None and name not in DATASETS:
                raise DatasetError(f"{error}, with --source") from error
            before = None
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
    """A scene to be there.

    gt:      the unit of its ground-truth frames; None takes those that are there as they are.
    earlier: what the manifest says of it so far.
    record, lr: what became of it.
    """

    name: str
    gt: GtUnit | None
    earlier: SceneRecord | None
    record: GtRecord | None = None
    lr: dict[str, LrRecord] = field(default_factory=dict)
    built: bool = False
    failed: bool = False


@dataclass
class _Run:
    """One call of `prepare`: its plan, and how far it has come.

    before:   the manifest so far. asked: names of scenes, none for all.
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
    multiple: int = 1
    degradations: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: list[_Task] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    changing: list[str] = field(default_factory=list)
    total: int | None = 0
    written: int = 0

    @property
    def folder(self) -> Path:
        return self.outcome.folder

    @property
    def earlier(self) -> Mapping[str, SceneRecord]:
        return self.before.scenes if self.before else {}

    def plan(self, kind: str, scale: int) -> None:
        """Fills in what is to be done, of the sources and of what is there."""
        self.degradations = {**(self.before.degradations if self.before else {})}
        self.degradations[f"{kind}x{scale}"] = parameters(kind, scale)
        self.multiple = self.before.multiple if self.before else scale
        self.builder.known = self.before.units() if self.before else {}
        tasks: dict[str, _Task] = {}
        for source in self.sources:
            self.outcome.notes += source.notes
            if source.contents is None:
                for name, known in self.earlier.items():
                    if known.gt.source.path == source.path and name in (self.asked or (name,)):
                        tasks[name] = _Task(name, None, known)
                if missing := [name for name in self.asked if name not in self.earlier]:
                    raise DatasetError(f"expected scene {missing[0]}, and its source is not there")
                continue
            self.outcome.failures += source.contents.failures
            self.outcome.notes += source.contents.notes + low_resolution_notes(source.contents)
            for scene in source.contents.scenes:
                unit = self._gt_unit(source, scene)
                tasks.setdefault(scene.name, _Task(scene.name, unit, self.earlier.get(scene.name)))
        if not self.asked:
            self.gone = [name for name in self.earlier if name not in tasks]
        if not self.prune:  # they stay, and take part in what is made of ground truth
            tasks |= {name: _Task(name, None, self.earlier[name]) for name in self.gone}
        self.tasks = list(tasks.values())
        numbers = [self._frames_to_write(task) for task in self.tasks]
        self.total = None if None in numbers else sum(filter(None, numbers))

    def _gt_unit(self, source: ResolvedSource, scene: Scene) -> GtUnit:
        recipe = DATASETS.get(self.outcome.name)
        return GtUnit(
            scene=scene,
            origin=source,
            multiple=self.multiple,
            least=max(self.multiple, *(int(one["scale"]) for one in self.degradations.values())),
            fps=recipe.fps if recipe else None,
            published=source.frames.get(scene.name),
            workers=self.workers,
            show=self._show,
        )

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
            gt = self.builder.done(task.gt) if task.gt else self._recorded_gt(task)
        except DatasetError:
            gt = None
        if gt is None and task.gt is None:
            return 0
        labels = list(self.degradations)
        if gt is not None:
            units = self._lr_units(task.name, gt)
            labels = [unit.label for unit in units if self.builder.done(unit) is None]
        if gt is None or (task.earlier and task.earlier.lr.keys() & set(labels)):
            self.changing.append(task.name)
        frames = len(gt.frames) if gt else task.gt.expected() if task.gt else 0
        return None if frames is None else frames * (len(labels) + (gt is None))

    def _recorded_gt(self, task: _Task) -> GtRecord | None:
        """The record of ground-truth frames that are all there."""
        gt = task.earlier.gt if task.earlier else None
        return gt if gt and are_there(self.folder, gt.files(f"{GT}/{task.name}")) else None

    def build(self) -> list[str]:
        """Builds what is to be built.

        Returns the scenes that are neither as they were nor as they are to be: the disk was full.
        """
        try:
            if self._is_another_source():
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

    def _is_another_source(self) -> bool:
        known = {(one.gt.source.path, one.gt.source.archive) for one in self.earlier.values()}
        now = {(source.path, source.archive) for source in self.sources}
        return bool(known) and not known & now

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
        tasks = [task for task in self.tasks if task.gt]
        if not self.outcome.failures:
            self._build_gt(tasks, commit=False)
        names = [task.gt.name for task in tasks if task.gt]
        if wrong := self.outcome.failures:
            self.builder.discard(names)
            more = f"; and {len(wrong) - 1} more faults" if len(wrong) > 1 else ""
            source = self.sources[0].path
            raise DatasetError(
                f"{wrong[0]}{more}; nothing was taken of {source}, {self.folder} is as it was"
            )
        self._begin()
        self.builder.commit(names)
        self._build_gt([task for task in self.tasks if task.gt is None])
        for task in self.tasks:
            self._build_lr(task)

    def _build_gt(self, tasks: Sequence[_Task], commit: bool = True) -> None:
        results = self.builder.build([task.gt for task in tasks if task.gt], commit=commit)
        for task in tasks:
            if task.gt is None:
                task.record = self._recorded_gt(task)
                if task.record is None:
                    files = task.earlier.gt.files(f"{GT}/{task.name}") if task.earlier else {}
                    lost = next(
                        p for p, one in files.items() if not are_there(self.folder, {p: one})
                    )
                    self._fail(task, f"{lost} is missing, as is its source")
                continue
            result = results[task.gt.name]
            if result.failure:
                self._fail(task, result.failure, stays=commit)
                continue
            task.record, task.built = result.record, result.built
            if not result.built:  # the same frames, maybe of another place
                task.record = replace(result.record, source=task.gt.source)

    def _build_lr(self, task: _Task) -> None:
        if task.record is None:
            return
        for unit in self._lr_units(task.name, task.record):
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
                    outcome.notes += notes_on(task.name, scene, task.earlier, self.multiple)
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
            outcome.note_gone(self.gone, bool(pruned))

    def _manifest(self, scenes: dict[str, SceneRecord]) -> TestSetManifest:
        name, record = self.outcome.name, None
        labels = {label for scene in scenes.values() for label in scene.lr}
        degradations = {label: one for label, one in self.degradations.items() if label in labels}
        if recipe := DATASETS.get(name):
            missing = self._missing(recipe.number)
            if differing := sizes_differing(recipe, scenes):
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
        if self.asked and contents and self.earlier.keys() - set(self.asked):
            names = self.earlier.keys() | {scene.name for scene in contents.scenes}
            now = missing_together(was, now, len(names), number)
        return now
