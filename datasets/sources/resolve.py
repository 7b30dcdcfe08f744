"""Where a data set's frames come from: what was asked for, what is known of it, what is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from stvt.core.fetcher import Fetch

from ..build.frame_files import file_record
from ..errors import DatasetError
from ..manifest import FILE, TRUTH, Manifest, frame_name
from ..recipes import DATASETS
from ..recipes.recipe import Recipe
from .archives import MOST_MEMBERS, kind, open_archive
from .download import fetched
from .layout import Layout, find_layout, is_frames, paths_in
from .match_recipe import ALL, Wanted, as_published
from .scenes import VIDEOS, Found, Pictures, Rendered, VideoFile, find_scenes

ARCHIVES = (".zip", ".tar", ".7z", ".tgz", ".gz", ".bz2", ".xz", ".rar")


@dataclass(frozen=True)
class Origin:
    """The frames that a set is to be made of.

    source:  the absolute path that they come from; None if they are rendered.
    base:    the folder that the scenes are in.
    found:   the scenes. None: the source is as it was or no longer there, and the true frames are
             taken as they are.
    archive: size and checksum of the source, if it is an archive.
    lacks:   how a known set is not whole, as it was told to be: added to the manifest's recipe.
    frames:  scene -> the number of frames that it must have.
    """

    source: Path | None
    base: Path | None = None
    found: Found | None = None
    archive: dict[str, Any] | None = None
    lacks: dict[str, Any] = field(default_factory=dict)
    frames: Mapping[str, int | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@contextmanager
def find_origin(
    name: str,
    folder: Path,
    source: Path | None,
    manifest: Manifest | None,
    wanted: Wanted = ALL,
    fetch: Fetch | None = None,
    look: bool = False,
) -> Iterator[Origin]:
    """The origin of the set that is in `folder`, or is to be; what is unpacked is there meanwhile.

    look: into an archive even if it seems to be the one that the set was made of.
    Raises DatasetError if it cannot be known where the frames are, or if none are there.
    """
    recipe = DATASETS.get(name)
    if recipe and recipe.render:
        if source:
            raise DatasetError(f"{name}: is made by the program itself; leave the source out")
        yield Origin(None, found=_rendered(recipe), frames=recipe.scenes)
        return
    lacks, asked = lacking(manifest), wanted.scenes
    if source is None and manifest and manifest.source:
        source = Path(manifest.source)
        if wanted == ALL:
            wanted = Wanted("partial" in lacks, tuple(lacks.get("chosen", ())))
        if not source.exists():
            note = f"{source} is no longer there: the true frames are taken as they are"
            yield Origin(source, archive=manifest.archive, lacks=lacks, notes=[note])
            return
        if manifest.archive and not (look or asked) and _is_as_it_was(source, folder, manifest):
            yield Origin(source, archive=manifest.archive, lacks=lacks)
            return
    if source is None and recipe:
        source = fetched(recipe, folder.parent, fetch)
    if source is None:
        raise DatasetError(
            f"{name}: no data set of that name is known; known are {', '.join(DATASETS)}; "
            "for frames or a video of your own give --source"
        )
    source = Path(os.path.abspath(source.expanduser()))
    if folder.resolve() in (source.resolve(), *source.resolve().parents):
        raise DatasetError(f"{source}: lies inside the set that it would be the source of")
    if source.is_file() and kind(source) and source.suffix.lower() not in VIDEOS:
        with _unpacked(recipe, source, folder, wanted) as origin:
            yield origin
    elif (
        source.is_file()
        and source.suffix.lower() not in VIDEOS
        and (recipe or source.suffix.lower() in ARCHIVES)
    ):
        raise DatasetError(f"{source}: expected a folder, a video, or a zip, tar or 7z archive")
    elif recipe and (source.is_dir() or source.suffix.lower() in VIDEOS):
        base = source if source.is_dir() else source.parent
        paths = paths_in(source) if source.is_dir() else [source.name]
        layout = find_layout(recipe, paths, lambda path: (base / path).read_bytes(), source)
        found, lacks = as_published(recipe, layout, source, wanted)
        yield _placed(source, base, layout, found, lacks)
    else:
        yield Origin(source, source, _chosen(find_scenes(source), wanted))


@contextmanager
def _unpacked(
    recipe: Recipe | None, source: Path, folder: Path, wanted: Wanted
) -> Iterator[Origin]:
    """The origin that an archive is, unpacked beside the set as long as it is used."""
    most = recipe.file.members if recipe and recipe.file else MOST_MEMBERS
    archive = open_archive(source, most)
    into = folder.with_name(f".{folder.name}.unpacked")
    shutil.rmtree(into, ignore_errors=True)  # that a killed run left
    if recipe:
        layout = find_layout(recipe, archive.members, archive.read, source)
        found, lacks = as_published(recipe, layout, source, wanted)
        paths = [str(path) for scene in found.scenes for path in _files(scene)]
        paths = [path for path in paths if path in archive.members]
    else:
        paths = [path for path in archive.members if is_frames(path)]
        if not paths:
            raise DatasetError(f"{source}: expected pictures or videos in it, found none")
    record = file_record(source)
    identity = {"bytes": record.bytes, "sha256": record.sha256}
    archive.unpack(paths, into)
    try:
        if recipe:
            yield replace(_placed(source, into, layout, found, lacks), archive=identity)
        else:
            base = _inner(into)
            yield Origin(source, base, _chosen(find_scenes(base), wanted), identity)
    finally:
        shutil.rmtree(into, ignore_errors=True)


def _placed(
    source: Path, root: Path, layout: Layout, found: Found, lacks: dict[str, Any]
) -> Origin:
    """An origin whose scenes' files are below a folder."""
    scenes: list[Any] = []
    for scene in found.scenes:
        if isinstance(scene, Pictures):
            files = [root / file for file in scene.files]
            scenes.append(replace(scene, folder=root / scene.folder, files=files))
        elif isinstance(scene, VideoFile):
            scenes.append(replace(scene, file=root / scene.file))
    frames = {} if "partial" in lacks else layout.known
    placed = replace(found, scenes=scenes)
    return Origin(source, root / layout.base, placed, lacks=lacks, frames=frames)


def _files(scene: Any) -> list[Path]:
    return scene.files if isinstance(scene, Pictures) else [scene.file]


def _inner(folder: Path) -> Path:
    """The folder itself, or the one in it that an archive was made of."""
    while True:
        entries = list(folder.iterdir())
        if len(entries) != 1 or not entries[0].is_dir():
            return folder
        if not any(entry.is_dir() or is_frames(entry.name) for entry in entries[0].iterdir()):
            return folder
        if any(is_frames(entry.name) and entry.is_file() for entry in entries[0].iterdir()):
            return folder  # a scene
        folder = entries[0]


def _chosen(found: Found, wanted: Wanted) -> Found:
    """The scenes of a source of one's own, only those that were asked for."""
    if not wanted.scenes:
        return found
    names = [scene.name for scene in found.scenes]
    if missing := [name for name in wanted.scenes if name not in names]:
        raise DatasetError(f"expected scene {missing[0]}, found {', '.join(names[:8])}")
    scenes = [scene for scene in found.scenes if scene.name in wanted.scenes]
    return replace(found, scenes=scenes, failures=[])  # those are of scenes not asked for


def lacking(manifest: Manifest | None) -> dict[str, Any]:
    said = (manifest.recipe or {}) if manifest else {}
    return {key: said[key] for key in ("lacks", "chosen", "partial") if key in said}


def _is_as_it_was(source: Path, folder: Path, manifest: Manifest) -> bool:
    """Whether an archive, and the true frames that were made of it, need not be looked into."""
    said = manifest.archive or {}
    try:
        status, made = source.stat(), (folder / FILE).stat()
        if status.st_size != said.get("bytes"):
            return False
        newer = status.st_mtime_ns > made.st_mtime_ns
        if newer and file_record(source).sha256 != said.get("sha256"):
            return False
        return all(
            (folder / TRUTH / name / frame_name(index)).stat().st_size == file.bytes
            for name, scene in manifest.scenes.items()
            for index, file in enumerate(scene.truth)
        )
    except OSError:
        return False


def _rendered(recipe: Recipe) -> Found:
    render = recipe.render
    if render is None:
        raise ValueError(f"{recipe.name} is not rendered")
    return Found(
        [
            Rendered(name, frames or 0, partial(render, name), recipe.version)
            for name, frames in recipe.scenes.items()
        ]
    )
