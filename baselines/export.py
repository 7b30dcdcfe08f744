"""Methods as ONNX graphs of one input size, compared with ONNX Runtime before they get their name."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stvt.core.files import atomic_write
from stvt.core.formatting import plain

from .acceleration.processor import reference_kernels
from .basicvsr.method import BasicVsrMethod
from .errors import MethodError
from .method import Method, WindowMethod

OPSET = 18
TOLERANCE = 1e-3  # a quarter of a level of 8 bits


class _Graph(nn.Module):
    """Frames in, frames out: (n, 3, h, w), RGB in [0, 1], (m, 3, scale * h, scale * w) in [0, 1]."""

    def __init__(self, method: WindowMethod | BasicVsrMethod, times: Sequence[float]) -> None:
        super().__init__()
        self.method, self.times = method, times
        self.parts = nn.ModuleList(method.networks())  # so that their weights become initialisers

    def forward(self, frames: Tensor) -> Tensor:
        if isinstance(self.method, BasicVsrMethod):
            outputs: Tensor = self.method.network(frames[None])[0]
            return outputs.clamp(0, 1)
        return self.method(frames, self.times)


def export_onnx(
    method: Method,
    out: Path,
    size: tuple[int, int],
    times: Sequence[float] = (0.5,),
    frames: int | None = None,
) -> float:
    """Write a method as an ONNX graph from `frames` to `outputs`, float32 RGB in [0, 1].

    size:   (height, width) of the input frames; the graph takes no other.
    times:  of a method that makes new frames: outputs are the centre frame and these.
    frames: of a sequence that BasicVSR enlarges as a whole, 5 if None. The window of other methods
            says itself how many there are.

    Returns the largest difference between what ONNX Runtime and PyTorch compute of other frames
    than the graph was traced with. Raises MethodError, one line, for a method that cannot be
    exported or computes something else there; no file is left then.
    """
    onnx, runtime = _extra("onnx"), _extra("onnxruntime")
    if not isinstance(method, WindowMethod | BasicVsrMethod):
        raise MethodError(
            f"{method.name}: only a method that reads a window of frames (stvun-s, edvr-s), or "
            "basicvsr, is exported to ONNX; export the parts of a cascade one by one"
        )
    if method.device.type != "cpu" or method.precision != "fp32":
        raise MethodError(f"{method.name}: build it for the CPU in fp32 to export it")
    times = () if method.spatial else times
    if isinstance(method, WindowMethod):
        if frames is not None:
            raise MethodError(f"{method.name}: has its own number of frames; leave --frames out")
        frames = method.before + 1 + method.after
    graph = _Graph(method, times).eval()
    seeds = (torch.Generator().manual_seed(seed) for seed in (0, 1))
    traced, other = (torch.rand(frames or 5, 3, *size, generator=seed) for seed in seeds)
    with atomic_write(out) as temporary:
        try:
            with (
                reference_kernels(),
                torch.no_grad(),
                warnings.catch_warnings(action="ignore"),
                silent_stdout(),
            ):
                expected = graph(other).numpy()
                torch.onnx.export(
                    graph,
                    (traced,),
                    str(temporary),
                    input_names=["frames"],
                    output_names=["outputs"],
                    opset_version=OPSET,
                    dynamo=False,
                )
            model = onnx.load(temporary)
            about = {
                "stvt.method": method.name,
                "stvt.weights": method.weights,
                "stvt.times": ", ".join(map(str, times)),
            }
            onnx.helper.set_model_props(model, about)
            onnx.save(model, temporary)
            options = runtime.SessionOptions()
            options.intra_op_num_threads = torch.get_num_threads()
            session = runtime.InferenceSession(
                temporary, options, providers=["CPUExecutionProvider"]
            )
            (outputs,) = session.run(None, {"frames": other.numpy()})
        except MethodError:
            raise
        except Exception as error:  # the exporter's and the runtime's own, of many kinds
            raise MethodError(
                f"{method.name} cannot be exported to ONNX ({plain(error, 200)})"
            ) from error
        difference = float(np.abs(outputs - expected).max())
        if not difference < TOLERANCE:
            raise MethodError(
                f"{method.name} cannot be exported to ONNX: its graph computes something else than "
                f"PyTorch (by {difference:.2g})"
            )
    return difference


@contextmanager
def silent_stdout() -> Iterator[None]:
    """Discards what is printed meanwhile: the exporter prints graphs that fail, from Python and from C++."""
    sys.stdout.flush()
    stdout = os.dup(1)
    try:
        with open(os.devnull, "wb") as null, redirect_stdout(io.StringIO()):
            os.dup2(null.fileno(), 1)
            yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


def _extra(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MethodError(f"{name} is not installed; type pip install 'stvt[onnx]'") from error
