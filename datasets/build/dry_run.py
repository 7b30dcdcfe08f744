"""What preparing a set would do, before anything is done."""

from __future__ import annotations

from pathlib import Path

from ..errors import DatasetError
from ..manifest import read_manifest
from ..recipes import DATASETS
from ..recipes.recipe import Recipe
from ..sources.archive_members import size
from ..sources.archives import MOST_MEMBERS, Archive, kind, open_archive
from ..sources.download import foreseen, place
from ..sources.layout import find_layout, is_frames, paths_in
from ..sources.match_recipe import Wanted, as_published
from ..sources.scenes import VIDEOS, Found, Pictures, VideoFile, find_scenes, set_name


def foresee(
    name: str,
    root: Path | str,
    source: Path | str | None = None,
    partial: bool = False,
    scenes: tuple[str, ...] = (),
) -> list[str]:
    """What `prepare` would fetch, unpack and take, and the room that this needs: lines for a person.

    Raises DatasetError as `prepare` would, as far as that can be known without doing it.
    """
    recipe, folder = DATASETS.get(name), Path(root) / set_name(name)
    if recipe and recipe.render:
        frames = sum(frames or 0 for frames in recipe.scenes.values())
        return [f"{name}: is made by the program itself, {frames} frames; nothing is fetched"]
    manifest = read_manifest(folder)
    if source is None and manifest and manifest.source and Path(manifest.source).exists():
        source = manifest.source
    lines = []
    if source is None and recipe:
        lines = foreseen(recipe, Path(root))
        source = place(recipe, Path(root))
        if source is None or not source.exists():
            return lines
    if source is None:
        raise DatasetError(f"{name}: no data set of that name is known; give --source")
    return lines + _taken(name, recipe, Path(source).expanduser(), Wanted(partial, scenes))


def _taken(name: str, recipe: Recipe | None, source: Path, wanted: Wanted) -> list[str]:
    """What would be taken of a source that is there."""
    if not source.exists():
        raise DatasetError(f"{source}: there is no such file or folder to take frames from")
    archive: Archive | None = None
    if source.is_file() and kind(source) and source.suffix.lower() not in VIDEOS:
        most = recipe.file.members if recipe and recipe.file else MOST_MEMBERS
        archive = open_archive(source, most)
    if recipe:
        base = source if source.is_dir() else source.parent
        if archive:
            layout = find_layout(recipe, archive.members, archive.read, source)
        else:
            paths = paths_in(source) if source.is_dir() else [source.name]
            layout = find_layout(recipe, paths, lambda path: (base / path).read_bytes(), source)
        found, _ = as_published(recipe, layout, source, wanted)
        place = layout.base or "its top"
        lines = [f"{name}: would take {_counted(found)} of {source}, in {place}"]
        lines += [f"  {line}" for line in (*found.notes, *found.failures)]
        files = [str(path) for scene in found.scenes for path in _files(scene)]
    elif archive:
        files = [path for path in archive.members if is_frames(path)]
        lines = [f"{name}: would take {len(files)} pictures and videos of {source}"]
    else:
        return [f"{name}: would take {_counted(find_scenes(source))} of {source}"]
    if archive:
        total = sum(archive.members[path].bytes for path in files)
        lines.append(f"  unpacking {size(total)} for a while")
    return lines


def _files(scene: object) -> list[Path]:
    if isinstance(scene, Pictures):
        return scene.files
    return [scene.file] if isinstance(scene, VideoFile) else []


def _counted(found: Found) -> str:
    frames = sum(len(scene.files) for scene in found.scenes if isinstance(scene, Pictures))
    videos = sum(isinstance(scene, VideoFile) for scene in found.scenes)
    said = f"{len(found.scenes)} scenes, {frames} frames"
    return f"{said}, {videos} videos" if videos else said
