"""The layout of a known set in a folder or archive, and its scenes against those of the recipe."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from stvt.core.files import reason

from ..errors import DatasetError, listed
from ..frames import PICTURES, natural_key, numbering_fault
from ..recipes.recipe import Recipe
from ..schema import Missing
from .scenes import VIDEOS, Scene, SourceScenes, safe_name

_DEPTH = 8  # folders below a source
_ABOVE = 3  # folders that may lie above a layout, as an archive's own name does
_Parts = tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """The scenes found under one layout: name -> paths in the source, in order.

    base:   the folder that the scenes are in, "" for the source itself.
    known:  scene -> frames, of the scenes that the recipe names or the source's listing does.
    others: scenes that are there and none of the recipe's.
    """

    base: str = ""
    scenes: dict[str, list[str]] = field(default_factory=dict)
    known: Mapping[str, int | None] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)


def paths_in(folder: Path) -> list[str]:
    """The files below a folder, by their paths in it; hidden ones are left out.

    Raises DatasetError if it cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise DatasetError(f"{error.filename}: cannot be listed: {reason(error)}") from error

    paths = []
    for at, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        inside = Path(at).relative_to(folder)
        if len(inside.parts) >= _DEPTH:
            folders.clear()
        folders[:] = [
            name for name in folders if not name.startswith(".") and not _leads_up(Path(at) / name)
        ]
        paths += [(inside / name).as_posix() for name in files if not name.startswith(".")]
    return paths


def _leads_up(folder: Path) -> bool:
    """Whether a folder is a link to one that it is in, so that a walk would go round."""
    return folder.is_symlink() and folder.resolve() in folder.parent.resolve().joinpath("x").parents


def is_frames(path: str) -> bool:
    """Whether a path is that of a picture or a video, and not of a system's own files."""
    return not is_system(path) and PurePosixPath(path).suffix.lower() in (*PICTURES, *VIDEOS)


def is_system(path: str) -> bool:
    """Whether a path is that of a system's own files."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(path).parts)


def find_layout(
    recipe: Recipe, paths: Iterable[str], read: Callable[[str], bytes], source: Path
) -> Layout:
    """The scenes of a recipe among the files of a source.

    read: gives the content of one of the files, for the recipe's listing.

    The first layout under which a scene of the recipe is found is taken, at the place where most
    are; if none is found under any, the first under which there are frames.
    Raises DatasetError, saying what was expected and found, if there are none.
    """
    paths = list(paths)
    # What may be a scene: a folder with pictures, or a video.
    units: dict[_Parts, list[str]] = defaultdict(list)
    for path in filter(is_frames, paths):
        file = PurePosixPath(path)
        is_video = file.suffix.lower() in VIDEOS
        units[(*file.parent.parts, file.stem) if is_video else file.parent.parts].append(path)
    for files in units.values():
        files.sort(key=lambda path: natural_key(PurePosixPath(path).name))
    known = dict(recipe.scenes) or _listed(recipe, paths, read, source)
    proper = {name.casefold(): name for name in known}
    anything: Layout | None = None
    for pattern in recipe.layouts:
        for base, scenes in _under(pattern, units, proper.keys()):
            named = {proper.get(name.casefold(), name): files for name, files in scenes.items()}
            named = {name: named[name] for name in sorted(named, key=natural_key)}
            others = [name for name in named if known and name not in known]
            layout = Layout("/".join(base), named, known, others)
            if not known or named.keys() & known.keys():
                return layout
            anything = anything or layout
    if anything is None:
        tops = sorted({path.split("/")[0] + ("/" if "/" in path else "") for path in paths})
        raise DatasetError(
            f"{recipe.name}: {source}: expected frames in {' or '.join(recipe.layouts)}, "
            f"found {listed(tops, 4) or 'nothing'}"
        )
    return anything


def _under(
    pattern: str, units: dict[_Parts, list[str]], known: Collection[str]
) -> list[tuple[_Parts, dict[str, list[str]]]]:
    """The scenes that a pattern gives in each folder, those with most known ones first."""
    parts = pattern.split("/")
    fixed = next(i for i, part in enumerate(parts) if part in ("*", "NAME"))
    places: dict[_Parts, dict[str, list[str]]] = defaultdict(dict)
    for unit, files in units.items():
        above, inside = unit[: -len(parts)], unit[-len(parts) :]
        if len(inside) < len(parts) or len(above) > _ABOVE:
            continue
        pairs = list(zip(parts, inside, strict=True))
        if all(part in ("*", "NAME") or part.lower() == name.lower() for part, name in pairs):
            name = "_".join(name for part, name in pairs if part == "NAME")
            places[above + inside[:fixed]].setdefault(name, []).extend(files)

    def rank(place: tuple[_Parts, dict[str, list[str]]]) -> tuple[int, int, int, _Parts]:
        folder, scenes = place
        hits = sum(name.casefold() in known for name in scenes)
        return -hits, -len(scenes), len(folder), folder

    return sorted(places.items(), key=rank)


def _listed(
    recipe: Recipe, paths: list[str], read: Callable[[str], bytes], source: Path
) -> dict[str, int | None]:
    """The scenes that the source's own listing names."""
    files = [path for path in paths if PurePosixPath(path).name == recipe.listing]
    if not recipe.listing or not files:
        return {}
    file = min(files, key=lambda path: (path.count("/"), path))
    try:
        lines = read(file).decode().split()
    except UnicodeDecodeError as error:
        raise DatasetError(f"{source}: its {file} is no list of scenes") from error
    return {line.replace("/", "_"): recipe.frames for line in lines}


@dataclass(frozen=True)
class SceneSelection:
    """How much of a set is to be prepared: with `partial` what is there, with `scenes` these."""

    partial: bool = False
    scenes: tuple[str, ...] = ()


ALL = SceneSelection()


def match_recipe(
    recipe: Recipe, layout: Layout, source: Path, selection: SceneSelection
) -> tuple[SourceScenes, Missing | None]:
    """The scenes to prepare, their files by paths in the source; and how the set is not whole.

    One line of failure says what was expected and what was found instead; with `selection.partial`
    it is a note.
    Raises DatasetError if a scene that was asked for is none of the set's.
    """
    known = layout.known
    names = list(known) or list(layout.scenes)
    others = layout.others if selection.partial else []
    if unknown := [name for name in selection.scenes if name not in (*names, *others)]:
        raise DatasetError(
            f"{recipe.name}: expected --scenes of {listed(names)}, found {unknown[0]}"
        )
    contents, differences = SourceScenes(), list[str]()
    other = _other_set(recipe, layout, source)
    if other is None and layout.scenes:
        contents.notes.append(
            f"{recipe.name}: no name in {source} tells what frames these are; they are taken for "
            f"{recipe.title}"
        )
    elif other:
        differences.append(f"expected {recipe.title}, found the frames of {other}")
    chosen = [n for n in (*names, *others) if not selection.scenes or n in selection.scenes]
    for name in chosen:
        files, frames = layout.scenes.get(name), known.get(name) or recipe.frames
        if not files:
            of = "" if frames is None else f" with {frames} frames"
            differences.append(f"expected {name}{of}, found none")
            continue
        scene = _scene(name, files)
        if isinstance(scene, str):
            contents.failures.append(scene)
            continue
        number, difference = scene.frames, ""  # those of a video are not counted yet
        if name in others:
            difference = f"expected no scene {name}, found {len(files)} frames of it"
        elif number is not None and frames not in (None, number):
            difference = f"expected {name} with {frames} frames, found {number}"
        elif number is not None and number < recipe.least:
            difference = f"expected {name} with at least {recipe.least} frames, found {number}"
        if difference:
            differences.append(difference)
        if not difference or selection.partial:
            contents.scenes.append(scene)
    if recipe.count and len(names) != recipe.count and not selection.scenes:
        differences.append(f"expected {recipe.count} scenes, found {len(names)}")
    if left_out := [name for name in layout.others if name not in chosen]:
        contents.notes.append(f"left out, being no scenes of {recipe.name}: {listed(left_out)}")
    if other and not selection.partial:
        contents.scenes.clear()
    own = sum(scene.name not in others for scene in contents.scenes)
    share, line = f"{own} of {recipe.number} scenes", listed(differences, 4, "; ")
    missing = None
    if differences and selection.partial:
        missing = Missing(f"{share}: {line}", selection.scenes, True)
    elif selection.scenes:
        missing = Missing(f"{share}, as chosen", selection.scenes)
    if differences and not selection.partial:
        contents.failures.append(
            f"{recipe.name}: {source} is not the set as published: {line}; --partial takes what "
            "is there, and for other frames choose another name"
        )
    if missing:
        contents.notes.append(f"{recipe.name}: not the whole set: {missing.share}")
    return contents, missing


def _other_set(recipe: Recipe, layout: Layout, source: Path) -> str | None:
    """The other set whose frames a source holds by its names; "" for the recipe's own, None if no name tells.

    The innermost folder that tells counts: a `clean` in `final.zip` is the clean pass.
    """
    patterns = {"": recipe.names, **recipe.others} if recipe.names else {}
    for part in (*reversed(PurePosixPath(layout.base).parts), source.stem):
        sets = [name for name, pattern in patterns.items() if re.search(pattern, part.lower())]
        if sets:
            return "" if "" in sets else sets[0]
    return None if patterns else ""


def _scene(name: str, files: list[str]) -> Scene | str:
    """The scene that files are, or the line that says why they are none."""
    folders = {str(PurePosixPath(file).parent) for file in files}
    is_video = any(PurePosixPath(file).suffix.lower() in VIDEOS for file in files)
    if len(folders) > 1 or (is_video and len(files) > 1):
        first, second = sorted(folders if len(folders) > 1 else files)[:2]
        return f"{name}: is there twice, in {first} and {second}"
    called, paths = safe_name(name, set()), [Path(file) for file in files]
    if is_video:
        return Scene.of_video(called, paths[0])
    if fault := numbering_fault(paths):
        return f"{name}: {paths[0].parent}: {fault}"
    return Scene.of_files(called, paths[0].parent, paths)
