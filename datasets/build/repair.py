"""Single files of a prepared set made again: true frames from the source, small ones from those."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import DatasetError
from ..frames import reason
from ..manifest import TRUTH, Manifest, SceneRecord, frame_name
from ..sources.resolve import Origin, find_origin
from ..sources.scenes import Scene
from .frame_files import Made, make
from .test_set import SceneWork


@dataclass(frozen=True)
class Fault:
    """What is wrong with one file; `kind` is "GT" or a degradation's label."""

    kind: str
    scene: str
    index: int
    what: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.scene}/{frame_name(self.index)}: {self.what}"

    def path(self, folder: Path) -> Path:
        return folder / self.kind / self.scene / frame_name(self.index)


def mend(manifest: Manifest, folder: Path, faults: list[Fault]) -> tuple[list[Fault], list[Fault]]:
    """Make faulty files again; returns the faults that are left, saying why, and those mended."""
    if all(fault.kind != TRUTH for fault in faults):
        return _mend(manifest, folder, faults, None, "")
    with ExitStack() as meanwhile:
        try:
            found = find_origin(manifest.name, folder, None, manifest, look=True)
            origin = meanwhile.enter_context(found)
        except DatasetError as error:
            return _mend(manifest, folder, faults, None, str(error))
        return _mend(manifest, folder, faults, origin, f"{manifest.source} is no longer there")


def _mend(
    manifest: Manifest, folder: Path, faults: list[Fault], origin: Origin | None, gone: str
) -> tuple[list[Fault], list[Fault]]:
    """The same with the origin of the set; without one, or its scenes, `gone` says why."""
    found = origin.found if origin else None
    scenes = {scene.name: scene for scene in found.scenes} if found else {}
    gone = "" if found else gone
    left, mended = [], []
    for name in dict.fromkeys(fault.scene for fault in faults):
        mine = [fault for fault in faults if fault.scene == name]
        for fault in mine:
            with suppress(OSError):  # so that only its content, no longer its time, speaks for it
                os.utime(fault.path(folder), ns=(0, 0))
        base = origin.base if origin else None
        whys = _made_again(manifest, folder, name, scenes.get(name), mine, gone, base)
        for fault in mine:
            if why := whys.get(fault.index):
                what = f"{fault.what}, and cannot be made again: {why}"
                left.append(replace(fault, what=what))
            else:
                mended.append(fault)
    return left, mended


def _made_again(
    manifest: Manifest,
    folder: Path,
    name: str,
    scene: Scene | None,
    faults: list[Fault],
    gone: str,
    base: Path | None,
) -> dict[int, str]:
    """The frames whose files could not be made again, and why."""
    record = manifest.scenes[name]
    wanted = {fault.index for fault in faults}
    truths = {fault.index for fault in faults if fault.kind == TRUTH}
    # Where no true frame is faulty, the source is not needed.
    whys = {}
    if not truths or (scene is None and gone):
        whys = dict.fromkeys(truths, gone)
        scene, wanted = None, wanted - truths
    work = SceneWork(
        name=name,
        scene=scene,
        folder=folder,
        root=base,
        multiple=manifest.multiple,
        labels={label: _kind(manifest, label) for label in record.reduced},
        earlier=record,
        trusted=False,
        strict=True,
    )
    for job in work.jobs() if wanted else ():
        if job.index in wanted:
            try:
                same = _same(make(job), record, job.index)
                why = "" if same else "other bytes came out; prepare the set again"
            except DatasetError as error:
                why = str(error)
            except OSError as error:
                why = reason(error)
            wanted.discard(job.index)
            whys[job.index] = why
    nowhere = "; ".join(work.faults) or "the source has no such frame any more"
    return {**whys, **dict.fromkeys(wanted, nowhere)}


def _same(made: Made, record: SceneRecord, index: int) -> bool:
    small = {label: reduced.files[index] for label, reduced in record.reduced.items()}
    return made.truth == record.truth[index] and made.reduced == small


def _kind(manifest: Manifest, label: str) -> tuple[str, int]:
    return manifest.degradations[label]["kind"], manifest.degradations[label]["scale"]
