"""The cost of many scenes and methods in `stvt evaluate`: tiny frames, scored, and given again.

    python -P tests/benchmarks/scenes.py [8000 [METHODS]]

All scenes are hard links to one's frames. With a number of methods, each is `frames:` of the true
ones. Prints processor seconds of this process, imports left out, of the report among them.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import stvt
from stvt.datasets.frames import write_frame
from stvt.evaluation.report import report
from stvt.evaluation.run import evaluate

SIZE = (16, 16, 3)


def many_scenes(root: Path, count: int) -> None:
    """Prepares the set `tiny` of so many equal scenes."""
    source = root / "source" / "s0000"
    source.mkdir(parents=True)
    random = np.random.default_rng(0)
    for index in range(3):
        write_frame(source / f"{index:08d}.png", random.integers(0, 256, SIZE, np.uint8))
    stvt.prepare("tiny", root / "source", root=root)
    folder = root / "tiny"
    manifest = json.loads((folder / "manifest.json").read_text())
    scene = json.dumps(manifest["scenes"]["s0000"])
    for number in range(1, count):
        name = f"s{number:04d}"
        manifest["scenes"][name] = json.loads(scene.replace("s0000", name))
        for kind in ("GT", "BDx4"):
            (folder / kind / name).mkdir()
            for frame in (folder / kind / "s0000").iterdir():
                os.link(frame, folder / kind / name / frame.name)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def measure(count: int, methods: int = 0) -> dict[str, float]:
    """Processor seconds to score the scenes, to find nothing to do, and to write the report."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        many_scenes(root, count)
        frames = [f"m{number}=frames:{root / 'tiny' / 'GT'}" for number in range(methods)]
        seconds = {}
        for what in ("scored", "nothing to do"):
            begun = time.process_time()
            scores = evaluate(
                "tiny",
                frames or "bicubic+blend",
                root=root,
                out=root / "run",
                metrics=["psnr"],
                ends="replicate",
            )
            seconds[what] = time.process_time() - begun
            assert len(scores) == count * (methods or 1) and not scores.attrs["failures"]
        begun = time.process_time()
        report(root / "run")
        seconds["report"] = time.process_time() - begun
    return seconds


def main() -> None:
    import pandas  # noqa: F401  # loaded before the clock runs

    count, methods = (int(text) for text in (*sys.argv[1:], *("8000", "0")[len(sys.argv) - 1 :]))
    measure(1, methods)  # what is loaded where it is first used
    for what, spent in measure(count, methods).items():
        print(f"{count} scenes, {methods or 1} methods, {what}: {spent:.1f} s")


if __name__ == "__main__":
    main()
