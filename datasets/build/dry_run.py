"""The dry run of preparing a test set: what would be fetched, unpacked and taken."""

import os
from pathlib import Path

from stvt.core.suggestions import did_you_mean

from ..errors import DatasetError
from ..manifest import read_test_manifest
from ..recipes import DATASETS
from ..recipes.recipe import Recipe
from ..sources.archives import size
from ..sources.download import archive_path, fetch_plan
from ..sources.layout import SceneSelection
from ..sources.resolve import is_archive, look_into, open_known_archive, pictures_and_videos
from ..sources.scenes import SourceScenes, find_scenes, set_name


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
    recipe, folder = DATASETS.get(name), Path(root) / set_name(name)
    if recipe and recipe.render:
        frames = sum(frames or 0 for frames in recipe.scenes.values())
        return [f"{name}: is made by the program itself, {frames} frames; nothing is fetched"]
    manifest = read_test_manifest(folder)
    selection = SceneSelection(partial, scenes)
    if source is None and manifest:
        known = {s.gt.source.path for s in manifest.scenes.values()}
        if there := [Path(path) for path in known if path and Path(path).exists()]:
            return [line for path in there for line in _taken(name, recipe, path, selection)]
    lines = []
    if source is None and recipe:
        lines = fetch_plan(recipe, Path(root))
        source = archive_path(recipe, Path(root))
        if source is None or not source.exists():
            return lines
    if source is None:
        raise DatasetError(
            f"{name}: no data set of that name is known; give --source{did_you_mean(name, DATASETS)}"
        )
    return lines + _taken(name, recipe, Path(os.path.expanduser(source)), selection)


def _taken(name: str, recipe: Recipe | None, source: Path, selection: SceneSelection) -> list[str]:
    """What would be taken of a source that is there."""
    if not source.exists():
        raise DatasetError(f"{source}: there is no such file or folder to take frames from")
    archive = open_known_archive(recipe, source) if is_archive(source) else None
    if recipe:
        inside = look_into(recipe, source, selection, archive)
        contents = inside.contents or SourceScenes()
        where = source / (inside.base or "")
        lines = [f"{name}: would take {_counted(contents)} of {where}"]
        lines += [f"  {line}" for line in (*contents.notes, *contents.failures)]
        files = [file.as_posix() for scene in contents.scenes for file in scene.files]
    elif archive:
        files = pictures_and_videos(archive)
        lines = [f"{name}: would take {len(files)} pictures and videos of {source}"]
    else:
        return [f"{name}: would take {_counted(find_scenes(source))} of {source}"]
    if archive:
        total = sum(archive.members[path] for path in files)
        lines.append(f"  unpacking {size(total)} for a while")
    return lines


def _counted(contents: SourceScenes) -> str:
    frames = sum(scene.frames or 0 for scene in contents.scenes)
    videos = sum(scene.kind == "video" for scene in contents.scenes)
    counts = f"{len(contents.scenes)} scenes, {frames} frames"
    return f"{counts}, {videos} videos" if videos else counts
