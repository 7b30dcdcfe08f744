"""Weights of a training: what it starts from, and what it leaves."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from stvt.baselines import UNUSED, read_state, trainable
from stvt.core.errors import UsageError
from stvt.training.checkpoints import write_whole


def begin_with(network: nn.Module, files: Sequence[Path], say: Callable[[str], None]) -> set[str]:
    """Load files, each of any part of the network; a later one goes before an earlier one.

    Returns the names of the tensors that were given.
    """
    state, found = network.state_dict(), set[str]()
    for file in files:
        if not file.is_file():
            raise UsageError(f"{file}: there is no such file of weights")
        given = read_state(file, "initial")
        unknown = [name for name in given if name not in state]
        other = [
            name for name, one in given.items() if name in state and one.shape != state[name].shape
        ]
        if unknown or other:
            raise UsageError(f"{file}: is of another network ({(unknown + other)[0]} does not fit)")
        network.load_state_dict(given, strict=False)
        found.update(given)
        say(f"{file.name}: {len(given)} of {len(state)} tensors")
    return found


def join(
    name: str,
    files: Sequence[Path],
    out: Path,
    *,
    scale: int = 4,
    half: bool = False,
    say: Callable[[str], None],
) -> int:
    """Write one file of all of a network's weights, from files that each hold a part of it.

    A stage leaves what it trained; of "flow" and "space" only both together can be evaluated.
    half: in float16, half the size. Returns the number of parameters.
    Raises UsageError if a part is in none of the files, or does not fit; nothing is written then.
    """
    network = trainable(name, scale)
    given = begin_with(network, files, say)
    missing = [key for key in network.state_dict() if key not in given]
    if missing := [key for key in missing if not re.search(UNUSED, key)]:
        raise UsageError(
            f"{name}: {len(missing)} of its tensors are in none of these files, the first is "
            f"{missing[0]}; name the run of every stage: flow, space, joint"
        )
    state = {key: one for key, one in network.state_dict().items() if key in given}
    write_weights(out, state, f"{name}, x{scale}", torch.float16 if half else torch.float32)
    return sum(one.numel() for one in state.values())


def weights_of(path: Path) -> Path:
    """A file of weights, or the last one of the run that is in a folder."""
    if not path.is_dir():
        return path
    found = sorted(path.glob("weights/*-last.safetensors"))
    if not found:
        raise UsageError(f"{path}: this folder holds no weights of a training")
    return found[0]


def write_weights(
    file: Path, tensors: Mapping[str, Tensor], about: str, dtype: torch.dtype = torch.float32
) -> None:
    """Weights as safetensors, whole or not at all; only what was trained.

    about: kept in the file, in one entry: of several the order would be another each time.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    whole = {name: one.detach().to(dtype).contiguous().cpu() for name, one in tensors.items()}
    write_whole(file, lambda part: save_file(whole, part, {"stvt": about}))
