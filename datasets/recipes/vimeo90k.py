"""Vimeo-90K: the 7824 septuplets of the test part."""

from __future__ import annotations

from .recipe import Published, Recipe

VIMEO90K = Recipe(
    name="vimeo90k",
    title="Vimeo-90K, septuplets, test part",
    scenes={},
    count=7824,
    frames=7,
    size=(256, 448),
    listing="sep_testlist.txt",
    licence="non-commercial use only (the archive's readme); the videos are Vimeo users'",
    citation="Xue et al., Video Enhancement with Task-Oriented Flow, IJCV 2019",
    page="http://toflow.csail.mit.edu",
    file=Published(
        "vimeo_test_clean.zip",
        ("http://data.csail.mit.edu/tofu/testset/vimeo_test_clean.zip",),
        about=15_000_000_000,
        members=1_000_000,
    ),
    layouts=("sequences/NAME/NAME", "target/NAME/NAME", "NAME/NAME"),
    get=(
        "vimeo_test_clean.zip (15 GB) or vimeo_septuplet.zip (82 GB) of toflow.csail.mit.edu, or "
        "the folder of either"
    ),
)
