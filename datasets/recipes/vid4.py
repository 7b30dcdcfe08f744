"""Vid4, the test set of Liu and Sun: four scenes, small motion, fine texture."""

from __future__ import annotations

from .recipe import Published, Recipe

VID4 = Recipe(
    name="vid4",
    title="Vid4 (calendar, city, foliage, walk)",
    scenes={"calendar": 41, "city": 34, "foliage": 49, "walk": 47},
    sizes={"calendar": (576, 720), "city": (576, 704), "foliage": (480, 720), "walk": (480, 720)},
    licence="none stated by the authors; used for research: measure with it, do not ship it",
    citation="Liu and Sun, On Bayesian adaptive video super resolution, TPAMI 2014",
    page="https://github.com/open-mmlab/mmagic/tree/main/tools/dataset_converters/vid4",
    file=Published(
        "Vid4.zip",
        ("https://drive.google.com/file/d/1ZuvNNLgR85TV_whJoHM7uVb-XW1y70DW",),
    ),
    get=(
        "a folder or archive of the scenes calendar, city, foliage and walk with 41, 34, 49 and 47 "
        "PNG frames, as in the Vid4.zip that BasicSR's and MMagic's documentation link to"
    ),
)
