"""`stvt coverage A B`: how much of two training sets, or of a list and a set, is the same."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt.cli import options

if TYPE_CHECKING:
    from stvt.datasets import Coverage, Half

SHOWN = 10  # lost sections of each side; all with --all
NOT_KNOWN = "not known"


def add(commands: Any) -> None:
    command = commands.add_parser("coverage", help="how much two training sets have in common")
    command.set_defaults(run=coverage)
    for name in ("a", "b"):
        command.add_argument(
            name,
            metavar=name.upper(),
            help="a training set, its folder or manifest, or a list (.csv)",
        )
    options.add_root(command)
    command.add_argument(
        "--frames", action="store_true", help="compare frame by frame, reading every clip of both"
    )
    command.add_argument("--all", action="store_true", help="every lost section, not the first ten")
    command.add_argument("--json", type=Path, metavar="FILE", help="everything, for programs")


def coverage(args: argparse.Namespace) -> int:
    from tabulate import tabulate

    from stvt.core.files import write_json
    from stvt.core.progress import progress_line
    from stvt.datasets import coverage as compared
    from stvt.datasets import read_holding

    a, b = (read_holding(what, args.root) for what in (args.a, args.b))
    with progress_line("clip") as show:
        found = compared(a, b, args.frames, show)
    if args.json:
        write_json(args.json, found.facts())
    print(tabulate(rows(found), headers="keys", tablefmt="simple"))
    for letter, half, other in zip("AB", found.halves, found.halves[::-1], strict=True):
        if not half.lost:
            continue
        told = [{"why": w, "sections": n, "seconds": s} for w, n, s in half.reasons()]
        print(f"\nof {letter}, {half.name}, but not in {other.name}:")
        print(tabulate(told, headers="keys", tablefmt="simple", maxcolwidths=[70, None, None]))
        for one in half.lost if args.all else half.lost[:SHOWN]:
            end = "its end" if one.end is None else f"{one.end:g} s"
            print(f"  {one.video}, {one.start:g} s to {end}: {one.reason}")
        if len(half.lost) > SHOWN and not args.all:
            print(f"  and {len(half.lost) - SHOWN} more (--all)")
    return 0


def rows(found: Coverage) -> list[dict[str, str]]:
    """One row a way of comparing: how much of A is in B, and of B in A."""
    a, b = found.halves
    listed = a.is_list or b.is_list  # a list has no frames to compare with

    def row(what: str, said: Any) -> dict[str, str]:
        return {"the same": what, f"of A, {a.name}": said(a), f"of B, {b.name}": said(b)}

    def clips(part: int, whole: int) -> str:
        return NOT_KNOWN if listed else _part(part, whole)

    def read(half: Half) -> str:
        if listed:
            return NOT_KNOWN
        return (
            _part(half.frames_shared, half.frames_read)
            if half.frames_read
            else "not read (--frames)"
        )

    looks = a.pictures and b.pictures
    return [
        row("videos, by id", lambda h: _part(h.videos_shared, h.videos)),
        row("seconds, by section", lambda h: _part(h.seconds_shared, h.seconds)),
        row("clips, bit by bit", lambda h: clips(h.clips_same, h.sections)),
        row("their frames", lambda h: clips(h.frames_same, h.frames)),
        row("frames, one by one", read),
        row(
            "pictures, by their looks",
            lambda h: _part(h.pictures_shared, h.pictures) if looks else NOT_KNOWN,
        ),
    ]


def _part(part: float, whole: float) -> str:
    if not whole:
        return NOT_KNOWN
    return f"{part:,.10g} of {whole:,.10g} ({100 * part / whole:.1f} %)"
