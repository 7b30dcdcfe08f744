"""A small EDVR for tests."""

from __future__ import annotations

from typing import Any

import torch

from stvt.baselines.edvr.alignment import DeformableConv
from stvt.baselines.edvr.network import EDVR

SMALL: dict[str, Any] = {
    "channels": 8,
    "frames": 5,
    "groups": 2,
    "extract_blocks": 1,
    "reconstruction_blocks": 2,
}


def small(seed: int = 0, **form: Any) -> EDVR:
    """A small network with offsets of some pixels."""
    torch.manual_seed(seed)
    network = EDVR(**(SMALL | form))
    for module in network.modules():
        if isinstance(module, DeformableConv):
            weight, bias = module.conv_offset.parameters()
            torch.nn.init.normal_(weight, 0, 0.3)
            torch.nn.init.uniform_(bias, -2, 2)
    return network.eval()
