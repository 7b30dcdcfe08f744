"""What this machine has, and how visible the seams of tiles are."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from stvt import baselines
from stvt.baselines import Method, MethodError, Precision, Settings, find_weights, home
from stvt.core.version import __version__
from stvt.datasets import missing
from stvt.profiling.flops import device_of
from stvt.profiling.synthetic import moving_scene
from stvt.profiling.timing import device_name

LIBRARIES = ("torch", "torchvision", "av", "numpy", "opencv-python-headless", "safetensors")
EXTRAS = {  # package -> what it is for
    "lpips": "the metric lpips",
    "distributed": "--cluster of evaluate and prepare",
    "gdown": "weights and data sets on Google Drive",
    "py7zr": "archives of 7z",
    "tensorflow": "the reference of FISR's checkpoints; not needed to read them",
    "psutil": "tests of memory",
}
NEAR = 8  # pixels of the output on either side of a seam


def with_what_is_there(
    spec: str, device: str, precision: Precision = "fp32", **settings: object
) -> Method:
    """A method with its weights if they are here, else untrained, as its `weights` then says.

    settings: more of `Settings`.
    """
    known = baselines.METHODS.get(spec)
    scale = known.scales[-1] if known and known.kind != "temporal" else 4
    base = Settings(scale=scale, device=device, precision=precision, **settings)  # type: ignore[arg-type]
    names = baselines.ALIASES.get(spec, spec).split("+")
    return baselines.build(spec, base if all(map(_has_weights, names)) else _untrained(base))


def _untrained(settings: Settings) -> Settings:
    return Settings(**{**vars(settings), "untrained": True})


def _has_weights(name: str) -> bool:
    try:
        for network in baselines.networks_of([name]):
            find_weights(network, Settings())
    except MethodError:
        return False
    return True


def machine(root: Path) -> list[tuple[str, str]]:
    """What there is, one line each: what, and what was found."""
    found = [
        ("stvt", __version__),
        ("Python", platform.python_version()),
        ("system", f"{platform.system()} {platform.release()} {platform.machine()}"),
    ]
    found += [(name, _version(name) or "MISSING") for name in LIBRARIES]
    found.append(("processor", f"{device_name('cpu')}, {os.cpu_count()} cores"))
    for index in range(torch.cuda.device_count()):
        memory = torch.cuda.get_device_properties(index).total_memory
        found.append((f"cuda:{index}", f"{device_name(f'cuda:{index}')}, {memory / 2**30:.0f} GiB"))
    if not torch.cuda.is_available():
        found.append(("cuda", "none"))
    if torch.backends.mps.is_available():
        found.append(("mps", "there"))
    sets = sorted(file.parent.name for file in root.glob("*/manifest.json"))
    found.append(("prepared sets", f"in {root.resolve()}: {', '.join(sets) or 'none'}"))
    weights = home() / "weights"
    files = sorted(path.name for path in weights.glob("*")) if weights.is_dir() else []
    found.append(("weights", f"in {weights}: {', '.join(files) or 'none'}"))
    for name, use in EXTRAS.items():
        found.append((name, _version(name) or f"not installed; only for {use}"))
    found += [("training sets", line) for line in missing()]
    found.append(("ffmpeg", shutil.which("ffmpeg") or "none; only PyAV's own is used"))
    return found


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


@dataclass(frozen=True)
class Seams:
    """How the frames of a tiled run differ from those of an untiled one, in 8-bit levels.

    near, far: mean differences within 8 pixels of a seam and elsewhere; None where there is no
               such place, or the method does not tell where it cuts.
    """

    method: str
    weights: str
    tile: int
    kept: int | None
    time: float
    largest: float
    mean: float
    near: float | None
    far: float | None
    psnr: float

    def row(self) -> dict[str, object]:
        return {
            "method": self.method,
            "weights": self.weights[:9] or "none",
            "tile": self.tile,
            "kept": self.kept,
            "output": "in register" if self.time % 1 == 0 else "between",
            "largest": round(self.largest, 4),
            "mean": round(self.mean, 5),
            "near seams": None if self.near is None else round(self.near, 5),
            "elsewhere": None if self.far is None else round(self.far, 5),
            "PSNR dB": "equal" if math.isinf(self.psnr) else round(self.psnr, 1),
        }


def seams(
    spec: str, tile: int, height: int, width: int, device: str, precision: Precision = "fp32"
) -> list[Seams]:
    """A method by tiles against itself whole, on a moving textured scene: one row an output.

    height, width: of its input frames.

    Raises MethodError for a method without a network, or that does not work in tiles.
    """
    entry = baselines.METHODS.get(spec)
    if entry is None or not entry.networks:
        named = ", ".join(name for name, one in baselines.METHODS.items() if one.networks)
        raise MethodError(f"{spec}: no network that works in tiles; there are {named}")
    whole = with_what_is_there(spec, device, precision)
    tiled = with_what_is_there(spec, device, precision, tile=tile)
    times = () if entry.kind == "spatial" else (0.5,)
    moments = times if entry.kind == "temporal" else (0.0, *times)
    before = max(whole.support(t, times)[0] for t in moments)
    after = max(whole.support(t, times)[1] for t in moments)
    frames = moving_scene(before + after + 1, height, width)
    wanted = {before + m for m in moments}
    cut = getattr(tiled, "cut", None)
    kept = cut(tile).side if cut and max(height, width) > tile else None
    made = []
    for method in (whole, tiled):
        sources = [frame.to(device_of(method)) for frame in frames]
        made.append(dict(method.stream(sources, times, wanted.__contains__)))
    found = []
    for time in sorted(wanted):
        error = 255 * (made[0][time] - made[1][time]).abs().double()
        near, far = _near_and_far(error, kept * whole.scale) if kept else (None, None)
        square = float((error**2).mean())
        found.append(
            Seams(
                method=spec,
                weights=whole.weights,
                tile=tile,
                kept=kept,
                time=time - before,
                largest=float(error.max()),
                mean=float(error.mean()),
                near=near,
                far=far,
                psnr=10 * math.log10(255**2 / square) if square else math.inf,
            )
        )
    return found


def _near_and_far(error: Tensor, side: int) -> tuple[float | None, float | None]:
    """Mean errors near the seams, which lie at every multiple of `side`, and elsewhere."""
    near = torch.zeros(error.shape[-2:], dtype=torch.bool, device=error.device)
    for seam in range(side, error.shape[-2], side):
        near[max(seam - NEAR, 0) : seam + NEAR] = True
    for seam in range(side, error.shape[-1], side):
        near[:, max(seam - NEAR, 0) : seam + NEAR] = True
    means = [error[:, part] for part in (near, ~near)]
    there, elsewhere = (float(part.mean()) if part.numel() else None for part in means)
    return there, elsewhere
