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
from stvt.core.custom_code import CustomModules, digest, files_digest, load_file, package_files

from .errors import CustomMethodError, MethodError
from .method import IsWanted, Method, Outputs, Scene, Settings, WindowMethod, everything

OVERSHOOT = 0.1  # beyond [0, 1], of sharp filters and networks
FEW_VALUES = 0.01  # of a frame that may lie further out
SAME_TIME = 1e-6  # of input frames: k + t loses digits of t
MOST_OBJECTS = 100_000  # that are searched for networks
HOLDERS = ("__closure__", "__self__", "func", "args", "keywords")  # of functions and partials
guarded = partial(custom_code.guarded, error=CustomMethodError, passes=MethodError, ours=__file__)


def from_entry_point(point: EntryPoint, settings: Settings) -> Method:
    """The method of an installed package."""
    with guarded(f"{point.name} ({point.value})"):
        factory = point.load()
    method = adapt(point.name, factory, settings)
    method.fingerprint = f"{digest(package_files(point))} {method.fingerprint}".strip()
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
            method: Method = guard(inner, settings, modules)
        elif not callable(inner):
            raise MethodError(f"{name} has no __call__(self, window, times)")
        else:
            method = CustomMethod(name, inner, settings, modules)
    method.fingerprint = stated
    return method


def guard(method: Method, settings: Settings, modules: CustomModules | None) -> Method:
    """A user's own `Method`, its functions guarded and its outputs checked."""
    inner_stream, inner_support, inner_begin = method.stream, method.support, method.begin
    inner_fingerprint = method.fingerprint_of
    if not isinstance(getattr(method, "name", None), str):
        method.name = type(method).__name__
    method.scale = whole_number(method.name, method, "scale", settings.scale, 1)

    def stream(
        frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
    ) -> Outputs:
        height = width = 0

        def measured() -> Iterator[Tensor]:
            nonlocal height, width
            for frame in frames:
                height, width = frame.shape[-2:]
                yield frame

        with guarded(method.name, modules):
            outputs = iter(inner_stream(measured(), times, is_wanted))
        before, is_in_range = -1.0, True
        while True:
            with guarded(method.name, modules):
                output = next(outputs, None)
            if output is None:
                return
            time, frame = timed(method.name, output, times, before)
            shape = 3, method.scale * height, method.scale * width
            frame = checked(method.name, frame, shape, f"{method.scale} times larger")
            if is_in_range and (warning := range_warning(method.name, frame)):
                is_in_range, method.warnings = False, [*method.warnings, warning]
            before = time
            yield time, frame

    def support(t: float, times: Sequence[float]) -> tuple[int, int]:
        with guarded(method.name, modules):
            return reach(method.name, inner_support(t, times))

    def begin(scene: Scene) -> None:
        method.warnings = ()
        with guarded(method.name, modules):
            inner_begin(scene)
        method.warnings = [*method.warnings, *rerun_warnings(method.name, modules)]

    def fingerprint_of(scene: Scene) -> str:
        with guarded(method.name, modules):
            own = inner_fingerprint(scene)
        return method.fingerprint if own == method.fingerprint else f"{method.fingerprint} {own}"

    for function in (stream, support, begin, fingerprint_of):
        setattr(method, function.__name__, function)
    return method


def timed(name: str, output: Any, times: Sequence[float], before: float) -> tuple[float, Any]:
    """What `stream` gave, if that is a frame of a time that was asked for, after that of `before`."""
    try:
        time, frame = output
        time = float(time)
    except (TypeError, ValueError) as error:
        raise CustomMethodError(
            f"{name}: stream gave {type(output).__name__}, not (time, frame)"
        ) from error
    if not min(abs(time % 1 - t) for t in (0, 1, *times)) <= SAME_TIME:
        asked = ", ".join(f"k + {t:g}" for t in times)
        raise CustomMethodError(
            f"{name}: stream gave a frame of time {time:g}; asked for is each k{asked and f', {asked}'}"
        )
    if time <= before:
        raise CustomMethodError(
            f"{name}: stream gave the frame of time {time:g} after that of {before:g}; a method makes "
            "its frames in the order of time, each once"
        )
    return time, frame


def checked(name: str, output: Any, shape: tuple[int, ...], meaning: str) -> Tensor:
    """What a user's method returned, as float32, if that is finite numbers of that shape.

    meaning: of the shape, for the message.
    """
    if not isinstance(output, Tensor):
        raise CustomMethodError(f"{name} returned {type(output).__name__}, not a Tensor")
    if tuple(output.shape) != shape:
        raise CustomMethodError(
            f"{name} returned shape {tuple(output.shape)}, not {shape}: {meaning}"
        )
    if not output.is_floating_point():
        raise CustomMethodError(f"{name} returned {output.dtype}, not floats in [0, 1]")
    values: Tensor = output.detach().float()
    if not torch.isfinite(values).all():
        raise CustomMethodError(f"{name} returned values that are not finite")
    return values


def range_warning(name: str, output: Tensor) -> str:
    """That an output's values are not in [0, 1], in a line; "" where all but a few are."""
    outside = (output - 0.5).abs() > 0.5 + OVERSHOOT
    if outside.float().mean() <= FEW_VALUES:
        return ""
    return (
        f"{name}: values from {output.min():.3g} to {output.max():.3g}, where [0, 1] is expected; "
        "what lies outside is clipped: are they in 0..255 or -1..1?"
    )


def rerun_warnings(name: str, modules: CustomModules | None) -> list[str]:
    """That a method's file keeps its state from scene to scene, where it does."""
    why = modules.rerun_error if modules else ""
    kept = "what its globals and classes keep goes on to the next"
    return [f"{name}: its file cannot be run anew for each scene ({why}): {kept}"] if why else []


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
        self.modules, self.is_in_range = modules, True
        self.before = whole_number(name, inner, "before", 0, 0)
        self.after = whole_number(name, inner, "after", 0, 0)
        self.scale = whole_number(name, inner, "scale", settings.scale, 1)
        self.spatial = bool(getattr(inner, "spatial", False))
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
        self.warnings, self.is_in_range = rerun_warnings(self.name, self.modules), True
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
        number = 0 if self.spatial else len(times)
        meaning = f"the centre frame and one for each of {number} times, {self.scale} times larger"
        shape = 1 + number, 3, self.scale * height, self.scale * width
        output = checked(self.name, output, shape, meaning)
        if self.is_in_range and (warning := range_warning(self.name, output)):
            self.is_in_range, self.warnings = False, [*self.warnings, warning]
        return output

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
