"""The plan of preparing a test set: its scenes, and of each what is there, to be built, or gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..degradation import parameters
from ..degradation_match import low_resolution_notes
from ..errors import DatasetError
from ..manifest import GT, TestSetManifest
from ..recipes import DATASETS
from ..schema import GtRecord, LrRecord, SceneRecord
from ..sources.resolve import ResolvedSource
from ..sources.scenes import Scene
from .engine import Builder
from .outcome import Outcome
from .scene_units import GtUnit, LrUnit

Progress = Callable[[int, int | None, str], None]


@dataclass
class SceneTask:
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


@dataclass
class ScenePlan:
    """The plan of one call of `prepare`, and how far it has come.

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
    tasks: list[SceneTask] = field(default_factory=list)
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

    def show(self, scene: str) -> None:
        self.written += 1
        if self.progress:
            self.progress(self.written, self.total, scene)

    def fail(self, task: SceneTask, why: str, stays: bool = True) -> None:
        rest = "; what is prepared of it stays" if task.earlier and stays else ""
        self.outcome.failures.append(f"{task.name}: {why}{rest}")
        task.failed = True

    def gt_unit(self, source: ResolvedSource, scene: Scene) -> GtUnit:
        recipe = DATASETS.get(self.outcome.name)
        return GtUnit(
            scene=scene,
            origin=source,
            multiple=self.multiple,
            least=max(self.multiple, *(int(said["scale"]) for said in self.degradations.values())),
            fps=recipe.fps if recipe else None,
            published=source.frames.get(scene.name),
            workers=self.workers,
            show=self.show,
        )

    def lr_units(self, name: str, gt: GtRecord) -> list[LrUnit]:
        return [
            LrUnit(name, label, said, gt, self.folder, self.workers, self.show)
            for label, said in self.degradations.items()
        ]


def fill_plan(plan: ScenePlan, label: str) -> None:
    """Fills in what is to be done, of the sources and of what is there."""
    kind, _, scale = label.partition("x")
    plan.degradations = {**(plan.before.degradations if plan.before else {})}
    plan.degradations[label] = parameters(kind, int(scale))
    plan.multiple = plan.before.multiple if plan.before else int(scale)
    plan.builder.known = plan.before.units() if plan.before else {}
    tasks: dict[str, SceneTask] = {}
    for source in plan.sources:
        plan.outcome.notes += source.notes
        if source.contents is None:
            for name, known in plan.earlier.items():
                if known.gt.source.path == source.path and name in (plan.asked or (name,)):
                    tasks[name] = SceneTask(name, None, known)
            if missing := [name for name in plan.asked if name not in plan.earlier]:
                raise DatasetError(f"expected scene {missing[0]}, and its source is not there")
            continue
        plan.outcome.failures += source.contents.failures
        plan.outcome.notes += source.contents.notes + low_resolution_notes(source.contents)
        for scene in source.contents.scenes:
            if scene.name not in tasks:
                gt = plan.gt_unit(source, scene)
                tasks[scene.name] = SceneTask(scene.name, gt, plan.earlier.get(scene.name))
    if not plan.asked:
        plan.gone = [name for name in plan.earlier if name not in tasks]
    if not plan.prune:  # they stay, and take part in what is made of ground truth
        tasks |= {name: SceneTask(name, None, plan.earlier[name]) for name in plan.gone}
    plan.tasks = list(tasks.values())
    numbers = [_frames_to_write(plan, task) for task in plan.tasks]
    plan.total = None if None in numbers else sum(filter(None, numbers))


def _frames_to_write(plan: ScenePlan, task: SceneTask) -> int | None:
    """The number of frames to write of a scene, None if decoding has to tell; notes if it changes."""
    try:
        gt = plan.builder.done(task.gt) if task.gt else recorded_gt(plan, task)
    except DatasetError:
        gt = None
    if gt is not None:
        frames: int | None = len(gt.frames)
    elif task.gt is not None:
        frames = task.gt.expected()
    else:
        return 0
    labels = list(plan.degradations)
    if gt is not None:
        units = plan.lr_units(task.name, gt)
        labels = [unit.label for unit in units if plan.builder.done(unit) is None]
    if gt is None or (task.earlier and task.earlier.lr.keys() & set(labels)):
        plan.changing.append(task.name)
    return None if frames is None else frames * (len(labels) + (gt is None))


def recorded_gt(plan: ScenePlan, task: SceneTask) -> GtRecord | None:
    """The record of ground-truth frames that are all there."""
    gt = task.earlier.gt if task.earlier else None
    return gt if gt and plan.builder.are_there(gt.files(f"{GT}/{task.name}")) else None
