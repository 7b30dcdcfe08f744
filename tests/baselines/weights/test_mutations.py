"""Files with bytes changed at random: each is refused in one line, or gives what was saved."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from stvt.baselines.errors import MethodError
from stvt.baselines.weights.read import read_state
from stvt.baselines.weights.store import Record, read_record, write_record
from stvt.baselines.weights.tensorflow_checkpoint import TensorFlowCheckpoint
from stvt.core.files import sha256_of
from tests.builders.tensorflow_checkpoints import write_checkpoint

STATE = {
    "first.weight": torch.linspace(-1, 1, 96).reshape(2, 3, 4, 4),
    "first.bias": torch.tensor([0.5, -0.5]),
    "norm.num_batches_tracked": torch.tensor(3),
}


def mutations(content: bytes, number: int, seed: int) -> Iterator[bytes]:
    """The content with bits flipped, bytes changed, cut out, repeated or put in, or its end cut."""
    chance = random.Random(seed)
    for _ in range(number):
        new = bytearray(content)
        for _ in range(chance.choice([1, 1, 2, 8])):
            at, size = chance.randrange(max(1, len(new))), chance.choice([1, 2, 4, 8, 100])
            match chance.randrange(7):
                case 0 | 1:
                    new[at : at + 1] = bytes(b ^ 1 << chance.randrange(8) for b in new[at : at + 1])
                case 2:
                    new[at : at + 1] = [chance.choice([0, 255, 127, 128, chance.randrange(256)])]
                case 3:
                    del new[at : at + size]
                case 4:
                    new[at:at] = new[at : at + size]
                case 5:
                    new[at : at + size] = chance.randbytes(size)
                case 6:
                    del new[at + 1 :]
        yield bytes(new)


def read_with_torch(file: Path) -> dict[str, Any]:
    return {name: value.tolist() for name, value in read_state(file, "net").items()}


def read_with_tensorflow(file: Path) -> dict[str, Any]:
    checkpoint = TensorFlowCheckpoint(file)
    return {name: checkpoint.read(name).tolist() for name in checkpoint.entries}


def read_as_record(file: Path) -> Record | None:
    return read_record(file.parents[1] / file.stem)


def pth(folder: Path) -> Path:
    torch.save(STATE, folder / "net.pth")
    return folder / "net.pth"


def old_pth(folder: Path) -> Path:
    torch.save(STATE, folder / "net.pth", _use_new_zipfile_serialization=False)
    return folder / "net.pth"


def safetensors(folder: Path) -> Path:
    save_file(STATE, folder / "net.safetensors")
    return folder / "net.safetensors"


def tensorflow(folder: Path) -> Path:
    values = {"net/w": np.linspace(-1, 1, 90, dtype=np.float32), "net/b": np.ones(3, np.float32)}
    write_checkpoint(folder / "model-7", values)
    return folder / "model-7.index"


def tensorflow_data(folder: Path) -> Path:
    return tensorflow(folder).with_name("model-7.data-00000-of-00001")


def record(folder: Path) -> Path:
    (folder / "home" / "weights").mkdir(parents=True)
    file = folder / "home" / "weights" / "net.pth"
    file.write_bytes(b"weights")
    write_record(file, Record("net", sha256_of(file), "https://example.org", (0.5, -1.25)))
    return file.parent / "records" / "net.pth.json"


KINDS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], Any], bool]] = {
    # How it is made and read, and whether it has checksums, which nothing may pass.
    "pth": (pth, read_with_torch, True),
    "old pth": (old_pth, read_with_torch, False),
    "safetensors": (safetensors, read_with_torch, False),
    "tensorflow": (tensorflow, read_with_tensorflow, True),
    "tensorflow data": (tensorflow_data, read_with_tensorflow, True),
    "record": (record, read_as_record, False),
}


@pytest.mark.parametrize("number", [200, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", KINDS)
def test_changed_bytes_are_refused_or_change_nothing(
    kind: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path / "home"))
    make, read, has_checksums = KINDS[kind]
    file = make(tmp_path)
    content, right = file.read_bytes(), read(file)
    refused = 0
    for changed in mutations(content, number, number):
        file.write_bytes(changed)
        try:
            value = read(file)
        except MethodError as error:
            refused += 1
            assert "\n" not in str(error) and str(error).isprintable()
        else:
            assert not has_checksums or value == right
    assert refused > number / 10
