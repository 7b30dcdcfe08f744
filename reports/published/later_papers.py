"""Numbers that later papers print on the same sets, each table under one protocol."""

from __future__ import annotations

from . import PrintedTable, printed_methods

SOURCE = (
    "the quantitative results of TMNet (GitHub: CS-GangXu/TMNet), which quotes Zooming Slow-Mo "
    "for the other methods"
)
# The preset `zsm`: what a run must be for these numbers to stand beside its own.
ZSM_PROTOCOL = {
    "degradation": "BI",
    "scale": 4,
    "frames": "all",
    "channel": "y",
    "crop_border": 0,
    "time_step": 2,
    "ends": "replicate",
    "limit": None,
    "inputs": "prepared",
}

# Method | Vid4 and Vimeo90K's fast, medium and slow parts | frames/s | parameters, M
_ZSM = """
SuperSloMo + bicubic | 22.84/0.5772 31.88/0.8793 29.94/0.8477 28.37/0.8102 |     - | 19.8
SuperSloMo + RCAN    | 23.80/0.6397 34.52/0.9076 32.50/0.8884 30.69/0.8624 |  2.49 | 19.8+16.0
SuperSloMo + RBPN    | 23.76/0.6362 34.73/0.9108 32.79/0.8930 30.48/0.8584 |  2.06 | 19.8+12.7
SuperSloMo + EDVR    | 24.40/0.6706 35.05/0.9136 33.85/0.8967 30.99/0.8673 |  6.85 | 19.8+20.7
SepConv + bicubic    | 23.51/0.6273 32.27/0.8890 30.61/0.8633 29.04/0.8290 |     - | 21.7
SepConv + RCAN       | 24.92/0.7236 34.97/0.9195 33.59/0.9125 32.13/0.8967 |  2.42 | 21.7+16.0
SepConv + RBPN       | 26.08/0.7751 35.07/0.9238 34.09/0.9229 32.77/0.9090 |  2.01 | 21.7+12.7
SepConv + EDVR       | 25.93/0.7792 35.23/0.9252 34.22/0.9240 32.96/0.9112 |  6.36 | 21.7+20.7
DAIN + bicubic       | 23.55/0.6268 32.41/0.8910 30.67/0.8636 29.06/0.8289 |     - | 24.0
DAIN + RCAN          | 25.03/0.7261 35.27/0.9242 33.82/0.9146 32.26/0.8974 |  2.23 | 24.0+16.0
DAIN + RBPN          | 25.96/0.7784 35.55/0.9300 34.45/0.9262 32.92/0.9097 |  1.88 | 24.0+12.7
DAIN + EDVR          | 26.12/0.7836 35.81/0.9323 34.66/0.9281 33.11/0.9119 |  5.20 | 24.0+20.7
STARnet              | 26.06/0.8046 36.19/0.9368 34.86/0.9356 33.10/0.9164 | 14.08 | 111.61
Zooming Slow-Mo      | 26.31/0.7976 36.81/0.9415 35.41/0.9361 33.36/0.9138 | 16.50 | 11.10
TMNet                | 26.43/0.8016 37.04/0.9435 35.60/0.9380 33.51/0.9159 | 14.69 | 12.26
"""

# Space alone, luma, all frames of Vid4 as one sequence. "BD" is two degradations, 1.5 pixels apart:
# a row is quoted where it is known which its authors took. Method | Vid4 | frames/s | parameters, M
_SPACE = {
    "BI": """
bicubic         | 23.78/0.6347 | -    | 0
VESPCN          | 25.35/0.7557 | -    | 0.9
TOFlow          | 25.89/0.7651 | -    | 1.4
PFNL            | 26.73/0.8029 | -    | 3.0
EDVR-M          | 27.10/0.8186 | -    | 3.3
RBPN            | 27.12/0.8180 | -    | 12.2
BasicVSR        | 27.24/0.8251 | -    | 4.9
EDVR-L          | 27.35/0.8264 | -    | 20.6
IconVSR         | 27.42/0.8297 | -    | 8.7
BasicVSR++      | 27.79/0.8401 | -    | 7.3
""",
    "BDC": """
BasicVSR        | 27.96/0.8553 | -    | 4.9
IconVSR         | 28.25/0.8612 | -    | 8.7
BasicVSR++      | 29.04/0.8753 | -    | 7.3
""",
    "BD": """
bicubic         | 21.80/0.5246 | -    | 0
DUF             | 27.38/0.8329 | -    | -
""",
}
_SPACE_SOURCE = (
    "BasicVSR's table as a later paper repeats it (its 4.9 M parameters are without SPyNet), mmagic's "
    "model zoo for IconVSR and BasicVSR++, EDVR's for TOFlow and EDVR-L"
)

ZSM = PrintedTable(
    name="zsm",
    caption="x4 in space by BI, x2 in time, all frames, given and new, of groups of seven, luma (Y), "
    "no border cropped",
    source=SOURCE,
    options=ZSM_PROTOCOL,
    methods=printed_methods(_ZSM, ("vid4", "vimeo_fast", "vimeo_medium", "vimeo_slow")),
)
TABLES = (
    ZSM,
    *(
        PrintedTable(
            name=f"{degradation}, space alone",
            caption=f"x4 in space by {degradation}, every frame input, luma (Y), no border cropped",
            source=_SPACE_SOURCE,
            options={
                **ZSM_PROTOCOL,
                "degradation": degradation,
                "frames": "existing",
                "time_step": 1,
            },
            methods=printed_methods(rows, ("vid4",)),
        )
        for degradation, rows in _SPACE.items()
    ),
)
