"""Which network a file of weights is of, by its names and shapes."""

from __future__ import annotations

import re

import torch

from ..registry import NETWORKS
from ..spec import load
from .load import State


def detect(state: State) -> str | None:
    """The name of the network that a state is of, the first that fits; None if it is of none."""
    return next((name for name in NETWORKS if _fits(name, state)), None)


def describe(state: State) -> str:
    """What a state holds, in a few words."""
    some = [f"{key} {'x'.join(map(str, value.shape))}" for key, value in list(state.items())[:3]]
    return f"{len(state)} tensors: {', '.join(some)}{' ...' if len(state) > 3 else ''}"


def _fits(name: str, state: State) -> bool:
    spec = NETWORKS[name]
    if not any(key.startswith(spec.key_prefix) for key in state):
        return False
    try:
        renamed = load(spec.rename)(state)
        with torch.device("meta"):  # shapes without numbers
            own = spec.build(name, **spec.arguments_in(name, renamed)).state_dict()
    except (ValueError, IndexError):
        return False
    if spec.extra_keys:
        renamed = {key: value for key, value in renamed.items() if key in own}
    optional = spec.optional_keys
    needed = [key for key in own if not (optional and re.search(optional, key))]
    return all(key in renamed for key in needed) and all(
        key in own and value.shape == own[key].shape for key, value in renamed.items()
    )
