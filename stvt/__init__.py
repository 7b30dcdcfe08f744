"""The benchmark and the data sets for joint space-time video upsampling.

In a notebook:

    import stvt

    stvt.prepare("sample")
    scores = stvt.evaluate("sample", "bicubic+blend,bicubic+flow")  # a pandas.DataFrame
    method = stvt.load_method("stvun", weights="STVUN.pth")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stvt.core.version import __version__

__all__ = ["__version__", "evaluate", "export", "load_method", "prepare", "report", "upsample"]

if TYPE_CHECKING:
    from stvt.api import export, load_method, prepare
    from stvt.evaluation.report import report
    from stvt.evaluation.run import evaluate
    from stvt.upsampling.frames import upsample

_HOMES = {
    "evaluate": "evaluation.run",
    "export": "api",
    "load_method": "api",
    "prepare": "api",
    "report": "evaluation.report",
    "upsample": "upsampling.frames",
}


def __getattr__(name: str) -> Any:
    # Imported when first used, so that `stvt --help` need not wait for torch.
    if name in _HOMES:
        return getattr(import_module(f"stvt.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'stvt' has no attribute '{name}'")
