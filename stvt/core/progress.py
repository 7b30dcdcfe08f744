"""What a command says on stderr while it works: a progress line, and other lines that do not break it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

from .formatting import plain

LONGEST = 96  # characters of what is said to be done
SECONDS = 30.0  # between two lines where stderr is no terminal

Progress = Callable[[int, int | None, str], None]  # done, in all, of what
quiet = False  # with --quiet: no progress, no notes


@contextmanager
def progress_line(unit: str = "frame") -> Iterator[Progress]:
    """A function (done, total, what) that draws the line; a new total begins a new one.

    Without a terminal (a log file) it is a line every 30 seconds, with no carriage return.
    """
    if quiet:
        yield lambda done, total, what: None
        return
    bar: tqdm[Any] | None = None

    def show(done: int, total: int | None, what: str) -> None:
        nonlocal bar
        if bar is None or bar.total != total or done < bar.n:
            if bar is not None:
                bar.close()
            bar = _bar(unit, done, total)
        bar.set_description_str(plain(what)[:LONGEST], refresh=False)
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


def _bar(unit: str, done: int, total: int | None) -> tqdm[Any]:
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        @property
        def format_dict(self) -> dict[str, Any]:
            facts = dict(super().format_dict)
            past, elapsed = facts["n"] - facts["initial"], facts["elapsed"]
            return facts | {"pace": pace(facts["rate"] or (elapsed and past / elapsed), unit)}

    terminal = sys.stderr.isatty()
    numbers = (
        "{n_fmt} of {total_fmt} %s, {pace}, {remaining} left" if total else "{n_fmt} %s, {pace}"
    )
    line = "{desc}: {percentage:3.0f} %|{bar}| " if terminal and total else "{desc}: "
    return Bar(
        initial=done,
        total=total,
        file=sys.stderr if terminal else _Log(),
        bar_format=line + numbers.replace("%s", plural(unit)),
        dynamic_ncols=terminal,
        leave=terminal,
        position=None if terminal else 0,  # no moving from line to line in a log
        mininterval=0.2 if terminal else SECONDS,
        delay=0 if terminal else SECONDS,
        miniters=0,
        smoothing=0.1,
    )


class _Log:
    """stderr as a log: what a terminal would show in the place of a line, on a line of its own."""

    def write(self, text: str) -> None:
        if line := text.strip():
            print(line, file=sys.stderr, flush=True)

    def flush(self) -> None:
        """Each line is with the system already."""


def pace(rate: float, unit: str) -> str:
    """A rate, or the time that one takes, whichever is the number above 1.

    >>> pace(0.0437, "method"), pace(3.14159, "frame"), pace(12, "MB")
    ('22.9 s/method', '3.14 frames/s', '12 MB/s')
    """
    if not rate:
        return f"? s/{unit}"
    number = rate if rate >= 1 else 1 / rate
    text = f"{number:.0f}" if number >= 100 else f"{number:.3g}"
    return f"{text} {plural(unit)}/s" if rate >= 1 else f"{text} s/{unit}"


def in_megabytes(show: Progress) -> Progress:
    """The progress in bytes that a line in megabytes shows."""
    return lambda done, total, what: show(
        done // 1_000_000, None if total is None else total // 1_000_000, what
    )


def plural(unit: str) -> str:
    return unit if unit.isupper() else f"{unit}s"


@contextmanager
def progress_paused() -> Iterator[None]:
    """Takes the progress line away while something else is printed."""
    tqdm = sys.modules.get("tqdm")  # no line was drawn without it
    with tqdm.tqdm.external_write_mode(file=sys.stderr) if tqdm else nullcontext():
        yield


def say(line: str) -> None:
    """A line on stderr that is no part of the progress line."""
    with progress_paused():
        print(plain(line), file=sys.stderr, flush=True)
