"""The data sets that are known by name."""

from __future__ import annotations

from .adobe240 import ADOBE240
from .davis import DAVIS
from .gopro240 import GOPRO240
from .recipe import Recipe
from .reds import REDS4, REDS_VTSR, REDS_VTSR_15, REDS_VTSR_30
from .sample import SAMPLE
from .sintel import SINTEL, SINTEL_CLEAN
from .stvt12 import STVT
from .udm10 import UDM10
from .vid4 import VID4
from .vimeo90k import VIMEO90K
from .x4k1000fps import X4K1000FPS

_ALL = (
    *(SAMPLE, VID4, STVT, SINTEL, SINTEL_CLEAN, REDS_VTSR, REDS_VTSR_30, REDS_VTSR_15),
    *(REDS4, VIMEO90K, DAVIS, GOPRO240, ADOBE240, X4K1000FPS, UDM10),
)
DATASETS: dict[str, Recipe] = {recipe.name: recipe for recipe in _ALL}
