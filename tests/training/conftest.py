"""A small training set made once, and gradients on as each test begins."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from stvt.datasets.build.synthetic_set import prepare_photographs


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of the training set "photographs"."""
    root = tmp_path_factory.mktemp("data")
    prepare_photographs(root, clips=12, frames=16, side=96)
    return root


@pytest.fixture(autouse=True)
def gradients_are_on() -> Iterator[None]:
    """PyTorch raises the death of a loader's worker from a signal handler, anywhere in the main
    thread, so that a `no_grad` may be left without being undone."""
    with torch.inference_mode(False), torch.enable_grad():
        yield
