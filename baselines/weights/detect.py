"""Which network a file of weights is of, by its names and shapes."""

from __future__ import annotations

from stvt.core.formatting import plain

from ..registry import NETWORKS
from .load import differences, match, without_prefix
from .read import State


def detect(state: State) -> str | None:
    """The name of the network that a state is of, the first that fits; None if it is of none."""
    return next((name for name in NETWORKS if _fits(name, state)), None)


def describe(state: State) -> str:
    """What a state holds, in a few words."""
    some = [f"{key} {'x'.join(map(str, value.shape))}" for key, value in list(state.items())[:3]]
    return f"{len(state)} tensors: {plain(', '.join(some), 200)}{' ...' if len(state) > 3 else ''}"


def _fits(name: str, state: State) -> bool:
    spec = NETWORKS[name]
    if not any(key.startswith(spec.key_prefix) for key in without_prefix(state, spec.key_prefix)):
        return False
    try:
        renamed, _, own = match(name, state)
    except ValueError:
        return False
    return not differences(own, renamed, spec.optional_keys).keys() - {"of another type"}
