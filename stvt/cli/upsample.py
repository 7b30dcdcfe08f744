"""`stvt upsample`: make any video, or a folder of frames, larger and smoother (docs/upsample.md).

A name that begins with a dash is written with its folder: ./-name.mp4
"""

from __future__ import annotations

import argparse
import math
import re
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt.cli import options
from stvt.cli.options import positive
from stvt.cli.output import note, warn
from stvt.core.formatting import seconds_in

if TYPE_CHECKING:
    from stvt.upsampling.job import UpsampleJob


def add(command: Any) -> None:
    command.add_argument("source", metavar="IN", type=Path, help="a video or a folder of frames")
    command.add_argument("output", metavar="OUT", type=Path, help="a video, or a folder of PNG")
    command.add_argument("--method", "--methods", help="(default: the best there is)")
    command.add_argument(
        "--scale",
        type=_scale,
        default=Fraction(4),
        metavar="S",
        help="1 to 4, 1.5 too; a network that has a larger scale only is reduced (default: 4)",
    )
    speed = command.add_mutually_exclusive_group()
    speed.add_argument("--time", type=positive, metavar="N", help="frames for one (default: 2)")
    speed.add_argument(
        "--slow-motion", type=positive, metavar="N", help="N times as slow (default: no)"
    )
    command.add_argument(
        "--fps",
        metavar="RATE",
        help="frames a second of OUT, in place of --time: 60, 23.976, 60000/1001; of a folder of "
        "frames without --source-fps: those of IN (default: by --time)",
    )
    options.add_weights(command)
    options.add_untrained(command)
    options.add_device(command)
    options.add_precision(command)
    options.add_compile(command)
    options.add_tile(command)
    options.add_chunk(command)
    part = command.add_argument_group("what is taken")
    part.add_argument(
        "--start", type=_seconds, default=Fraction(0), metavar="TIME", help="as of --end"
    )
    part.add_argument(
        "--end", type=_seconds, metavar="TIME", help="90, 1:30 or 0:01:30.5 (default: all)"
    )
    part.add_argument(
        "--crop", type=_crop, metavar="W:H:X:Y", help="of the input (default: all of it)"
    )
    part.add_argument(
        "--stream", type=int, metavar="N", help="which (default: what a player shows)"
    )
    part.add_argument("--source-fps", metavar="RATE", help="of a folder of frames (default: none)")
    part.add_argument(
        "--preview", type=_seconds, metavar="5s", help="so much, beside bicubic (default: all)"
    )
    output = command.add_argument_group("how it is written")
    output.add_argument("--codec", help="h264, hevc, av1, vp9, ffv1, prores (default: h264)")
    output.add_argument(
        "--crf", type=float, metavar="Q", help="quality, less is better (default: 16, of h264)"
    )
    output.add_argument("--pixel-format", metavar="F", help="as yuv444p10le (default: 4:2:0)")
    options.flag(output, "--lossless", "every frame exactly as computed")
    options.flag(output, "--no-hold", "(n - 1) N + 1 frames, not n N")
    cuts = output.add_mutually_exclusive_group()
    options.flag(cuts, "--no-cuts", "do not look for scene cuts")
    cuts.add_argument(
        "--cuts",
        type=Path,
        metavar="FILE",
        help="take these, do not look: frame numbers from 0 or times, a CSV of PySceneDetect's "
        "list-scenes, or what FFmpeg's scdet prints (default: none)",
    )
    output.add_argument(
        "--repeats",
        choices=["hold", "even", "compute"],
        default="hold",
        help="frames that only repeat the one before (drawings on twos): hold: shown again, not "
        "computed; even: left out, motion spread evenly; compute: as any other (default: hold)",
    )
    options.flag(output, "--resume", "go on where it was interrupted")
    options.flag(output, "--overwrite", "replace OUT, or begin anew")


def run(args: argparse.Namespace) -> int:
    from stvt.core.errors import UsageError
    from stvt.core.progress import progress_line
    from stvt.upsampling.choose import preferred_method
    from stvt.upsampling.video import upsample_file

    if args.preview is not None:
        if args.end is not None:
            raise UsageError("--preview and --end both say where to stop; give one")
        args.end = args.start + args.preview
    if args.end is not None and args.end <= args.start:
        raise UsageError(f"--end: {float(args.end):g} s is not after {float(args.start):g} s")
    given = args.source.is_dir() and args.source_fps is None  # where --fps is the rate of IN
    if args.fps is not None and args.time is not None and not given:
        raise UsageError("--time and --fps both say how many frames; give one")
    job, settings = _job(args), _settings(args)
    method = args.method or preferred_method(settings)
    settings = replace(settings, weights=options.weights(args, [method]))
    options.say_own_weights([method], settings)

    try:
        with progress_line() as progress:
            result = upsample_file(job, settings, progress, note)
    except KeyboardInterrupt:
        done = f"what is done is in {job.parts}, and --resume goes on there"
        warn(f"interrupted; {done if job.parts.exists() else 'nothing was done yet'}")
        return 130
    args.facts = result
    for line in result.problems:
        warn(line)
    repeats = f", {result.repeats} repeats not computed" if result.repeats else ""
    cuts = f", {len(result.cuts)} cut{'s' * (len(result.cuts) > 1)}" if result.cuts else ""
    print(
        f"{args.output}: {result.outputs} frames at {result.rate} fps "
        f"({float(result.outputs / result.rate):.3f} s) from {result.frames}{repeats}{cuts}"
    )
    return 2 if result.problems else 0


def _job(args: argparse.Namespace) -> UpsampleJob:
    from stvt.datasets import checked_rate
    from stvt.upsampling.cuts import read_cuts
    from stvt.upsampling.job import UpsampleJob
    from stvt.upsampling.sources import Part

    known = {one.name for one in fields(UpsampleJob)}
    given = {name: value for name, value in vars(args).items() if name in known}
    given |= {
        "factor": args.slow_motion or args.time or 2,
        "slow": args.slow_motion is not None,
        "hold": not args.no_hold,
        "cuts": not args.no_cuts if args.cuts is None else read_cuts(args.cuts),
        "preview": args.preview is not None,
        "part": Part(args.start, args.end, args.crop),
        "fps": None if args.fps is None else checked_rate(args.fps),
        "source_fps": None if args.source_fps is None else checked_rate(args.source_fps),
    }
    return UpsampleJob(**given)


def _settings(args: argparse.Namespace) -> Any:
    from stvt.baselines import Settings
    from stvt.device import usable_device

    scale = math.ceil(args.scale)
    return Settings(
        scale=scale,
        phase=(scale - 1) / 2,  # where cameras and scalers have the pixels of small videos
        device=usable_device(args.device),
        precision=args.precision,
        tile=args.tile,
        chunk=args.chunk,
        compiled=args.compiled,
        weights=options.weights(args),
        untrained=args.untrained,
    )


def _scale(text: str) -> Fraction:
    """A scale from 1 to 4.

    >>> _scale("2"), _scale("1.5"), _scale("4/3")
    (Fraction(2, 1), Fraction(3, 2), Fraction(4, 3))
    """
    if re.fullmatch(r"\d+(\.\d+)?|\d+/0*[1-9]\d*", text) and 1 <= Fraction(text) <= 4:
        return Fraction(text)
    raise argparse.ArgumentTypeError(f"'{text}' is no scale from 1 to 4, as in 2, 1.5 or 4/3")


def _seconds(text: str) -> Fraction:
    seconds = seconds_in(text)
    if seconds is None:
        raise argparse.ArgumentTypeError(f"'{text}' is no time; write 90, 1:30 or 0:01:30.5")
    return seconds


def _crop(text: str) -> tuple[int, int, int, int]:
    """W:H:X:Y.

    >>> _crop("64:48:0:8")
    (64, 48, 0, 8)
    """
    match = re.fullmatch(r"(\d+):(\d+):(\d+):(\d+)", text)
    if not match or "0" in (match[1].lstrip("0") or "0", match[2].lstrip("0") or "0"):
        raise argparse.ArgumentTypeError(f"'{text}' is not W:H:X:Y, as in 640:360:0:60")
    width, height, x, y = map(int, match.groups())
    return width, height, x, y
