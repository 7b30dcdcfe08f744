"""Options that several commands have, each declared once, and the types of their values."""

from __future__ import annotations

import argparse
import math
import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from stvt.cli.output import note

if TYPE_CHECKING:
    from stvt.baselines import Settings

UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_NUMBER = re.compile(r"[0-9]*\.?[0-9]+")


def _add(command: Any, option: str, text: str, default: object, words: str, **more: Any) -> None:
    """An option; words: what its help says where the default is None instead."""
    if words:
        text, default = f"{text} (default: {words})", None
    command.add_argument(option, default=default, help=text, **more)


def flag(command: Any, option: str, text: str) -> None:
    command.add_argument(option, action="store_true", help=text)


def add_root(command: Any, words: str = "") -> None:
    _add(command, "--root", "folder of prepared sets", Path("data"), words, type=Path)


def add_action(actions: Any, name: str, run: Callable[..., int], text: str) -> Any:
    """The parser of an action of a command, as in `stvt weights list`."""
    action = actions.add_parser(name, help=text)
    action.set_defaults(run=run)
    return action


def add_out(
    command: Any,
    metavar: str,
    default: Path | None = None,
    words: str = "",
    text: str = "where the results go",
) -> None:
    """Without a default or words it is required."""
    required = default is None and not words
    _add(command, "--out", text, default, words, type=Path, metavar=metavar, required=required)


def add_figure(command: Any, name: str) -> None:
    command.add_argument(
        "--out",
        type=figure,
        default=Path(name),
        metavar="FILE",
        help="FILE.png, FILE.pdf and FILE.svg are written",
    )


def figure(text: str) -> Path:
    """The file of a figure, without the suffix of one of its formats.

    >>> figure("fig.png").name, figure("fig.v2").name
    ('fig', 'fig.v2')
    """
    file = path(text)
    if text.endswith("/") or file.is_dir():
        raise ArgumentTypeError(f"'{text}' is a folder; name a file in it, without a suffix")
    return file.with_suffix("") if file.suffix.lower() in (".png", ".pdf", ".svg") else file


def add_runs(command: Any, metavar: str, name: str) -> None:
    """`--out` of a folder among the runs, which a project file may put elsewhere."""
    add_out(command, metavar, words=f"runs/{name}, or in the `out` of stvt.toml")
    command.set_defaults(runs=Path("runs"))


def add_names(command: Any, plural: str, text: str, **options: Any) -> None:
    """An option of names, "--methods" say, by its singular too."""
    options = {"dest": plural[2:], "metavar": "A,B", "help": text, **options}
    command.add_argument(plural, plural.removesuffix("s"), **options)


def add_format(command: Any, default: str = "terminal", text: str = "of the table") -> None:
    command.add_argument(
        "--format",
        default=default,
        metavar="FORMAT",
        help=f"{text}: terminal, markdown (md), latex, standalone (a LaTeX document), csv, "
        "json, html",
    )


def add_device(command: Any, words: str = "") -> None:
    _add(command, "--device", "auto, cpu, cuda, cuda:1, mps", "auto", words)


def add_weights(command: Any, words: str = "") -> None:
    command.add_argument(
        "--weights",
        action="append",
        default=None if words else [],
        type=network_file,
        metavar="NETWORK=FILE",
        help=f"weights of a network; again for another's (default: {words or 'where they are kept'})",
    )
    if not words:
        command.set_defaults(project_weights={})


def weights(args: argparse.Namespace, methods: Sequence[str] | None = None) -> dict[str, Path]:
    """The files of --weights, and of the project file for those networks that `methods` have."""
    from stvt.baselines import networks_of

    networks = args.project_weights if methods is None else networks_of(methods)
    theirs = {name: file for name, file in args.project_weights.items() if name in networks}
    return theirs | dict(args.weights)


def say_own_weights(methods: Sequence[str], settings: Settings) -> None:
    """Say which methods take weights of the user's own where stvt has some, too."""
    from stvt.baselines import networks_of, weight_overrides

    for line in weight_overrides(networks_of(methods), settings):
        note(line)


def add_untrained(command: Any) -> None:
    flag(command, "--untrained", "random weights, for runtime and plumbing")


def add_precision(command: Any, words: str = "") -> None:
    _add(command, "--precision", "of networks", "fp32", words, choices=["fp32", "bf16", "fp16"])


def add_tile(command: Any) -> None:
    command.add_argument(
        "--tile",
        type=tile,
        metavar="N",
        help="networks work in tiles of N low-resolution pixels; auto: only when memory runs out, "
        "of half the side each time (default: whole frames)",
    )
    gone(command, "--memory", "is gone; --tile auto takes smaller tiles as memory runs out")


def add_chunk(command: Any) -> None:
    command.add_argument(
        "--chunk",
        type=positive,
        metavar="N",
        help="recurrent networks (basicvsr) compute longer sequences in pieces of N frames that "
        "overlap (default: as many as have 4 GiB of features)",
    )


def add_compile(command: Any) -> None:
    command.add_argument(
        "--compile",
        dest="compiled",
        choices=["parts", "graphs"],
        default="",
        help="networks by torch.compile: minutes before the first frame; graphs: CUDA graphs, too "
        "(default: not compiled)",
    )


def add_workers(command: Any, words: str = "") -> None:
    _add(command, "--workers", "processes", 1, words, type=positive)


def add_cluster(command: Any) -> None:
    command.add_argument(
        "--cluster", metavar="tcp://HOST:8786", help="a Dask scheduler (default: this machine)"
    )


def gone(command: Any, name: str, instead: str) -> None:
    """An argument that was: it ends the command with one line that says what replaces it."""

    def refuse(text: str) -> NoReturn:
        raise ArgumentTypeError(instead)

    command.add_argument(
        name, nargs="?", const="", metavar="WORD", type=refuse, help=argparse.SUPPRESS
    )


def path(text: str) -> Path:
    """What `type=Path` stands for in every parser: not nothing, which would be the current folder."""
    if not text:
        raise ArgumentTypeError("an empty path, perhaps of a variable that is not set")
    return Path(text)


def positive(text: str, least: int = 1) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < least:
        raise ArgumentTypeError(f"'{text}' is not a whole number from {least} on")
    return int(text)


def natural(text: str) -> int:
    """A whole number from 0 on."""
    return positive(text, 0)


def number(words: str, is_allowed: Callable[[float], bool]) -> Callable[[str], float]:
    """The type of a number, of those that `words` name."""

    def read(text: str) -> float:
        with suppress(ValueError):
            if is_allowed(value := float(text)):
                return value
        raise ArgumentTypeError(f"'{text}' is not {words}")

    return read


non_negative = number("a finite number from 0 on", lambda value: 0 <= value < math.inf)
above_zero = number("a finite number above 0", lambda value: 0 < value < math.inf)


def tile(text: str) -> int | Literal["auto"]:
    """The side of tiles, or "auto"."""
    return "auto" if text == "auto" else positive(text)


def size(text: str) -> tuple[int, int]:
    """WIDTHxHEIGHT, as (height, width).

    >>> size("960x540")
    (540, 960)
    """
    width, _, height = text.partition("x")
    if not (width and height):
        raise ArgumentTypeError(f"'{text}' is not of the form WIDTHxHEIGHT, as in 960x540")
    return positive(height), positive(width)


def moments(text: str) -> tuple[float, ...]:
    """Times between two frames, with commas.

    >>> moments("0.25,0.5")
    (0.25, 0.5)
    """
    times = tuple(
        float(part) if _NUMBER.fullmatch(part.strip()) else 0.0 for part in text.split(",")
    )
    if not all(0 < t < 1 for t in times):
        raise ArgumentTypeError(f"'{text}' is no list of times between 0 and 1, as in 0.25,0.5")
    return times


def byte_size(text: str) -> int:
    """Bytes, from a number with a unit; a unit with an i counts in 1024s, one without in 1000s.

    >>> byte_size("4GiB"), byte_size("1.5 GB"), byte_size("512MiB"), byte_size("100000000")
    (4294967296, 1500000000, 536870912, 100000000)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?|b?)\s*", text, re.IGNORECASE)
    if match is None or not float(match[1]):
        raise ArgumentTypeError(f"'{text}' is no size; write one as in 4GiB or 800MB")
    base = 1024 if match[3] else 1000
    return int(float(match[1]) * base ** UNITS[(match[2] or "").lower()])


def network_file(text: str) -> tuple[str, Path]:
    """NETWORK=FILE."""
    name, equals, file = text.partition("=")
    if not (name and equals and file):
        raise ArgumentTypeError(f"'{text}' is not of the form NETWORK=FILE")
    return name, Path(file)


def names(text: str) -> tuple[str, ...]:
    """A list with commas, of one name at least.

    >>> names("psnr, ssim")
    ('psnr', 'ssim')
    """
    parts = tuple(name.strip() for name in text.split(","))
    if not all(parts):
        raise ArgumentTypeError(f"'{text}': a name is missing{' beside a comma' * (',' in text)}")
    return parts


def names_or_none(text: str) -> tuple[str, ...]:
    """A list with commas; the empty text is none."""
    return names(text) if text else ()
