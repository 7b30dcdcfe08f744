"""Methods of the user's own: a class in a file, or an entry point of an installed package."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .errors import MethodError
from .method import Method, Scene, Settings, WindowMethod

GROUP = "stvt.methods"


def installed() -> dict[str, EntryPoint]:
    """The methods that installed packages offer, by name."""
    return {point.name: point for point in entry_points(group=GROUP)}


def from_entry_point(point: EntryPoint, settings: Settings) -> Method:
    try:
        maker = point.load()
    except Exception as error:
        raise MethodError(f"{point.name} ({point.value}): {told(error)}") from error
    method = adapted(point.name, maker, settings)
    source = inspect.getsourcefile(maker) if callable(maker) else None
    if source:
        method.fingerprint = sha256(Path(source).read_bytes()).hexdigest()
    return method


def from_file(path: Path, name: str, settings: Settings) -> Method:
    """The class `name` of the Python file, which is run for it."""
    if not path.is_file():
        raise MethodError(f"{path}: there is no such file; write FILE.py:Class")
    module_name = f"stvt_own_{sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None and spec.loader is not None  # true of any file named .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses and pickle look a class's module up there
    sys.path.insert(0, str(path.resolve().parent))  # for the imports of its neighbours
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise MethodError(f"{path}: {told(error)}") from error
    finally:
        sys.path.remove(str(path.resolve().parent))
    if not hasattr(module, name):
        raise MethodError(f"{path} defines no {name!r}; write FILE.py:Class")
    method = adapted(name, getattr(module, name), settings)
    method.fingerprint = sha256(path.read_bytes()).hexdigest()
    return method


def adapted(name: str, maker: Callable[..., Any], settings: Settings) -> Method:
    """What `maker` makes, as a Method.

    maker: called with the settings if it takes an argument, else with none.
    """
    if not callable(maker):
        raise MethodError(f"{name} is no class or function that makes a method")
    try:
        made = maker(settings) if takes_settings(maker) else maker()
    except MethodError:
        raise
    except Exception as error:
        raise MethodError(f"{name}: {told(error)}") from error
    if isinstance(made, Method) and not isinstance(made, WindowMethod):
        return made
    if not callable(made):
        raise MethodError(f"{name} has no __call__(self, window, times)")
    return Own(name, made, settings)


def takes_settings(maker: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(maker).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(
        parameter.name == "settings" or parameter.default is parameter.empty
        for parameter in parameters
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    )


class Own(WindowMethod):
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
            self.guarded(self.inner.begin, scene)

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        if hasattr(self.inner, "support"):
            before, after = self.guarded(self.inner.support, t, times)
            return before, after
        return super().support(t, times)

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        made = self.guarded(self.inner, window.to(self.device), list(times))
        height, width = window.shape[-2:]
        shape = 1 + len(times), 3, self.scale * height, self.scale * width
        if not isinstance(made, Tensor):
            raise MethodError(f"{self.name} returned {type(made).__name__}, not a Tensor")
        if tuple(made.shape) != shape:
            raise MethodError(
                f"{self.name} returned shape {tuple(made.shape)}, not {shape}: the centre frame "
                f"and one for each of {len(times)} times, {self.scale} times larger"
            )
        if not made.is_floating_point():
            raise MethodError(f"{self.name} returned {made.dtype}, not floats in [0, 1]")
        made = made.detach().float()
        if not torch.isfinite(made).all():
            raise MethodError(f"{self.name} returned values that are not finite")
        return made

    def guarded(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except (MethodError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            raise MethodError(f"{self.name}: {told(error)}") from error


def whole_number(name: str, inner: Any, what: str, default: int, least: int) -> int:
    value = getattr(inner, what, default)
    if not isinstance(value, int) or value < least:
        raise MethodError(f"{name}: {what} is {value!r}, not a whole number from {least} on")
    return value


def told(error: Exception) -> str:
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
