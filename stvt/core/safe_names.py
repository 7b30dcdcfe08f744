"""Names and paths read from files, which strangers may have written: each stays inside its root."""

from __future__ import annotations

import hashlib
import os
import re
from functools import lru_cache
from pathlib import Path

from .errors import StvtError

_NAME = re.compile(r"[\w+-][\w.+-]{0,199}")  # one part of a path, not hidden


class UnsafeName(StvtError):
    """A file names what it must not: a path out of its root, or none at all."""


def name_in(value: object, file: Path, field: str) -> str:
    """A name that is one part of a path, as `field` of `file` says it; UnsafeName otherwise.

    >>> name_in("walk_2", Path("manifest.json"), "scenes")
    'walk_2'
    """
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise _unsafe(value, file, field, "is no name; letters, digits, '.', '_', '+', '-' are")
    return value


@lru_cache(maxsize=1 << 12)
def file_name(text: object) -> str:
    """A file name for any text: one part of a path, without surprises, that no other text gives.

    >>> file_name("bicubic+flow")
    'bicubic+flow'
    >>> file_name("a/b")
    'a-b-c14cddc0'
    """
    raw = str(text)
    safe = re.sub(r"[^A-Za-z0-9_+=-]+", "-", raw).strip("-")[:60]
    # Capitals count as altered: file systems that fold case would make two names one.
    if safe and safe == raw == safe.lower():
        return safe
    return f"{safe}-{hashlib.sha256(raw.encode('utf-8', 'replace')).hexdigest()[:8]}".lstrip("-")


def scene_name(dataset: str, scene: str) -> str:
    """A file name for a scene of a data set, that no other two give.

    >>> scene_name("vid4", "city"), scene_name("a", "b-c"), scene_name("a-b", "c")
    ('vid4-city', 'a-b-c', 'a-b-c-4e84717d')
    """
    if "-" in dataset:  # it is not known where it ends
        return file_name(f"{dataset}/{scene}")
    return f"{file_name(dataset)}-{file_name(scene)}"


def path_in(root: Path, value: object, file: Path, field: str) -> Path:
    """The path of a relative name like "clips/a.npy" that stays inside `root`, links followed."""
    parts = value.split("/") if isinstance(value, str) else []
    if not parts or not all(_NAME.fullmatch(part) for part in parts):
        raise _unsafe(value, file, field, f"is no path inside {root}")
    path = root.joinpath(*parts)
    if not is_inside(root, path):
        raise _unsafe(value, file, field, f"leads out of {root}")
    return path


def absolute_in(value: object, file: Path, field: str) -> str | None:
    """An absolute path, only ever read from, or None."""
    if value is not None and (
        not isinstance(value, str) or "\0" in value or not os.path.isabs(value)
    ):
        raise _unsafe(value, file, field, "is no absolute path")
    return value


def refuse_links_out(folder: Path) -> None:
    """Raises UnsafeName if a link in a folder, or in a folder in it, leads out of it."""
    inner = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    for place in (folder, *inner):
        for path in place.iterdir():
            if path.is_symlink() and not is_inside(folder, path):
                raise UnsafeName(
                    f"{path}: is a link that leads out of {folder}; put what it leads to there"
                )


def is_inside(root: Path, path: Path) -> bool:
    """Whether a path lies below a folder, and not at it, once links are followed."""
    return Path(os.path.realpath(root)) in Path(os.path.realpath(path)).parents


def _unsafe(value: object, file: Path, field: str, why: str) -> UnsafeName:
    text = repr(value) if len(repr(value)) < 80 else f"{repr(value)[:76]}..."
    return UnsafeName(
        f"{file}: {field}: {text} {why}; nothing was touched: get the set again, or mend that file"
    )
