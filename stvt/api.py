"""The functions for notebooks: `stvt.prepare` and `stvt.load_method`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from stvt import baselines, datasets
from stvt.baselines import Compiled, Method, Precision, Settings, WeightFiles
from stvt.datasets import phase
from stvt.device import usable_device


def prepare(name: str, source: str | Path | None = None, **options: Any) -> datasets.Outcome:
    """Makes the data set `name` under the folder `root` ("data" if not given).

    source:  a video, a folder of frames, of scenes or of videos; None for a set that `stvt`
             makes itself ("sample").
    options: root, degradation ("BD", "BI" or "BDC"), scale (2, 3, 4), workers, progress; see
             `stvt.datasets.prepare`, also for what is returned and raised.
    """
    root = options.pop("root", "data")
    return datasets.prepare(name, Path(root), source=Path(source) if source else None, **options)


def load_method(
    spec: str,
    weights: str | Path | Mapping[str, str | Path] | None = None,
    *,
    scale: int = 4,
    degradation: Literal["BD", "BI", "BDC"] = "BD",
    chunk: int | None = None,
    device: str = "auto",
    precision: Precision = "fp32",
    tile: int | None = None,
    compiled: Compiled = "",
    untrained: bool = False,
) -> Method:
    """A method as `stvt evaluate --methods` names it, ready to call.

    tile:    side of the pieces that networks work in, in low-resolution pixels.
    compiled: "parts" or "graphs": its networks by `torch.compile`, which takes minutes.
    weights: a file for its only network or that of its name, or network -> file; None looks in
             `$STVT_HOME/weights`.
    degradation: what the inputs were made with; it says where their pixels lie, and which of
                 several published weights are taken.
    chunk:   frames that a recurrent network computes together; None: as many as its method says.

    Returns a `stvt.baselines.method.Method`: give `stream` the frames, (3, h, w) RGB in [0, 1],
    and the times of the new ones, and it yields (time, larger frame).
    Raises MethodError if there is no such method or no weights for it.
    """
    if weights is None or isinstance(weights, Mapping):
        files = weights or {}
    else:
        files = {baselines.network_of(spec): weights}
    settings = Settings(
        scale=scale,
        degradation=degradation,
        phase=phase(degradation, scale),
        chunk=chunk,
        device=usable_device(device),
        precision=precision,
        tile=tile,
        compiled=compiled,
        weights=WeightFiles({name: Path(file) for name, file in files.items()}),
        untrained=untrained,
    )
    method = baselines.build(spec, settings)
    baselines.check_weights([spec], settings)
    return method
