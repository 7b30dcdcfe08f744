"""Custom methods: a class in a user's file, or an entry point of an installed package."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .errors import MethodError
from .method import Method, Scene, Settings, WindowMethod


def from_entry_point(point: EntryPoint, settings: Settings) -> Method:
    """The method of an installed package."""
    try:
        factory = point.load()
    except Exception as error:
        raise MethodError(f"{point.name} ({point.value}): {one_line(error)}") from error
    method = adapt(point.name, factory, settings)
    source = inspect.getsourcefile(factory) if callable(factory) else None
    if source:
        method.fingerprint = sha256(Path(source).read_bytes()).hexdigest()
    return method


def from_file(path: Path, name: str, settings: Settings) -> Method:
    """The class `name` of the Python file, which is run for it."""
    if not path.is_file():
        raise MethodError(f"{path}: there is no such file; write FILE.py:Class")
    module_name = f"stvt_custom_{sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None and spec.loader is not None  # true of any file named .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses and pickle look a class's module up there
    sys.path.insert(0, str(path.resolve().parent))  # for the imports of its neighbours
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise MethodError(f"{path}: {one_line(error)}") from error
    finally:
        sys.path.remove(str(path.resolve().parent))
    if not hasattr(module, name):
        raise MethodError(f"{path} defines no {name!r}; write FILE.py:Class")
    method = adapt(name, getattr(module, name), settings)
    method.fingerprint = sha256(path.read_bytes()).hexdigest()
    return method


def adapt(name: str, factory: Callable[..., Any], settings: Settings) -> Method:
    """The object that `factory` makes, as a Method.

    factory: a class or function; called with the settings if it takes an argument, else with none.
    """
    if not callable(factory):
        raise MethodError(f"{name} is no class or function that makes a method")
    try:
        inner = factory(settings) if takes_settings(factory) else factory()
    except MethodError:
        raise
    except Exception as error:
        raise MethodError(f"{name}: {one_line(error)}") from error
    if isinstance(inner, Method) and not isinstance(inner, WindowMethod):
        return inner
    if not callable(inner):
        raise MethodError(f"{name} has no __call__(self, window, times)")
    return CustomMethod(name, inner, settings)


def takes_settings(factory: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(
        parameter.name == "settings" or parameter.default is parameter.empty
        for parameter in parameters
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    )


class CustomMethod(WindowMethod):
    """Any object with `__call__(window, times)` and maybe `before`, `after`, `scale`.

    What it returns is checked; what it raises becomes one line with its file and line number.
    """

    def __init__(self, name: str, inner: Any, settings: Settings) -> None:
        self.name, self.inner, self.device = name, inner, torch.device(settings.device)
        self.before = whole_number(name, inner, "before", 0, 0)
        self.after = whole_number(name, inner, "after", 0, 0)
        self.scale = whole_number(name, inner, "scale", settings.scale, 1)
        self.weights = str(getattr(inner, "weights", ""))
        for network in self.networks():
            network.to(self.device).eval()

    def networks(self) -> list[nn.Module]:
        if isinstance(self.inner, nn.Module):
            return [self.inner]
        if isinstance(self.inner, Method):
            return self.inner.networks()
        return [value for value in vars(self.inner).values() if isinstance(value, nn.Module)]

    def begin(self, scene: Scene) -> None:
        if hasattr(self.inner, "begin"):
            self.call(self.inner.begin, scene)

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        if hasattr(self.inner, "support"):
            before, after = self.call(self.inner.support, t, times)
            return before, after
        return super().support(t, times)

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        output = self.call(self.inner, window.to(self.device), list(times))
        height, width = window.shape[-2:]
        shape = 1 + len(times), 3, self.scale * height, self.scale * width
        if not isinstance(output, Tensor):
            raise MethodError(f"{self.name} returned {type(output).__name__}, not a Tensor")
        if tuple(output.shape) != shape:
            raise MethodError(
                f"{self.name} returned shape {tuple(output.shape)}, not {shape}: the centre frame "
                f"and one for each of {len(times)} times, {self.scale} times larger"
            )
        if not output.is_floating_point():
            raise MethodError(f"{self.name} returned {output.dtype}, not floats in [0, 1]")
        output = output.detach().float()
        if not torch.isfinite(output).all():
            raise MethodError(f"{self.name} returned values that are not finite")
        return output

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function of the user's returns; what it raises becomes one line."""
        try:
            return function(*arguments)
        except (MethodError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            raise MethodError(f"{self.name}: {one_line(error)}") from error


def whole_number(name: str, inner: Any, what: str, default: int, least: int) -> int:
    value = getattr(inner, what, default)
    if not isinstance(value, int) or value < least:
        raise MethodError(f"{name}: {what} is {value!r}, not a whole number from {least} on")
    return value


def one_line(error: Exception) -> str:
    """An exception in one line: its kind, what it says, and where it arose.

    The place is the last one outside Python's own and installed packages, which is the user's.
    """
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}:{error.lineno})"
    places = [
        place
        for place in traceback.extract_tb(error.__traceback__)
        if place.filename != __file__ and not place.filename.startswith("<")
    ]
    theirs = [place for place in places if "site-packages" not in Path(place.filename).parts]
    message = " ".join(str(error).split())
    where = "".join(f" ({place.filename}:{place.lineno})" for place in (theirs or places)[-1:])
    return f"{type(error).__name__}: {message}{where}"
