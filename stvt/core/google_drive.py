"""Files of Google Drive: addresses that give them, and `gdown`, which knows Drive's warning pages."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from .opener import Refused

_DRIVE = re.compile(r"https://drive\.google\.com/file/d/([\w-]+)")


def drive_key(source: str) -> str | None:
    """The key of a file of Google Drive, None of another address."""
    match = _DRIVE.match(source)
    return match[1] if match else None


def addresses(source: str) -> list[str]:
    """Where a source can be asked for: a file of Google Drive directly, which can be continued
    after a break, and by `gdown`, which knows more of the pages that Drive may send instead.

    >>> addresses("https://example.org/x.zip")
    ['https://example.org/x.zip']
    """
    if (key := drive_key(source)) is None:
        return [source]
    direct = "https://drive.usercontent.google.com/download"
    return [f"{direct}?id={key}&export=download&confirm=t", source]


def fetch_by_gdown(key: str, landing: Path, *, quiet: bool, rate: int | None) -> None:
    """Have a file of Google Drive at `landing`. Raises Refused if it does not come."""
    try:
        gdown = import_module("gdown")
    except ImportError as error:
        raise Refused("Google Drive needs gdown; type pip install 'stvt[drive]'") from error
    pace = {} if rate is None else {"speed": rate}
    try:
        gdown.download(id=key, output=str(landing), quiet=quiet, resume=True, **pace)
    except Exception as error:  # its own, those of requests, of bs4, of the file system
        raise Refused(f"{str(error)[:200] or type(error).__name__}") from error
    if not landing.is_file():
        raise Refused("Google Drive gave no file (too many have fetched it lately, or it is gone)")
