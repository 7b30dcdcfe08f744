"""Weights of a training: what it starts from, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor, nn

from stvt.baselines.weights import read_state
from stvt.errors import UsageError
from stvt.training_store import write_whole


def begin_with(network: nn.Module, files: Sequence[Path], say: Callable[[str], None]) -> set[str]:
    """Load files, each of any part of the network; a later one goes before an earlier one.

    Returns the names of the tensors that were given.
    """
    state, found = network.state_dict(), set[str]()
    for file in files:
        if not file.is_file():
            raise UsageError(f"--initial {file}: there is no such file")
        given = read_state(file, "initial")
        unknown = [name for name in given if name not in state]
        other = [
            name for name, one in given.items() if name in state and one.shape != state[name].shape
        ]
        if unknown or other:
            raise UsageError(
                f"--initial {file}: is of another network ({(unknown + other)[0]} does not fit)"
            )
        network.load_state_dict(given, strict=False)
        found.update(given)
        say(f"{file.name}: {len(given)} of {len(state)} tensors")
    return found


def write_weights(file: Path, tensors: Mapping[str, Tensor], about: str) -> None:
    """Weights as safetensors, whole or not at all; only what was trained.

    about: kept in the file, in one entry: of several the order would be another each time.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    whole = {name: one.detach().float().contiguous().cpu() for name, one in tensors.items()}
    write_whole(file, lambda part: save_file(whole, part, {"stvt": about}))
