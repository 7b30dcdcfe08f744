"""UDM10: the ten test scenes of PFNL."""

from __future__ import annotations

from .recipe import Published, Recipe

_NAMES = (
    *("archpeople", "archwall", "auditorium", "band", "caffe"),
    *("camera", "clap", "lake", "photography", "polyflow"),
)

UDM10 = Recipe(
    name="udm10",
    title="UDM10, the test set of PFNL",
    scenes=dict.fromkeys(_NAMES),
    licence='its authors: "in consider of copyright, the datasets should only be used for study"',
    citation=(
        "Yi et al., Progressive Fusion Video Super-Resolution Network via Exploiting Non-Local "
        "Spatio-Temporal Correlations, ICCV 2019"
    ),
    page="https://github.com/psychopa4/PFNL",
    file=Published(
        "udm10.archive",
        ("https://drive.google.com/file/d/1IEURw2U4V9KNejw3YptPL6gWM2xLE6bq",),
    ),
    layouts=("NAME/truth", "GT/NAME", "NAME/GT", "NAME"),
    get="the UDM10 archive that the README of github.com/psychopa4/PFNL links to, or its folder",
)
