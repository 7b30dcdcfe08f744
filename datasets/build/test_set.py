"""Prepares test sets: the scenes of a source, ground truth and degraded, unit by unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stvt.core.download import FetchOptions
from stvt.core.files import reason, write_json

from ..degradation import checked, parameters
from ..errors import DatasetError
from ..manifest import (
    FILE,
    GT,
    PREPARING,
    SCHEMA,
    TEST,
    TestSetManifest,
    is_training,
    meta_info_name,
    read_plan,
    read_test_manifest,
    write_manifest,
)
from ..recipes import DATASETS
from ..recipes.recipe import Recipe
from ..schema import GtRecord, LrRecord, Missing, RecipeRecord, SceneRecord
from ..sources.layout import SceneSelection
from ..sources.resolve import ResolvedSource, resolve
from ..sources.scenes import set_name
from .engine import Builder, CannotWrite, Result, building, cores, remove_files
from .outcome import Outcome, missing_together, notes_on, sizes_differing, with_share
from .scene_units import GtUnit, LrUnit

Progress = Callable[[int, int | None, str], None]


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
    label = f"{checked(degradation, scale)}x{scale}"
    folder = Path(root) / set_name(name)
    outcome = Outcome(name, folder)
    selection = SceneSelection(partial, tuple(scenes))
    if is_training(folder):
        raise DatasetError(f"{folder}: holds a training set; give the test set another name")
    with building(folder) as builder:
        try:
            before = read_test_manifest(folder)
        except DatasetError as error:
            if source is None and name not in DATASETS:
                raise DatasetError(f"{error}, with --source") from error
            before = None
            outcome.notes.append(f"{error} (made anew)")
        read_plan(folder)  # refused before anything is done, if it is not ours
        given = None if source is None else Path(source)
        with resolve(name, folder, given, before, selection, fetch) as sources:
            run = _Run(outcome, builder, sources, before, label, selection.scenes, prune)
            run.progress, run.workers = progress, workers or cores()
            run.go()
    return outcome


@dataclass
class _Task:
    """A scene to be there.

    gt:      the unit of its ground-truth frames; None takes those that are there as they are.
    earlier: what the manifest says of it so far.
    """

    name: str
    gt: GtUnit | None
    earlier: SceneRecord | None
    record: GtRecord | None = None
    lr: dict[str, LrRecord] = field(default_factory=dict)
    built: bool = False
    failed: bool = False


class _Run:
    """One call of `prepare`: `before` is the manifest that it found."""

    progress: Progress | None = None
    workers: int = 1

    def __init__(
        self,
        outcome: Outcome,
        builder: Builder,
        sources: list[ResolvedSource],
        before: TestSetManifest | None,
        label: str,
        asked: tuple[str, ...],
        prune: bool,
    ) -> None:
        self.outcome, self.builder, self.folder = outcome, builder, outcome.folder
        self.sources, self.asked, self.prune = sources, asked, prune
        kind, scale = label.split("x")
        self.before = before
        self.earlier = before.scenes if before else {}
        self.multiple = before.multiple if before else int(scale)
        self.recipe = DATASETS.get(outcome.name)
        self.degradations = {
            **(before.degradations if before else {}),
            label: parameters(kind, int(scale)),
        }
        builder.known = before.units() if before else {}
        self.gone: list[str] = []  # scenes that are prepared and no longer in the source
        self.written = 0
        self.total: int | None = 0

    def go(self) -> None:
        """Builds what is still to be built, and writes the manifest of the records."""
        tasks = self._tasks()
        changing = self._plan(tasks)
        try:
            if self._is_another_source():
                self._replace_all(tasks, changing)
            else:
                self._begin(changing)
                for task in tasks:
                    self._ground_truth([task])
                    self._low_resolution(task)
        except CannotWrite as error:
            self.outcome.failures.append(
                f"{error}; stopped there, and what is done is kept: mend that and prepare again"
            )
            left = [
                task.name for task in tasks if task.name in changing and not self._is_whole(task)
            ]
            self.builder.keep = bool(left)
            self._end(tasks, left)
            return
        self._end(tasks, [])

    def _tasks(self) -> list[_Task]:
        """The scenes of the sources, those that are taken as they are, and those that are gone."""
        tasks = {}
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
            self.outcome.notes += source.contents.notes
            for scene in source.contents.scenes:
                if scene.name not in tasks:
                    gt = self._unit(source, scene)
                    tasks[scene.name] = _Task(scene.name, gt, self.earlier.get(scene.name))
        if not self.asked:
            self.gone = [name for name in self.earlier if name not in tasks]
        if not self.prune:  # they stay, and take part in what is made of ground truth
            tasks |= {name: _Task(name, None, self.earlier[name]) for name in self.gone}
        return list(tasks.values())

    def _unit(self, source: ResolvedSource, scene: Any) -> GtUnit:
        scales = [int(parameters["scale"]) for parameters in self.degradations.values()]
        return GtUnit(
            scene=scene,
            origin=source,
            multiple=self.multiple,
            least=max(self.multiple, *scales),
            fps=self.recipe.fps if self.recipe else None,
            published=source.frames.get(scene.name),
            workers=self.workers,
            show=self._show,
        )

    def _is_another_source(self) -> bool:
        known = {(one.gt.source.path, one.gt.source.archive) for one in self.earlier.values()}
        now = {(source.path, source.archive) for source in self.sources}
        return bool(known) and not known & now

    def _plan(self, tasks: Iterable[_Task]) -> list[str]:
        """The scenes that are new or will change, a degradation that is added left aside."""
        changing: list[str] = []
        total: list[int | None] = []
        for task in tasks:
            try:
                gt = self.builder.done(task.gt) if task.gt else self._as_it_is(task)
            except DatasetError:
                gt = None
            if gt is None and task.gt is None:
                continue
            frames = task.gt.expected() if gt is None and task.gt else None
            frames = len(gt.frames) if gt else frames
            labels = [
                label
                for label in self.degradations
                if gt is None or self.builder.done(self._lr_unit(task.name, label, gt)) is None
            ]
            parts = len(labels) + (gt is None)
            total.append(None if frames is None else frames * parts)
            known = task.earlier.lr if task.earlier else {}
            if gt is None or any(label in known for label in labels):
                changing.append(task.name)
        self.total = None if None in total else sum(filter(None, total))
        return changing

    def _begin(self, changing: list[str]) -> None:
        """Says, before any file changes, which scenes may not be evaluated on for a while."""
        if changing:
            try:
                write_json(self.folder / PREPARING, {"scenes": changing})
            except OSError as error:
                raise CannotWrite(f"{self.folder}: cannot be written: {reason(error)}") from error

    def _replace_all(self, tasks: list[_Task], changing: list[str]) -> None:
        """Takes another source, if all of its scenes can be had."""
        if not self.outcome.failures:
            self._ground_truth([task for task in tasks if task.gt], commit=False)
        if wrong := self.outcome.failures:
            more = f"; and {len(wrong) - 1} more faults" if len(wrong) > 1 else ""
            source = self.sources[0].path
            raise DatasetError(
                f"{wrong[0]}{more}; nothing was taken of {source}, {self.folder} is as it was"
            )
        self._begin(changing)
        self.builder.commit(task.gt.name for task in tasks if task.gt)
        self._ground_truth([task for task in tasks if task.gt is None])
        for task in tasks:
            self._low_resolution(task)

    def _ground_truth(self, tasks: list[_Task], commit: bool = True) -> None:
        units = {task.name: task.gt for task in tasks if task.gt}
        results = self.builder.build(units.values(), commit=commit)
        for task in tasks:
            if task.gt is None:
                task.record = self._as_it_is(task)
                if task.record is None:
                    self._fail(task, f"{self._lost(task)} is missing, as is its source")
                continue
            result = results[task.gt.name]
            if result.failure:
                self._fail(task, result.failure, stays=commit)
                continue
            task.record, task.built = result.record, result.built
            if not result.built:  # the same frames, maybe of another place
                task.record = replace(result.record, source=task.gt.source)

    def _as_it_is(self, task: _Task) -> GtRecord | None:
        """The record of ground-truth frames that are all there."""
        gt = task.earlier.gt if task.earlier else None
        return gt if gt and self.builder.are_there(gt.files(f"{GT}/{task.name}")) else None

    def _lost(self, task: _Task) -> str:
        """The first ground-truth frame that is not there as it was."""
        files = task.earlier.gt.files(f"{GT}/{task.name}") if task.earlier else {}
        return next(p for p, known in files.items() if not self.builder.are_there({p: known}))

    def _lr_unit(self, name: str, label: str, gt: GtRecord) -> LrUnit:
        return LrUnit(
            *(name, label, self.degradations[label], gt, self.folder, self.workers, self._show)
        )

    def _low_resolution(self, task: _Task) -> None:
        if task.record is None:
            return
        units = [self._lr_unit(task.name, label, task.record) for label in self.degradations]
        for unit in units:  # one by one: what was made before the disk is full counts
            result: Result = self.builder.build([unit])[unit.name]
            if result.failure:
                self._fail(task, result.failure)
                continue
            task.lr[unit.label] = result.record
            task.built |= result.built

    def _fail(self, task: _Task, why: str, stays: bool = True) -> None:
        rest = "; what is prepared of it stays" if task.earlier and stays else ""
        self.outcome.failures.append(f"{task.name}: {why}{rest}")
        task.failed = True

    def _show(self, scene: str) -> None:
        self.written += 1
        if self.progress:
            self.progress(self.written, self.total, scene)

    def _is_whole(self, task: _Task) -> bool:
        """Whether a scene is as it was, or as it is to be."""
        if task.record is None:
            return task.earlier is not None
        return task.lr.keys() == self.degradations.keys()

    def _end(self, tasks: list[_Task], left: list[str]) -> None:
        """Writes the manifest; `left` are the scenes that are not whole now."""
        pruned = set(self.gone if self.prune and not self.outcome.failures else ())
        scenes = {
            n: scene for n, scene in self.earlier.items() if n not in pruned and n not in left
        }
        for task in tasks:
            if task.record is None or task.name in left:
                continue
            known = task.earlier.lr if task.earlier and task.record == task.earlier.gt else {}
            scenes[task.name] = SceneRecord(task.record, dict(sorted({**known, **task.lr}.items())))
            if not task.failed:
                changed = task.built and scenes[task.name] != task.earlier
                (self.outcome.prepared if changed else self.outcome.unchanged).append(task.name)
                if changed:
                    self.outcome.notes += notes_on(
                        task.name, scenes[task.name], task.earlier, self.multiple
                    )
        try:
            self._write(scenes)
            remove_files(
                self.folder,
                [
                    path
                    for name in pruned
                    for kind, unit in _units(self.earlier[name]).items()
                    for path in unit.files(f"{kind}/{name}")
                ],
            )
            if left:
                write_json(self.folder / PREPARING, {"scenes": left})
            else:
                (self.folder / PREPARING).unlink(missing_ok=True)
        except OSError as error:
            self.builder.keep = True
            where = self.folder / FILE
            self.outcome.failures.append(f"{where}: cannot be written: {reason(error)}")
        if self.gone:
            self.outcome.note_gone(self.gone, bool(pruned))

    def _write(self, scenes: Mapping[str, SceneRecord]) -> None:
        held = {label for scene in scenes.values() for label in scene.lr}
        if not scenes:
            if self.before:
                for name in (FILE, meta_info_name(self.outcome.name)):
                    (self.folder / name).unlink(missing_ok=True)
            return
        degradations = {k: v for k, v in self.degradations.items() if k in held}
        manifest = TestSetManifest(
            *(SCHEMA, TEST, self.outcome.name, self._recipe_record(scenes), self.multiple),
            *(degradations, dict(scenes)),
        )
        write_manifest(self.folder, manifest)

    def _recipe_record(self, scenes: Mapping[str, SceneRecord]) -> RecipeRecord | None:
        recipe = self.recipe
        if recipe is None:
            return None
        facts = (recipe.name, recipe.title, recipe.licence, recipe.citation, recipe.version)
        missing = self._missing(recipe)
        if differing := sizes_differing(recipe, scenes):
            self.outcome.notes.append(f"{recipe.name}: not as published: {differing}")
            missing = with_share(missing, differing)
        return RecipeRecord(*facts, missing)

    def _missing(self, recipe: Recipe) -> Missing | None:
        was = self.before.recipe.missing if self.before and self.before.recipe else None
        if len(self.sources) > 1:
            return was
        now, contents = self.sources[0].missing, self.sources[0].contents
        if self.asked and contents and self.earlier.keys() - set(self.asked):
            names = self.earlier.keys() | {scene.name for scene in contents.scenes}
            now = missing_together(was, now, len(names), recipe.number)
        return now


def _units(scene: SceneRecord) -> dict[str, GtRecord | LrRecord]:
    return {GT: scene.gt, **scene.lr}
