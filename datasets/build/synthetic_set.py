"""Training sets of photographs in motion: scikit-image's, the same everywhere, or one's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stvt.core.safe_names import refuse_links_out

from ..clips.storage import suffix, write_clip
from ..clips.synthetic import COLOUR, FASTEST, GREY, SLOWEST, Picture, clip, photographs
from ..errors import DatasetError
from ..frames import frame_files, read_frame, replace_file
from ..manifest import FILE, TRAINING, VIDEOS, is_training
from ..sources.scenes import set_name
from ..training_set import FORMAT
from .lock import sole_use

HELD_BACK = ("rocket", "brick")  # photographs that only the clips for validation show
EVERY = 12  # of which one is for validation
SMALLEST = 32  # pixels of a side


def prepare_photographs(
    root: Path | str,
    *,
    name: str = "photographs",
    source: Path | str | None = None,
    clips: int = 240,
    frames: int = 24,
    side: int = 176,
    fastest: float = FASTEST,
    storage: str = "npy",
    progress: Callable[[int, int | None, str], None] | None = None,
) -> Path:
    """Make the training set `root`/`name`; a minute's work, done anew each time.

    source:  a folder of sharp pictures, every twelfth of which only the clips for validation show;
             without one, the photographs that scikit-image installs.
    clips, frames, side: how many clips, of how many frames, of which height and width.
    storage: of the clips, "npy" or "magicyuv".
    fastest: pixels that anything moves from frame to frame, at most.
    Returns its folder. Raises DatasetError for a source with too few pictures, or small ones,
    and for a side or a speed that no clip can have.
    """
    if not SLOWEST < fastest < float("inf"):
        raise DatasetError(f"{name}: fastest {fastest:g} pixels a frame; give more than {SLOWEST}")
    if side < SMALLEST:
        raise DatasetError(f"{name}: side {side} is too small; give {SMALLEST} or more")
    folder = Path(root) / set_name(name)
    if (folder / FILE).is_file() and (not is_training(folder) or (folder / VIDEOS).exists()):
        raise DatasetError(f"{folder}: holds another kind of set; give this one another name")
    if source is None:
        every = dict(zip((*COLOUR, *GREY), photographs(), strict=True))
        held = set(HELD_BACK)
    else:
        every = _pictures(Path(source), side)
        held = set(list(every)[EVERY - 1 :: EVERY])
    learnt = [picture for one, picture in every.items() if one not in held]
    others = [picture for one, picture in every.items() if one in held]
    lines: list[dict[str, Any]] = []
    with sole_use(folder):
        refuse_links_out(folder)
        (folder / "clips").mkdir(exist_ok=True)
        for number in range(clips):
            held_back = number % EVERY == EVERY - 1
            file = f"clips/{number:05d}{suffix(storage)}"
            shown = others if held_back else learnt
            made = clip(shown, number, frames=frames, side=side, fastest=fastest)
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
            "kind": TRAINING,
            "name": name,
            "storage": storage,
            "clips": lines,
            "refused": [],
            "settings": {
                "photographs": list(every),
                "clips": clips,
                "frames": frames,
                "side": side,
                "fastest": fastest,
            },
        }
        replace_file(folder / FILE, (json.dumps(manifest, indent=1) + "\n").encode())
    return folder


def _pictures(source: Path, side: int) -> dict[str, Picture]:
    if not source.is_dir():
        raise DatasetError(f"{source}: no such folder of pictures")
    every = {file.name: read_frame(file) for file in frame_files(source)}
    for name, picture in every.items():
        if min(picture.shape[:2]) < side:
            height, width = picture.shape[:2]
            raise DatasetError(f"{source / name}: {width}x{height} is too small for {side}x{side}")
    if len(every) < EVERY:
        raise DatasetError(
            f"{source}: {len(every)} pictures; {EVERY} or more are needed, one for validation"
        )
    return every
