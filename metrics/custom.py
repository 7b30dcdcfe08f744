"""Custom metrics: a function or class in a user's file, or an entry point of an installed package."""

from __future__ import annotations

import inspect
import math
import os
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np

from stvt.core import custom_code
from stvt.core.custom_code import CustomModules, digest, files_digest, load_file, package_files

from .errors import MetricError
from .metric import LoadNetwork, Measure, Metric, NewSequence
from .preprocess import Frame, cropped
from .sequence import Scores, SequenceMeasure

SEQUENCE = ("add", "result")  # what a class has that scores sequences
guarded = partial(custom_code.guarded, error=MetricError, passes=MetricError, ours=__file__)


def from_file(spec: str) -> Metric:
    """The metric of NAME=FILE.py:function, or of FILE.py:function, which is called as it is there."""
    place, _, function = spec.rpartition(":")
    name, equals, file = place.partition("=")
    if not equals or re.search(r"[/\\]", name):  # an = in the name of a folder
        name, file = "", place
    opener = FromFile(name or function, os.path.abspath(os.path.expanduser(file)), function)
    modules, loaded = opener.load()
    return _described(opener.name, loaded, modules.digest(), modules, opener, spec)


def from_entry_point(point: EntryPoint) -> Metric:
    """The metric of an installed package."""
    opener = FromPackage(point.name, point.value)
    _, function = opener.load()
    version = digest(package_files(point))
    return _described(point.name, function, version, None, opener, point.name)


def _described(
    name: str,
    function: Any,
    fingerprint: str,
    modules: CustomModules | None,
    opener: _Opener,
    spec: str,
) -> Metric:
    """The metric with what the function's attributes declare of it."""
    if not re.fullmatch(r"[^\W\d][\w.-]*", name):
        raise MetricError(f"--metrics {spec}: {name!r} is no name; letters, digits, _ . - make one")
    if not callable(function):
        raise MetricError(f"{spec}: {type(function).__name__} is no function of (restored, truth)")
    is_sequence = inspect.isclass(function)
    if is_sequence and not all(callable(getattr(function, word, None)) for word in SEQUENCE):
        raise MetricError(f"{spec}: a class scores sequences, by add(restored, truth) and result()")
    higher = getattr(function, "higher_is_better", True)
    unit = getattr(function, "unit", "")
    if not isinstance(higher, bool):
        raise MetricError(f"{name}: higher_is_better is {higher!r}, not True or False")
    if not isinstance(unit, str):
        raise MetricError(f"{name}: unit is {unit!r}, not a text such as 'dB'")
    also = files_digest(getattr(function, "fingerprint", ""), modules)
    return Metric(
        name=name,
        unit=" ".join(unit.split()),
        higher_is_better=higher,
        summary=next(iter((inspect.getdoc(function) or "").splitlines()), ""),
        definition=" ".join(filter(None, ("custom", spec_end(spec), fingerprint[:16], also[:16]))),
        open=opener,
        spec=spec,
        input="sequence" if is_sequence else "frame",
    )


def spec_end(spec: str) -> str:
    """The file's own name and the function, of a specification.

    >>> spec_end("mine=/home/me/sharp.py:sharpness")
    'sharp.py:sharpness'
    """
    return re.split(r"[=/\\]", spec)[-1]


@dataclass(frozen=True)
class _Opener(ABC):
    """Opens a custom metric, in any process."""

    name: str

    @abstractmethod
    def load(self) -> tuple[CustomModules | None, Any]:
        """The modules of a user's file, and the function or class."""

    def __call__(self, device: str, load: LoadNetwork) -> Measure | NewSequence:
        modules, loaded = self.load()
        if inspect.isclass(loaded):
            return partial(CustomSequence, self.name, loaded, modules)
        return CustomMeasure(self.name, loaded, modules)


@dataclass(frozen=True)
class FromFile(_Opener):
    """Opens the metric of a file."""

    file: str
    function: str

    def load(self) -> tuple[CustomModules, Any]:
        if not Path(self.file).is_file():
            raise MetricError(f"{self.file}: there is no such file; write NAME=FILE.py:function")
        with guarded(self.file):
            modules = load_file(Path(self.file))
        if not hasattr(modules.main, self.function):
            raise MetricError(f"{self.file} defines no {self.function!r}; write FILE.py:function")
        return modules, getattr(modules.main, self.function)


@dataclass(frozen=True)
class FromPackage(_Opener):
    """Opens the metric of an installed package."""

    value: str

    def load(self) -> tuple[None, Any]:
        with guarded(f"{self.name} ({self.value})"):
            return None, EntryPoint(self.name, self.value, "stvt.metrics").load()


class CustomMeasure:
    """A user's function as a measure: it gets copies of the frames, and what it returns is checked.

    One call at a time, though frames are scored by several threads.
    """

    def __init__(self, name: str, function: Any, modules: CustomModules | None) -> None:
        self.name, self.function, self.modules = name, function, modules
        self.higher_is_better = getattr(function, "higher_is_better", True)

    def __call__(
        self, restored: Frame, truth: Frame, channel: str = "rgb", crop_border: int = 0
    ) -> float:
        """Both are uint8 RGB, (H, W, 3).

        Raises MetricError, one line, for what the function raises, for no number and for NaN.
        """
        if channel != "rgb":
            raise ValueError(f"{self.name}: channel is {channel!r}, it is defined for 'rgb' only")
        pair = cropped(self.name, restored, truth, crop_border)
        with guarded(self.name, self.modules):
            returned = self.function(*(np.array(frame) for frame in pair))
        value = _number(self.name, returned)
        equal = self.higher_is_better and value == math.inf and np.array_equal(*pair)
        if not (math.isfinite(value) or equal):
            raise MetricError(
                f"{self.name} returned {value}; a finite number is expected"
                + (", or inf where the frames are equal" if self.higher_is_better else "")
            )
        return value


class CustomSequence(SequenceMeasure):
    """A user's class as a measure of sequences: an object of it for each scene."""

    def __init__(self, name: str, kind: Any, modules: CustomModules | None) -> None:
        super().__init__()
        self.name, self.modules = name, modules
        self.higher_is_better = getattr(kind, "higher_is_better", True)
        self.equal: list[bool] = []
        with guarded(self.name, self.modules):
            self.inner = kind()

    def add_pair(self, restored: Frame, truth: Frame) -> None:
        self.equal.append(self.higher_is_better and np.array_equal(restored, truth))
        with guarded(self.name, self.modules):
            self.inner.add(np.array(restored), np.array(truth))

    def result(self) -> Scores:
        with guarded(self.name, self.modules):
            returned = self.inner.result()
            single = np.ndim(returned) == 0
            listed = [returned] if single else list(returned)
        values = [None if one is None else _number(self.name, one) for one in listed]
        return values[0] if single and values[0] is not None else values

    def is_valid(self, value: float, place: int | None) -> bool:
        equal = all(self.equal) if place is None else self.equal[place]
        return math.isfinite(value) or (equal and value == math.inf)


def _number(name: str, returned: Any) -> float:
    """What a user's code returned. Raises MetricError if it is no number."""
    try:
        if isinstance(returned, str | bytes | np.complexfloating):  # which `float` would take
            raise TypeError
        return float(returned)
    except OverflowError as error:
        raise MetricError(f"{name} returned an integer beyond all floats") from error
    except (TypeError, ValueError, RuntimeError) as error:  # the last is a tensor's
        raise MetricError(f"{name} returned {type(returned).__name__}, not one number") from error
