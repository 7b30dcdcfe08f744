"""The source of a set: what was asked for, what is known of the set, what is on the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from stvt.core.download import FetchOptions
from stvt.core.suggestions import did_you_mean

from ..errors import DatasetError
from ..manifest import FILE, GT, TestSetManifest
from ..recipes import DATASETS
from ..recipes.recipe import Recipe
from ..schema import FileRecord, Missing
from .archives import MOST_MEMBERS, Archive, kind, open_archive
from .archives import SUFFIXES as ARCHIVES
from .download import fetch_archive
from .layout import (
    ALL,
    Layout,
    SceneSelection,
    find_layout,
    is_frames,
    is_system,
    match_recipe,
    paths_in,
)
from .scenes import (
    VIDEOS,
    Pictures,
    Rendered,
    Scene,
    SourceScenes,
    VideoFile,
    find_scenes,
    not_read,
)


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
    look: bool = False,
) -> Iterator[list[ResolvedSource]]:
    """The sources of the set in `folder`, or to be there; what is unpacked is there meanwhile.

    That is the one that is given, or those that the set was made of, or what the recipe renders or
    fetches. look: into an archive even if it seems to be the one that the set was made of.
    Raises DatasetError if it cannot be known where the frames are, or if none are there.
    """
    recipe = DATASETS.get(name)
    if recipe and recipe.render and source:
        raise DatasetError(f"{name}: is made by the program itself; leave the source out")
    with ExitStack() as unpacked:
        if recipe and recipe.render:
            yield [ResolvedSource(None, contents=_rendered(recipe), frames=recipe.scenes)]
        elif source is None and (paths := _sources(manifest)) and manifest:
            sources = []
            for path, scenes in paths.items():
                one = _selection(manifest, selection, scenes, several=len(paths) > 1)
                if one is not None:
                    looks = look or bool(selection.scenes)
                    again = _again(recipe, folder, manifest, path, one, looks)
                    sources.append(_own(unpacked.enter_context(again), paths))
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


def _sources(manifest: TestSetManifest | None) -> dict[str, list[str]]:
    """The paths that a set was made of, with the scenes of each."""
    sources: dict[str, list[str]] = {}
    for name, scene in manifest.scenes.items() if manifest else ():
        if scene.gt.source.path is not None:
            sources.setdefault(scene.gt.source.path, []).append(name)
    return sources


def _selection(
    manifest: TestSetManifest, asked: SceneSelection, scenes: list[str], several: bool
) -> SceneSelection | None:
    """What to take of a source that a set was made of: what was asked for then, if not now.

    scenes: that were made of it. None if nothing of it was asked for.
    """
    missing = manifest.recipe.missing if manifest.recipe else None
    if several and asked.scenes:
        mine = tuple(name for name in asked.scenes if name in scenes)
        return replace(asked, scenes=mine) if mine else None
    if asked != ALL:
        return asked
    if several and manifest.recipe:
        return SceneSelection(bool(missing and missing.partial), tuple(scenes))
    return SceneSelection(missing.partial, missing.chosen) if missing else ALL


def _own(source: ResolvedSource, paths: Mapping[str, list[str]]) -> ResolvedSource:
    """A source of several without the scenes that were taken from another of them."""
    if source.contents is None:
        return source
    others = {name for path, names in paths.items() if path != source.path for name in names}
    scenes = [scene for scene in source.contents.scenes if scene.name not in others]
    return replace(source, contents=replace(source.contents, scenes=scenes))


@contextmanager
def _again(
    recipe: Recipe | None,
    folder: Path,
    manifest: TestSetManifest,
    path: str,
    selection: SceneSelection,
    look: bool,
) -> Iterator[ResolvedSource]:
    """A source that scenes of the set were made of before."""
    archive = next(
        s.gt.source.archive for s in manifest.scenes.values() if s.gt.source.path == path
    )
    earlier = ResolvedSource(
        path, archive=archive, missing=manifest.recipe.missing if manifest.recipe else None
    )
    if not Path(path).exists():
        note = f"{path} is no longer there: the true frames are taken as they are"
        yield replace(earlier, notes=(note,))
    elif archive and not look and _is_as_it_was(Path(path), folder, manifest, archive):
        yield earlier
    else:
        with _resolve(recipe, Path(path), folder, selection) as source:
            yield source


@contextmanager
def _resolve(
    recipe: Recipe | None, source: Path, folder: Path, selection: SceneSelection
) -> Iterator[ResolvedSource]:
    """What is taken of a folder, a video or an archive."""
    source = Path(os.path.abspath(os.path.expanduser(source)))
    if folder.resolve() in (source.resolve(), *source.resolve().parents):
        raise DatasetError(f"{source}: lies inside the set that it would be the source of")
    is_video, suffix = source.suffix.lower() in VIDEOS, source.suffix.lower()
    if source.is_file() and kind(source) and not is_video:
        with _unpacked(recipe, source, folder, selection) as contents:
            yield contents
    elif source.is_file() and not is_video and (recipe or suffix in ARCHIVES):
        raise DatasetError(f"{source}: expected a folder, a video, or a zip, tar or 7z archive")
    elif recipe and (source.is_dir() or is_video):
        base = source if source.is_dir() else source.parent
        layout = layout_of(recipe, source)
        yield _placed(recipe, source, base, layout, selection)
    else:
        yield ResolvedSource(str(source), source, select_scenes(find_scenes(source), selection))


def layout_of(recipe: Recipe, source: Path, archive: Archive | None = None) -> Layout:
    """The layout of a known set in a folder, in a video, or in an archive that was opened."""
    if archive:
        return find_layout(recipe, archive.members, archive.read, source)
    base = source if source.is_dir() else source.parent
    paths = paths_in(source) if source.is_dir() else [source.name]
    return find_layout(recipe, paths, lambda path: (base / path).read_bytes(), source)


def open_known_archive(recipe: Recipe | None, source: Path) -> Archive:
    """An archive that holds no more files than the recipe allows."""
    return open_archive(source, recipe.file.members if recipe and recipe.file else MOST_MEMBERS)


@contextmanager
def _unpacked(
    recipe: Recipe | None, source: Path, folder: Path, selection: SceneSelection
) -> Iterator[ResolvedSource]:
    """The source that an archive is, unpacked beside the set as long as it is used."""
    archive = open_known_archive(recipe, source)
    into = folder.with_name(f".{folder.name}.unpacked")
    shutil.rmtree(into, ignore_errors=True)  # that a killed run left
    if recipe:
        layout = layout_of(recipe, source, archive)
        contents, _ = match_recipe(recipe, layout, source, selection)
        paths = [path.as_posix() for scene in contents.scenes for path in scene_files(scene)]
        paths = [path for path in paths if path in archive.members]
    else:
        paths = [path for path in archive.members if is_frames(path)]
        left_out = not_read(path for path in archive.members if not is_system(path))
        if not paths:
            raise DatasetError(
                f"{source}: expected pictures or videos in it, found none"
                + (f"; {left_out}" if left_out else "")
            )
    record = FileRecord.of(source)
    archive.unpack(paths, into)
    try:
        if recipe:
            yield replace(_placed(recipe, source, into, layout, selection), archive=record)
        else:
            base = _inner(into)
            contents = select_scenes(find_scenes(base), selection)
            if left_out:
                contents.notes.append(f"left out of {source}: {left_out}")
            yield ResolvedSource(str(source), base, contents, record)
    finally:
        shutil.rmtree(into, ignore_errors=True)


def _placed(
    recipe: Recipe, source: Path, root: Path, layout: Layout, selection: SceneSelection
) -> ResolvedSource:
    """A source whose scenes' files are below a folder."""
    contents, missing = match_recipe(recipe, layout, source, selection)
    scenes: list[Scene] = []
    for scene in contents.scenes:
        if isinstance(scene, Pictures):
            files = [root / file for file in scene.files]
            scenes.append(replace(scene, folder=root / scene.folder, files=files))
        elif isinstance(scene, VideoFile):
            scenes.append(replace(scene, file=root / scene.file))
    frames = {} if missing and missing.partial else layout.known
    placed = replace(contents, scenes=scenes)
    return ResolvedSource(str(source), root / layout.base, placed, missing=missing, frames=frames)


def scene_files(scene: Scene) -> list[Path]:
    """The files that a scene is decoded from."""
    match scene:
        case Pictures(files=files):
            return files
        case VideoFile(file=file):
            return [file]
    return []


def _inner(folder: Path) -> Path:
    """The folder itself, or the one in it that an archive was made of."""
    while True:
        entries = list(folder.iterdir())
        if len(entries) != 1 or not entries[0].is_dir():
            return folder
        inside = list(entries[0].iterdir())
        if not any(entry.is_dir() or is_frames(entry.name) for entry in inside):
            return folder
        if any(is_frames(entry.name) and entry.is_file() for entry in inside):
            return folder  # a scene
        folder = entries[0]


def select_scenes(contents: SourceScenes, selection: SceneSelection) -> SourceScenes:
    """The scenes of a source of one's own, only those that were asked for."""
    if not selection.scenes:
        return contents
    names = [scene.name for scene in contents.scenes]
    if missing := [name for name in selection.scenes if name not in names]:
        raise DatasetError(f"expected scene {missing[0]}, found {', '.join(names[:8])}")
    scenes = [scene for scene in contents.scenes if scene.name in selection.scenes]
    return replace(contents, scenes=scenes, failures=[])  # those are of scenes not asked for


def _is_as_it_was(
    source: Path, folder: Path, manifest: TestSetManifest, archive: FileRecord
) -> bool:
    """Whether an archive, and the true frames that were made of it, need not be looked into."""
    try:
        status, manifest_status = source.stat(), (folder / FILE).stat()
        if status.st_size != archive.bytes:
            return False
        newer = status.st_mtime_ns > manifest_status.st_mtime_ns
        if newer and FileRecord.of(source) != archive:
            return False
        return all(
            (folder / path).stat().st_size == file.bytes
            for name, scene in manifest.scenes.items()
            if scene.gt.source.path == str(source)
            for path, file in scene.gt.files(f"{GT}/{name}").items()
        )
    except OSError:
        return False


def _rendered(recipe: Recipe) -> SourceScenes:
    render = recipe.render
    if render is None:
        raise ValueError(f"{recipe.name} is not rendered")
    scenes = recipe.scenes.items()
    return SourceScenes(
        [Rendered(n, frames or 0, partial(render, n), recipe.version) for n, frames in scenes]
    )
