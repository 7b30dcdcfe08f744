"""What several commands read from their arguments; each says in one line what was expected."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"'{text}' is not a whole number from 1 on")
    return int(text)


def natural(text: str) -> int:
    """A whole number from 0 on."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"'{text}' is not a whole number from 0 on")
    return int(text)


def size(text: str) -> tuple[int, int]:
    """WIDTHxHEIGHT, as (height, width).

    >>> size("960x540")
    (540, 960)
    """
    width, cross, height = text.partition("x")
    if not cross:
        raise ArgumentTypeError(f"'{text}' is not of the form WIDTHxHEIGHT, as in 960x540")
    return positive(height), positive(width)


def memory_size(text: str) -> int:
    """Bytes, from 4GiB, 800MB and the like."""
    from stvt.baselines import MethodError, parse_size

    try:
        return parse_size(text)
    except MethodError as error:
        raise ArgumentTypeError(str(error)) from error


def add_compile(command: Any) -> None:
    """Add the option that has networks compiled."""
    command.add_argument(
        "--compile",
        choices=["parts", "graphs"],
        default="",
        help="networks by torch.compile: minutes before the first frame; graphs: CUDA graphs, too",
    )
