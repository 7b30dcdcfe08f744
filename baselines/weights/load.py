"""Weights into networks: those of a file, strictly, or random ones."""

from __future__ import annotations

import math
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stvt.core.files import sha256_of
from stvt.core.formatting import LONGEST, plain

from ..errors import MethodError
from ..method import Settings
from ..registry import checkpoint, network, network_spec
from ..spec import load
from .read import State, read_state
from .store import find_weights, read_record

SEED = 0  # of --untrained


def ready_network(name: str, settings: Settings) -> tuple[nn.Module, str]:
    """A network as the settings ask, and what to record of its weights.

    That is the sha256 of their file, or "untrained". A file named for this very network goes before
    `untrained`.
    """
    if settings.untrained and name not in settings.weights:
        random = network(name, settings.scale)
        init_weights(name, random)
        return random, "untrained"
    spec = network_spec(name)
    scale = {"scale": settings.scale} if len(spec.scales) > 1 else {}
    file = find_weights(name, settings)
    return load_network(name, file, new_frames=settings.new_frames, **scale)


def published_network(name: str) -> nn.Module:
    """The network of that name with its published weights.

    Raises MethodError, with what to do, if they are not here, or others are in their place: scores
    name the published ones.
    """
    file = find_weights(name, Settings(), published=True)
    network, sha256 = load_network(name, file)
    if not sha256.startswith(checkpoint(name).sha256):
        raise MethodError(
            f"{name}: {file} is another file than the published one; put that in its place with "
            f"`stvt weights fetch {name} --renew`"
        )
    return network


def load_network(
    name: str, file: Path, *, new_frames: bool = True, **arguments: Any
) -> tuple[nn.Module, str]:
    """The network of that name filled with a file, in evaluation mode, and the file's sha256.

    new_frames: whether it will make any; else the file may lack what only those read.
    arguments: of its class, in place of what the file says.

    Raises MethodError, one line, for a file of anything else.
    """
    spec = network_spec(name)
    try:
        state, arguments, own = match(name, read_state(file, name), **arguments)
    except ValueError as error:
        raise MethodError(
            f"{name}: {file} is of another network; {plain(error, LONGEST)}"
        ) from error
    optional, only_new = spec.optional_keys, spec.variants[name].new_frame_keys
    if only_new:
        without = "|".join(filter(None, (optional, only_new)))
        if not new_frames:
            optional = without
        elif (lacking := differences(own, state, optional)) and not differences(
            own, state, without
        ):
            raise MethodError(
                f"{name}: {file} lacks the part that makes new frames ({lacking['missing'][0]} and "
                "more), as the weights of stage space do: --frames existing, or one file of all "
                "stages by `stvt weights join`"
            )
    _require_same(own, state, file, name, optional)  # before anything large is built
    network = spec.build(name, **arguments)
    return network, load_weights(network, state, file, name, optional_keys=optional)


def match(name: str, state: State, **arguments: Any) -> tuple[State, dict[str, Any], State]:
    """A state as one of the network of that name: under its names, the arguments of its class that
    the state decides, and the state, without numbers, that the network then has.

    arguments: in place of what the state decides.
    Raises ValueError for a state of another network.
    """
    spec = network_spec(name)
    try:
        state = load(spec.rename)(without_prefix(state, spec.key_prefix))
        arguments = {**spec.arguments_in(name, state), **arguments}
        with torch.device("meta"):  # shapes without numbers
            own = spec.build(name, **arguments).state_dict()
    except Exception as error:  # any names and shapes come here
        raise ValueError(str(error) or type(error).__name__) from error
    if spec.extra_keys:
        state = {key: value for key, value in state.items() if key in own}
    return state, arguments, own


def without_prefix(state: State, start: str) -> State:
    """A state without what comes before a network's names, "edvr." of all, if some name then has `start`."""
    inner = state
    while not any(key.startswith(start) for key in inner):
        parts = [key.partition(".") for key in inner]
        if len({first for first, _, _ in parts}) != 1 or not all(rest for _, _, rest in parts):
            return state
        inner = {rest: inner[first + dot + rest] for first, dot, rest in parts}
    return inner


def differences(own: State, state: State, optional_keys: str = "") -> dict[str, list[str]]:
    """How a state differs from that of a network: what of it -> entries; empty if it fits."""
    common = [key for key in state if key in own]
    mismatches = {
        "missing": [
            key
            for key in own
            if key not in state and not (optional_keys and re.search(optional_keys, key))
        ],
        "unexpected": [key for key in state if key not in own],
        "of another shape": [
            f"{key} {_shape(state[key])} in place of {_shape(own[key])}"
            for key in common
            if state[key].shape != own[key].shape
        ],
        "of another type": [
            f"{key} {state[key].dtype} in place of {own[key].dtype}"
            for key in common
            if own[key].is_floating_point() and not state[key].is_floating_point()
        ],
    }
    return {what: keys for what, keys in mismatches.items() if keys}


def load_weights(
    module: nn.Module, state: State, file: Path, name: str, *, optional_keys: str = ""
) -> str:
    """Load the state that a file holds into a network and return the file's sha256.

    Every key and shape must match. A file of `weights_folder()` must be the one that was fetched or added,
    too.

    name:          the network's, for messages.
    optional_keys: a regular expression: entries that may be missing.

    Raises MethodError, one line, for a state that is not this network's.
    """
    own = module.state_dict()
    _require_same(own, state, file, name, optional_keys)
    for key, value in state.items():
        if not torch.isfinite(value.to(own[key].dtype)).all():
            raise MethodError(f"{name}: {file} holds infinite or undefined numbers, in {key}")
    sha256 = sha256_of(file)
    record = read_record(file)
    if record is not None and record.sha256 != sha256:
        raise MethodError(
            f"{name}: {file} has changed since it came (from {plain(record.source, LONGEST)}); fetch it again with "
            "`stvt weights fetch`, or say that this is right with `stvt weights add --replace`"
        )
    module.load_state_dict(own | state)
    return sha256


def _require_same(own: State, state: State, file: Path, name: str, optional_keys: str) -> None:
    if different := differences(own, state, optional_keys):
        faults = (
            f"{len(keys)} {what}: {plain(', '.join(keys[:3]), 300)}{' ...' if len(keys) > 3 else ''}"
            for what, keys in different.items()
        )
        raise MethodError(
            f"{name}: {file} is not of this network ({len(own)} tensors): {'; '.join(faults)}"
        )


def initialise(module: nn.Module, seed: int = SEED) -> None:
    """Random weights in place of trained ones, the same on every machine: He normal, no biases.

    Each tensor has a generator of its own, seeded with its name, so that two networks with a part
    in common have it alike.
    """
    with torch.no_grad():
        for name, tensor in module.named_parameters():
            if tensor.ndim > 1:
                generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
                drawn = generator.standard_normal(tuple(tensor.shape), np.float32)
                spread = math.sqrt(2 / (tensor[0].numel()))
                tensor.copy_(torch.from_numpy(drawn * np.float32(spread)))
            else:
                tensor.fill_(1 if name.endswith("weight") else 0)


def init_weights(name: str, module: nn.Module, seed: int = SEED) -> None:
    """Random weights, brought to where the training of that network starts."""
    initialise(module, seed)
    if place := network_spec(name).init_weights:
        load(place)(module)


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "single"
