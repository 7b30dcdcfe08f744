"""Where a data set's frames come from: what was asked for, what is known of it, what is there."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

from .catalogue import DATASETS
from .errors import DatasetError
from .manifest import Manifest
from .recipe import Recipe
from .sources import Found, Pictures, Rendered, find_scenes


def find_origin(
    name: str, folder: Path, source: Path | None, manifest: Manifest | None
) -> tuple[Path | None, Found | None]:
    """The absolute path that the frames come from, None if they are rendered, and the scenes there.

    No scenes (None) means that the source of a prepared set is no longer there: the true frames
    have to be taken as they are.
    Raises DatasetError if it cannot be known where the frames are, or if none are there.
    """
    recipe = DATASETS.get(name)
    if recipe and recipe.render:
        if source:
            raise DatasetError(f"{name}: is made by the program itself; leave the source out")
        return None, _rendered(recipe)
    if source is None and manifest and manifest.source:
        source = Path(manifest.source)
        if not source.exists():
            return source, None
    if source is None and recipe:
        raise DatasetError(f"{name}: say where it is with --source FOLDER; needed is {recipe.get}")
    if source is None:
        raise DatasetError(
            f"{name}: no data set of that name is known; known are {', '.join(DATASETS)}; "
            "for frames or a video of your own give --source"
        )
    source = Path(os.path.abspath(source.expanduser()))
    if folder.resolve() in (source.resolve(), *source.resolve().parents):
        raise DatasetError(f"{source}: lies inside the set that it would be the source of")
    found = find_scenes(source)
    return source, _as_published(recipe, source, found) if recipe else found


def _rendered(recipe: Recipe) -> Found:
    assert recipe.render is not None
    return Found(
        [
            Rendered(name, frames, partial(recipe.render, name), recipe.version)
            for name, frames in recipe.scenes.items()
        ]
    )


def _as_published(recipe: Recipe, source: Path, found: Found) -> Found:
    """The scenes of a recipe; one line says which others there are and which are missing."""
    scenes = {scene.name.casefold(): scene for scene in found.scenes}
    named = {line.split(":")[0].casefold() for line in found.failures}
    kept, wrong = Found(failures=list(found.failures), notes=list(found.notes)), []
    for name, frames in recipe.scenes.items():
        scene = scenes.pop(name.casefold(), None)
        if scene is None:
            if name.casefold() not in named:
                wrong.append(f"{name} should have {frames} frames and is missing")
        elif isinstance(scene, Pictures) and len(scene.files) != frames:
            wrong.append(f"{name} should have {frames} frames and has {len(scene.files)}")
        else:
            kept.scenes.append(replace(scene, name=name))
    if wrong:
        kept.failures.append(
            f"{recipe.name}: {source} is not the set as published: {', '.join(wrong)}; "
            "for other frames choose another name"
        )
    if scenes:
        others = ", ".join(scene.name for scene in scenes.values())
        kept.notes.append(f"left out, being no scenes of {recipe.name}: {others}")
    return kept
