"""What is stated of a method that stvt does not run: `name=frames:FOLDER,params=30.9M,seconds=0.3`."""

from __future__ import annotations

import re
from pathlib import Path

from stvt.core.files import read_json

from .errors import MethodError

STATED = re.compile(r"(params|operations|seconds)=(\d{1,30}(?:\.\d+)?(?:e[+-]?\d\d?)?) ?([kMGT]?)")
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def is_stated(text: str) -> bool:
    """Whether a text states a cost of a method.

    >>> is_stated("params=30.9M"), is_stated("mine=frames:/x")
    (True, False)
    """
    return text.startswith(("params=", "operations=", "seconds="))


def split_stated(text: str) -> tuple[str, str]:
    """The folder, and what is stated after it.

    >>> split_stated("/x,y,params=30.9M,seconds=0.3")
    ('/x,y', ',params=30.9M,seconds=0.3')
    """
    parts = text.split(",")
    while len(parts) > 1 and is_stated(parts[-1].strip()):
        parts.pop()
    folder = ",".join(parts)
    return folder, text[len(folder) :]


def stated_cost(name: str, file: Path, text: str) -> dict[str, object]:
    """The cost that a text, or else the file, states, by the names that a run records.

    Raises MethodError for what is no number.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if file.is_file():
        held = read_json(file, MethodError)
        if not isinstance(held, dict):
            raise MethodError(f'{file}: holds no object such as {{"params": "30.9M"}}')
        words = [f"{key}={value}" for key, value in held.items() if is_stated(f"{key}=")] + words
    numbers = {}
    for word in words:
        match = STATED.fullmatch(word)
        if match is None:
            raise MethodError(f"{name}: {word!r} is no number, as in params=30.9M or seconds=0.3")
        numbers[match[1]] = float(match[2]) * UNITS[match[3]]
    cost: dict[str, object] = {"stated": sorted(numbers)} if numbers else {}
    for key, field in (("params", "parameters"), ("operations", "multiply_accumulates")):
        cost |= {field: round(numbers[key])} if key in numbers else {}
    return cost | ({"runtime": {"median": numbers["seconds"]}} if "seconds" in numbers else {})
