"""A data set on disk, made from its source; however often it is stopped, it comes out the same."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from stvt.core.fetcher import Fetch
from stvt.core.safe_names import UnsafeName, refuse_links_out

from ..degradation import checked, parameters
from ..errors import DatasetError
from ..frames import reason, replace_file
from ..manifest import (
    FILE,
    PREPARING,
    SCHEMA,
    TRUTH,
    Manifest,
    is_training,
    meta_info_name,
    read_manifest,
)
from ..recipes import DATASETS
from ..recipes.recipe import Recipe
from ..sources.match_recipe import Wanted
from ..sources.resolve import Origin, find_origin, lacking
from ..sources.scenes import Scene, set_name
from .frame_files import CannotWrite, Made, make
from .lock import read_plan, remove_empty, remove_leftovers, remove_scene, sole_use
from .test_set import SceneWork

Progress = Callable[[int, int | None, str], None]
_Waiting = deque[tuple[SceneWork, int, Future[Made] | None]]


@dataclass
class Outcome:
    """What `prepare` did.

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
    fetch: Fetch | None = None,
    prune: bool = False,
) -> Outcome:
    """Make `root/name` hold the true frames of a source and low-resolution ones of them.

    name:     of a known recipe, or any other with a source.
    source:   a video, a folder of frames, or a folder of such folders and videos, or an archive
              (zip, tar, 7z) of the like; without it, the source that the set was prepared from
              before, what a recipe makes itself, or an archive that was fetched.
    workers:  threads to work with, one a core by default. Decoding, blurring and encoding run
              outside Python's lock, so threads fill the cores.
    progress: called with (frames done, frames in all or None while not known, scene).
    partial:  of a known set, take what is there, though scenes or frames are missing.
    scenes:   only these; others that are prepared are left alone.
    fetch:    brings the published archive of a known set; without it nothing is fetched.
    prune:    remove scenes that the source no longer has; without it they stay, which a note says.
    What is there already and still as it was made is left alone. Degradations prepared earlier
    are kept up to date with the frames. Nothing prepared is replaced before what replaces it has
    been decoded without a fault; a set that is there takes another source whole or not at all.
    Raises DatasetError if nothing can be prepared; one scene's failure is a line of the outcome.
    """
    label = f"{checked(degradation, scale)}x{scale}"
    folder = Path(root) / set_name(name)
    given = None if source is None else Path(source)
    outcome = Outcome(name, folder)
    wanted = Wanted(partial, tuple(scenes))
    if is_training(folder):
        raise DatasetError(f"{folder}: holds a training set; give the test set another name")
    with sole_use(folder):
        refuse_links_out(folder)
        before = _earlier(folder, outcome.notes)
        with find_origin(name, folder, given, before, wanted, fetch) as origin:
            _Run(outcome, origin, before, label, progress, wanted.scenes, prune).go(
                workers or cores()
            )
    return outcome


class _Run:
    """One call of `prepare`: `before` is the manifest that it found, `manifest` the one it makes."""

    def __init__(
        self,
        outcome: Outcome,
        origin: Origin,
        before: Manifest | None,
        label: str,
        progress: Progress | None,
        asked: tuple[str, ...],
        prune: bool,
    ) -> None:
        self.outcome, self.folder = outcome, outcome.folder
        self.asked, self.prune = asked, prune
        self.progress = progress or (lambda done, total, what: None)
        kind, scale = label.split("x")
        recipe = DATASETS.get(outcome.name)
        self.readable = before is not None
        self.before = before or Manifest(outcome.name, None, None, int(scale))
        self.manifest = Manifest(
            outcome.name,
            {**recipe.facts, **self._lacks(origin, recipe)} if recipe else None,
            None if origin.source is None else str(origin.source),
            self.before.multiple,
            {**self.before.degradations, label: parameters(kind, int(scale))},
            archive=origin.archive,
        )
        self.plan = {
            "schema": SCHEMA,
            "recipe": self.manifest.recipe,
            "source": self.manifest.source,
            "multiple": self.manifest.multiple,
        }
        self.old_plan = read_plan(self.folder)
        self.goes_on = {**self.old_plan, "scenes": None} == {**self.plan, "scenes": None}
        self.gone: list[str] = []  # scenes that are prepared and no longer in the source
        self.works = self._works(origin, recipe)

    def _lacks(self, origin: Origin, recipe: Recipe) -> dict[str, object]:
        """How the set is not whole, once the scenes that were asked for are beside the others."""
        others = self.before.scenes.keys() - set(self.asked)
        if not (self.asked and origin.found and others):
            return origin.lacks
        was, now = lacking(self.before), origin.lacks
        if "lacks" not in was:
            return {}  # it was whole, and still is
        names = {scene.name for scene in origin.found.scenes}
        share = f"{len(self.before.scenes.keys() | names)} of {recipe.number} scenes, as chosen"
        lacks = {**was, **now, "lacks": share}
        if "chosen" in was:
            lacks["chosen"] = list(dict.fromkeys([*was["chosen"], *now["chosen"]]))
        else:
            lacks.pop("chosen", None)
        return lacks

    def _works(self, origin: Origin, recipe: Recipe | None) -> list[SceneWork]:
        earlier = self.before.scenes
        labels = {
            label: (said["kind"], said["scale"])
            for label, said in self.manifest.degradations.items()
        }
        scenes: list[tuple[str, Scene | None, str | None]]
        found = origin.found
        self.outcome.notes += origin.notes
        if found is None:
            if missing := [name for name in self.asked if name not in earlier]:
                raise DatasetError(f"expected scene {missing[0]}, and its source is not there")
            scenes = [
                (name, None, scene.fps)
                for name, scene in earlier.items()
                if not self.asked or name in self.asked
            ]
        else:
            self.outcome.failures += found.failures
            self.outcome.notes += found.notes
            fps = recipe.fps if recipe else None
            scenes = [(scene.name, scene, fps) for scene in found.scenes]
            if not self.asked:
                names = {scene.name for scene in found.scenes}
                self.gone = [name for name in earlier if name not in names]
            if not self.prune:  # they stay, and take part in what is made of true frames
                scenes += [(name, None, earlier[name].fps) for name in self.gone]
        return [
            SceneWork(
                name=name,
                scene=scene,
                folder=self.folder,
                root=origin.base,
                multiple=self.manifest.multiple,
                labels=labels,
                earlier=earlier.get(name),
                trusted=self.goes_on,
                fps=fps,
                published=origin.frames.get(name) if scene else None,
            )
            for name, scene, fps in scenes
        ]

    def go(self, workers: int) -> None:
        """Do what is still to be done."""
        self._leave_out_faulty()
        remove_leftovers(self.folder, everywhere=bool(self.old_plan))
        if not self.goes_on:
            self._forget_old_plan()
        todo = [work for work in self.works if not work.is_done(work.labels)]
        self.outcome.unchanged += [work.name for work in self.works if work not in todo]
        mine = {work.name for work in self.works}
        self.manifest.scenes |= {
            name: scene for name, scene in self.before.scenes.items() if name not in mine
        }
        for work in self.works:
            if work.earlier and (work not in todo or work.is_done(work.earlier.reduced)):
                self.manifest.scenes[work.name] = work.earlier
        if todo or self.gone:
            self._begin(todo)
        try:
            self._make(todo, workers)
        except CannotWrite as error:
            self.outcome.failures.append(
                f"{error}; stopped there, and what is done is kept: mend that and prepare again"
            )
            self._write_manifest(todo)
            return
        pruned = self.gone if self.prune and not self.outcome.failures else []
        for name in pruned:
            del self.manifest.scenes[name]
        self._write_manifest(todo)
        for name in pruned:
            remove_scene(self.folder, name)
        if self.gone:
            self.outcome.notes.append(self._said_of_gone(bool(pruned)))
        (self.folder / PREPARING).unlink(missing_ok=True)
        remove_empty(self.folder)

    def _leave_out_faulty(self) -> None:
        """Leave prepared scenes as they are whose new frames are not good.

        Raises DatasetError if another source than before is not good as a whole.
        """
        before, new = self.before, self.manifest
        same = (before.source, before.archive) == (new.source, new.archive)
        faults: dict[str, str] = {}
        for work in self.works:
            if (work.earlier or (before.scenes and not same)) and not work.is_done(work.labels):
                self.progress(0, None, work.name)
                if fault := work.fault():
                    faults[work.name] = fault
        fresh = [faults[work.name] for work in self.works if work.scene and work.name in faults]
        if before.scenes and not same and (wrong := [*self.outcome.failures, *fresh]):
            more = f"; and {len(wrong) - 1} more faults" if len(wrong) > 1 else ""
            raise DatasetError(
                f"{wrong[0]}{more}; nothing was taken of {new.source}, {self.folder} is as it was"
            )
        for fault in faults.values():
            self.outcome.failures.append(f"{fault}; what is prepared of it stays")
        self.works = [work for work in self.works if work.name not in faults]

    def _said_of_gone(self, removed: bool) -> str:
        names = ", ".join(self.gone[:8]) + (
            f" and {len(self.gone) - 8} more" if len(self.gone) > 8 else ""
        )
        if removed:
            return f"{names}: no longer in the source; removed"
        if self.outcome.failures:
            return f"{names}: not whole in the source; what is prepared stays"
        return f"{names}: no longer in the source; what is prepared stays, unless with --prune"

    def _forget_old_plan(self) -> None:
        """Remove what a run that was cut short had made from another source, or otherwise."""
        for name in self.old_plan.get("scenes", []):
            scene = self.before.scenes.get(name)
            keeping = {TRUTH, *scene.reduced} if scene else set()
            remove_scene(self.folder, name, frozenset(keeping))

    def _begin(self, todo: list[SceneWork]) -> None:
        """Before any file changes: say so, and take what will change out of the manifest."""
        plan = {**self.plan, "scenes": [work.name for work in todo]}
        try:
            replace_file(self.folder / PREPARING, json.dumps(plan).encode(), sync=True)
            if self.manifest.scenes.keys() != self.before.scenes.keys():
                replace(self.before, scenes=self.manifest.scenes).write(self.folder)
        except OSError as error:
            raise CannotWrite(f"{self.folder}: cannot be written: {reason(error)}") from error

    def _make(self, todo: list[SceneWork], workers: int) -> None:
        """Make the frames of the scenes, a few more under way than there are workers."""
        counts = [work.expected() for work in todo]
        total = None if None in counts else sum(count or 0 for count in counts)
        done = 0
        waiting: _Waiting = deque()

        def settle() -> None:
            nonlocal done
            work, index, future = waiting.popleft()
            if future is None:  # all frames of the scene are settled
                self._finish(work)
                return
            try:
                work.settle(index, future.result())
            except CannotWrite:
                raise
            except DatasetError as error:
                work.settle(index, error)
            done += 1
            self.progress(done, total, work.name)

        with ThreadPoolExecutor(workers) as pool:
            try:
                for work in todo:
                    for job in work.jobs():
                        waiting.append((work, job.index, pool.submit(make, job)))
                        if len(waiting) > 2 * workers:
                            settle()
                    waiting.append((work, -1, None))
                while waiting:
                    settle()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _finish(self, work: SceneWork) -> None:
        try:
            record = work.record()
        except DatasetError as error:
            self.outcome.failures.append(str(error))
            self.manifest.scenes.pop(work.name, None)
            if work.earlier is None:
                remove_scene(self.folder, work.name)
            return
        same = record == work.earlier
        (self.outcome.unchanged if same else self.outcome.prepared).append(work.name)
        self.outcome.notes += work.notes
        self.manifest.scenes[work.name] = record

    def _write_manifest(self, todo: list[SceneWork]) -> None:
        """Write the manifest; on a full disk, in the place of the scenes that are not whole."""
        scenes = self.manifest.scenes
        held = {label for scene in scenes.values() for label in scene.reduced}
        self.manifest.degradations = {
            label: said for label, said in self.manifest.degradations.items() if label in held
        }
        try:
            if not scenes and not self.readable:
                return
            if not scenes:
                for name in (FILE, meta_info_name(self.outcome.name)):
                    (self.folder / name).unlink(missing_ok=True)
                return
            try:
                self.manifest.write(self.folder)
            except OSError:
                for work in todo:
                    if work.name not in scenes:
                        remove_scene(self.folder, work.name)
                self.manifest.write(self.folder)
        except OSError as error:
            self.outcome.failures.append(
                f"{self.folder / FILE}: cannot be written: {reason(error)}"
            )


def _earlier(folder: Path, notes: list[str]) -> Manifest | None:
    """The manifest of the set as it is; one that cannot be read counts for nothing, with a note."""
    try:
        return read_manifest(folder)
    except UnsafeName:
        raise
    except DatasetError as error:
        notes.append(f"{error} (made anew)")
        return None


def cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
