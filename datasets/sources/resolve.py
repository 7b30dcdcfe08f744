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
from ..schema import FileRecord, Missing, are_there
from .archives import MOST_MEMBERS, Archive, kind, open_archive
from .archives import SUFFIXES as ARCHIVES
from .download import fetch_archive
from .layout import (
    ALL,
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
            contents = SourceScenes(
                [
                    Rendered(scene, frames or 0, partial(recipe.render, scene), recipe.version)
                    for scene, frames in recipe.scenes.items()
                ]
            )
            yield [ResolvedSource(None, contents=contents, frames=recipe.scenes)]
        elif source is None and (paths := _sources(manifest)) and manifest:
            sources = []
            for path, scenes in paths.items():
                one = _selection(manifest, selection, scenes, several=len(paths) > 1)
                if one is not None:
                    opens = always_open or bool(selection.scenes)
                    again = _again(recipe, folder, manifest, path, one, opens)
                    sources.append(_without_others(unpacked.enter_context(again), paths))
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


def _without_others(source: ResolvedSource, paths: Mapping[str, list[str]]) -> ResolvedSource:
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
    always_open: bool,
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
    elif archive and not always_open and _is_as_it_was(Path(path), folder, manifest, archive):
        yield earlier
    else:
        with _resolve(recipe, Path(path), folder, selection) as source:
            yield source


@contextmanager
def _resolve(
    recipe: Recipe | None, source: Path, folder: Path, selection: SceneSelection
) -> Iterator[ResolvedSource]:
    """What is taken of a folder, a video or an archive, which is unpacked beside the set meanwhile."""
    source = Path(os.path.abspath(os.path.expanduser(source)))
    if folder.resolve() in (source.resolve(), *source.resolve().parents):
        raise DatasetError(f"{source}: lies inside the set that it would be the source of")
    if is_archive(source):
        into = folder.with_name(f".{folder.name}.unpacked")
        shutil.rmtree(into, ignore_errors=True)  # that a killed run left
        archive, record = open_known_archive(recipe, source), FileRecord.of(source)
        inside = look_into(recipe, source, selection, archive) if recipe else None
        paths = files_of(inside.contents) if inside else pictures_and_videos(archive)
        archive.unpack(paths, into)
        try:
            if inside:
                yield replace(_placed(inside, into), archive=record)
            else:
                base = into / os.path.commonpath([os.path.dirname(path) for path in paths])
                top = source.stem if base == into else ""
                contents = select_scenes(find_scenes(base, top), selection)
                if left_out := not_read(path for path in archive.members if not is_system(path)):
                    contents.notes.append(f"left out of {source}: {left_out}")
                yield ResolvedSource(str(source), base, contents, record)
        finally:
            shutil.rmtree(into, ignore_errors=True)
        return
    suffix = source.suffix.lower()
    if source.is_file() and suffix not in VIDEOS and (recipe or suffix in ARCHIVES):
        raise DatasetError(f"{source}: expected a folder, a video, or a zip, tar or 7z archive")
    if recipe and source.exists():
        base = source if source.is_dir() else source.parent
        yield _placed(look_into(recipe, source, selection), base)
    else:
        yield ResolvedSource(str(source), source, select_scenes(find_scenes(source), selection))


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
    recipe: Recipe, source: Path, selection: SceneSelection, archive: Archive | None = None
) -> ResolvedSource:
    """A known set in a folder, a video or an opened archive; base and files by their paths in it."""
    if archive:
        layout = find_layout(recipe, archive.members, archive.read, source)
    else:
        base = source if source.is_dir() else source.parent
        paths = paths_in(source) if source.is_dir() else [source.name]
        layout = find_layout(recipe, paths, lambda path: (base / path).read_bytes(), source)
    contents, missing = match_recipe(recipe, layout, source, selection)
    frames = {} if missing and missing.partial else layout.known
    return ResolvedSource(str(source), Path(layout.base), contents, missing=missing, frames=frames)


def files_of(contents: SourceScenes | None) -> list[str]:
    """The paths of the files that scenes are decoded from."""
    paths: list[str] = []
    for scene in contents.scenes if contents else ():
        match scene:
            case Pictures(files=files):
                paths += map(Path.as_posix, files)
            case VideoFile(file=file):
                paths.append(file.as_posix())
    return paths


def _placed(inside: ResolvedSource, root: Path) -> ResolvedSource:
    """The same source with its files below a folder."""
    scenes: list[Scene] = []
    for scene in inside.contents.scenes if inside.contents else ():
        if isinstance(scene, Pictures):
            files = [root / file for file in scene.files]
            scenes.append(replace(scene, folder=root / scene.folder, files=files))
        elif isinstance(scene, VideoFile):
            scenes.append(replace(scene, file=root / scene.file))
    contents = replace(inside.contents or SourceScenes(), scenes=scenes)
    return replace(inside, base=root / (inside.base or ""), contents=contents)


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
    except OSError:
        return False
    return all(
        are_there(folder, scene.gt.files(f"{GT}/{name}"))
        for name, scene in manifest.scenes.items()
        if scene.gt.source.path == str(source)
    )
