"""Published files as data sets fetch them: from any of several addresses, checked before they count."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from .download import DRIVE, TIMEOUT, Expected, Manner, Pause, Progress, fetch

MOST_BYTES = 256 << 30  # of an archive whose size is not published


class Fetch(Protocol):
    """Puts the file of the first source that gives it at `target`; returns that source.

    `check` raises StvtError for a file that is not what is wanted, before it is in its place.
    Raises StvtError, one line, if no source gives it.
    """

    def __call__(
        self,
        sources: Sequence[str],
        target: Path,
        size: int | None,
        sha256: str,
        check: Callable[[Path], None],
    ) -> str: ...


def fetcher(
    *,
    rate: int | None = None,
    cookies: Path | None = None,
    instead: Sequence[str] = (),
    progress: Progress | None = None,
    timeout: float = TIMEOUT,
    pause: Pause = time.sleep,
) -> Fetch:
    """What `datasets.prepare` calls for a published file: see `Fetch`.

    rate:    bytes a second at most.
    cookies: a file of cookies in Netscape's format, for servers that ask for a log-in.
    instead: addresses to ask before the published ones.
    timeout: seconds without a byte after which a connection counts as lost.
    """
    manner = Manner(
        timeout=timeout, rate=rate, cookies=cookies, most_bytes=MOST_BYTES, certain=True
    )

    def fetch_file(
        sources: Sequence[str],
        target: Path,
        size: int | None,
        sha256: str,
        check: Callable[[Path], None],
    ) -> str:
        _, source = fetch(
            [each for source in (*instead, *sources) for each in addresses(source)],
            target,
            Expected(size, sha256),
            check=check,
            progress=progress,
            pause=pause,
            manner=manner,
        )
        return source

    return fetch_file


def addresses(source: str) -> list[str]:
    """Where a source can be asked for: a file of Google Drive directly, which can be continued
    after a break, and by `gdown`, which knows more of the pages that Drive may send instead.

    >>> addresses("https://example.org/x.zip")
    ['https://example.org/x.zip']
    """
    drive = DRIVE.match(source)
    if drive is None:
        return [source]
    direct = "https://drive.usercontent.google.com/download"
    return [f"{direct}?id={drive[1]}&export=download&confirm=t", source]
