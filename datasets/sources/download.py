"""A known set's archive on the disk: where it is kept, how it gets there, what room is needed."""

from __future__ import annotations

import shutil
from pathlib import Path

from stvt.core.download import Expected, FetchOptions, fetch, insecure
from stvt.core.errors import StvtError
from stvt.core.opener import addresses

from ..errors import DatasetError
from ..recipes.recipe import Recipe
from .archives import kind, size

FOLDER = ".fetched"
# A true frame as PNG takes about 0.6 of its 3 bytes a pixel (measured on Vid4), and the reduced
# frames a sixteenth of that.
_STORED = 3 * 0.6 * 17 / 16


def archive_path(recipe: Recipe, root: Path) -> Path | None:
    """Where the archive of a recipe is kept, once it was fetched."""
    return root / FOLDER / recipe.file.name if recipe.file else None


def fetch_archive(recipe: Recipe, root: Path, options: FetchOptions | None) -> Path:
    """The archive of a recipe, fetched if it is not there; `options` None only looks.

    Raises DatasetError, with what to do by hand, if it is not to be had or there is no room.
    """
    file, target = recipe.file, archive_path(recipe, root)
    if target is not None and target.is_file():
        return target
    if file is None or target is None:
        raise DatasetError(f"{recipe.name}: is not fetched by the program: {recipe.get}")
    if options is None:
        raise DatasetError(
            f"{recipe.name}: say where it is with --source PATH; needed is {recipe.get}"
        )
    _require_room(recipe, root)
    try:
        sources = [a for source in (*options.mirrors, *file.sources) for a in addresses(source)]
        expected = Expected(file.size, file.sha256)
        fetch(sources, target, expected, check=_is_archive, options=options)
    except StvtError as error:
        raise DatasetError(
            f"{recipe.name}: {error}; by hand: get {recipe.get}, then type `stvt prepare "
            f"{recipe.name} --source PATH`"
        ) from error
    finally:
        if target.parent.is_dir() and not any(target.parent.iterdir()):
            target.parent.rmdir()
    return target


def disk_space(recipe: Recipe) -> dict[str, int | None]:
    """Bytes that a set takes: its archive, what is unpacked for a while, the prepared set.

    None where that is not known.
    """
    pixels = recipe.pixels
    prepared = None if pixels is None else round(pixels * _STORED)
    published = (recipe.file.size or recipe.file.about) if recipe.file else None
    unpacked = None if pixels is None else round(pixels * 3 * 0.6)
    return {"archive": published, "unpacked": unpacked, "prepared": prepared}


def fetch_plan(recipe: Recipe, root: Path) -> list[str]:
    """What fetching a recipe's archive would do, in lines; nothing is done."""
    file, target = recipe.file, archive_path(recipe, root)
    if file is None or target is None:
        return [f"{recipe.name}: cannot be fetched; by hand: {recipe.get}"]
    sizes = ", ".join(f"{what} {_about(needs)}" for what, needs in disk_space(recipe).items())
    if target.is_file():
        lines = [f"{recipe.name}: its archive is here: {target} ({size(target.stat().st_size)})"]
    else:
        how_much = f"about {_about(file.about)}" if file.about else "size not published"
        how_much = size(file.size) if file.size else how_much
        lines = [f"{recipe.name}: would fetch {file.name} ({how_much}) to {target}"]
        lines += [f"  from {source}" for source in file.sources]
        lines.append(f"  sha256 {file.sha256 or 'not published'}")
        expected = Expected(file.size, file.sha256)
        lines += [f"  {warning}" for s in file.sources if (warning := insecure(s, expected))]
    lines.append(f"  disk needed: {sizes}; free: {size(_free(root))}")
    return lines


def _require_room(recipe: Recipe, root: Path) -> None:
    total, free = sum(needs or 0 for needs in disk_space(recipe).values()), _free(root)
    if free < total:
        raise DatasetError(
            f"{recipe.name}: needs about {size(total)} on the disk (archive, unpacked and prepared "
            f"frames) and {root} has {size(free)} free; make room, or choose another --root"
        )


def _is_archive(file: Path) -> None:
    if kind(file) is None:
        raise DatasetError(f"{file} is no archive")


def _about(number: int | None) -> str:
    return "not known" if number is None else size(number)


def _free(folder: Path) -> int:
    """The bytes free on the disk of a folder that is perhaps still to be made."""
    folder = folder.absolute()
    return shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free
