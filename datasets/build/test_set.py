"""Prepares test sets: the scenes of a source, ground truth and degraded, unit by unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from stvt.core.download import FetchOptions
from stvt.core.files import reason

from ..degradation import checked
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
    write_plan,
)
from ..recipes import DATASETS
from ..recipes.recipe import Recipe
from ..schema import GtRecord, Missing, RecipeRecord, SceneRecord
from ..sources.layout import SceneSelection
from ..sources.resolve import resolve
from ..sources.scenes import set_name
from .engine import CannotWrite, building, cores, remove_files
from .outcome import Outcome, missing_together, notes_on, sizes_differing, with_share
from .scene_plan import Progress, ScenePlan, SceneTask, fill_plan, recorded_gt
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
    label = f"{checked(degradation, scale)}x{scale}"
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
            plan = ScenePlan(outcome, builder, sources, before, selection.scenes, prune)
            plan.workers, plan.progress = workers or cores(), progress
            fill_plan(plan, label)
            left = _execute(plan)
            _finish(plan, left)
        if empty and not outcome.failures:
            remove_records(folder)
    return outcome


def _execute(plan: ScenePlan) -> list[str]:
    """Builds what is to be built.

    Returns the scenes that are neither as they were nor as they are to be: the disk was full.
    """
    try:
        if _is_another_source(plan):
            _replace_all(plan)
        else:
            _begin(plan)
            for task in plan.tasks:
                _build_gt(plan, [task])
                _build_lr(plan, task)
    except CannotWrite as error:
        plan.builder.keep = True
        plan.outcome.failures.append(
            f"{error}; stopped there, and what is done is kept: mend that and prepare again"
        )
        return [t.name for t in plan.tasks if t.name in plan.changing and not _is_whole(plan, t)]
    return []


def _is_another_source(plan: ScenePlan) -> bool:
    known = {(one.gt.source.path, one.gt.source.archive) for one in plan.earlier.values()}
    now = {(source.path, source.archive) for source in plan.sources}
    return bool(known) and not known & now


def _is_whole(plan: ScenePlan, task: SceneTask) -> bool:
    """Whether a scene is as it was, or as it is to be."""
    if any(plan.builder.is_moving(f"{kind}/{task.name}") for kind in (GT, *plan.degradations)):
        return False
    if task.record is None:
        return task.earlier is not None
    return task.lr.keys() == plan.degradations.keys()


def _begin(plan: ScenePlan) -> None:
    """Says, before any file changes, which scenes may not be evaluated on for a while."""
    if plan.changing:
        try:
            write_plan(plan.folder, plan.changing)
        except OSError as error:
            raise CannotWrite(f"{plan.folder}: cannot be written: {reason(error)}") from error


def _replace_all(plan: ScenePlan) -> None:
    """Takes another source, if all of its scenes can be had."""
    tasks = [task for task in plan.tasks if task.gt]
    if not plan.outcome.failures:
        _build_gt(plan, tasks, commit=False)
    names = [task.gt.name for task in tasks if task.gt]
    if wrong := plan.outcome.failures:
        plan.builder.discard(names)
        more = f"; and {len(wrong) - 1} more faults" if len(wrong) > 1 else ""
        source = plan.sources[0].path
        raise DatasetError(
            f"{wrong[0]}{more}; nothing was taken of {source}, {plan.folder} is as it was"
        )
    _begin(plan)
    plan.builder.commit(names)
    _build_gt(plan, [task for task in plan.tasks if task.gt is None])
    for task in plan.tasks:
        _build_lr(plan, task)


def _build_gt(plan: ScenePlan, tasks: Sequence[SceneTask], commit: bool = True) -> None:
    units = [task.gt for task in tasks if task.gt]
    results = plan.builder.build(units, commit=commit)
    for task in tasks:
        if task.gt is None:
            task.record = recorded_gt(plan, task)
            if task.record is None:
                plan.fail(task, f"{_lost(plan, task)} is missing, as is its source")
            continue
        result = results[task.gt.name]
        if result.failure:
            plan.fail(task, result.failure, stays=commit)
            continue
        task.record, task.built = result.record, result.built
        if not result.built:  # the same frames, maybe of another place
            task.record = replace(result.record, source=task.gt.source)


def _lost(plan: ScenePlan, task: SceneTask) -> str:
    """The first ground-truth frame that is not there as it was."""
    files = task.earlier.gt.files(f"{GT}/{task.name}") if task.earlier else {}
    return next(path for path, known in files.items() if not plan.builder.are_there({path: known}))


def _build_lr(plan: ScenePlan, task: SceneTask) -> None:
    if task.record is None:
        return
    for unit in plan.lr_units(task.name, task.record):
        # One by one: what was built before the disk is full counts.
        result = plan.builder.build([unit])[unit.name]
        if result.failure:
            plan.fail(task, result.failure)
            continue
        task.lr[unit.label] = result.record
        task.built |= result.built


def _finish(plan: ScenePlan, left: Sequence[str]) -> None:
    """Writes the manifest, and removes what is pruned; `left` are the scenes that are not whole."""
    outcome, folder = plan.outcome, plan.folder
    pruned = set(plan.gone if plan.prune and not outcome.failures else ())
    scenes = {n: one for n, one in plan.earlier.items() if n not in pruned and n not in left}
    for task in plan.tasks:
        if task.record is None or task.name in left:
            continue
        scene = scenes[task.name] = _scene_record(task, task.record)
        if not task.failed:
            changed = task.built and scene != task.earlier
            (outcome.prepared if changed else outcome.unchanged).append(task.name)
            if changed:
                outcome.notes += notes_on(task.name, scene, task.earlier, plan.multiple)
    try:
        if scenes:
            write_manifest(folder, _manifest_of(plan, scenes))
        elif plan.before:
            for name in (FILE, meta_info_name(outcome.name)):
                (folder / name).unlink(missing_ok=True)
        units = plan.builder.known.items()
        unwanted = [(u, one) for u, one in units if u.partition("/")[2] in pruned]
        remove_files(folder, [path for u, one in unwanted for path in one.files(u)])
        if left:
            write_plan(folder, left)
        else:
            (folder / PREPARING).unlink(missing_ok=True)
    except OSError as error:
        plan.builder.keep = True
        outcome.failures.append(f"{folder / FILE}: cannot be written: {reason(error)}")
    if plan.gone:
        outcome.note_gone(plan.gone, bool(pruned))


def _scene_record(task: SceneTask, gt: GtRecord) -> SceneRecord:
    """The record of a scene, with low-resolution frames of earlier runs that are of the same frames."""
    known = task.earlier.lr if task.earlier and gt.frames == task.earlier.gt.frames else {}
    return SceneRecord(gt, dict(sorted({**known, **task.lr}.items())))


def _manifest_of(plan: ScenePlan, scenes: Mapping[str, SceneRecord]) -> TestSetManifest:
    held = {label for scene in scenes.values() for label in scene.lr}
    degradations = {label: said for label, said in plan.degradations.items() if label in held}
    recipe = DATASETS.get(plan.outcome.name)
    record = _recipe_record(plan, recipe, scenes) if recipe else None
    return TestSetManifest(
        *(SCHEMA, TEST, plan.outcome.name, record, plan.multiple, degradations, dict(scenes))
    )


def _recipe_record(
    plan: ScenePlan, recipe: Recipe, scenes: Mapping[str, SceneRecord]
) -> RecipeRecord:
    missing = _missing(plan, recipe)
    if differing := sizes_differing(recipe, scenes):
        plan.outcome.notes.append(f"{recipe.name}: not as published: {differing}")
        missing = with_share(missing, differing)
    facts = (recipe.name, recipe.title, recipe.licence, recipe.citation, recipe.version)
    return RecipeRecord(*facts, missing)


def _missing(plan: ScenePlan, recipe: Recipe) -> Missing | None:
    was = plan.before.recipe.missing if plan.before and plan.before.recipe else None
    if len(plan.sources) > 1:
        return was
    now, contents = plan.sources[0].missing, plan.sources[0].contents
    if plan.asked and contents and plan.earlier.keys() - set(plan.asked):
        names = plan.earlier.keys() | {scene.name for scene in contents.scenes}
        now = missing_together(was, now, len(names), recipe.number)
    return now
