"""Reading files of weights: safetensors and what `torch.save` writes, without running code from them.

Strangers wrote these files. Whatever is in one, reading it ends soon, with the tensors that were
saved or with a MethodError of one line, in memory of about the file's size.
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from stvt.core.download import PAGE
from stvt.core.files import reading
from stvt.core.formatting import one_line

from ..errors import MethodError

State = dict[str, Tensor]

# Keys and prefixes under which files hold a network; the averaged one (EMA) goes before the raw one.
WRAPPINGS = (
    "params_ema",
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "ema_model",
    "ema",
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
FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
FILE_LIMIT = 4 << 30  # bytes of a file


def read_state(file: Path, name: str) -> State:
    """The tensors of a file by name, freed of the usual wrappings and prefixes.

    name: for messages.
    Raises MethodError for a file of anything else than plain tensors, or a damaged one.
    """
    with reading(file, MethodError), file.open("rb") as opened:
        start = opened.read(512)
        size = file.stat().st_size
    fault = ""
    if not start:
        fault = "is empty; fetch it again"
    elif PAGE.match(start):
        fault = "is a web page, not weights; open the link in a browser and save the file that it offers"
    elif start.startswith(b"version https://git-lfs"):
        fault = "only points to the weights; fetch it with git lfs pull"
    elif size > FILE_LIMIT:
        fault = f"has {size >> 30} GiB, and no file of weights has more than {FILE_LIMIT >> 30}"
    try:
        if fault or (fault := _other_archive(file, size) if start[:2] == b"PK" else ""):
            raise MethodError(f"{name}: {file} {fault}")
        if start[8:9] == b"{":
            content: Any = load_file(file)
        else:
            with warnings.catch_warnings(action="ignore"):  # of old kinds of tensors
                content = torch.load(file, map_location="cpu", weights_only=True)
    except MethodError:
        raise
    except MemoryError as error:
        raise MethodError(f"{name}: {file} needs more memory than there is") from error
    except Exception as error:  # a damaged file can make the readers raise nearly anything
        code = re.search(r"GLOBAL ([\w.]+)", str(error))
        if isinstance(error, pickle.UnpicklingError) and code:
            raise MethodError(
                f"{name}: {file} holds more than weights ({code[1]}), and reading that would run "
                "code from it; save its state_dict alone, or as safetensors"
            ) from error
        why = f" ({one_line(error, 100)})" if isinstance(error, zipfile.BadZipFile) else ""
        raise MethodError(
            f"{name}: cannot read {file}: it is damaged or no file of weights{why}; fetch it again"
        ) from error
    try:
        state = _unwrap(content)
        _require_plain(state, 8 * size + (64 << 20))
    except _NoWeights as fault:
        raise MethodError(f"{name}: {file} holds no {fault}") from None
    return state


def _other_archive(file: Path, size: int) -> str:
    """What a zip archive is, and what to do, if it is not a whole one of `torch.save`; else "".

    Raises nearly anything for a damaged one: torch does not compare the checksums.
    """
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        names = [info.filename for info in infos]
        if any(name.endswith("/constants.pkl") for name in names):
            return (
                "is a TorchScript program; save its weights alone: "
                "torch.save(torch.jit.load(FILE).state_dict(), OTHER)"
            )
        if not any(name.endswith("data.pkl") for name in names):
            some = one_line(", ".join(names[:3]), 200)
            return f"is a zip archive of {some or 'nothing'}; unpack it"
        if sum(info.file_size for info in infos) > 8 * size + (64 << 20):
            return "is packed so small that it can be no file of weights"
        for info in infos:
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise zipfile.BadZipFile("packed in an unusual way")  # without a bound to its size
            with archive.open(info) as member:
                while member.read(1 << 20):
                    pass
    return ""


class _NoWeights(Exception):
    """Why the content of a file is no weights; to follow "holds no"."""


def _unwrap(content: Any) -> State:
    state, seen = content, set[int]()
    while isinstance(state, Mapping):
        if id(state) in seen:
            raise _NoWeights("weights: its dictionary contains itself")
        seen.add(id(state))
        inner = [key for key in WRAPPINGS if isinstance(state.get(key), Mapping)]
        if not inner:
            break
        state = state[inner[0]]
    if not isinstance(state, Mapping) or not state:
        raise _NoWeights(f"weights by name but {_kind(state)}")
    for key, value in state.items():
        if not isinstance(value, Tensor):
            raise _NoWeights(f"plain weights: {one_line(repr(key), 100)} is {_kind(value)}")
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


def _require_plain(state: State, most_bytes: int) -> None:
    """Raises _NoWeights for tensors that no network here takes.

    most_bytes: of all of them: a stride of 0 gives a shape of any size to a few bytes.
    """
    for key, value in state.items():
        if kind := _unusual(value):
            raise _NoWeights(
                f"plain weights: {one_line(repr(key), 100)} is {kind}; save them as float32"
            )
    if sum(value.numel() * value.element_size() for value in state.values()) > most_bytes:
        raise _NoWeights("weights: its shapes are of more numbers than the file has")


def _unusual(tensor: Tensor) -> str:
    """How a tensor is stored that no network here takes, "" for a plain one."""
    if tensor.is_meta:
        return "a tensor without values (device meta)"
    if tensor.is_quantized:
        return "a quantised tensor"
    if tensor.layout != torch.strided or tensor.is_nested:
        return "a sparse tensor"
    if tensor.is_complex() or (tensor.is_floating_point() and tensor.dtype not in FLOATS):
        return f"of {tensor.dtype}"
    return ""


def _kind(value: Any) -> str:
    return "nothing" if isinstance(value, Mapping) else f"a {type(value).__name__}"
