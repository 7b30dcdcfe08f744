"""Methods built from their expressions, their networks with weights."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import registry
from .cascade import Cascade, weights_label
from .custom import from_entry_point, from_file
from .errors import MethodError
from .expression import (
    FILE,
    FRAMES,
    check_composition,
    components,
    split_label,
    split_stated,
    unknown_name,
)
from .method import Method, Settings
from .precomputed import PrecomputedFrames
from .registry import ALIASES, METHODS, network_spec
from .spec import load
from .weights.load import ready_network
from .weights.store import mismatch

if TYPE_CHECKING:
    from torch import nn


def build(spec: str, settings: Settings, *, larger: bool = False, new: bool = False) -> Method:
    """The method that `spec` describes: what `docs/methods.md` says can be written.

    larger, new: whether it must enlarge, and whether it must make new frames.

    Raises MethodError, in one line, for whatever cannot be built.
    """
    label, what = split_label(spec)
    if what.startswith(FRAMES) and label != what:
        folder, stated = split_stated(what.removeprefix(FRAMES))
        return PrecomputedFrames(label, Path(os.path.expanduser(folder)), settings.scale, stated)
    names = components(ALIASES.get(what, what))
    check_composition(label, names)
    stages = [single_method(name, settings) for name in names]
    method = (
        stages[0] if len(stages) == 1 else Cascade(stages[0], stages[1], settings.handoff_dtype)
    )
    method.name = label
    if settings.compiled:
        from .acceleration.compilation import compile_networks

        compile_networks(method, settings.compiled, settings.device)
    if larger and method.scale == 1:
        raise MethodError(f"{label} makes no larger frames; write bicubic+{what} or another before")
    if larger and method.scale != settings.scale:
        raise MethodError(f"{label} enlarges by {method.scale}, not by {settings.scale}")
    if new and method.spatial:
        raise MethodError(f"{label} makes no new frames; write {what}+blend or another after it")
    return method


def single_method(name: str, settings: Settings) -> Method:
    """A method by its name, here or installed, or by its file and class."""
    if name in METHODS:
        return registered_method(name, settings)
    if file := FILE.fullmatch(name):
        return from_file(Path(os.path.expanduser(file["file"])), file["name"], settings)
    installed = registry.installed()
    if name in installed:
        return from_entry_point(installed[name], settings)
    raise MethodError(unknown_name(name))


def registered_method(name: str, settings: Settings) -> Method:
    """A method of `METHODS`, its networks with weights as the settings ask."""
    spec = METHODS[name]
    if spec.kind != "temporal" and settings.scale not in spec.scales:
        scales = " or ".join(map(str, spec.scales))
        raise MethodError(f"{name} enlarges by {scales} only, not by {settings.scale}")
    method: Method
    if not spec.networks:
        method = load(spec.method)(settings, name)
        return method
    if settings.precision == "fp16" and settings.device == "cpu":
        raise MethodError(f"{name}: fp16 is a hundred times slower on a CPU; use bf16 or fp32")
    ready = [ready_network(network, settings) for network in spec.networks]
    labels = [label for _, label in ready]
    networks = [network for network, _ in ready]
    method = method_of(name, networks, settings, weights_label(labels))
    pairs = zip(spec.networks, labels, strict=True)
    lines = [mismatch(network, settings, label) for network, label in pairs]
    method.mismatch = "; ".join(filter(None, lines)) if spec.kind != "temporal" else ""
    return method


def method_of(
    name: str, networks: Sequence[nn.Module], settings: Settings, weights: str = ""
) -> Method:
    """The method that runs networks at hand, the first of which is the one of that name."""
    method: Method = load(network_spec(name).method)(
        *networks, settings=settings, name=name, weights=weights
    )
    return method
