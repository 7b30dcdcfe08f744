"""STVT, the test set of the STVUN paper: twelve dynamic scenes."""

from __future__ import annotations

from .recipe import Published, Recipe

STVT = Recipe(
    name="stvt",
    title="STVT, the space-time video test set of STVUN",
    scenes={},
    count=12,
    least=50,
    licence="none stated by the authors: no permission to copy or distribute is given",
    citation="Kang et al., Deep Space-Time Video Upsampling Networks, ECCV 2020",
    page="https://github.com/JaeYeonKang/STVUN-Pytorch",
    file=Published(
        "STVT.archive",
        ("https://drive.google.com/file/d/1nHuxP2t9HiqFjsbJdBPi7XbTdDzJAQoh",),
    ),
    get=(
        "the archive that the README of github.com/JaeYeonKang/STVUN-Pytorch links to, or the "
        "folder of its 12 scenes, each of at least 50 frames"
    ),
)
