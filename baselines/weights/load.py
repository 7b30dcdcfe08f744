"""Weights: where a network's file is, reading it safely and strictly, or random ones instead."""

from __future__ import annotations

import math
import pickle
import re
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from stvt.core.download import PAGE

from ..errors import MethodError
from ..method import Settings
from .catalogue import CHECKPOINTS, files_of
from .records import folder, home, recorded, sha256_of

__all__ = [
    "State",
    "find_weights",
    "give_weights",
    "home",
    "initialise",
    "load_weights",
    "read_state",
]

State = dict[str, Tensor]

WRAPPINGS = ("params_ema", "params", "state_dict", "model_state_dict", "model", "generator")
PREFIXES = ("module.", "generator.")
SEED = 0  # of --untrained
SHIPPED = Path(__file__).parent / "shipped"  # weights of our own, which come with the package
SHIPPED_SCALE = 4


def find_weights(name: str, settings: Settings) -> Path:
    """A network's weights: the file that the settings name, else one in `home()`, else ours.

    Raises MethodError, which says where to get it and where to put it, if there is none.
    """
    if name in settings.weights:
        file = Path(settings.weights[name]).expanduser()
        if not file.is_file():
            raise MethodError(f"{name}: --weights {name}={file}: there is no such file")
        return file
    published = files_of(name)
    for known in (*published, f"{name}.pth", f"{name}.safetensors"):
        if (folder() / known).is_file():
            return folder() / known
    shipped = SHIPPED / f"{name}.safetensors"
    if shipped.is_file():
        if settings.scale == SHIPPED_SCALE:
            return shipped
        raise MethodError(
            f"{name}: the weights that come with stvt are for --scale {SHIPPED_SCALE}; train some "
            f"for {settings.scale} and name them with --weights {name}=FILE"
        )
    raise MethodError(
        f"{name}: no weights here; {_how_to_get(name)}; or name a file with --weights {name}=FILE, "
        "or use random ones with --untrained"
    )


def _how_to_get(name: str) -> str:
    if name not in CHECKPOINTS:
        return f"none were published; train some and put them at {folder() / name}.safetensors"
    first = CHECKPOINTS[name]
    by_hand = first.by_hand
    if not by_hand:
        by_hand = f"get {first.file} from {first.sources[0]} and put it at {folder() / first.file}"
    return f"type `stvt weights fetch {name}`, or {by_hand}" if first.sources else by_hand


def give_weights(
    module: nn.Module,
    name: str,
    settings: Settings,
    rename: Callable[[State], State] | None = None,
    *,
    spare: str = "",
) -> str:
    """Fill a network as the settings ask; what to record: the file's sha256, or "untrained".

    A file named for this very network goes before `untrained`. See `load_weights` for the rest.
    """
    if settings.untrained and name not in settings.weights:
        initialise(module)
        return "untrained"
    return load_weights(module, find_weights(name, settings), name, rename, spare=spare)


def load_weights(
    module: nn.Module,
    file: Path,
    name: str,
    rename: Callable[[State], State] | None = None,
    *,
    spare: str = "",
) -> str:
    """Load a file into a network and return its sha256; every key and shape must match.

    A file of `folder()` must be the one that was fetched or added, too.

    name:   the network's, for messages.
    rename: from names that others gave to this network's.
    spare:  a regular expression: names that may be missing, for they take no part in the result.

    Raises MethodError, one line, for a file that is not weights or not this network's.
    """
    state = read_state(file, name)
    if rename is not None:
        state = rename(state)
    own = module.state_dict()
    missing = [
        key for key in own if key not in state and not (spare and re.search(spare, key) is not None)
    ]
    unexpected = [key for key in state if key not in own]
    misshapen = [
        f"{key} {_shape(value)} in place of {_shape(own[key])}"
        for key, value in state.items()
        if key in own and value.shape != own[key].shape
    ]
    faults = [
        f"{len(keys)} {what}: {', '.join(keys[:3])}{' ...' if len(keys) > 3 else ''}"
        for keys, what in (
            (missing, "missing"),
            (unexpected, "unexpected"),
            (misshapen, "of another shape"),
        )
        if keys
    ]
    if faults:
        raise MethodError(
            f"{name}: {file} is not of this network ({len(own)} tensors): {'; '.join(faults)}"
        )
    broken = [key for key, value in state.items() if not torch.isfinite(value).all()]
    if broken:
        raise MethodError(f"{name}: {file} holds infinite or undefined numbers, in {broken[0]}")
    sha256 = sha256_of(file)
    known = recorded(file)
    if known is not None and known.sha256 != sha256:
        raise MethodError(
            f"{name}: {file} has changed since it came (from {known.source}); fetch it again with "
            "`stvt weights fetch`, or say that this is right with `stvt weights add --replace`"
        )
    module.load_state_dict(own | state)
    return sha256


def read_state(file: Path, name: str) -> State:
    """The tensors of a file by name, freed of the usual wrappings and prefixes.

    Safetensors, or what `torch.save` writes; of the latter only tensors and plain values are
    read, and no code is run.

    Raises MethodError for anything else.
    """
    try:
        with file.open("rb") as opened:
            start = opened.read(512)
    except OSError as error:
        raise MethodError(f"{name}: cannot read {file}: {error.strerror}") from error
    if not start:
        raise MethodError(f"{name}: {file} is empty; fetch it again")
    if PAGE.match(start):
        raise MethodError(
            f"{name}: {file} is a web page, not weights; open the link in a browser and save the "
            "file that it offers"
        )
    if start.startswith(b"version https://git-lfs"):
        raise MethodError(f"{name}: {file} only points to the weights; fetch it with git lfs pull")
    content = _read(file, name, safe=start[8:9] == b"{")
    return _unwrapped(content, file, name)


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


def _read(file: Path, name: str, *, safe: bool) -> Any:
    again = "it is damaged or no file of weights; fetch it again"
    try:
        if safe:
            return load_file(file)
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        code = re.search(r"GLOBAL ([\w.]+)", str(error))
        if code is None:
            raise MethodError(f"{name}: cannot read {file}: {again}") from error
        raise MethodError(
            f"{name}: {file} holds more than weights ({code[1]}), and reading that would run code "
            "from it; save its state_dict alone, or as safetensors"
        ) from error
    except SafetensorError as error:
        raise MethodError(f"{name}: cannot read {file}: {again}") from error
    except Exception as error:  # a damaged file can make the reader raise nearly anything
        if isinstance(error, MemoryError):
            raise
        raise MethodError(f"{name}: cannot read {file}: {again}") from error


def _unwrapped(content: Any, file: Path, name: str) -> State:
    state = content
    while isinstance(state, Mapping):
        inner = [key for key in WRAPPINGS if isinstance(state.get(key), Mapping)]
        if not inner:
            break
        state = state[inner[0]]
    if not isinstance(state, Mapping) or not state:
        raise MethodError(f"{name}: {file} holds no weights by name but {_kind(state)}")
    strange = [key for key in state if not isinstance(state[key], Tensor)]
    if strange:
        raise MethodError(
            f"{name}: {file} holds no plain weights: {strange[0]!r} is {_kind(state[strange[0]])}"
        )
    tensors: State = {str(key): value for key, value in state.items()}
    for prefix in PREFIXES * 2:  # either may be around the other
        # Beside `generator.` the file of a whole training holds other things, which are left.
        with_prefix = [key for key in tensors if key.startswith(prefix)]
        if with_prefix and (len(with_prefix) == len(tensors) or prefix == "generator."):
            tensors = {key.removeprefix(prefix): tensors[key] for key in with_prefix}
    return tensors


def _kind(value: Any) -> str:
    return "nothing" if isinstance(value, Mapping) else f"a {type(value).__name__}"


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "single"
