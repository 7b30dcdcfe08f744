"""The downloader of the weights' room, as the data sets' room takes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from stvt.baselines.errors import MethodError
from stvt.baselines.weights.download import DRIVE, TIMEOUT, Expected, Manner, Pause, Progress, fetch
from stvt.datasets.errors import DatasetError
from stvt.datasets.recipes.recipe import Fetch

MOST_BYTES = 256 << 30  # of an archive whose size is not published


def fetcher(
    *,
    rate: int | None = None,
    cookies: Path | None = None,
    instead: Sequence[str] = (),
    progress: Progress | None = None,
    timeout: float = TIMEOUT,
    pause: Pause = time.sleep,
) -> Fetch:
    """What `datasets.prepare` calls for a published file: see `stvt.datasets.recipes.recipe.Fetch`.

    rate:    bytes a second at most.
    cookies: a file of cookies in Netscape's format, for servers that ask for a log-in.
    instead: addresses to ask before the published ones.
    timeout: seconds without a byte after which a connection counts as lost.
    """
    manner = Manner(
        timeout=timeout, rate=rate, cookies=cookies, most_bytes=MOST_BYTES, certain=True
    )

    def brought(
        sources: Sequence[str],
        target: Path,
        size: int | None,
        sha256: str,
        check: Callable[[Path], None],
    ) -> str:
        def checked(file: Path) -> None:
            try:
                check(file)
            except DatasetError as error:
                raise MethodError(str(error)) from error

        try:
            _, source = fetch(
                [each for source in (*instead, *sources) for each in addresses(source)],
                target,
                Expected(size, sha256),
                check=checked,
                progress=progress,
                pause=pause,
                manner=manner,
            )
        except MethodError as error:
            raise DatasetError(str(error)) from error
        return source

    return brought


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
