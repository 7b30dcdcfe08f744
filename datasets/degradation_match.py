"""The degradation that low-resolution frames were made by, found from them and the true frames."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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
    def kind(self) -> str | None:
        """The degradation that they are of, None if of none that is known."""
        nearest = min(self.residuals, key=self.residuals.__getitem__)
        return nearest if self.residuals[nearest] < SAME else None

    def __str__(self) -> str:
        """The finding with its evidence.

        >>> str(DegradationMatch(4, {"BD": 11.2, "BI": 0.31, "BDC": 3.4}))
        'BI x4 (residual 0.31 of 255; BDC 3.40, BD 11.20)'
        >>> str(DegradationMatch(4, {"BD": 11.2, "BI": 2.0, "BDC": 3.4}))
        'none of BD, BI, BDC at x4 (residuals: BI 2.00, BDC 3.40, BD 11.20 of 255)'
        """
        near = sorted(self.residuals.items(), key=lambda item: item[1])
        if self.kind is None:
            each = ", ".join(f"{kind} {residual:.2f}" for kind, residual in near)
            return (
                f"none of {', '.join(self.residuals)} at x{self.scale} (residuals: {each} of 255)"
            )
        others = ", ".join(f"{kind} {residual:.2f}" for kind, residual in near[1:])
        return f"{self.kind} x{self.scale} (residual {near[0][1]:.2f} of 255; {others})"


def match_degradation(pairs: Iterable[tuple[Frame, Frame]]) -> DegradationMatch | None:
    """The degradation of pairs of a true and a low-resolution frame; None if the sizes fit no scale."""
    total: dict[str, float] = dict.fromkeys(DEGRADATIONS, 0.0)
    number, scale = 0, None
    for gt, lr in pairs:
        ratio = _scale(gt, lr)
        if ratio is None or scale not in (None, ratio):
            return None
        scale = ratio
        height, width = (scale * size for size in lr.shape[:2])
        for kind in DEGRADATIONS:
            degraded = degrade(gt[:height, :width], kind, scale)
            total[kind] += float(np.mean((degraded.astype(np.float64) - lr) ** 2))
        number += 1
    if scale is None:
        return None
    return DegradationMatch(scale, {kind: (sum_ / number) ** 0.5 for kind, sum_ in total.items()})


def _match_folder(gt: list[Path], folder: Path) -> DegradationMatch | None:
    """The same of a folder of low-resolution frames and the files of the true ones, by the middle one.

    None where the folder has no such frames.
    """
    try:
        lr = frame_files(folder)
        if not lr or len(lr) != len(gt):
            return None
        middle = len(lr) // 2
        return match_degradation([(read_frame(gt[middle]), read_frame(lr[middle]))])
    except (DatasetError, OSError):
        return None


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
    notes = []
    for place in sorted(places - {folder}):
        if place.is_dir() and (match := _match_folder(list(scene.files), place)) is not None:
            notes.append(f"{scene.name}: the low-resolution frames in {place} are {match}")
    return notes


def _scale(gt: Frame, lr: Frame) -> int | None:
    return next(
        (
            scale
            for scale in SCALES
            if tuple(size // scale for size in gt.shape[:2]) == lr.shape[:2] and lr.size
        ),
        None,
    )
