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
from .store import Record, expected, file_names, read_record, weights_folder, write_record

TOLERANCE = 1e-5  # of the output's size; two machines differ by 1e-12 in float64
PROJECTIONS = 6


@dataclass(frozen=True)
class Verification:
    """The result for a file that is right. repeated: it was verified before, and computes the same."""

    network: str
    file: Path
    sha256: str
    parameters: int
    fingerprint: tuple[float, ...]
    repeated: bool


def weight_files(name: str | None = None) -> list[tuple[str, Path]]:
    """Network and file of all weights that are in their places, or of a checkpoint or network.

    Raises MethodError if nothing has that name, or none of its files is there.
    """
    files = [
        (network, weights_folder() / file)
        for network in NETWORKS
        for file in dict.fromkeys(file_names(network))
        if (weights_folder() / file).is_file()
    ]
    if name is None:
        return files
    if name in NETWORKS:
        files = [(network, file) for network, file in files if network == name]
    elif name in CHECKPOINTS:
        files = [(network, file) for network, file in files if file.name == CHECKPOINTS[name].file]
    else:
        names = ", ".join({**CHECKPOINTS, **NETWORKS})
        raise MethodError(f"nothing is called {name!r}; there are {names}")
    if not files:
        raise MethodError(
            f"{name}: no weights in {weights_folder()}; type `stvt weights fetch {name}` or "
            "`stvt weights add FILE`"
        )
    return files


def verify_weights(network: str, file: Path) -> Verification:
    """Load a file strictly, compute a small fixed input, and compare with what is recorded.

    What is not yet recorded of it is from now on. Raises MethodError, one line, for a file that
    is of another network, is another than published or than came first, or computes otherwise.
    """
    sha256 = sha256_of(file)
    fault = expected(file).fault(file, sha256)
    if fault is not None:
        raise MethodError(f"{network}: {file}: {fault}")
    module, _ = load_network(network, file)
    output = probe(network, module.double())
    if not torch.isfinite(output).all():
        raise MethodError(f"{network}: {file} computes infinite or undefined numbers")
    numbers = fingerprint(output)
    record = read_record(file) or Record(network, sha256, "where it was found")
    repeated = bool(record.fingerprint)
    if repeated and not agree(numbers, record.fingerprint):
        raise MethodError(
            f"{network}: {file} is the file that came, but computes something else than when it "
            "was first verified: this program or a library has changed what it does"
        )
    if not repeated:
        write_record(file, dataclasses.replace(record, fingerprint=numbers))
    parameters = sum(p.numel() for p in module.parameters())
    return Verification(network, file, sha256, parameters, numbers, repeated)


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


def probe(name: str, network: nn.Module) -> Tensor:
    """What a network of float64 computes on its small fixed inputs."""
    with torch.inference_mode():
        output: Tensor = network(*network_spec(name).probe(pattern, network))
    return output
