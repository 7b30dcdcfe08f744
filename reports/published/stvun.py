"""The numbers that the STVUN paper prints."""

from __future__ import annotations

from collections.abc import Mapping

from . import PrintedTable, printed_methods

PAPER = "Deep Space-Time Video Upsampling Networks, ECCV 2020, arXiv 2004.02432"
DEVICE = "GeForce Titan X"
SETS = ("vid4", "sintel", "reds_vtsr", "stvt")

# What the preset `paper` stands for: a run that departs from any of it is not beside the paper's.
PROTOCOL: Mapping[str, object] = {
    "degradation": "BD",
    "scale": 4,
    "frames": "new",
    "channel": "rgb",
    "crop_border": 0,
    "time_step": 2,
    "ends": "valid",
    "common_frames": "on",
    "limit": None,
    "inputs": "prepared",
    "precision": "fp32",
    "tile": None,
}

NOT_STATED = (
    "The paper does not state its channel, border, end frames or the cascades' EDVR weights: "
    "expect figures of the same order, not the same figures."
)

# How many scenes the sets have: a run on fewer is another test set than the paper's.
SCENES = {"vid4": 4, "stvt": 12}


def _table(
    number: int,
    caption: str,
    scale: int,
    rows: str,
    sets: tuple[str, ...] = SETS,
    doubts: Mapping[str, str] = {},
) -> PrintedTable:
    return PrintedTable(
        name=f"Table {number}",
        caption=caption,
        source=PAPER,
        options={**PROTOCOL, "scale": scale},
        methods=printed_methods(rows, sets, doubts),
        device=DEVICE,
        remarks=NOT_STATED,
    )


# Method | PSNR/SSIM on each of the sets | seconds | parameters, M | specs
TABLE_1 = _table(
    1,
    "x4 in space, x2 in time, odd frames as ground truth",
    4,
    """
F→V   | 25.22/0.7506 26.99/0.7986 23.70/0.6541 26.43/0.8435 | 0.52 s | 44.7 | dain+edvr f2v
V→F   | 26.39/0.8163 27.56/0.8185 23.63/0.6533 26.96/0.8619 | 2.14 s | 44.7 | edvr+dain v2f
STVUN | 26.49/0.8231 27.58/0.8134 23.78/0.6601 27.23/0.8644 | 0.30 s | 30.9 | stvun
""",
)
TABLE_2 = _table(
    2,
    "x2 in space, x2 in time, against FISR",
    2,
    """
FISR  | 26.93/0.8534 27.17/0.8115 23.89/0.6601 26.49/0.8514 | 1.10 s | 62.3 | fisr
STVUN | 30.60/0.9369 28.36/0.8329 ?            28.01/0.8895 | 0.98 s | 30.9 | stvun
""",
    doubts={
        "23.89/0.6601": "the row is damaged in the text that we have: this may blend two cells",
        "?": "unreadable in the text that we have; below FISR's PSNR",
    },
)
TABLE_3 = _table(
    3,
    "ablation on STVT, x4 in space, x2 in time",
    4,
    """
w/o EFST | 27.06/0.8613 | 0.27 s | 30.5 | stvun-wo-efst
w/o D    | 27.15/0.8615 | 0.30 s | 30.9 | stvun-wo-d
w/ A&F   | 27.20/0.8652 | 0.75 s | 32.4 | stvun-w-af
STVUN    | 27.23/0.8644 | 0.30 s | 30.9 | stvun
""",
    sets=("stvt",),
)
TABLES = {"1": TABLE_1, "2": TABLE_2, "3": TABLE_3}
