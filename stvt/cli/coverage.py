"""`stvt coverage`: how much two training sets, or a list and a set, have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stvt.cli import options
from stvt.cli.output import table

if TYPE_CHECKING:
    from stvt.datasets import Coverage, SideOverlap

SHOWN = 10  # missing sections of each side; all with --all
NOT_KNOWN = "not known"


def add(command: Any) -> None:
    for name in ("a", "b"):
        command.add_argument(
            name,
            metavar=name.upper(),
            help="a training set, its folder or manifest, or a list (.csv)",
        )
    options.add_root(command)
    options.flag(command, "--frames", "compare frame by frame, reading every clip of both")
    options.flag(command, "--all", "every missing section, not the first ten")


def run(args: argparse.Namespace) -> int:
    from stvt.core.progress import progress_line
    from stvt.datasets import coverage, read_clip_index

    a, b = (read_clip_index(what, args.root) for what in (args.a, args.b))
    with progress_line("clip") as show:
        result = coverage(a, b, args.frames, show)
    args.facts = result.as_dict()
    table(rows(result))
    for letter, side, other in zip("AB", result.sides, result.sides[::-1], strict=True):
        if not side.missing:
            continue
        reasons = [{"why": w, "sections": n, "seconds": s} for w, n, s in side.reasons()]
        print(f"\nof {letter}, {side.name}, but not in {other.name}:")
        table(reasons, maxcolwidths=[70, None, None])
        for one in side.missing if args.all else side.missing[:SHOWN]:
            end = "its end" if one.end is None else f"{one.end:g} s"
            print(f"  {one.video}, {one.start:g} s to {end}: {one.reason}")
        if len(side.missing) > SHOWN and not args.all:
            print(f"  and {len(side.missing) - SHOWN} more (--all)")
    return 0


def rows(result: Coverage) -> list[dict[str, str]]:
    """One row a way of comparing: how much of A is in B, and of B in A."""
    a, b = result.sides
    has_list = a.is_list or b.is_list  # a list has no frames to compare with

    def row(what: str, share: Callable[[SideOverlap], str]) -> dict[str, str]:
        return {"the same": what, f"of A, {a.name}": share(a), f"of B, {b.name}": share(b)}

    def clips(part: int, whole: int) -> str:
        return NOT_KNOWN if has_list else _part(part, whole)

    def frames(side: SideOverlap) -> str:
        if not has_list and not side.frames_read:
            return "not read (--frames)"
        return clips(side.frames_shared, side.frames_read)

    return [
        row("videos, by id", lambda s: _part(s.videos_shared, s.videos)),
        row("seconds, by section", lambda s: _part(s.seconds_shared, s.seconds)),
        row("clips, bit by bit", lambda s: clips(s.clips_same, s.sections)),
        row("their frames", lambda s: clips(s.frames_same, s.frames)),
        row("frames, one by one", frames),
    ]


def _part(part: float, whole: float) -> str:
    if not whole:
        return NOT_KNOWN
    return f"{part:,.10g} of {whole:,.10g} ({100 * part / whole:.1f} %)"
