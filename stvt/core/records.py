"""Dataclasses to JSON and back: a reader that checks every type and names the field that is wrong."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import StvtError

T = TypeVar("T")


def from_dict(cls: type[T], value: object, where: str, error: type[StvtError] = StvtError) -> T:
    """The dataclass `cls` from what JSON gave; fields that it does not know are passed over.

    Types: str, int, float, bool, None, unions, Literal, list, tuple, dict[str, ...], dataclasses.
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
        record: T = _convert(cls, value, "")
    except _Fault as fault:
        raise error(f"{where}: {fault}") from None
    return record


class _Fault(Exception):
    pass


@cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    return get_type_hints(cls)


def _convert(kind: Any, value: Any, place: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _dataclass(kind, value, place)
    if origin is Literal and value in arguments:
        return value
    if origin in (Union, types.UnionType):
        return _union(arguments, value, place)
    if origin in (list, tuple) and isinstance(value, list):
        if origin is tuple and arguments[-1:] != (...,):
            if len(value) == len(arguments):
                pairs = zip(arguments, value)
                return tuple(_convert(k, v, f"{place}[{i}]") for i, (k, v) in enumerate(pairs))
        else:
            items = (_convert(arguments[0], v, f"{place}[{i}]") for i, v in enumerate(value))
            return origin(items)
    if origin in (dict, Mapping) and isinstance(value, dict):
        return {k: _convert(arguments[1], v, _at(place, k)) for k, v in value.items()}
    if kind is float and type(value) is int and abs(value) < 1 << 1023:
        return float(value)
    if kind in (str, int, float, bool) and type(value) is kind:
        return value
    if kind in (None, type(None)) and value is None:
        return None
    raise _Fault(f"{place or 'the whole'}: is {_short(value)}, expected {_name(kind)}")


def _dataclass(kind: Any, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise _Fault(f"{place or 'the whole'}: is {_short(value)}, expected an object")
    hints, given = _hints(kind), {}
    for field in fields(kind):
        if field.name in value:
            at = _at(place, field.name)
            given[field.name] = _convert(hints[field.name], value[field.name], at)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise _Fault(f"{_at(place, field.name)}: is missing")
    return kind(**given)


def _union(kinds: tuple[Any, ...], value: Any, place: str) -> Any:
    faults = []
    for kind in kinds:
        try:
            return _convert(kind, value, place)
        except _Fault as fault:
            faults.append(fault)
    # The fault of the kind that came nearest: a dataclass or list rather than "is no null".
    raise max(faults, key=lambda fault: len(str(fault).partition(":")[0]))


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(repr, get_args(kind)))
    return "null" if kind in (None, type(None)) else str(getattr(kind, "__name__", kind))


def _short(value: object) -> str:
    try:
        text = repr(value)
    except RecursionError:
        text = f"a deep {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."
