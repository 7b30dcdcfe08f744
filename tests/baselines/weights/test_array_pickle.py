"""Pickles of arrays are read; what would run code is refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stvt.baselines.errors import MethodError
from stvt.baselines.weights.read import read_arrays, read_state

CONTENT = {
    "AlexNet_0": {"Conv_0": {"kernel": np.arange(6, dtype=np.float32).reshape(1, 2, 3)}},
    "NetLinLayer_0": {"bias": np.ones(4, np.float32)},
}


def pickled(content: Any, module: bytes = b"numpy._core.multiarray") -> bytes:
    """module: under which NumPy 1 wrote its function, or NumPy 2."""
    return pickle.dumps(content, 3).replace(b"numpy._core.multiarray", module)


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_nested_dictionaries_of_arrays_are_read(module: bytes, tmp_path: Path) -> None:
    file = tmp_path / "weights.ckpt"
    file.write_bytes(pickled(CONTENT, module))
    for state in (read_arrays(file), read_state(file, "any")):
        assert [*state] == ["AlexNet_0.Conv_0.kernel", "NetLinLayer_0.bias"]
        expected = torch.arange(6.0).view(1, 2, 3)
        torch.testing.assert_close(state["AlexNet_0.Conv_0.kernel"], expected, rtol=0, atol=0)


class Evil:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.place),)


@pytest.mark.parametrize("foreign", ["mkdir", "ufunc", "object", "text"])
def test_any_other_name_is_refused_in_one_line_and_nothing_runs(
    foreign: str, tmp_path: Path
) -> None:
    values: dict[str, Any] = {
        "mkdir": Evil(tmp_path / "made"),
        "ufunc": np.add,
        "object": np.array([{}], object),
        "text": "words",
    }
    file = tmp_path / "weights.ckpt"
    file.write_bytes(pickled({**CONTENT, "more": values[foreign]}))
    with pytest.raises(MethodError, match="holds more than arrays|holds no plain arrays") as caught:
        read_state(file, "any")
    assert "\n" not in str(caught.value) and not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-40], lambda raw: raw[:3] + b"\xff" * 9 + raw[12:]]
)
def test_a_damaged_file_is_one_line(damage: Any, tmp_path: Path) -> None:
    file = tmp_path / "weights.ckpt"
    file.write_bytes(damage(pickled(CONTENT)))
    with pytest.raises(MethodError, match="damaged or no pickle of arrays") as caught:
        read_state(file, "any")
    assert "\n" not in str(caught.value)
