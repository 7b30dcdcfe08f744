"""Training tests begin with gradients on, whatever the test before was doing when it ended."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def gradients_are_on() -> Iterator[None]:
    """PyTorch raises the death of a loader's worker from a signal handler, anywhere in the main
    thread, so that a `no_grad` may be left without being undone."""
    with torch.inference_mode(False), torch.enable_grad():
        yield
