"""The networks that can be trained, by name, and their compact sizes "s" and "m".

The architecture is the published one with fewer channels, but for two things. STVUN's flow network,
which would outweigh the rest, is a light one. And the flow brings neighbouring frames to the centre
frame before they are fused: with 16 channels and hours rather than weeks of training, fusion alone
learnt to gain 0.06 dB from all six neighbours (Vid4). "-unaligned" leaves that out, as published.
"""

from __future__ import annotations

from torch import nn

from .edvr.network import EDVR, edvr_l, edvr_m
from .errors import MethodError
from .flow_networks.light import LightFlow
from .stvun.aligned_fusion import AlignedFusion
from .stvun.network import STVUN, WIDTH

WIDTHS = {"": WIDTH, "-s": 16, "-m": 32}  # channels of STVUN's features
ABLATIONS = ("", "-wo-efst", "-wo-d", "-w-af")
UNALIGNED = "-unaligned"

TRAINABLE = (
    *(f"stvun{size}{ablation}" for size in WIDTHS for ablation in ABLATIONS),
    *(f"stvun{size}{UNALIGNED}" for size in WIDTHS if size),
    *("edvr", "edvr-m", "edvr-s"),
)


def trainable(name: str, scale: int = 4) -> nn.Module:
    """The network of that name, one of `TRAINABLE`.

    Raises MethodError for another name, or a scale that it does not have.
    """
    if name not in TRAINABLE:
        raise MethodError(f"no network {name!r} can be trained; there are {', '.join(TRAINABLE)}")
    if name.startswith("stvun"):
        return _stvun(size_of(name), name.removeprefix("stvun"), scale)
    if scale != 4:
        raise MethodError(f"{name} enlarges by 4, not by {scale}")
    return {"edvr": edvr_l, "edvr-m": edvr_m, "edvr-s": edvr_s}[name]()


def stages_of(name: str) -> tuple[str, ...]:
    """The stages of training that a network of `TRAINABLE` has.

    EDVR makes no new frames; the flow network of a full-size STVUN is a published one.

    >>> stages_of("edvr-m"), stages_of("stvun"), stages_of("stvun-s")
    (('space',), ('space', 'joint'), ('flow', 'space', 'joint'))
    """
    if not name.startswith("stvun"):
        return ("space",)
    return ("flow", "space", "joint") if size_of(name) else ("space", "joint")


def size_of(name: str) -> str:
    """Which compact size a network's name says: "-s", "-m" or ""."""
    return next((size for size in ("-s", "-m") if name.startswith(f"stvun{size}")), "")


def edvr_s() -> EDVR:
    """A compact EDVR, of 7 frames as STVUN's comparison; 419,019 parameters."""
    return EDVR(
        channels=24,
        frames=7,
        groups=4,
        extract_blocks=2,
        reconstruction_blocks=6,
        large_channels=24,
    )


def _stvun(size: str, variant: str, scale: int) -> STVUN:
    ablation = variant.removeprefix(size)
    width = WIDTHS[size]
    return STVUN(
        scale,
        efst=ablation != "-wo-efst",
        decoder_to_time=ablation != "-wo-d",
        fusion=AlignedFusion(width) if ablation == "-w-af" else None,
        width=width,
        flow=LightFlow() if size else None,
        aligned=bool(size) and ablation not in (UNALIGNED, "-w-af"),
    )
