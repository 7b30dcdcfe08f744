"""The state of this machine: versions, devices, prepared sets, weights; without importing torch, which is slow."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from pathlib import Path

from stvt.baselines import home
from stvt.core.version import __version__
from stvt.datasets import missing_tools
from stvt.device import device_name, processor_name

LIBRARIES = ("torch", "torchvision", "av", "numpy", "opencv-python-headless", "safetensors")
EXTRAS = {  # package -> what it is for
    "distributed": "--cluster of evaluate and prepare",
    "gdown": "weights and data sets on Google Drive",
    "py7zr": "archives of 7z",
    "tensorflow": "the reference of FISR's checkpoints; not needed to read them",
    "psutil": "tests of memory",
}
# What the drivers of GPUs leave where they are installed: NVIDIA's, in WSL, AMD's.
DRIVERS = ("/proc/driver/nvidia/version", "/dev/dxg", "/dev/kfd")

Line = tuple[str, str]


def machine(root: Path) -> list[Line]:
    """The rows of `stvt doctor`: a part of this machine and its state."""
    sets = sorted(file.parent.name for file in root.glob("*/manifest.json"))
    weights = home() / "weights"
    files = sorted(path.name for path in weights.glob("*")) if weights.is_dir() else []
    return [
        ("stvt", __version__),
        ("Python", platform.python_version()),
        ("system", f"{platform.system()} {platform.release()} {platform.machine()}"),
        *((name, _version(name) or "MISSING") for name in LIBRARIES),
        ("processor", f"{processor_name()}, {os.cpu_count()} cores"),
        *devices(),
        ("prepared sets", f"in {root.resolve()}: {', '.join(sets) or 'none'}"),
        ("weights", f"in {weights}: {', '.join(files) or 'none'}"),
        *(
            (name, _version(name) or f"not installed; only for {use}")
            for name, use in EXTRAS.items()
        ),
        *(("training sets", line) for line in missing_tools()),
        ("ffmpeg", shutil.which("ffmpeg") or "none; only PyAV's own is used"),
    ]


def devices() -> list[Line]:
    """The GPUs that torch can use. It is asked only where there may be one: importing it is slow."""
    if not may_have_gpu():
        return [("cuda", "none: no driver of a GPU is here")]
    import torch

    rows = []
    for index in range(torch.cuda.device_count()):
        memory = torch.cuda.get_device_properties(index).total_memory
        rows.append((f"cuda:{index}", f"{device_name(f'cuda:{index}')}, {memory / 2**30:.0f} GiB"))
    if not rows:
        rows.append(("cuda", "none that torch can use"))
    if torch.backends.mps.is_available():
        rows.append(("mps", "there"))
    return rows


def may_have_gpu() -> bool:
    """Whether a driver of a GPU is here, by the files that it leaves."""
    if sys.platform == "darwin" or shutil.which("nvidia-smi"):
        return True
    return any(Path(file).exists() for file in DRIVERS)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
