"""FISR's published weights, TensorFlow checkpoints, as those of the networks here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn

from stvt.core.files import reason, write_bytes

from ..errors import MethodError
from ..weights.store import weights_folder
from ..weights.tensorflow_checkpoint import TensorFlowCheckpoint
from .network import FISR
from .pwcnet import FISRPWCNet

Variables = dict[str, tuple[str, tuple[int, ...]]]

NETWORKS: dict[str, Callable[[], nn.Module]] = {"fisr": FISR, "fisr_pwcnet": FISRPWCNet}
FIRST = {"FISRnet": "fisr", "pwcnet": "fisr_pwcnet"}  # scope that all variables of one are in


def convert(name: str, checkpoint: str | Path, out: str | Path | None = None) -> Path:
    """Write the weights in a TensorFlow checkpoint as safetensors; the file's path.

    name:       "fisr" or "fisr_pwcnet".
    checkpoint: its prefix (FISRnet-122000), one of its files, or the folder that it is in.
    out:        the file to write; None is NAME.safetensors where weights are looked for.

    What else the checkpoint holds (the optimiser's state) is left out. The same checkpoint gives
    the same bytes. Raises MethodError, one line, if it is damaged or of another network.
    """
    variables = tensorflow_names(name)
    opened = TensorFlowCheckpoint(Path(os.path.expanduser(checkpoint)))
    scopes = {key.split("/")[0] for key in opened.entries}
    held = {FIRST[scope] for scope in scopes if scope in FIRST}
    if held and name not in held:
        other = held.pop()
        raise MethodError(
            f"{name}: {opened.prefix} holds {other}; "
            f"type `stvt weights convert {other} {checkpoint}`"
        )
    state = _state(f"{name}: {opened.prefix}", variables, opened.entries, opened.read)
    broken = [key for key, value in state.items() if not torch.isfinite(value).all()]
    if broken:
        raise MethodError(
            f"{name}: {opened.prefix} holds infinite or undefined numbers, in {broken[0]}"
        )
    file = (
        weights_folder() / f"{name}.safetensors" if out is None else Path(os.path.expanduser(out))
    )
    try:
        write_bytes(file, save(state))
    except OSError as error:
        raise MethodError(f"cannot write {file}: {reason(error)}") from error
    return file


def from_tensorflow(name: str, values: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """The state dict of the network `name` ("fisr" or "fisr_pwcnet"), in its order.

    values: TensorFlow variable -> array, kernels (kh, kw, in, out) or, of a transposed
            convolution, (kh, kw, out, in); others than the network's are ignored.

    Raises MethodError if one is missing, of another shape or not of floating-point numbers.
    """
    return _state(name, tensorflow_names(name), values, values.__getitem__)


def _state(
    where: str,
    variables: Variables,
    entries: Mapping[str, Any],
    read: Callable[[str], NDArray[Any]],
) -> dict[str, Tensor]:
    """entries: variable -> what has its `shape` and `dtype`: compared before anything large is read."""
    if absent := [key for key in variables if key not in entries]:
        raise MethodError(
            f"{where} is not of this network: {len(absent)} of {len(variables)} are missing: "
            f"{', '.join(absent[:3])}{' ...' if len(absent) > 3 else ''}"
        )
    for key, (_, shape) in variables.items():
        if entries[key].shape != shape:
            raise MethodError(
                f"{where}: {key} is {_shape(entries[key].shape)}, not {_shape(shape)}"
            )
        if entries[key].dtype.kind != "f":
            raise MethodError(f"{where}: {key} holds no floating-point numbers")
    state = {}
    for key, (own, _) in variables.items():
        value = read(key)
        if value.ndim == 4:
            value = value.transpose(3, 2, 0, 1)
        tensor = torch.from_numpy(np.array(value, order="C"))
        if key.startswith("FISRnet/") and re.search(r"sr\.conv_1\.", own):
            # Shuffled afterwards: TensorFlow's channel k C + c is PyTorch's 4 c + k.
            tensor = tensor.view(4, -1, *tensor.shape[1:]).transpose(0, 1).flatten(0, 1)
        state[own] = tensor
    return state


def tensorflow_names(name: str) -> Variables:
    """Variable -> its name in the network's state, and its shape in TensorFlow's layout.

    In the order in which the published programs create them.
    """
    if name not in NETWORKS:
        raise MethodError(
            f"no TensorFlow checkpoint is known for {name!r}; there are {', '.join(NETWORKS)}"
        )
    with torch.device("meta"):
        state = NETWORKS[name]().state_dict()
    translate = _fisr_variable if name == "fisr" else _pwcnet_variable
    return {translate(own): (own, _layout(value)) for own, value in state.items()}


def _fisr_variable(own: str) -> str:
    layer, _, kind = own.replace(".block.", ".").rpartition(".")
    layer = re.sub(r"(conv|res_block)_(\d)", r"\1/\2", layer)
    layer = layer.replace(".fi_sr.", ".FI-SR.").replace(".sr.", ".SR.").replace(".", "/")
    return f"FISRnet/{layer}/{'w' if kind == 'weight' else 'b'}"


def _pwcnet_variable(own: str) -> str:
    layer, kind = own.split(".")
    if layer.startswith("up_"):
        scope = "upsample"
    elif layer.startswith("dc_"):
        scope = "ctxt"
    else:
        scope = "predict_flow" if re.match(r"flow|conv\d_", layer) else "featpyr"
    return f"pwcnet/{scope}/{layer}/{'kernel' if kind == 'weight' else 'bias'}"


def _layout(value: Tensor) -> tuple[int, ...]:
    shape = tuple(value.shape)
    return (*shape[2:], shape[1], shape[0]) if len(shape) == 4 else shape


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "single"
