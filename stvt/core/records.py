"""Dataclasses to JSON and back: a reader that checks every type and names the field that is wrong."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, partial
from itertools import repeat
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import StvtError

T = TypeVar("T")
LARGEST = 2**63 - 1  # of whole numbers: what arrays and data frames hold


def from_dict(cls: type[T], value: object, where: str, error: type[StvtError] = StvtError) -> T:
    """The dataclass `cls` from what JSON gave; fields that it does not know are passed over.

    Types: str, int (of 64 bits), float, bool, None, unions, Literal, list, tuple, dict[str, ...], dataclasses.
    where: the file, for the message.
    Raises `error`, as in "run.json: scenes[2].frames: is 'x', expected int", at the first fault.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Size:
    ...     width: int
    >>> from_dict(Size, {"width": "x"}, "a.json")
    Traceback (most recent call last):
    stvt.core.errors.StvtError: a.json: width: is 'x', expected int
    """
    try:
        record: T = _reader(cls)(value)
    except _Fault as fault:
        raise error(f"{where}: {fault}") from None
    return record


class _Fault(Exception):
    """What is wrong with a value, and the parts of its place, from the inside out."""

    def __init__(self, said: str) -> None:
        self.said, self.place = said, list[str]()

    def __str__(self) -> str:
        place = "".join(reversed(self.place)).removeprefix(".")
        return f"{place or 'the whole'}: {self.said}"


Reader = Callable[[Any], Any]  # checks and converts a value, or raises _Fault


def _reader(kind: Any) -> Reader:
    """The reader of a type. Types are looked at once, values by the ten thousand."""
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return partial(_dataclass, kind)
    if origin in (Union, types.UnionType):
        return partial(_union, [_reader(one) for one in arguments])
    if origin in (list, tuple):
        if origin is list or arguments[-1] is ...:
            return partial(_list, kind, repeat(_reader(arguments[0])))
        return partial(_list, kind, [_reader(one) for one in arguments])
    if origin in (dict, Mapping):
        return partial(_dict, kind, _reader(arguments[1]))
    return partial(_plain, kind, arguments if origin is Literal else ())


def _plain(kind: Any, allowed: tuple[Any, ...], value: Any) -> Any:
    if type(value) is int and abs(value) > LARGEST and kind is not Any:
        raise _Fault(f"is {_short(value)}, too large")
    if type(value) is kind or kind is Any or value in allowed:
        return value
    if kind is float and type(value) is int:
        return float(value)
    raise _unexpected(kind, value)


def _list(kind: Any, readers: Iterable[Reader], value: Any) -> Any:
    if not isinstance(value, list) or (isinstance(readers, list) and len(value) != len(readers)):
        raise _unexpected(kind, value)
    return get_origin(kind)(map(_read, readers, value, range(len(value))))


def _dict(kind: Any, reader: Reader, value: Any) -> Any:
    if not isinstance(value, dict):
        raise _unexpected(kind, value)
    return {name: _read(reader, one, name) for name, one in value.items()}


def _dataclass(kind: Any, value: Any) -> Any:
    if not isinstance(value, dict):
        raise _unexpected("an object", value)
    given = {}
    for name, reader, is_needed in _fields(kind):
        if name in value:
            given[name] = _read(reader, value[name], name)
        elif is_needed:
            fault = _Fault("is missing")
            fault.place.append(f".{name}")
            raise fault
    return kind(**given)


@cache
def _fields(kind: Any) -> list[tuple[str, Reader, bool]]:
    """Name, reader and whether it has no default, of each field of a dataclass."""
    hints = get_type_hints(kind)
    return [
        (
            field.name,
            _reader(hints[field.name]),
            field.default is MISSING and field.default_factory is MISSING,
        )
        for field in fields(kind)
    ]


def _union(readers: list[Reader], value: Any) -> Any:
    faults = []
    for reader in readers:
        try:
            return reader(value)
        except _Fault as fault:
            faults.append(fault)
    # The fault of the kind that came nearest: a dataclass or list rather than "is no null".
    raise max(faults, key=lambda fault: len(fault.place))


def _read(reader: Reader, value: Any, at: str | int) -> Any:
    try:
        return reader(value)
    except _Fault as fault:
        fault.place.append(f".{at}" if isinstance(at, str) else f"[{at}]")
        raise


def _unexpected(kind: Any, value: Any) -> _Fault:
    return _Fault(f"is {_short(value)}, expected {_name(kind)}")


def _name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(repr, get_args(kind)))
    if isinstance(kind, str):
        return kind
    return "null" if kind in (None, type(None)) else str(getattr(kind, "__name__", kind))


def _short(value: object) -> str:
    try:
        text = repr(value)
    except RecursionError:
        text = f"a deep {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."
