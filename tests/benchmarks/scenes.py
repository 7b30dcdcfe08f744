"""What many scenes cost `stvt evaluate`: a set of tiny frames, scored, and given again.

    python -P tests/benchmarks/scenes.py [8000]

All scenes are links to one. Prints processor seconds of this process, imports left out.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import stvt
from stvt.datasets.frames import write_frame
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
            (folder / kind / name).symlink_to("s0000")
    (folder / "manifest.json").write_text(json.dumps(manifest))


def measure(count: int) -> tuple[float, float]:
    """Processor seconds to score the scenes by one method, and to find nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        many_scenes(root, count)
        seconds = []
        for _ in range(2):
            begun = time.process_time()
            scores = evaluate(
                "tiny",
                "bicubic+blend",
                root=root,
                out=root / "run",
                metrics=["psnr"],
                ends="replicate",
            )
            seconds.append(time.process_time() - begun)
            assert len(scores) == count and not scores.attrs["failures"]
    return seconds[0], seconds[1]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    scored, nothing = measure(count)
    print(f"{count} scenes: {scored:.1f} s to score, {nothing:.1f} s with nothing to do")


if __name__ == "__main__":
    main()
