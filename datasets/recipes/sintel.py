"""MPI Sintel: the training sequences of the optical-flow benchmark, rendered in two passes."""

from __future__ import annotations

from dataclasses import replace

from .recipe import Published, Recipe

_SHORT = {"ambush_2": 21, "ambush_4": 33, "ambush_6": 20, "market_6": 40}
_NAMES = (
    *("alley_1", "alley_2", "ambush_2", "ambush_4", "ambush_5", "ambush_6", "ambush_7"),
    *("bamboo_1", "bamboo_2", "bandage_1", "bandage_2", "cave_2", "cave_4", "market_2"),
    *("market_5", "market_6", "mountain_1", "shaman_2", "shaman_3", "sleeping_1", "sleeping_2"),
    *("temple_2", "temple_3"),
)

_FINAL, _CLEAN = r"(?<![a-z])final(?![a-z])", r"(?<![a-z])clean(?![a-z])"

SINTEL = Recipe(
    name="sintel",
    title="MPI Sintel, training sequences, final pass",
    scenes={name: _SHORT.get(name, 50) for name in _NAMES},  # 1064 frames
    size=(436, 1024),
    fps="24",
    licence="(c) copyright Blender Foundation, durian.blender.org, CC BY 3.0",
    citation="Butler et al., A naturalistic open source movie for optical flow evaluation, ECCV 2012",
    page="http://sintel.is.tue.mpg.de",
    file=Published(
        "MPI-Sintel-complete.zip",
        (
            "http://files.is.tue.mpg.de/sintel/MPI-Sintel-complete.zip",
            "http://sintel.cs.washington.edu/MPI-Sintel-complete.zip",
        ),
        about=5_300_000_000,
    ),
    layouts=("training/final/NAME", "final/NAME", "NAME"),
    get=(
        "MPI-Sintel-complete.zip of sintel.is.tue.mpg.de, or its folder training/final with 23 "
        "scenes of 1064 frames"
    ),
    names=_FINAL,
    others={"sintel_clean": _CLEAN},
)

SINTEL_CLEAN = replace(
    SINTEL,
    name="sintel_clean",
    title="MPI Sintel, training sequences, clean pass",
    layouts=("training/clean/NAME", "clean/NAME", "NAME"),
    get=SINTEL.get.replace("training/final", "training/clean"),
    names=_CLEAN,
    others={"sintel": _FINAL},
)
