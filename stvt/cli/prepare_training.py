"""`stvt prepare youtube240` and training sets of one's own: its options, and what it does."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

from stvt.cli.options import add_cluster, positive

PHOTOGRAPHS = "photographs"
NAMES = ("youtube240", PHOTOGRAPHS)
# Options that the other kind of set does not read, by what argparse calls them.
FOR_TRAINING = (
    *("max", "min_rate", "rate", "height", "width", "clip_frames", "min_frames", "min_side"),
    *("validation", "clips", "fastest", "side", "vary", "storage", "cluster"),
    *("cookies_from", "pause", "video_format", "js_runtime"),
)
FOR_TESTS = ("degradation", "scale", "partial", "scenes", "instead")
RATES = {"youtube240": "240"}  # of the paper's set; a set of one's own says its own


def add_options(command: Any) -> None:
    """Add the options of training sets to the `prepare` command, which has the others."""
    group = command.add_argument_group(
        "training sets", "for the name youtube240, with --list, or with --training"
    )
    group.add_argument("--training", action="store_true", help="make clips to train on")
    group.add_argument("--list", type=Path, metavar="CSV", help="videos: ids, addresses or files")
    group.add_argument("--template", type=Path, metavar="CSV", help="write an empty list")
    group.add_argument("--search", metavar="WORDS", help="write a list of candidates, for review")
    group.add_argument("--max", type=positive, default=50, metavar="N", help="of them (default 50)")
    group.add_argument("--min-rate", metavar="FPS", help="as filmed (youtube240: 240; else 24)")
    group.add_argument("--rate", metavar="FPS", help="as filmed, where the files do not say it")
    group.add_argument("--height", type=positive, help="to scale down to, by areas")
    group.add_argument("--width", type=positive)
    group.add_argument("--clip-frames", type=positive, default=120, metavar="N", help="about")
    group.add_argument("--min-frames", type=positive, default=24, metavar="N")
    group.add_argument("--min-side", type=positive, default=128, metavar="PIXELS")
    group.add_argument("--validation", type=_part, default=0.05, metavar="PART", help="of videos")
    group.add_argument("--cuts", help=argparse.SUPPRESS)  # gone; says so
    group.add_argument(
        "--photographs",
        nargs="?",
        const=True,
        type=Path,
        metavar="DIR",
        help="put these in motion; without DIR those of scikit-image, as `prepare photographs` does",
    )
    group.add_argument("--clips", type=positive, default=240, metavar="N", help="of photographs")
    group.add_argument(
        "--fastest", type=float, default=4.0, metavar="PIXELS", help="a frame, of photographs"
    )
    group.add_argument(
        "--vary",
        type=lambda text: text.split(","),
        default=[],
        metavar="WHAT,...",
        help="occlusion, texture, rotation, blur, shake, light: more, of photographs in motion",
    )
    group.add_argument(
        "--side", type=positive, default=176, metavar="PIXELS", help="of photographs in motion"
    )
    group.add_argument(
        "--storage", help="of clips: magicyuv or npy (default: magicyuv, of photographs npy)"
    )
    add_cluster(group)
    group = command.add_argument_group("transfer of videos", "by yt-dlp")
    group.add_argument("--cookies-from", metavar="BROWSER", help="as in firefox")
    group.add_argument("--pause", type=float, default=2.0, metavar="SECONDS", help="between videos")
    group.add_argument("--video-format", metavar="FORMAT", help="as yt-dlp takes it")
    group.add_argument("--js-runtime", action="append", default=[], metavar="NAME[:PATH]")


def misplaced_options(args: argparse.Namespace) -> str:
    """The complaint about options that a set of this kind would leave unread; empty if there are none."""
    if args.cuts:
        return (
            f"--cuts {args.cuts}: shot boundaries are found in one way now, the same on every "
            "machine; leave --cuts out"
        )
    given = [
        name
        for name in (*FOR_TRAINING, *FOR_TESTS)
        if getattr(args, name) != args.parser.get_default(name)
    ]
    kinds = {is_training(name, args) for name in args.names}
    for name in given:
        option = f"--{name.replace('_', '-')}".replace("--instead", "--from")
        if name in FOR_TRAINING and False in kinds:
            return f"{option} is for training sets; say --training, or leave it out"
        if name in FOR_TESTS and True in kinds:
            return f"{option} is for test sets; leave it out for training sets"
    return ""


def is_training(name: str, args: argparse.Namespace) -> bool:
    """Whether `prepare NAME` with these options makes a training set."""
    return name in NAMES or any(
        (args.training, args.list, args.search, args.template, args.photographs)
    )


def prepare_training_set(name: str, args: argparse.Namespace) -> int:
    """Do what the command line asks for `name`; prints, and returns the exit code."""
    from stvt.core.progress import progress_line
    from stvt.datasets import (
        FORMAT,
        TEMPLATE,
        YtdlpOptions,
        cores,
        prepare_training,
        search_videos,
    )
    from stvt.evaluation.processes import run_units

    if name == PHOTOGRAPHS or args.photographs:
        return _prepare_photographs(name, args)
    transfer = YtdlpOptions(
        format=args.video_format or FORMAT,
        cookies=str(args.cookies.resolve()) if args.cookies else None,
        browser=args.cookies_from,
        pause=args.pause,
        rate=args.limit_rate,
        runtimes=tuple(args.js_runtime),
    )
    if args.template or args.search:
        file = args.template or args.list or Path(f"{name}-candidates.csv")
        if file.exists():
            args.parser.error(f"{file} is there already; name another file")
        text = TEMPLATE if args.template else search_videos(args.search, args.max, transfer)
        file.write_text(text, encoding="utf-8")
        print(f"{file}: review it, then `stvt prepare {name} --list {file}`")
        return 0
    if args.source and args.list:
        args.parser.error("--source or --list, not both")
    workers = args.workers or (cores() if args.source else 1)  # a site is asked by one at a time
    with progress_line("video") as show:
        outcome = prepare_training(
            name,
            args.root,
            source=args.source,
            clips_list=args.list,
            settings=_settings(name, args),
            transfer=transfer,
            run=partial(run_units, workers=workers, cluster=args.cluster),
            progress=show,
            prune=args.prune,
        )
    for line in outcome.refused:
        print(f"stvt prepare: refused: {line}", file=sys.stderr)
    for line in outcome.failures:
        print(f"stvt prepare: {line}", file=sys.stderr)
    print(
        f"{name}: {outcome.clips} clips ({outcome.frames} frames) of {outcome.kept} of "
        f"{outcome.videos} videos, {outcome.unchanged} unchanged, {len(outcome.refused)} refused, "
        f"{len(outcome.failures)} failed, in {outcome.folder}; why: {outcome.folder / 'ledger.csv'}"
    )
    return 2 if outcome.failures or not outcome.clips else 0


def _prepare_photographs(name: str, args: argparse.Namespace) -> int:
    from stvt.core.progress import progress_line
    from stvt.datasets import prepare_photographs

    with progress_line("clip") as show:
        folder = prepare_photographs(
            args.root,
            name=name,
            source=_pictures(args),
            clips=args.clips,
            side=args.side,
            fastest=args.fastest,
            vary=args.vary,
            storage=args.storage or "npy",
            progress=show,
        )
    whose = _pictures(args) or "scikit-image"
    print(f"{name}: {args.clips} clips of the photographs of {whose} in motion, in {folder}")
    return 0


def _pictures(args: argparse.Namespace) -> Path | None:
    return None if args.photographs is True else args.photographs


def _settings(name: str, args: argparse.Namespace) -> Any:
    from stvt.datasets import Settings, checked_rate, suffix

    storage = args.storage or "magicyuv"
    suffix(storage)  # says which there are
    return Settings(
        min_rate=str(checked_rate(args.min_rate or RATES.get(name, "24"))),
        rate=str(checked_rate(args.rate)) if args.rate else None,
        clip_frames=args.clip_frames,
        min_frames=args.min_frames,
        height=args.height,
        width=args.width,
        min_side=args.min_side,
        validation=args.validation,
        storage=storage,
    )


def _part(text: str) -> float:
    try:
        part = float(text)
    except ValueError:
        part = -1
    if not 0 <= part <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a part between 0 and 1")
    return part
