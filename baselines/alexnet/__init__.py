"""AlexNet, whose features the metric LPIPS compares: its weights are kept with the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..spec import Checkpoint, NetworkSpec

if TYPE_CHECKING:
    from torch import nn


def alexnet() -> nn.Module:
    """torchvision's AlexNet."""
    from torchvision import models

    network: nn.Module = models.alexnet(weights=None)
    return network


SPEC = NetworkSpec(
    name="alexnet",
    kind="backbone",
    scales=(1,),
    summary="the backbone of LPIPS",
    network=alexnet,
    key_prefix="classifier.",
    own_file_name=False,  # LPIPS looks for the published name alone
    probe=lambda pattern, _: (pattern(1, 3, 64, 64),),
    checkpoints={
        "lpips": Checkpoint(
            network="alexnet",
            file="alexnet-owt-7be5be79.pth",
            page="https://pytorch.org/vision/stable/models/alexnet.html",
            about=244_000_000,
            licence="none stated (code: torchvision, BSD-3-Clause)",
            terms="torchvision warns that its weights may have terms derived from the data they "
            "were trained on: ImageNet, non-commercial research",
            sources=("https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",),
            sha256="7be5be79",
        )
    },
)
