"""What a command says on stderr while it works: a progress line, and other lines that do not break it."""

from __future__ import annotations

import sys
import time
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

    Without a terminal (a log file) it writes a line every 30 seconds, with no carriage return.
    """
    if quiet:
        yield lambda done, total, what: None
        return
    if not sys.stderr.isatty():
        yield _LogLines(unit)
        return
    bar: tqdm[Any] | None = None

    def show(done: int, total: int | None, what: str) -> None:
        nonlocal bar
        if bar is None or bar.total != total or done < bar.n:
            if bar is not None:
                bar.close()
            bar = _bar(unit, total)
        bar.set_description_str(plain(what)[:LONGEST], refresh=False)
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


def _bar(unit: str, total: int | None) -> tqdm[Any]:
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        @property
        def format_dict(self) -> dict[str, Any]:
            facts = dict(super().format_dict)
            rate = facts["rate"] or (facts["elapsed"] and facts["n"] / facts["elapsed"])
            return facts | {"pace": pace(rate, unit)}

    of = "{desc}: {percentage:3.0f} %|{bar}| {n_fmt} of {total_fmt} %s, {pace}, {remaining} left"
    return Bar(
        total=total,
        file=sys.stderr,
        bar_format=(of if total else "{desc}: {n_fmt} %s, {pace}").replace("%s", plural(unit)),
        dynamic_ncols=True,
        mininterval=0.2,
        smoothing=0.1,
    )


class _LogLines:
    """The progress as lines of a log."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.start = self.last = time.monotonic()
        self.first: int | None = None
        self.total: int | None = None

    def __call__(self, done: int, total: int | None, what: str) -> None:
        now = time.monotonic()
        if self.first is None or self.total != total or done < self.first:
            self.start, self.first, self.total = now, done, total
        if now - self.last < SECONDS:
            return
        self.last = now
        rate = (done - self.first) / (now - self.start) if now > self.start else 0
        left = f", {(total - done) / rate / 60:.1f} min left" if total and rate else ""
        of = f" of {total}" if total else ""
        speed = f", {pace(rate, self.unit)}" if rate else ""
        counted = f"{done}{of} {plural(self.unit)}{speed}{left}"
        text = f"{plain(what)[:LONGEST]}: {counted}"
        print(text, file=sys.stderr, flush=True)


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
