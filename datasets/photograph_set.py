"""The training set `photographs`: clips of `photographs`, made here and the same everywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .frames import replace_file
from .photographs import COLOUR, GREY, clip, photographs
from .storage import write_clip
from .training_set import FILE, FORMAT
from .workplace import sole_use

HELD_BACK = ("rocket", "brick")  # photographs that only the clips for validation show
EVERY = 12  # of which one is for validation


def prepare_photographs(
    root: Path | str,
    *,
    name: str = "photographs",
    clips: int = 240,
    frames: int = 24,
    side: int = 176,
    suffix: str = ".npy",
    progress: Callable[[int, int | None, str], None] | None = None,
) -> Path:
    """Make the training set `root`/`name`; a minute's work, done anew each time.

    clips, frames, side: how many clips, of how many frames, of which height and width.
    Returns its folder.
    """
    folder = Path(root) / name
    names = (*COLOUR, *GREY)
    every = dict(zip(names, photographs(), strict=True))
    learnt = [picture for one, picture in every.items() if one not in HELD_BACK]
    others = [every[one] for one in HELD_BACK]
    lines: list[dict[str, Any]] = []
    with sole_use(folder):
        (folder / "clips").mkdir(exist_ok=True)
        for number in range(clips):
            held_back = number % EVERY == EVERY - 1
            file = f"clips/{number:05d}{suffix}"
            made = clip(others if held_back else learnt, number, frames=frames, side=side)
            sha256 = write_clip(folder / file, made).sha256
            lines.append(
                {
                    "name": f"{number:05d}",
                    "file": file,
                    "video": "held back" if held_back else "photographs",
                    "split": "validation" if held_back else "train",
                    "start": 0.0,
                    "end": float(frames),
                    "frames": frames,
                    "height": side,
                    "width": side,
                    "rate": "1/1",
                    "motion": {},
                    "sha256": sha256,
                }
            )
            if progress:
                progress(number + 1, clips, file)
        manifest = {
            "format": FORMAT,
            "kind": "training",
            "name": name,
            "storage": suffix.removeprefix("."),
            "clips": lines,
            "refused": [],
            "settings": {"photographs": names, "clips": clips, "frames": frames, "side": side},
        }
        replace_file(folder / FILE, (json.dumps(manifest, indent=1) + "\n").encode())
    return folder
