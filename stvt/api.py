"""The functions for notebooks: `stvt.prepare`, `stvt.load_method` and `stvt.export`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from stvt import baselines, datasets
from stvt.baselines import Compiled, Method, Precision, Settings, WeightFiles
from stvt.core.errors import UsageError
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
             `$STVT_HOME/weights`. A file may be `hf:OWNER/NAME/FILE` (extra `hub`).
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


def export(
    method: str | Method,
    format: Literal["onnx"] = "onnx",
    *,
    size: tuple[int, int],
    out: str | Path,
    times: Sequence[float] = (0.5,),
    frames: int | None = None,
    **options: Any,
) -> Path:
    """A method as a file for other runtimes (extra `onnx`), for inputs of one size.

    The graph takes `frames`, float32 (n, 3, height, width), RGB in [0, 1]: the window of the method
    (7 frames of stvun-s, of which the fourth is the centre), or a sequence of `frames` frames that
    basicvsr enlarges as a whole. It gives `outputs`, (m, 3, scale * height, scale * width) in
    [0, 1]: the centre frame, then those at `times` between it and the next where the method makes
    any; of basicvsr every frame.

    method:  a name as in `load_method`, which takes the `options` (weights, scale, untrained ...), or
             what that gave for device "cpu".
    size:    (height, width) of the inputs.

    Before the file is in its place ONNX Runtime computes it, and must agree with PyTorch to 1e-3.
    Raises MethodError, one line, for a method that cannot be exported.
    """
    if format != "onnx":
        raise UsageError(f"there is no export to {format!r}, only to onnx")
    if isinstance(method, str):
        method = load_method(method, device="cpu", **options)
    elif options:
        raise TypeError(
            f"{', '.join(options)}: options of a name's method; this one is loaded already"
        )
    baselines.export_onnx(method, Path(out), size, times, frames)
    return Path(out)
