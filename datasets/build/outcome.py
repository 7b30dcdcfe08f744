"""The outcome of preparing a test set: which scenes, and what is worth a line about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import listed
from ..recipes.recipe import Recipe
from ..schema import Missing, SceneRecord
from .scene_units import size_text


@dataclass
class Outcome:
    """The outcome of `prepare`: scenes prepared, failures and notes.

    prepared, unchanged: names of scenes. failures: a line for each that could not be prepared.
    notes: lines on what was cropped, guessed, left out or only partly decoded.
    """

    name: str
    folder: Path
    prepared: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note_gone(self, scenes: list[str], removed: bool) -> None:
        """Says what became of scenes that are prepared and no longer in the source."""
        if removed:
            what = "no longer in the source; removed"
        elif self.failures:
            what = "not whole in the source; what is prepared stays"
        else:
            what = "no longer in the source; what is prepared stays, unless with --prune"
        self.notes.append(f"{listed(scenes)}: {what}")


def notes_on(name: str, scene: SceneRecord, before: SceneRecord | None, multiple: int) -> list[str]:
    """Notes on a scene, a line each: cropping, damage, changes of its source."""
    gt, notes = scene.gt, []
    if gt.original and (before is None or before.gt.original != gt.original):
        notes.append(
            f"{name}: cropped from {size_text(gt.original)} to {size_text((gt.height, gt.width))}, "
            f"a multiple of {multiple}"
        )
    for label, lr in scene.lr.items():
        if lr.crop and (before is None or label not in before.lr):
            notes.append(f"{name}: {label} was made of the frames cropped to {size_text(lr.crop)}")
    if len(gt.frames) < 3 and before is None:
        notes.append(f"{name}: of {len(gt.frames)} frames none lies between two input frames")
    if before is not None and gt.frames != before.gt.frames:
        old = before.gt.frames
        new = sum(i >= len(old) or old[i] != frame for i, frame in enumerate(gt.frames))
        notes.append(f"{name}: the source has changed; {new} of {len(gt.frames)} frames differ")
    return notes + [f"{name}: {note}" for note in gt.notes]


def missing_together(
    was: Missing | None, now: Missing | None, scenes: int, of: int | None
) -> Missing | None:
    """The scenes and frames that a known set lacks, once those asked for stand with the others."""
    if was is None or now is None or not (was.chosen or was.partial):
        return None  # it was whole, and still is
    chosen = tuple(dict.fromkeys([*was.chosen, *now.chosen])) if was.chosen else ()
    return Missing(f"{scenes} of {of} scenes, as chosen", chosen, was.partial or now.partial)


def sizes_differing(recipe: Recipe, scenes: Mapping[str, SceneRecord]) -> str:
    """The scenes whose frames are not of the published size, in one line; "" if there are none."""
    lines = []
    for name, scene in scenes.items():
        published, gt = recipe.size_of(name), scene.gt
        size = (gt.height, gt.width)
        if published is not None and published not in (size, gt.original):
            lines.append(
                f"{name} is {size_text(gt.original or size)}, published {size_text(published)}"
            )
    return listed(lines, 4, "; ")
