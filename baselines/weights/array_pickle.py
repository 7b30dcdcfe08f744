"""Pickles of nested dictionaries of NumPy arrays, read without running anything that they name."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stvt.core.files import reading

from ..errors import MethodError

START = b"\x80\x03}"  # protocol 3, a dictionary: no file of torch.save begins so
_reconstruct: Any = np.empty(0).__reduce__()[0]

# The three names that such files need, under the old and the new name of NumPy's module.
ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


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
