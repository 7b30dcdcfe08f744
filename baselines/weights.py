"""Weights: where a network's file is, reading it safely and strictly, or random ones instead."""

from __future__ import annotations

import hashlib
import math
import os
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

from .errors import MethodError
from .method import Settings

State = dict[str, Tensor]

SOURCES = {
    "stvun": "STVUN.pth, linked from the README of github.com/JaeYeonKang/STVUN-Pytorch "
    "(drive.google.com/file/d/1fORa8I8iKpzHEin67wW06armoB3MxvTT)",
    "pwcnet": "pwc_net.pth.tar, in the folder PyTorch of github.com/NVlabs/PWC-Net",
    "edvr": "EDVR_L_x4_SR_Vimeo90K_official-162b54e4.pth "
    "(drive.google.com/file/d/1aVR3lkX6ItCphNLcT7F5bbbC484h4Qqy)",
    "edvr-m": "EDVR_M_x4_SR_REDS_official-32075921.pth "
    "(drive.google.com/file/d/1dd6aFj-5w2v08VJTq5mS9OFsD-wALYD6)",
    "dain": "best.pth, from vllab1.ucmerced.edu/~wenbobao/DAIN/best.pth",
    "fisr": "FISRnet_exp1.zip (dropbox.com/s/hfzzddfocmmazso/FISRnet_exp1.zip), "
    "turned into fisr.safetensors by `stvt weights convert fisr CHECKPOINT`",
}
PUBLISHED = {  # as their authors call them; NAME.pth and NAME.safetensors do as well
    "stvun": ("STVUN.pth",),
    "pwcnet": ("pwc_net.pth.tar",),
    "edvr": ("EDVR_L_x4_SR_Vimeo90K_official-162b54e4.pth", "EDVR_Vimeo90K_SR_L.pth"),
    "edvr-m": ("EDVR_M_x4_SR_REDS_official-32075921.pth", "EDVR_REDS_SR_M.pth"),
    "dain": ("DAIN.pth",),
}
WRAPPINGS = ("params_ema", "params", "state_dict", "model_state_dict", "model", "generator")
PREFIXES = ("module.", "generator.")
SEED = 0  # of --untrained


def home() -> Path:
    """The folder of what is kept between runs: $STVT_HOME, else ~/.cache/stvt."""
    return Path(os.environ.get("STVT_HOME") or "~/.cache/stvt").expanduser()


def find_weights(name: str, settings: Settings) -> Path:
    """The file of a network's weights: the one that the settings name, else one in `home()`.

    Raises MethodError, which says where to get it and where to put it, if there is none.
    """
    if name in settings.weights:
        file = Path(settings.weights[name]).expanduser()
        if not file.is_file():
            raise MethodError(f"{name}: --weights {name}={file}: there is no such file")
        return file
    folder = home() / "weights"
    for known in (*PUBLISHED.get(name, ()), f"{name}.pth", f"{name}.safetensors"):
        if (folder / known).is_file():
            return folder / known
    source = f"get {SOURCES[name]}" if name in SOURCES else "none were published; train some"
    put = PUBLISHED.get(name, (f"{name}.safetensors",))[0]
    raise MethodError(
        f"{name}: no weights here; {source}, and put them at {folder / put} or name them with "
        f"--weights {name}=FILE, or use random ones with --untrained"
    )


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
    module.load_state_dict(own | state)
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


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
    if re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml|head|!--)", start, re.IGNORECASE):
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
