"""Whether a file of weights is what it was, and computes what it did: fingerprints of outputs."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from stvt.core.files import sha256_of

from ..errors import MethodError
from ..registry import CHECKPOINTS, NETWORKS, network_spec
from .load import load_network
from .store import Record, expected, files_of, folder, record, recorded

TOLERANCE = 1e-5  # of the output's size; two machines differ by 1e-12 in float64
PROJECTIONS = 6


@dataclass(frozen=True)
class Verified:
    """A file that is right. known: it was verified before, and computes the same."""

    network: str
    file: Path
    sha256: str
    parameters: int
    fingerprint: tuple[float, ...]
    known: bool


def files() -> list[tuple[str, Path]]:
    """Network and file of all weights that are in their places."""
    found = []
    for network in NETWORKS:
        for name in files_of(network):
            if (network, folder() / name) not in found and (folder() / name).is_file():
                found.append((network, folder() / name))
    return found


def files_called(name: str) -> list[tuple[str, Path]]:
    """Those of a checkpoint or a network; MethodError if there are none."""
    if name not in CHECKPOINTS and name not in NETWORKS:
        names = ", ".join({**CHECKPOINTS, **NETWORKS})
        raise MethodError(f"nothing is called {name!r}; there are {names}")
    network = CHECKPOINTS[name].network if name in CHECKPOINTS else name
    one = folder() / CHECKPOINTS[name].file if name != network and name in CHECKPOINTS else None
    chosen = [(of, file) for of, file in files() if of == network and one in (None, file)]
    if not chosen:
        raise MethodError(
            f"{name}: no weights in {folder()}; type `stvt weights fetch {name}` or "
            "`stvt weights add FILE`"
        )
    return chosen


def verify(network: str, file: Path) -> Verified:
    """Load a file strictly, compute a small fixed input, and compare with what is recorded.

    What is not yet recorded of it is from now on. Raises MethodError, one line, for a file that
    is of another network, is another than published or than came first, or computes otherwise.
    """
    sha256 = sha256_of(file)
    fault = expected(file).fault(file, sha256)
    if fault is not None:
        raise MethodError(f"{network}: {file}: {fault}")
    module, _ = load_network(network, file)
    made = probed(network, module.double())
    if not torch.isfinite(made).all():
        raise MethodError(f"{network}: {file} computes infinite or undefined numbers")
    found = fingerprint(made)
    before = recorded(file)
    known = before is not None and bool(before.fingerprint)
    if before is None:
        before = Record(network, sha256, "where it was found")
    if known and not agree(found, before.fingerprint):
        raise MethodError(
            f"{network}: {file} is the file that came, but computes something else than when it "
            "was first verified: this program or a library has changed what it does"
        )
    if not known:
        record(file, dataclasses.replace(before, fingerprint=found))
    parameters = sum(p.numel() for p in module.parameters())
    return Verified(network, file, sha256, parameters, found, known)


def fingerprint(output: Tensor) -> tuple[float, ...]:
    """A few numbers that another output does not have: its size, its mean, and how much it is
    like each of some waves."""
    flat = output.double().flatten()
    places = torch.arange(len(flat), dtype=torch.float64)
    waves = (torch.cos(places * (0.1 + 0.37 * k)) for k in range(PROJECTIONS))
    size = flat.square().mean().sqrt()
    numbers = [size, flat.mean(), *((flat * wave).mean() for wave in waves)]
    return tuple(float(f"{number.item():.12g}") for number in numbers)


def agree(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether two fingerprints are of the same output, to rounding."""
    return len(one) == len(other) and all(
        math.isclose(a, b, rel_tol=0, abs_tol=TOLERANCE * abs(other[0]))
        for a, b in zip(one, other, strict=True)
    )


def pattern(*shape: int) -> Tensor:
    """Numbers in (0, 1), the same on every machine, no two axes alike: soft waves with detail."""
    value = torch.zeros(shape, dtype=torch.float64)
    for axis, length in enumerate(shape):
        along = torch.arange(length, dtype=torch.float64) * (0.31 + 0.17 * axis)
        value = value + along.view(-1, *[1] * (len(shape) - axis - 1))
    return 0.5 + 0.3 * torch.sin(value) + 0.15 * torch.cos(3.7 * value)


def probed(name: str, network: nn.Module) -> Tensor:
    """What a network of float64 computes on its small fixed inputs."""
    with torch.inference_mode():
        made: Tensor = network(*network_spec(name).probe(pattern, network))
    return made
