"""The degradation that low-resolution frames were made by, found from them and the true frames."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .degradation import DEGRADATIONS, SCALES, degrade
from .errors import DatasetError
from .frames import frame_files, read_frame
from .sources.scenes import TRUTHS, SourceScenes

SAME = 0.6  # levels: two roundings of one value differ by 0.4
Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class DegradationMatch:
    """How far low-resolution frames are from those of each degradation.

    residuals: kind -> root mean square difference in levels of 8 bits.
    """

    scale: int
    residuals: dict[str, float]

    @property
    def kinds(self) -> list[str]:
        """The degradations that they may be of: several where the frames are too plain to tell."""
        equal = [kind for kind, residual in self.residuals.items() if not residual]
        return equal or [kind for kind, residual in self.residuals.items() if residual < SAME]

    def __str__(self) -> str:
        """The finding with its evidence.

        >>> str(DegradationMatch(4, {"BD": 11.2, "BI": 0.31, "BDC": 3.4}))
        'BI x4 (residual 0.31 of 255; BDC 3.40, BD 11.20)'
        >>> str(DegradationMatch(4, {"BD": 11.2, "BI": 2.0, "BDC": 3.4}))
        'none of BD, BI, BDC at x4 (residuals: BI 2.00, BDC 3.40, BD 11.20 of 255)'
        >>> str(DegradationMatch(4, {"BD": 0.0, "BI": 0.0, "BDC": 0.0}))
        'BD or BI or BDC x4, too plain to tell (residuals: BD 0.00, BI 0.00, BDC 0.00 of 255)'
        """
        near = sorted(self.residuals.items(), key=lambda item: item[1])
        each = [f"{kind} {residual:.2f}" for kind, residual in near]
        if len(self.kinds) == 1:
            residual, others = near[0][1], ", ".join(each[1:])
            return f"{self.kinds[0]} x{self.scale} (residual {residual:.2f} of 255; {others})"
        what = f"{' or '.join(self.kinds)} x{self.scale}, too plain to tell"
        if not self.kinds:
            what = f"none of {', '.join(self.residuals)} at x{self.scale}"
        return f"{what} (residuals: {', '.join(each)} of 255)"


def match_degradation(pairs: Iterable[tuple[Frame, Frame]]) -> DegradationMatch | None:
    """The degradation of pairs of a true and a low-resolution frame; None if the sizes fit no scale."""
    squares: dict[str, list[float]] = {kind: [] for kind in DEGRADATIONS}
    scale = None
    for gt, lr in pairs:
        sizes = {tuple(side // ratio for side in gt.shape[:2]): ratio for ratio in SCALES[::-1]}
        ratio = sizes.get(lr.shape[:2]) if lr.size else None
        if ratio is None or scale not in (None, ratio):
            return None
        scale = ratio
        height, width = (scale * size for size in lr.shape[:2])
        for kind in DEGRADATIONS:
            degraded = degrade(gt[:height, :width], kind, scale)
            squares[kind].append(float(np.mean((degraded.astype(np.float64) - lr) ** 2)))
    if scale is None:
        return None
    return DegradationMatch(scale, {kind: (sum(s) / len(s)) ** 0.5 for kind, s in squares.items()})


def low_resolution_notes(contents: SourceScenes) -> list[str]:
    """A line for each folder of low-resolution frames beside the true frames of the first scene.

    Published sets have SET/GT/NAME beside SET/BIx4/NAME, or NAME/GT beside NAME/LR.
    """
    scene = next((one for one in contents.scenes if one.kind == "frames"), None)
    if scene is None:
        return []
    folder = scene.files[0].parent
    try:
        if folder.name.lower() in TRUTHS:
            places = set(folder.parent.iterdir())
        elif folder.parent.name.lower() in TRUTHS:
            places = {place / folder.name for place in folder.parent.parent.iterdir()}
        else:
            return []
    except OSError:
        return []
    notes, middle = [], len(scene.files) // 2
    for place in sorted(places - {folder}):
        with suppress(DatasetError, OSError):  # none is a fault of the set
            files = frame_files(place) if place.is_dir() else []
            if len(files) == len(scene.files):
                pair = read_frame(scene.files[middle]), read_frame(files[middle])
                if match := match_degradation([pair]):
                    line = f"{scene.name}: the low-resolution frames in {place} are {match}"
                    notes.append(line)
    return notes
