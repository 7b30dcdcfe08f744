"""An empty folder of weights, and a small file of EDVR-M's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from stvt.baselines.edvr.network import EDVR
from stvt.baselines.weights.load import (
    initialise,
)

State = dict[str, Tensor]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of weights."""
    monkeypatch.setenv("STVT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "home" / "weights"


@pytest.fixture(scope="module")
def edvr_m() -> State:
    module = EDVR(extract_blocks=1, reconstruction_blocks=1)  # which the file says itself
    initialise(module, seed=3)
    return module.state_dict()


@pytest.fixture
def file(edvr_m: State, tmp_path: Path) -> Path:
    """Weights of an EDVR-M under a name of no meaning."""
    return saved(edvr_m, tmp_path / "mine.pth")


def saved(state: object, file: Path) -> Path:
    torch.save(state, file)
    return file
