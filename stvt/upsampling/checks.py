"""Where a run of `stvt upsample` reads and writes: what cannot be is said before anything is done."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from stvt import __version__
from stvt.baselines.method import Method, Settings
from stvt.core.errors import UsageError
from stvt.datasets.frames import frame_files
from stvt.datasets.video.encoder import SUFFIXES

if TYPE_CHECKING:
    from stvt.upsampling.video import Wish


def check_places(wish: Wish) -> None:
    """UsageError for a source that is not there, or an output that must not be."""
    output = wish.output
    if str(output) == "-" or str(output).startswith("pipe:"):
        raise UsageError(f"{output}: the result is joined when it is whole, so it needs a file")
    if output.resolve() == wish.source.resolve():
        raise UsageError(f"{output}: is the input; give the result another name")
    if not wish.source.exists():
        raise UsageError(f"{wish.source}: there is no such file or folder")
    if not wish.source.is_file() and not wish.source.is_dir():
        raise UsageError(f"{wish.source}: is read more than once, so it must be a file or folder")
    if output.suffix and not output.is_dir() and output.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{output}: no kind of video to write; take {', '.join(SUFFIXES)}, or a name without "
            "a dot for a folder of frames"
        )
    if output.exists() and not output.is_file() and not output.is_dir():
        raise UsageError(f"{output}: is neither a file nor a folder; give another name")
    full = any(output.iterdir()) if output.is_dir() else output.exists()
    if full and not wish.overwrite:
        raise UsageError(f"{output}: is there already; give another name, or --overwrite")
    if output.is_dir() and output.suffix.lower() in SUFFIXES:
        raise UsageError(f"{output}: is a folder; give the video another name")
    if full and output.is_dir() and len(frame_files(output)) != len(list(output.iterdir())):
        raise UsageError(f"{output}: holds more than frames, so it is not overwritten")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"{output.parent}: there is no such folder")
    coding = {
        "--codec": wish.codec,
        "--crf": wish.crf,
        "--pixel-format": wish.form,
        "--lossless": wish.lossless or None,
    }
    given = [option for option, value in coding.items() if value is not None]
    if given and output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{given[0]}: {output} will be a folder of PNG, which is not coded")


def begin(wish: Wish, settings: Settings, method: Method) -> None:
    """Makes the folder of parts, or checks that what is in it was made alike."""
    stat = wish.source.stat()
    told = {
        "version": __version__,
        "source": [str(wish.source.resolve()), stat.st_size, stat.st_mtime_ns],
        "method": [method.name, method.weights, method.fingerprint],
        "settings": [settings.scale, settings.precision, settings.tile],
        "wish": [
            *(wish.factor, wish.slow, wish.hold, wish.cuts, wish.preview, str(wish.part)),
            *(wish.stream, str(wish.fps), wish.codec, wish.crf, wish.form, wish.lossless),
        ],
    }
    file = wish.parts / "wish.json"
    if wish.parts.exists() and wish.overwrite and not wish.resume:
        shutil.rmtree(wish.parts)
    if not wish.parts.exists():
        try:
            wish.parts.mkdir()
        except OSError as error:
            raise UsageError(
                f"{wish.output}: nothing can be written there ({str(error.strerror).lower()})"
            ) from None
        file.write_text(json.dumps(told))
    elif not wish.resume:
        raise UsageError(
            f"{wish.parts}: holds what an interrupted run did; go on with --resume, or begin "
            "anew with --overwrite"
        )
    else:
        try:
            before = json.loads(file.read_text())
        except (OSError, ValueError):
            before = {}
        differing = [name for name in told if before.get(name) != told[name]]
        if differing:
            raise UsageError(
                f"{wish.parts}: was begun with another {' and '.join(differing)}; give that one "
                "again, or begin anew with --overwrite"
            )
