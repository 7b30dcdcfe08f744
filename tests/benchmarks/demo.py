"""STVUN's published demo as a whole against our stream, in turns, both from files.

python -P tests/benchmarks/demo.py [--method stvun] [--size 960x540] [--precision bf16] [--rounds 1]
"""

from __future__ import annotations

import argparse
import tempfile
import time as clock
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from tabulate import tabulate
from torch import Tensor

from stvt.baselines import StvunMethod, WindowMethod, reference_kernels
from stvt.cli import options
from stvt.cli.options import positive, size
from stvt.datasets import authors_finish, authors_low_resolution, degrade, read_frame, write_frame
from stvt.profiling.synthetic import available_method, moving_scene


@contextmanager
def written(frames: Sequence[Tensor]) -> Iterator[list[Path]]:
    """PNG files of frames (3, H, W) in [0, 1], gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{k:08}.png" for k in range(len(frames))]
        for file, frame in zip(files, frames, strict=True):
            levels = (255 * frame).round().byte().permute(1, 2, 0)
            write_frame(file, np.ascontiguousarray(levels.numpy()))
        yield files


def reduced(file: Path, scale: int) -> Tensor:
    """A method's input, (3, h, w) in [0, 1], from the file of a high-resolution frame."""
    return torch.from_numpy(degrade(read_frame(file), "BD", scale)).permute(2, 0, 1).float() / 255


def demo(
    method: WindowMethod, files: Sequence[Path], times: Sequence[float]
) -> Iterator[list[Tensor]]:
    """The frames of one interval after another, (3, H, W) in 8 bits, as the demo makes them.

    Each window's seven frames are read, padded to the next multiple of 256 (960x540 to 1024x768),
    blurred and reduced, whichever of them the window before had too. Its PNG files are not written.
    """
    for k in range(method.before, len(files) - method.after):
        window = np.stack(
            [read_frame(one) for one in files[k - method.before : k + method.after + 1]]
        )
        height, width = window.shape[1:3]
        small = torch.from_numpy(authors_low_resolution(window))
        output = 2 * method((small + 1) / 2, times) - 1
        yield [
            torch.from_numpy(authors_finish(frame.numpy(), height, width)).permute(2, 0, 1)
            for frame in output
        ]


def measure(
    name: str, height: int, width: int, precision: str = "fp32", rounds: int = 1
) -> dict[str, list[float]]:
    """Processor seconds of each interval by the demo, in float32 and by PyTorch's convolutions,
    and by the stream, in turns."""
    method, fast = (available_method(name, "cpu", one) for one in ("fp32", precision))  # type: ignore[arg-type]
    if not isinstance(method, StvunMethod):
        raise SystemExit(f"the published demo is of STVUN, not of {name}")
    seconds: dict[str, list[float]] = {"demo": [], "stream": []}
    count = method.before + 1 + rounds + method.after + 1
    with written(moving_scene(count, height, width)) as files, torch.inference_mode():
        published = demo(method, files, (0.5,))
        inputs = (reduced(file, method.scale) for file in files)
        stream = fast.stream(inputs, (0.5,), lambda time: time >= method.before)
        for lap in range(1 + rounds):  # the first fills the stream's memory
            begun = clock.process_time()
            with reference_kernels():
                next(published)
            between = clock.process_time()
            for _ in islice(stream, 2):
                pass
            if lap:
                seconds["demo"].append(between - begun)
                seconds["stream"].append(clock.process_time() - between)
    return seconds


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--method", default="stvun")
    parser.add_argument("--size", type=size, default=(540, 960), metavar="WxH")
    parser.add_argument("--rounds", type=positive, default=3, metavar="N")
    options.add_precision(parser)
    args = parser.parse_args(arguments)
    height, width = args.size
    seconds = measure(args.method, height, width, args.precision, args.rounds)
    medians = {form: float(np.median(laps)) for form, laps in seconds.items()}
    rows = [
        {"form": form, "median ms": round(1e3 * median), "ratio": medians["demo"] / median}
        for form, median in medians.items()
    ]
    print(tabulate(rows, headers="keys", tablefmt="simple", floatfmt=".2f"))


if __name__ == "__main__":
    main()
