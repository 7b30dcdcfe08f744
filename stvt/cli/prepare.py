"""`stvt prepare`: make data sets: fetch, unpack, decode, blur, subsample, split."""

from __future__ import annotations

import argparse
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from stvt.cli import options
from stvt.cli.options import add_cluster, byte_size, names, positive
from stvt.cli.output import note, warn

PHOTOGRAPHS = "photographs"
NAMES = ("youtube240", PHOTOGRAPHS)
# Options that other kinds of set do not read, by what argparse calls them.
FOR_VIDEOS = (
    *("list", "template", "search", "max", "min_rate", "rate", "height", "width", "clip_frames"),
    *("min_frames", "min_side", "validation", "cluster"),
    *("cookies_from", "pause", "video_format", "js_runtime"),
)
FOR_PHOTOGRAPHS = ("clips", "fastest", "side", "vary")
FOR_TRAINING = (*FOR_VIDEOS, *FOR_PHOTOGRAPHS, "storage")
FOR_TESTS = ("degradation", "scale", "partial", "scenes", "instead")
RATES = {"youtube240": "240"}  # of the paper's set; a set of one's own says its own
CUTS_GONE = "shot boundaries are found in one way now, the same on every machine; leave --cuts out"


def add(command: Any) -> None:
    command.add_argument("names", nargs="+", metavar="NAME", help="a known set, or a new name")
    command.add_argument(
        "--source",
        type=Path,
        metavar="PATH",
        help="where its frames are: a video, a folder of frames, of scenes, or of videos, or a "
        "zip, tar or 7z archive of these (default: a known set is fetched)",
    )
    options.add_root(command)
    command.add_argument(
        "--degradation",
        choices=["BD", "BI", "BDC"],
        default="BD",
        help="of the low-resolution frames",
    )
    command.add_argument(
        "--scale", type=int, choices=[2, 3, 4], default=4, help="of the true frames to these"
    )
    options.add_workers(command, "all cores; with --list 1")
    options.flag(command, "--partial", "of a known set, take what is there of it")
    command.add_argument(
        "--scenes", type=names, default=(), metavar="A,B", help="only these (default: all)"
    )
    options.flag(
        command, "--prune", "remove scenes, or videos' clips, that the source no longer has"
    )
    options.flag(command, "--dry-run", "print what would be fetched and taken, and the room")
    fetching = command.add_argument_group("fetching", "proxies are those of the environment")
    fetching.add_argument(
        "--from",
        dest="instead",
        action="append",
        default=[],
        metavar="URL",
        help="an address of the archive to ask before the published ones (default: none)",
    )
    fetching.add_argument(
        "--cookies",
        type=Path,
        metavar="FILE",
        help="to send, in Netscape's format (cookies.txt) (default: none)",
    )
    fetching.add_argument(
        "--limit-rate",
        type=byte_size,
        metavar="SIZE",
        help="bytes a second, as in 2MB (default: as fast as they come)",
    )
    _add_training(command)


def _add_training(command: Any) -> None:
    group = command.add_argument_group(
        "training sets", "for the name youtube240, with --list, or with --training"
    )
    add = group.add_argument
    add("--training", action="store_true", help="make clips to train on")
    add("--list", type=Path, metavar="CSV", help="ids, addresses or files (default: --source)")
    add("--template", type=Path, metavar="CSV", help="write an empty list there (default: none)")
    add("--search", metavar="WORDS", help="write a list of candidates, for review (default: none)")
    add("--max", type=positive, default=50, metavar="N", help="candidates")
    add("--min-rate", metavar="FPS", help="as filmed (default: 24, of youtube240 240)")
    add("--rate", metavar="FPS", help="as filmed (default: what the files say)")
    add("--height", type=positive, metavar="PIXELS", help="scale down to it (default: as it is)")
    add("--width", type=positive, metavar="PIXELS", help="scale down to it (default: as it is)")
    add("--clip-frames", type=positive, default=120, metavar="N", help="of a clip, about")
    add("--min-frames", type=positive, default=24, metavar="N", help="of a clip, at least")
    add("--min-side", type=positive, default=128, metavar="PIXELS", help="of a clip, at least")
    part = options.number("a part between 0 and 1", lambda part: 0 <= part <= 1)
    add("--validation", type=part, default=0.05, metavar="PART", help="of videos")
    options.gone(group, "--cuts", CUTS_GONE)
    add(
        "--photographs",
        nargs="?",
        const=True,
        type=Path,
        metavar="DIR",
        help="put these in motion; without DIR those of scikit-image, as `prepare photographs` does "
        "(default: the set is of videos)",
    )
    add("--clips", type=positive, default=240, metavar="N", help="of photographs")
    add(
        "--fastest",
        type=options.above_zero,
        default=4.0,
        metavar="PIXELS",
        help="that anything moves from frame to frame, at most, of photographs",
    )
    add(
        "--vary",
        type=names,
        default=(),
        metavar="WHAT,...",
        help="occlusion, texture, rotation, blur, shake, light: more of these, of photographs in "
        "motion (default: none)",
    )
    add("--side", type=positive, default=176, metavar="PIXELS", help="of photographs in motion")
    add("--storage", help="of clips: magicyuv or npy (default: magicyuv, of photographs npy)")
    add_cluster(group)
    group = command.add_argument_group("transfer of videos", "by yt-dlp")
    add = group.add_argument
    add("--cookies-from", metavar="BROWSER", help="as in firefox (default: no cookies)")
    add("--pause", type=options.non_negative, default=2.0, metavar="SECONDS", help="between videos")
    add("--video-format", metavar="FORMAT", help="as yt-dlp takes it (default: the largest)")
    add(
        "--js-runtime",
        action="append",
        default=[],
        metavar="NAME[:PATH]",
        help="that runs a site's scripts; again for another (default: those that yt-dlp finds)",
    )


def _misplaced_options(args: argparse.Namespace) -> str:
    """The complaint about options that a set of this kind would leave unread; empty if there are none."""
    given = [
        name
        for name in (*FOR_TRAINING, *FOR_TESTS, "source")
        if getattr(args, name) != args.parser.get_default(name)
    ]
    kinds = {_is_training(name, args) for name in args.names}
    moving = {_is_photographs(name, args) for name in args.names if _is_training(name, args)}
    for name in given:
        option = f"--{name.replace('_', '-')}".replace("--instead", "--from")
        if name in FOR_TRAINING and False in kinds:
            return f"{option} is for training sets; say --training, or leave it out"
        if name in FOR_TESTS and True in kinds:
            return f"{option} is for test sets; leave it out for training sets"
        if name in FOR_PHOTOGRAPHS and False in moving:
            return f"{option} is for photographs in motion; say --photographs, or leave it out"
        if name in FOR_VIDEOS and True in moving:
            return f"{option} is for training sets of videos; leave it out for photographs"
        if name == "source" and True in moving:
            return "--source is not for photographs; name their folder by --photographs DIR"
    return ""


def _is_training(name: str, args: argparse.Namespace) -> bool:
    """Whether `prepare NAME` with these options makes a training set."""
    return name in NAMES or any(
        (args.training, args.list, args.search, args.template, args.photographs)
    )


def _is_photographs(name: str, args: argparse.Namespace) -> bool:
    return bool(name == PHOTOGRAPHS or args.photographs)


def run(args: argparse.Namespace) -> int:
    from stvt import datasets
    from stvt.core.errors import StvtError
    from stvt.core.formatting import plain

    for option, given in (("--source", args.source), ("--from", args.instead)):
        if given and len(args.names) > 1:
            args.parser.error(f"{option} is for one name, not {len(args.names)}")
    if misplaced := _misplaced_options(args):
        args.parser.error(misplaced)
    code, args.facts = 0, []
    for name in args.names:
        known = (*datasets.DATASETS, *NAMES)
        if name not in known and name.lower() in known:
            note(f"{name} is a set of your own; the known one is called {name.lower()}")
        try:
            if _is_training(name, args) and args.dry_run:
                _print_plan(name, _dry_run_training(name, args), args)
            elif _is_training(name, args):
                code = max(code, _prepare_training(name, args))
            elif args.dry_run:
                lines = datasets.dry_run(name, args.root, args.source, args.partial, args.scenes)
                _print_plan(name, lines, args)
            else:
                code = max(code, _prepare(name, args))
        except (StvtError, OSError) as error:
            warn(error)
            args.facts.append({"name": name, "error": plain(error)})
            code = 2
    return code


def _print_plan(name: str, lines: list[str], args: argparse.Namespace) -> None:
    print("\n".join(lines))
    args.facts.append({"name": name, "plan": lines})


def _dry_run_training(name: str, args: argparse.Namespace) -> list[str]:
    from stvt.datasets import DatasetError, dry_run_training

    if _is_photographs(name, args):
        folder = _pictures(args)
        if folder and not folder.is_dir():
            raise DatasetError(f"{folder}: no such folder of pictures")
        whose = folder or "scikit-image"
        return [f"{name}: {args.clips} clips are made of the photographs of {whose}"]
    if args.template or args.search:
        return [f"{name}: a list for review is written, nothing is transferred"]
    return dry_run_training(name, args.root, args.source, args.list)


def _prepare(name: str, args: argparse.Namespace) -> int:
    from stvt import datasets
    from stvt.core.download import FetchOptions
    from stvt.core.progress import in_megabytes, progress_line

    recipe = datasets.DATASETS.get(name)
    if recipe and not recipe.render:
        _show_terms(name, recipe.terms)
    with progress_line() as show, progress_line("MB") as show_bytes:
        outcome = datasets.prepare(
            name,
            args.root,
            source=args.source,
            degradation=args.degradation,
            scale=args.scale,
            workers=args.workers,
            progress=show,
            partial=args.partial,
            scenes=args.scenes,
            prune=args.prune,
            fetch=FetchOptions(
                rate=args.limit_rate,
                cookies=args.cookies,
                mirrors=tuple(args.instead),
                progress=in_megabytes(show_bytes),
                say=note,
            ),
        )
    args.facts.append(outcome)
    for line in outcome.notes:
        note(line)
    for line in outcome.failures:
        warn(line)
    print(
        f"{name}: {len(outcome.prepared)} scenes prepared, {len(outcome.unchanged)} unchanged, "
        f"{len(outcome.failures)} failed, in {outcome.folder}"
    )
    return 2 if outcome.failures else 0


def _show_terms(name: str, terms: str) -> None:
    """Says the terms of a data set, unless these very ones were said before."""
    from stvt.baselines import home
    from stvt.core.errors import StvtError
    from stvt.core.files import read_json, write_json
    from stvt.core.progress import say
    from stvt.core.records import from_dict

    file = home() / "datasets" / "terms.json"
    known: dict[str, dict[str, str]] = {}
    with suppress(StvtError):  # none yet, or damaged: then they are said
        known = from_dict(dict[str, dict[str, str]], read_json(file), str(file))
    if known.get(name, {}).get("terms") != terms:
        say(f"stvt prepare: {name}: {terms}")
        today = datetime.now(UTC).date().isoformat()
        with suppress(OSError):  # then they are said again the next time
            write_json(file, {**known, name: {"terms": terms, "shown": today}})


def _prepare_training(name: str, args: argparse.Namespace) -> int:
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

    if _is_photographs(name, args):
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
        args.facts.append({"name": name, "list": file})
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
    args.facts.append(outcome)
    for line in outcome.notes:
        note(line)
    for line in outcome.refused:
        warn(f"refused: {line}")
    for line in outcome.failures:
        warn(line)
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
    args.facts.append({"name": name, "folder": folder, "clips": args.clips})
    whose = _pictures(args) or "scikit-image"
    print(f"{name}: {args.clips} clips of the photographs of {whose} in motion, in {folder}")
    return 0


def _pictures(args: argparse.Namespace) -> Path | None:
    return None if args.photographs is True else args.photographs


def _settings(name: str, args: argparse.Namespace) -> Any:
    from stvt.datasets import Settings, checked_rate, suffix

    same = ("clip_frames", "min_frames", "height", "width", "min_side", "validation")
    storage = args.storage or "magicyuv"
    suffix(storage)  # says which there are
    return Settings(
        min_rate=str(checked_rate(args.min_rate or RATES.get(name, "24"))),
        rate=str(checked_rate(args.rate)) if args.rate else None,
        storage=storage,
        **{name: getattr(args, name) for name in same},
    )
