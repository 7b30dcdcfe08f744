"""Custom methods: a class in a user's file, or an entry point of an installed package."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from importlib.metadata import EntryPoint
from itertools import chain
from pathlib import Path
from types import CellType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from stvt.core import custom_code
from stvt.core.custom_code import CustomModules, digest, files_digest, load_file

from .errors import CustomMethodError, MethodError
from .method import IsWanted, Method, Outputs, Scene, Settings, WindowMethod, everything

OVERSHOOT = 0.1  # beyond [0, 1], of sharp filters and networks
FEW_VALUES = 0.01  # of a frame that may lie further out
MOST_OBJECTS = 100_000  # that are searched for networks
HOLDERS = ("__closure__", "__self__", "func", "args", "keywords")  # of functions and partials
guarded = partial(custom_code.guarded, error=CustomMethodError, passes=MethodError, ours=__file__)


def from_entry_point(point: EntryPoint, settings: Settings) -> Method:
    """The method of an installed package."""
    with guarded(f"{point.name} ({point.value})"):
        factory = point.load()
    method = adapt(point.name, factory, settings)
    is_code = inspect.isclass(factory) or inspect.isfunction(factory)
    source = inspect.getsourcefile(factory) if is_code else None
    code = digest([Path(source)]) if source else point.value
    method.fingerprint = f"{code} {method.fingerprint}".strip()
    return method


def from_file(path: Path, name: str, settings: Settings) -> Method:
    """The class `name` of the Python file, which is run for it once in a process."""
    if not path.is_file():
        raise MethodError(f"{path}: there is no such file; write FILE.py:Class")
    with guarded(str(path)):
        modules = load_file(path)
    if not hasattr(modules.main, name):
        raise MethodError(f"{path} defines no {name!r}; write FILE.py:Class")
    method = adapt(name, getattr(modules.main, name), settings, modules)
    method.fingerprint = f"{modules.digest()} {method.fingerprint}".strip()
    return method


def adapt(
    name: str, factory: Callable[..., Any], settings: Settings, modules: CustomModules | None = None
) -> Method:
    """The object that `factory` makes, as a Method.

    factory: a class or function; called with the settings if it takes an argument, else with none.
    modules: those of its file, for what it imports later.
    """
    if not callable(factory):
        raise MethodError(f"{name} is no class or function that makes a method")
    with guarded(name, modules):
        inner = factory(settings) if takes_settings(factory) else factory()
        stated = files_digest(getattr(inner, "fingerprint", ""), modules)
        if isinstance(inner, Method) and not isinstance(inner, WindowMethod):
            method: Method = guard(inner, modules)
        elif not callable(inner):
            raise MethodError(f"{name} has no __call__(self, window, times)")
        else:
            method = CustomMethod(name, inner, settings, modules)
    method.fingerprint = stated
    return method


def guard(method: Method, modules: CustomModules | None) -> Method:
    """A user's own `Method`, its functions guarded."""
    inner_stream, inner_support, inner_begin = method.stream, method.support, method.begin

    def stream(*arguments: Any, **options: Any) -> Outputs:
        with guarded(method.name, modules):
            outputs = iter(inner_stream(*arguments, **options))
        while True:
            with guarded(method.name, modules):
                output = next(outputs, None)
            if output is None:
                return
            yield output

    def support(t: float, times: Sequence[float]) -> tuple[int, int]:
        with guarded(method.name, modules):
            return reach(method.name, inner_support(t, times))

    def begin(scene: Scene) -> None:
        with guarded(method.name, modules):
            inner_begin(scene)

    for function in (stream, support, begin):
        setattr(method, function.__name__, function)
    if not isinstance(getattr(method, "name", None), str):
        method.name = type(method).__name__
    return method


def reach(name: str, value: object) -> tuple[int, int]:
    """What `support` returned, if that is two whole numbers."""
    match value:
        case (int(before), int(after)) if min(before, after) >= 0:
            return before, after
    raise CustomMethodError(
        f"{name}: support(t, times) returned {value!r}, not how many frames before and after"
    )


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

    def __init__(
        self, name: str, inner: Any, settings: Settings, modules: CustomModules | None = None
    ) -> None:
        self.name, self.inner, self.device = name, inner, torch.device(settings.device)
        self.modules, self.is_out_of_range = modules, False
        self.before = whole_number(name, inner, "before", 0, 0)
        self.after = whole_number(name, inner, "after", 0, 0)
        self.scale = whole_number(name, inner, "scale", settings.scale, 1)
        self.weights = str(getattr(inner, "weights", ""))
        self.prepare_networks()

    def networks(self) -> list[nn.Module]:
        own = self.inner.networks() if isinstance(self.inner, Method) else []
        loaded = [self.modules.main, *self.modules.modules.values()] if self.modules else []
        return find_networks([*own, self.inner, *map(vars, loaded)])

    def prepare_networks(self) -> None:
        for network in self.networks():
            network.to(self.device).eval()

    def begin(self, scene: Scene) -> None:
        warnings: list[str] = []
        if self.modules and self.modules.rerun_error:
            warnings.append(
                f"{self.name}: its file cannot be run anew for each scene "
                f"({self.modules.rerun_error}): what its globals and classes keep goes on to the next"
            )
        self.warnings, self.is_out_of_range = warnings, False
        if hasattr(self.inner, "begin"):
            with self.guarded():
                self.inner.begin(scene)
        self.prepare_networks()  # it may have loaded them for this scene

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        if hasattr(self.inner, "support"):
            with self.guarded():
                return reach(self.name, self.inner.support(t, times))
        return super().support(t, times)

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        with self.guarded(), evaluation_mode():
            output = self.inner(window.to(self.device), list(times))
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
        self.check_range(output)
        return output

    def check_range(self, output: Tensor) -> None:
        """Adds a warning, one a scene, if the values are not in [0, 1]."""
        outside = (output - 0.5).abs() > 0.5 + OVERSHOOT
        if not self.is_out_of_range and outside.float().mean() > FEW_VALUES:
            self.is_out_of_range = True
            low, high = output.min(), output.max()
            warning = (
                f"{self.name}: values from {low:.3g} to {high:.3g}, where [0, 1] is expected; what "
                "lies outside is clipped: are they in 0..255 or -1..1?"
            )
            self.warnings = [*self.warnings, warning]

    def guarded(self) -> AbstractContextManager[None]:
        return guarded(self.name, self.modules)


class FailedMethod(Method):
    """Stands for a method that could not be built: raises the error for every scene."""

    def __init__(self, name: str, scale: int, error: MethodError) -> None:
        self.name, self.scale, self.error = name, scale, error

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return 0, 0

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
    ) -> Outputs:
        raise self.error


@contextmanager
def evaluation_mode() -> Iterator[None]:
    """The context in which a network that runs in training mode is put into evaluation mode."""

    def evaluate(module: nn.Module, _: Any) -> None:
        if module.training:
            module.eval()

    handle = nn.modules.module.register_module_forward_pre_hook(evaluate)
    try:
        yield
    finally:
        handle.remove()


def find_networks(roots: Sequence[Any]) -> list[nn.Module]:
    """The networks in objects: in attributes, lists, dicts, closures and bound methods, at any depth.

    A network inside another is not listed by itself.
    """
    found: dict[int, nn.Module] = {}
    seen: set[int] = set()
    waiting = list(reversed(roots))
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, type | ModuleType | Tensor | str | bytes):
            continue
        seen.add(id(value))
        if isinstance(value, nn.Module):
            found[id(value)] = value
        elif isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list | tuple | set | frozenset):
            waiting += value
        elif isinstance(value, CellType):
            waiting += [value.cell_contents] if value != CellType() else []
        elif len(seen) < MOST_OBJECTS:
            waiting += getattr(value, "__dict__", {}).values()
            slots = [one.__dict__.get("__slots__", ()) for one in type(value).__mro__]
            for name in chain(HOLDERS, *([one] if isinstance(one, str) else one for one in slots)):
                with suppress(Exception):  # a slot that is empty, a property of the user's
                    waiting.append(getattr(value, name))
    inner = {id(part) for network in found.values() for part in list(network.modules())[1:]}
    return [network for key, network in found.items() if key not in inner]


def whole_number(name: str, inner: Any, what: str, default: int, least: int) -> int:
    value = getattr(inner, what, default)
    if not isinstance(value, int) or value < least:
        raise CustomMethodError(f"{name}: {what} is {value!r}, not a whole number from {least} on")
    return value
