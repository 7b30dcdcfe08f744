"""The numbers that the STVUN paper prints, as data with their source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PAPER = "Deep Space-Time Video Upsampling Networks, ECCV 2020, arXiv 2004.02432"
DEVICE = "GeForce Titan X"


@dataclass(frozen=True)
class PrintedCell:
    """One printed cell: PSNR and SSIM. None is a value that cannot be read; `doubt` says why one is uncertain."""

    psnr: float | None
    ssim: float | None
    doubt: str = ""

    def value(self, metric: str) -> float | None:
        """None too for a metric that is not printed."""
        return {"psnr": self.psnr, "ssim": self.ssim}.get(metric)


@dataclass(frozen=True)
class PrintedMethod:
    """One column of a printed table: a method, its cells by data set, its size and time.

    parameters: as printed, rounded to 0.1 M.
    seconds:    for one 960x540 frame, on `DEVICE`.
    specs:      what `stvt evaluate --methods` calls it.
    """

    name: str
    cells: Mapping[str, PrintedCell]
    parameters: int
    seconds: float
    specs: tuple[str, ...] = ()


@dataclass(frozen=True)
class PrintedTable:
    """A table of the paper. `remarks` are what a reader who compares with it has to know."""

    name: str
    caption: str
    scale: int
    methods: tuple[PrintedMethod, ...]
    source: str = PAPER
    device: str = DEVICE
    remarks: tuple[str, ...] = field(default=())


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

TABLE_1 = PrintedTable(
    name="Table 1",
    caption="x4 in space, x2 in time, odd frames as ground truth",
    scale=4,
    methods=(
        PrintedMethod(
            "F→V",
            {
                "vid4": PrintedCell(25.22, 0.7506),
                "sintel": PrintedCell(26.99, 0.7986),
                "reds_vtsr": PrintedCell(23.70, 0.6541),
                "stvt": PrintedCell(26.43, 0.8435),
            },
            parameters=44_700_000,
            seconds=0.52,
            specs=("dain+edvr", "f2v"),
        ),
        PrintedMethod(
            "V→F",
            {
                "vid4": PrintedCell(26.39, 0.8163),
                "sintel": PrintedCell(27.56, 0.8185),
                "reds_vtsr": PrintedCell(23.63, 0.6533),
                "stvt": PrintedCell(26.96, 0.8619),
            },
            parameters=44_700_000,
            seconds=2.14,
            specs=("edvr+dain", "v2f"),
        ),
        PrintedMethod(
            "STVUN",
            {
                "vid4": PrintedCell(26.49, 0.8231),
                "sintel": PrintedCell(27.58, 0.8134),
                "reds_vtsr": PrintedCell(23.78, 0.6601),
                "stvt": PrintedCell(27.23, 0.8644),
            },
            parameters=30_900_000,
            seconds=0.30,
            specs=("stvun",),
        ),
    ),
    remarks=(NOT_STATED,),
)

TABLE_2 = PrintedTable(
    name="Table 2",
    caption="x2 in space, x2 in time, against FISR",
    scale=2,
    methods=(
        PrintedMethod(
            "FISR",
            {
                "vid4": PrintedCell(26.93, 0.8534),
                "sintel": PrintedCell(27.17, 0.8115),
                "reds_vtsr": PrintedCell(
                    23.89,
                    0.6601,
                    doubt="the row is damaged in the text that we have: this may blend two cells",
                ),
                "stvt": PrintedCell(26.49, 0.8514),
            },
            parameters=62_300_000,
            seconds=1.10,
            specs=("fisr",),
        ),
        PrintedMethod(
            "STVUN",
            {
                "vid4": PrintedCell(30.60, 0.9369),
                "sintel": PrintedCell(28.36, 0.8329),
                "reds_vtsr": PrintedCell(
                    None, None, doubt="unreadable in the text that we have; below FISR's PSNR"
                ),
                "stvt": PrintedCell(28.01, 0.8895),
            },
            parameters=30_900_000,
            seconds=0.98,
            specs=("stvun",),
        ),
    ),
    remarks=(NOT_STATED,),
)

TABLE_3 = PrintedTable(
    name="Table 3",
    caption="ablation on STVT, x4 in space, x2 in time",
    scale=4,
    methods=(
        PrintedMethod(
            "w/o EFST", {"stvt": PrintedCell(27.06, 0.8613)}, 30_500_000, 0.27, ("stvun-wo-efst",)
        ),
        PrintedMethod(
            "w/o D", {"stvt": PrintedCell(27.15, 0.8615)}, 30_900_000, 0.30, ("stvun-wo-d",)
        ),
        PrintedMethod(
            "w/ A&F", {"stvt": PrintedCell(27.20, 0.8652)}, 32_400_000, 0.75, ("stvun-w-af",)
        ),
        PrintedMethod("STVUN", {"stvt": PrintedCell(27.23, 0.8644)}, 30_900_000, 0.30, ("stvun",)),
    ),
    remarks=(NOT_STATED,),
)

TABLES = {"1": TABLE_1, "2": TABLE_2, "3": TABLE_3}
