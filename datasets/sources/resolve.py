"""The source of a set: what was asked for, what is known of the set, what is on the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from stvt.core.download import FetchOptions
from stvt.core.suggestions import did_you_mean

from ..errors import DatasetError
from ..frames import Frame
from ..manifest import FILE, GT, TestSetManifest, read_test_manifest
from ..recipes import DATASETS
from ..recipes.recipe import Recipe
from ..schema import FileRecord, Missing, are_there
from .archives import MOST_MEMBERS, Archive, kind, open_archive, size
from .archives import SUFFIXES as ARCHIVES
from .download import archive_path, fetch_archive, fetch_plan
from .layout import (
    ALL,
    SceneSelection,
    find_layout,
    is_frames,
    is_system,
    match_recipe,
    paths_in,
)
from .scenes import VIDEOS, Scene, SourceScenes, find_scenes, not_read, set_name


@dataclass(frozen=True)
class ResolvedSource:
    """The frames that scenes of a set are to be made of.

    path:     absolute; None if they are rendered. archive: of the file there, if it is one.
    base:     the folder that the scenes are in.
    contents: the scenes; None: the source is as it was or no longer there, and the ground-truth
              frames are taken as they are.
    missing:  how a known set is not whole, as it was asked for.
    frames:   scene -> the number of frames that it must have.
    """

    path: str | None
    base: Path | None = None
    contents: SourceScenes | None = None
    archive: FileRecord | None = None
    missing: Missing | None = None
    frames: Mapping[str, int | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@contextmanager
def resolve(
    name: str,
    folder: Path,
    source: Path | None,
    manifest: TestSetManifest | None,
    selection: SceneSelection = ALL,
    fetch: FetchOptions | None = None,
    always_open: bool = False,
) -> Iterator[list[ResolvedSource]]:
    """The sources of the set in `folder`, or to be there; what is unpacked is there meanwhile.

    That is the one that is given, or those that the set was made of, or what the recipe renders or
    fetches. always_open: an archive, even if it seems to be as it was.
    Raises DatasetError if it cannot be known where the frames are, or if none are there.
    """
    recipe = DATASETS.get(name)
    if recipe and recipe.render and source:
        raise DatasetError(f"{name}: is made by the program itself; leave the source out")
    with ExitStack() as unpacked:
        if recipe and recipe.render:
            contents = _rendered(recipe, recipe.render, selection)
            share = f"{len(contents.scenes)} of {recipe.number} scenes, as chosen"
            missing = Missing(share, selection.scenes) if selection.scenes else None
            yield [ResolvedSource(None, None, contents, missing=missing, frames=recipe.scenes)]
        elif source is None and manifest and _sources(manifest):
            again = _resolve_again(recipe, folder, manifest, selection, always_open)
            sources = [unpacked.enter_context(one) for one in again]
            if not sources:
                raise DatasetError(f"expected scene {selection.scenes[0]}, which is not prepared")
            yield sources
        else:
            if source is None and recipe:
                source = fetch_archive(recipe, folder.parent, fetch)
            if source is None:
                raise DatasetError(
                    f"{name}: no data set of that name is known; known are {', '.join(DATASETS)}; "
                    f"for frames or a video of your own give --source{did_you_mean(name, DATASETS)}"
                )
            yield [unpacked.enter_context(_resolve(recipe, source, folder, selection))]


def _rendered(
    recipe: Recipe, render: Callable[[str, int], Frame], selection: SceneSelection
) -> SourceScenes:
    """The scenes that a recipe makes itself."""
    scenes = [
        Scene("rendered", one, frames=count, render=partial(render, one), version=recipe.version)
        for one, count in recipe.scenes.items()
    ]
    return _select_scenes(SourceScenes(scenes), selection)


def _sources(manifest: TestSetManifest) -> dict[str, list[str]]:
    """The paths that a set was made of, with the scenes of each."""
    sources: dict[str, list[str]] = {}
    for name, scene in manifest.scenes.items():
        if scene.gt.source.path is not None:
            sources.setdefault(scene.gt.source.path, []).append(name)
    return sources


def _selections_again(
    manifest: TestSetManifest, selection: SceneSelection
) -> Iterator[tuple[str, SceneSelection, set[str]]]:
    """The sources that a set was made of before: path, what to take, scenes that others give.

    Of each what was asked for then, if not now.
    """
    paths = _sources(manifest)
    missing, several = manifest.recipe.missing if manifest.recipe else None, len(paths) > 1
    for path, scenes in paths.items():
        chosen = selection
        if several and selection.scenes:
            chosen = replace(chosen, scenes=tuple(n for n in chosen.scenes if n in scenes))
            if not chosen.scenes:
                continue
        elif selection == ALL and several and manifest.recipe:
            chosen = SceneSelection(bool(missing and missing.partial), tuple(scenes))
        elif selection == ALL and missing:
            chosen = SceneSelection(missing.partial, missing.chosen)
        yield path, chosen, {name for other in paths if other != path for name in paths[other]}


def _resolve_again(
    recipe: Recipe | None,
    folder: Path,
    manifest: TestSetManifest,
    selection: SceneSelection,
    always_open: bool,
) -> Iterator[AbstractContextManager[ResolvedSource]]:
    """The sources that a set was made of before."""
    missing, scenes = manifest.recipe.missing if manifest.recipe else None, _sources(manifest)
    for path, chosen, others in _selections_again(manifest, selection):
        archive = manifest.scenes[scenes[path][0]].gt.source.archive
        opens = always_open or not archive or bool(selection.scenes)
        earlier = ResolvedSource(path, archive=archive, missing=missing)
        if not Path(path).exists():
            note = f"{path} is no longer there: the true frames are taken as they are"
            yield nullcontext(replace(earlier, notes=(note,)))
        elif archive and not opens and _is_as_it_was(path, folder, manifest, archive):
            yield nullcontext(earlier)
        else:
            yield _resolve(recipe, Path(path), folder, chosen, others)


@contextmanager
def _resolve(
    recipe: Recipe | None,
    source: Path,
    folder: Path,
    selection: SceneSelection,
    others: Collection[str] = (),
) -> Iterator[ResolvedSource]:
    """What is taken of a folder, a video or an archive, which is unpacked beside the set meanwhile.

    others: scenes that are taken from another source.
    """
    source = Path(os.path.abspath(os.path.expanduser(source)))
    if folder.resolve() in (source.resolve(), *source.resolve().parents):
        raise DatasetError(f"{source}: lies inside the set that it would be the source of")
    into = folder.with_name(f".{folder.name}.unpacked")
    root, archive, record = source if source.is_dir() else source.parent, None, None
    if is_archive(source):
        shutil.rmtree(into, ignore_errors=True)  # that a killed run left
        root, archive, record = into, open_known_archive(recipe, source), FileRecord.of(source)
    suffix = source.suffix.lower()
    if not archive and source.is_file() and suffix not in VIDEOS and (recipe or suffix in ARCHIVES):
        raise DatasetError(f"{source}: expected a folder, a video, or a zip, tar or 7z archive")
    try:
        if recipe and source.exists():
            taken = look_into(recipe, source, selection, archive, root)
            contents = taken.contents or SourceScenes()
            if archive:
                files = [file for scene in contents.scenes for file in scene.files]
                archive.unpack([file.relative_to(into).as_posix() for file in files], into)
        else:
            base, top = source, ""
            if archive:
                paths = pictures_and_videos(archive)
                archive.unpack(paths, into)
                base = into / os.path.commonpath([os.path.dirname(path) for path in paths])
                top = source.stem if base == into else ""
            contents = _select_scenes(find_scenes(base, top), selection)
            if archive and (left_out := not_read(p for p in archive.members if not is_system(p))):
                contents.notes.append(f"left out of {source}: {left_out}")
            taken = ResolvedSource(str(source), base)
        scenes = [scene for scene in contents.scenes if scene.name not in others]
        yield replace(taken, archive=record, contents=replace(contents, scenes=scenes))
    finally:
        if archive:
            shutil.rmtree(into, ignore_errors=True)


def is_archive(source: Path) -> bool:
    """Whether a source is an archive, by its content: not one of the videos that begin as one does."""
    return source.is_file() and source.suffix.lower() not in VIDEOS and kind(source) is not None


def open_known_archive(recipe: Recipe | None, source: Path) -> Archive:
    """An archive that holds no more files than the recipe allows."""
    return open_archive(source, recipe.file.members if recipe and recipe.file else MOST_MEMBERS)


def pictures_and_videos(archive: Archive) -> list[str]:
    """The files of an archive that frames may be made of; DatasetError if there are none."""
    if paths := [path for path in archive.members if is_frames(path)]:
        return paths
    left_out = not_read(path for path in archive.members if not is_system(path))
    raise DatasetError(
        f"{archive.path}: expected pictures or videos in it, found none"
        + (f"; {left_out}" if left_out else "")
    )


def look_into(
    recipe: Recipe,
    source: Path,
    selection: SceneSelection,
    archive: Archive | None = None,
    root: Path = Path(),
) -> ResolvedSource:
    """A known set in a folder, a video or an opened archive; its base and files below `root`."""
    if archive:
        layout = find_layout(recipe, archive.members, archive.read, source)
    else:
        base = source if source.is_dir() else source.parent
        paths = paths_in(source) if source.is_dir() else [source.name]
        layout = find_layout(recipe, paths, lambda path: (base / path).read_bytes(), source)
    contents, missing = match_recipe(recipe, layout, source, selection)
    contents.scenes = [
        replace(scene, place=root / scene.place, files=[root / file for file in scene.files])
        for scene in contents.scenes
    ]
    frames = {} if missing and missing.partial else layout.known
    return ResolvedSource(str(source), root / layout.base, contents, missing=missing, frames=frames)


def _select_scenes(contents: SourceScenes, selection: SceneSelection) -> SourceScenes:
    """The scenes of a source of one's own, only those that were asked for."""
    if not selection.scenes:
        return contents
    names = [scene.name for scene in contents.scenes]
    if missing := [name for name in selection.scenes if name not in names]:
        raise DatasetError(f"expected scene {missing[0]}, found {', '.join(names[:8])}")
    scenes = [scene for scene in contents.scenes if scene.name in selection.scenes]
    return replace(contents, scenes=scenes, failures=[])  # those are of scenes not asked for


def _is_as_it_was(
    source: str, folder: Path, manifest: TestSetManifest, archive: FileRecord
) -> bool:
    """Whether an archive, and the true frames that were made of it, need not be looked into."""
    try:
        status, made = os.stat(source), (folder / FILE).stat()
        is_newer = status.st_mtime_ns > made.st_mtime_ns
        if status.st_size != archive.bytes or (is_newer and FileRecord.of(Path(source)) != archive):
            return False
    except OSError:
        return False
    return all(
        are_there(folder, scene.gt.files(f"{GT}/{name}"))
        for name, scene in manifest.scenes.items()
        if scene.gt.source.path == source
    )


def dry_run(
    name: str,
    root: Path | str,
    source: Path | str | None = None,
    partial: bool = False,
    scenes: tuple[str, ...] = (),
) -> list[str]:
    """The plan of `prepare` in lines for a person: what it would fetch, unpack and take, and the room needed.

    Raises DatasetError as `prepare` would, as far as that can be known without doing it.
    """
    recipe, folder, lines = DATASETS.get(name), Path(root) / set_name(name), list[str]()
    selection = SceneSelection(partial, scenes)
    if recipe and recipe.render:
        chosen = _rendered(recipe, recipe.render, selection).scenes
        frames = sum(scene.frames or 0 for scene in chosen)
        return [f"{name}: is made by the program itself, {frames} frames; nothing is fetched"]
    manifest = read_test_manifest(folder)
    if source is None and manifest:
        for path, selected, others in _selections_again(manifest, selection):
            if Path(path).exists():
                lines += _taken(name, recipe, Path(path), selected, others)
        if lines:
            return lines
    if source is None and recipe:
        lines, source = fetch_plan(recipe, Path(root)), archive_path(recipe, Path(root))
        if source is None or not source.exists():
            return lines
    if source is None:
        hint = did_you_mean(name, DATASETS)
        raise DatasetError(f"{name}: no data set of that name is known; give --source{hint}")
    return lines + _taken(name, recipe, Path(os.path.expanduser(source)), selection)


def _taken(
    name: str,
    recipe: Recipe | None,
    source: Path,
    selection: SceneSelection,
    others: Collection[str] = (),
) -> list[str]:
    """What would be taken of a source that is there; others: scenes that another source gives."""
    if not source.exists():
        raise DatasetError(f"{source}: there is no such file or folder to take frames from")
    archive = open_known_archive(recipe, source) if is_archive(source) else None
    inside = look_into(recipe, source, selection, archive) if recipe else None
    if archive and not inside:
        files = pictures_and_videos(archive)
        lines = [f"{name}: would take {len(files)} pictures and videos of {source}"]
        if selection.scenes:
            lines.append(f"  of these the scenes {', '.join(selection.scenes)}, if they are there")
    else:
        contents = inside.contents if inside else None
        contents = contents or _select_scenes(find_scenes(source), selection)
        taken = [scene for scene in contents.scenes if scene.name not in others]
        frames = sum(scene.frames or 0 for scene in taken)
        videos = sum(scene.kind == "video" for scene in taken)
        counts = f"{len(taken)} scenes, {frames} frames"
        counts += f", {videos} videos" if videos else ""
        where = source / (inside.base or "") if inside else source
        lines = [f"{name}: would take {counts} of {where}"]
        lines += [f"  {line}" for line in (*contents.notes, *contents.failures)]
        files = [file.as_posix() for scene in contents.scenes for file in scene.files]
    if archive:
        total = sum(archive.members[path] for path in files)
        lines.append(f"  unpacking {size(total)} for a while")
    return lines
