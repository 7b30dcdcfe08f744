"""A small training set, made once."""

from pathlib import Path

import pytest

from stvt.datasets.build.synthetic_set import prepare_photographs


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of the training set "photographs"."""
    root = tmp_path_factory.mktemp("data")
    prepare_photographs(root, clips=12, frames=16, side=96)
    return root
