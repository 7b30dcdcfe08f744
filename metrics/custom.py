"""Custom metrics: a function in a user's file, or an entry point of an installed package."""

from __future__ import annotations

import inspect
import math
import os
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np

from stvt.core import custom_code
from stvt.core.custom_modules import CustomModules, digest, files_digest, load_file

from .errors import MetricError
from .metric import LoadNetwork, Measure, Metric
from .preprocess import Frame, cropped

guarded = partial(custom_code.guarded, error=MetricError, passes=MetricError, ours=__file__)


def from_file(spec: str) -> Metric:
    """The metric of NAME=FILE.py:function, or of FILE.py:function, which is called as it is there."""
    place, _, function = spec.rpartition(":")
    name, _, file = place.rpartition("=")
    opener = FromFile(name or function, os.path.abspath(os.path.expanduser(file)), function)
    modules, function = opener.load()
    return _described(opener.name, function, modules.digest(), modules, opener, spec)


def from_entry_point(point: EntryPoint) -> Metric:
    """The metric of an installed package."""
    opener = FromPackage(point.name, point.value)
    function = opener.load()
    source = inspect.getsourcefile(function) if inspect.isfunction(function) else None
    version = digest([Path(source)]) if source else point.value
    return _described(point.name, function, version, None, opener, point.name)


def _described(
    name: str,
    function: Any,
    fingerprint: str,
    modules: CustomModules | None,
    opener: FromFile | FromPackage,
    spec: str,
) -> Metric:
    """The metric with what the function's attributes declare of it."""
    if not re.fullmatch(r"[^\W\d][\w.-]*", name):
        raise MetricError(f"--metrics {spec}: {name!r} is no name; letters, digits, _ . - make one")
    if not callable(function):
        raise MetricError(f"{spec}: {type(function).__name__} is no function of (restored, truth)")
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
        channels=("rgb",),
        summary=next(iter((inspect.getdoc(function) or "").splitlines()), ""),
        definition=" ".join(filter(None, ("custom", spec_end(spec), fingerprint[:16], also[:16]))),
        open=opener,
        spec=spec,
    )


def spec_end(spec: str) -> str:
    """The file's own name and the function, of a specification.

    >>> spec_end("mine=/home/me/sharp.py:sharpness")
    'sharp.py:sharpness'
    """
    return re.split(r"[=/\\]", spec)[-1]


@dataclass(frozen=True)
class FromFile:
    """Opens the metric of a file, in any process."""

    name: str
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

    def __call__(self, device: str, load: LoadNetwork) -> Measure:
        modules, function = self.load()
        return CustomMeasure(self.name, function, modules)


@dataclass(frozen=True)
class FromPackage:
    """Opens the metric of an installed package, in any process."""

    name: str
    value: str

    def load(self) -> Any:
        with guarded(f"{self.name} ({self.value})"):
            return EntryPoint(self.name, self.value, "stvt.metrics").load()

    def __call__(self, device: str, load: LoadNetwork) -> Measure:
        return CustomMeasure(self.name, self.load(), None)


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
        with self._guarded():
            returned = self.function(*(np.array(frame) for frame in pair))
        try:
            if isinstance(returned, str | bytes):
                raise TypeError
            value = float(returned)
        except (TypeError, ValueError) as error:
            raise MetricError(
                f"{self.name} returned {type(returned).__name__}, not one number"
            ) from error
        equal = self.higher_is_better and value == math.inf and np.array_equal(*pair)
        if not (math.isfinite(value) or equal):
            raise MetricError(
                f"{self.name} returned {value}; a finite number is expected"
                + (", or inf where the frames are equal" if self.higher_is_better else "")
            )
        return value

    def _guarded(self) -> AbstractContextManager[None]:
        return guarded(self.name, self.modules)
