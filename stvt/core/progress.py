"""The progress line on stderr: what is done, how fast, and how long the rest will take."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

from .formatting import plain

LONGEST = 96  # characters of what is said to be done


@contextmanager
def progress_line(unit: str = "frame") -> Iterator[Callable[[int, int | None, str], None]]:
    """A function (done, total, what) that draws the line; a new total begins a new one.

    Without a terminal (a log file), a line is written every ten seconds at most.
    """
    from tqdm import tqdm

    line: tqdm[Any] | None = None

    def show(done: int, total: int | None, what: str) -> None:
        nonlocal line
        if line is None or line.total != total or done < line.n:
            if line is not None:
                line.close()
            line = tqdm(
                total=total,
                unit=f" {unit}",
                file=sys.stderr,
                dynamic_ncols=True,
                mininterval=0.2 if sys.stderr.isatty() else 10,
                smoothing=0.1,
                leave=True,
            )
        line.set_description_str(plain(what)[:LONGEST], refresh=False)
        line.update(done - line.n)

    try:
        yield show
    finally:
        if line is not None:
            line.close()


@contextmanager
def progress_paused() -> Iterator[None]:
    """Takes the progress line away while something else is printed."""
    from tqdm import tqdm

    with tqdm.external_write_mode(file=sys.stderr):
        yield
