"""Checkpoint files of PyTorch."""

from pathlib import Path

import torch
from torch import Tensor

State = dict[str, Tensor]


def saved(state: object, file: Path) -> Path:
    torch.save(state, file)
    return file
