"""Reading files of weights: safetensors and what `torch.save` writes, without running code from them.

Strangers wrote these files. Whatever is in one, reading it ends soon, with the tensors that were
saved or with a MethodError of one line, in a few times the memory that the file would take.
"""

from __future__ import annotations

import io
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from stvt.core.download import PAGE
from stvt.core.files import reading
from stvt.core.formatting import plain

from ..errors import MethodError

State = dict[str, Tensor]

# Keys and prefixes under which files hold a network; the averaged one (EMA) goes before the raw one.
WRAPPINGS = (
    "params",
    "state_dict",
    "model_state_dict",
    "model",
    "generator",
    "net",
    "network",
    "netG",
)
_AVERAGED = re.compile(r"(?<![a-z])(ema|average|averaged|swa)(?![a-z])", re.IGNORECASE)
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
MOST_WRAPPED = 4  # dictionaries in one another
FILE_LIMIT = 4 << 30  # bytes of a file
ARRAYS_START = b"\x80\x03}"  # protocol 3, a dictionary: no file of torch.save begins so
_reconstruct: Any = np.empty(0).__reduce__()[0]

# The three names that such files need, under the old and the new name of NumPy's module.
ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


def read_state(file: Path, name: str) -> State:
    """The tensors of a file by name, freed of the usual wrappings and prefixes.

    name: for messages.
    Raises MethodError for a file of anything else than plain tensors, or a damaged one.
    """
    with reading(file, MethodError), file.open("rb") as opened:
        start = opened.read(512)
        size = file.stat().st_size
    if start.startswith(ARRAYS_START):
        return read_arrays(file)
    try:
        if not start:
            raise _Unfit("is empty; fetch it again")
        if PAGE.match(start):
            raise _Unfit(
                "is a web page, not weights; open the link in a browser and save the file that it "
                "offers"
            )
        if start.startswith(b"version https://git-lfs"):
            raise _Unfit("only points to the weights; fetch it with git lfs pull")
        if size > FILE_LIMIT:
            raise _Unfit(f"has {size >> 30} GiB; no file of weights has {FILE_LIMIT >> 30}")
        state = _unwrap(_content(file, start, size))
        _require_plain(state, 8 * size + (64 << 20))
    except _Unfit as fault:
        raise MethodError(f"{name}: {file} {fault}") from fault
    return state


def _content(file: Path, start: bytes, size: int) -> Any:
    """What is in a file, nothing run. Raises _Unfit, saying why, for one that cannot be read."""
    try:
        if start[8:9] == b"{":
            return load_file(file)
        with warnings.catch_warnings(action="ignore"):  # of old kinds of tensors
            opened = _checked_copy(file, size) if start[:2] == b"PK" else file
            return torch.load(opened, map_location="cpu", weights_only=True)
    except _Unfit:
        raise
    except MemoryError as error:
        raise _Unfit("needs more memory than there is") from error
    except Exception as error:  # a damaged file can make the readers raise nearly anything
        code = re.search(r"GLOBAL ([\w.]+)", str(error))
        if isinstance(error, pickle.UnpicklingError) and code:
            raise _Unfit(
                f"holds more than weights ({code[1]}), and reading that would run code from it; "
                "save its state_dict alone, or as safetensors"
            ) from error
        why = f" ({plain(error, 100)})" if isinstance(error, zipfile.BadZipFile) else ""
        raise _Unfit(f"is damaged or no file of weights{why}; fetch it again") from error


def _checked_copy(file: Path, size: int) -> io.BytesIO:
    """A zip archive of `torch.save` whose checksums are right, written anew.

    torch compares no checksums, and reads uninitialised memory where an archive's two records of
    a size differ. So it is given what `zipfile` has read, never the archive itself.

    Raises _Unfit for another archive, and nearly anything for a damaged one.
    """
    copy = io.BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(copy, "w") as written:
        infos = archive.infolist()
        names = [info.filename for info in infos]
        if any(name.endswith("/constants.pkl") for name in names):
            raise _Unfit(
                "is a TorchScript program; save its weights alone: "
                "torch.save(torch.jit.load(FILE).state_dict(), OTHER)"
            )
        if not any(name.endswith("data.pkl") for name in names):
            some = plain(", ".join(names[:3]), 200)
            raise _Unfit(f"is a zip archive of {some or 'nothing'}; unpack it")
        if sum(info.file_size for info in infos) > 8 * size + (64 << 20):
            raise _Unfit("is packed so small that it can be no file of weights")
        if len(set(names)) < len(names):
            raise zipfile.BadZipFile("two members of one name")
        for info in infos:
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise zipfile.BadZipFile("packed in an unusual way")  # without a bound to its size
            written.writestr(info.filename, archive.read(info))
    copy.seek(0)
    return copy


class _Unfit(Exception):
    """Why a file gives no weights; to follow its name."""


def _unwrap(content: Any) -> State:
    state, seen, untrained = content, set[int](), _untrained(content)
    while isinstance(state, Mapping):
        if id(state) in seen:
            raise _Unfit("holds no weights: its dictionary contains itself")
        seen.add(id(state))
        inner = _inner(state)
        if inner is None:
            break
        state = inner
    if not isinstance(state, Mapping) or not state:
        raise _Unfit(f"holds no weights by name but {_kind(state)}")
    for key, value in state.items():
        if not isinstance(value, Tensor):
            raise _Unfit(f"holds no plain weights: {plain(repr(key), 100)} is {_kind(value)}")
    tensors: State = {str(key): value for key, value in state.items()}
    while prefix := next((one for one in PREFIXES if _is_around(one, tensors)), ""):
        tensors = {
            key.removeprefix(prefix): value
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
    return {key: value for key, value in tensors.items() if key not in untrained}


def _inner(state: Mapping[Any, Any]) -> Any:
    """What a dictionary holds the network in; None if it is the network itself.

    That is the averaged one, one under a usual name, or else the only one.
    Raises _Unfit if it is not known which.
    """
    held = [key for key, value in state.items() if _has_weights(value)]
    averaged = [key for key in held if _AVERAGED.search(str(key))]
    usual = [key for key in WRAPPINGS if key in held]
    if any(_is_weight(value) and value.is_floating_point() for value in state.values()):
        held = []  # the network itself, and something beside it
    if len(found := averaged or usual[:1] or held) > 1:
        names = plain(", ".join(map(str, found)), 200)
        raise _Unfit(f"holds several networks ({names}); save one of them alone")
    return state[found[0]] if found else None


def _has_weights(value: Any, depth: int = 0) -> bool:
    """Whether a value is a dictionary with tensors at some depth, and no optimizer's state."""
    if not isinstance(value, Mapping) or "param_groups" in value:
        return False
    return depth > MOST_WRAPPED or any(
        _is_weight(one) or _has_weights(one, depth + 1) for one in value.values()
    )


def _is_weight(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim > 0


def _untrained(content: Any) -> set[str]:
    """The entries that a checkpoint of `stvt train` says to be as they were drawn at random."""
    names = content.get("untrained") if isinstance(content, Mapping) else None
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()


def _is_around(prefix: str, state: State) -> bool:
    """Whether the network of a state has the names with this prefix.

    The file of a whole training holds other things beside it, which are left: a second network
    beside `generator.`, counters, the weights of losses.
    """
    number = sum(key.startswith(prefix) for key in state)
    is_named = prefix == "generator." or "_ema." in prefix or prefix == "ema_model."
    return number > 0 and (is_named or 2 * number > len(state))


def _require_plain(state: State, most_bytes: int) -> None:
    """Raises _Unfit for tensors that no network here takes.

    most_bytes: of all of them: a stride of 0 gives a shape of any size to a few bytes.
    """
    for key, value in state.items():
        if kind := _unusual(value):
            raise _Unfit(
                f"holds no plain weights: {plain(repr(key), 100)} is {kind}; save them as float32"
            )
    if sum(value.numel() * value.element_size() for value in state.values()) > most_bytes:
        raise _Unfit("holds no weights: its shapes are of more numbers than the file has")


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
    is_empty = isinstance(value, Mapping) and not value
    return "nothing" if is_empty else f"a {type(value).__name__}"


class ForeignName(pickle.UnpicklingError):
    """A name in a pickle that is none of an array."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise ForeignName(f"{module}.{name}")
        return ALLOWED[module, name]


def read_arrays(file: Path) -> dict[str, Tensor]:
    """The arrays of a file by their path, "AlexNet_0.Conv_0.kernel".

    Raises MethodError, one line, for a file of anything else.
    """
    try:
        with reading(file, MethodError), file.open("rb") as opened:
            content = _Unpickler(opened).load()
    except ForeignName as error:
        raise MethodError(
            f"{file} holds more than arrays ({error}), and reading that would run code from it"
        ) from error
    except MethodError:
        raise
    except Exception as error:  # a damaged file can make the reader raise nearly anything
        if isinstance(error, MemoryError):
            raise
        raise MethodError(f"cannot read {file}: it is damaged or no pickle of arrays") from error
    arrays: dict[str, Tensor] = {}
    _flatten(content, "", arrays, file)
    return arrays


def _flatten(content: Any, path: str, into: dict[str, Tensor], file: Path) -> None:
    if isinstance(content, dict):
        for key, value in content.items():
            _flatten(value, f"{path}.{key}" if path else str(key), into, file)
    elif isinstance(content, np.ndarray) and content.dtype.kind in "fiu":
        into[path] = torch.from_numpy(np.array(content))
    else:
        raise MethodError(f"{file} holds no plain arrays: {path!r} is a {type(content).__name__}")
