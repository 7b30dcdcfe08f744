"""A source's scenes against those that its recipe promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import DatasetError
from ..frames import numbering_fault
from ..recipes.recipe import Recipe
from .layout import Layout
from .scenes import VIDEOS, Found, Pictures, Scene, VideoFile, safe_name

_SHOWN = 4  # of what is missing, one by one


@dataclass(frozen=True)
class Wanted:
    """How much of a set is to be prepared: with `partial` what is there, with `scenes` these."""

    partial: bool = False
    scenes: tuple[str, ...] = ()


ALL = Wanted()


def as_published(
    recipe: Recipe, layout: Layout, source: Path, wanted: Wanted
) -> tuple[Found, dict[str, Any]]:
    """The scenes to prepare, their files by paths in the source; and what the set will lack.

    One line of failure says what was expected and what was found instead; with `wanted.partial`
    it is a note.
    Raises DatasetError if a scene that was asked for is none of the set's.
    """
    known = layout.known
    names = list(known) or list(layout.scenes)
    there = {*names, *layout.scenes} if wanted.partial else set(names)
    if unknown := [name for name in wanted.scenes if name not in there]:
        raise DatasetError(
            f"{recipe.name}: expected --scenes of {_shortened(names)}, found {unknown[0]}"
        )
    found = Found()
    wrong: list[str] = []
    chosen = [name for name in names if not wanted.scenes or name in wanted.scenes]
    for name in chosen:
        wrong += _add(found, recipe, name, layout.scenes.get(name), known.get(name), wanted)
    extra = [
        name
        for name in layout.others
        if wanted.partial and (not wanted.scenes or name in wanted.scenes)
    ]
    for name in extra:
        wrong += _add(found, recipe, name, layout.scenes[name], None, wanted)
        wrong.append(f"expected no scene {name}, found {len(layout.scenes[name])} frames of it")
    if recipe.count and len(names) != recipe.count and not wanted.scenes:
        wrong.append(f"expected {recipe.count} scenes, found {len(names)}")
    left_out = [name for name in layout.others if name not in extra]
    if left_out:
        found.notes.append(f"left out, being no scenes of {recipe.name}: {_shortened(left_out)}")
    there_of_it = len(found.scenes) - sum(scene.name in extra for scene in found.scenes)
    return found, _lacks(recipe, found, there_of_it, wrong, source, wanted)


def _add(
    found: Found,
    recipe: Recipe,
    name: str,
    files: list[str] | None,
    frames: int | None,
    wanted: Wanted,
) -> Iterator[str]:
    """Add a scene to those found, or a failure; gives what is not as published."""
    frames = frames if frames is not None else recipe.frames
    if not files:
        yield f"expected {_said(name, frames)}, found none"
        return
    scene = _scene(name, files)
    if isinstance(scene, str):
        found.failures.append(scene)
        return
    number = len(files) if isinstance(scene, Pictures) else None  # a video's is not known yet
    if number is not None and frames not in (None, number):
        yield f"expected {_said(name, frames)}, found {number}"
    elif number is not None and number < recipe.least:
        yield f"expected {name} with at least {recipe.least} frames, found {number}"
    else:
        found.scenes.append(scene)
        return
    if wanted.partial:
        found.scenes.append(scene)


def _scene(name: str, files: list[str]) -> Scene | str:
    """The scene that files are, or the line that says why they are none."""
    folders = {str(PurePosixPath(file).parent) for file in files}
    videos = [file for file in files if PurePosixPath(file).suffix.lower() in VIDEOS]
    if len(folders) > 1 or (videos and len(files) > 1):
        first, second = sorted(folders)[:2] if len(folders) > 1 else sorted(files)[:2]
        return f"{name}: is there twice, in {first} and {second}"
    called = safe_name(name, set())
    if videos:
        return VideoFile(called, Path(videos[0]))
    paths = [Path(file) for file in files]
    if fault := numbering_fault(paths):
        return f"{name}: {paths[0].parent}: {fault}"
    return Pictures(called, paths[0].parent, paths)


def _lacks(
    recipe: Recipe, found: Found, number: int, wrong: list[str], source: Path, wanted: Wanted
) -> dict[str, Any]:
    """What the manifest says of a set that is not whole; a set that ought to be whole fails.

    number: of the set's own scenes that are there.
    """
    line = f"{'; '.join(wrong[:_SHOWN])}"
    if len(wrong) > _SHOWN:
        line += f"; and {len(wrong) - _SHOWN} more"
    lacks: dict[str, Any] = {}
    share = f"{number} of {recipe.number} scenes"
    if wanted.scenes:
        lacks = {"lacks": f"{share}, as chosen", "chosen": list(wanted.scenes)}
    if wrong and wanted.partial:
        lacks |= {"lacks": f"{share}: {line}", "partial": True}
    if lacks:
        found.notes.append(f"{recipe.name}: not the whole set: {lacks['lacks']}")
    if wrong and not wanted.partial:
        found.failures.append(
            f"{recipe.name}: {source} is not the set as published: {line}; --partial takes what "
            "is there, and for other frames choose another name"
        )
    return lacks


def _said(name: str, frames: int | None) -> str:
    return name if frames is None else f"{name} with {frames} frames"


def _shortened(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more
