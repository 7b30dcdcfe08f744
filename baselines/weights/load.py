"""Files of weights: read safely and loaded strictly, or random weights instead."""

from __future__ import annotations

import math
import pickle
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from stvt.core.download import PAGE
from stvt.core.files import reading, sha256_of

from .. import registry
from ..errors import MethodError
from ..method import Settings
from ..spec import load
from .store import find_weights, read_record

State = dict[str, Tensor]

# Keys and prefixes under which files hold a network; the averaged one (EMA) goes before the raw one.
WRAPPINGS = (
    "params_ema",
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "ema_model",
    "ema",
    "average",
    "params",
    "state_dict",
    "model_state_dict",
    "model",
    "generator",
    "net",
    "network",
    "netG",
)
PREFIXES = (
    "generator_ema.",
    "model_ema.",
    "ema_model.",
    "module.",
    "_orig_mod.",
    "generator.",
    "model.",
    "net.",
    "network.",
    "netG.",
)
SEED = 0  # of --untrained


def ready_network(name: str, settings: Settings) -> tuple[nn.Module, str]:
    """A network as the settings ask, and what to record of its weights.

    That is the sha256 of their file, or "untrained". A file named for this very network goes before
    `untrained`.
    """
    if settings.untrained and name not in settings.weights:
        network = registry.network(name, settings.scale)
        init_weights(name, network)
        return network, "untrained"
    spec = registry.network_spec(name)
    scale = {"scale": settings.scale} if len(spec.scales) > 1 else {}
    return load_network(name, find_weights(name, settings), **scale)


def load_network(name: str, file: Path, **arguments: Any) -> tuple[nn.Module, str]:
    """The network of that name filled with a file, in evaluation mode, and the file's sha256.

    arguments: of its class, in place of what the file says.

    Raises MethodError, one line, for a file of anything else.
    """
    spec = registry.network_spec(name)
    state = load(spec.rename)(read_state(file, name))
    try:
        network = spec.build(name, **{**spec.arguments_in(name, state), **arguments})
    except ValueError as error:
        raise MethodError(f"{name}: {file} is of another network; {error}") from error
    if spec.extra_keys:
        names = network.state_dict().keys()
        state = {key: value for key, value in state.items() if key in names}
    return network, load_weights(network, state, file, name, optional_keys=spec.optional_keys)


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
    missing = [
        key
        for key in own
        if key not in state and not (optional_keys and re.search(optional_keys, key))
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
    undefined = [key for key, value in state.items() if not torch.isfinite(value).all()]
    if undefined:
        raise MethodError(f"{name}: {file} holds infinite or undefined numbers, in {undefined[0]}")
    sha256 = sha256_of(file)
    record = read_record(file)
    if record is not None and record.sha256 != sha256:
        raise MethodError(
            f"{name}: {file} has changed since it came (from {record.source}); fetch it again with "
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
    with reading(file, MethodError), file.open("rb") as opened:
        start = opened.read(512)
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


def init_weights(name: str, module: nn.Module, seed: int = SEED) -> None:
    """Random weights, brought to where the training of that network starts."""
    initialise(module, seed)
    if place := registry.network_spec(name).init_weights:
        load(place)(module)


def _read(file: Path, name: str, *, safe: bool) -> Any:
    again = "it is damaged or no file of weights; fetch it again"
    if not safe and (other := _other_archive(file)):
        raise MethodError(f"{name}: {file} {other}")
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


def _other_archive(file: Path) -> str:
    """What a zip archive is, and what to do, if it is not one of `torch.save`; else nothing."""
    if not zipfile.is_zipfile(file):
        return ""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
    if any(name.endswith("/constants.pkl") for name in names):
        return (
            "is a TorchScript program; save its weights alone: "
            "torch.save(torch.jit.load(FILE).state_dict(), OTHER)"
        )
    if not any(name.endswith("data.pkl") for name in names):
        return f"is a zip archive of {', '.join(names[:3]) or 'nothing'}; unpack it"
    return ""


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
    while prefix := next((one for one in PREFIXES if _is_around(one, tensors)), ""):
        tensors = {
            key.removeprefix(prefix): value
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
    return tensors


def _is_around(prefix: str, state: State) -> bool:
    """Whether the network of a state has the names with this prefix.

    The file of a whole training holds other things beside it, which are left: a second network
    beside `generator.`, counters, the weights of losses.
    """
    number = sum(key.startswith(prefix) for key in state)
    is_named = prefix == "generator." or "_ema." in prefix or prefix == "ema_model."
    return number > 0 and (is_named or 2 * number > len(state))


def _kind(value: Any) -> str:
    return "nothing" if isinstance(value, Mapping) else f"a {type(value).__name__}"


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "single"
