"""A trunk of residual blocks by PyTorch, ONNX Runtime, OpenVINO and stvt, in turns on one thread.

python -P tests/benchmarks/convolutions.py [--size 240x144] [--widths 64,128,256] [--rounds 5]

ONNX Runtime and OpenVINO take part where they are installed (pip install onnx onnxruntime openvino).
"""

from __future__ import annotations

import argparse
import importlib
import time as clock
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import numpy as np
import torch
from tabulate import tabulate
from torch import Tensor, nn

from stvt.baselines import reference_kernels
from stvt.baselines.acceleration.processor import (
    has_amx,
    memory_format_for,
    tune_allocation,
)
from stvt.baselines.acceleration.swap import accelerate
from stvt.baselines.edvr.alignment import ResidualBlock
from stvt.baselines.edvr.fast import SWAPS
from stvt.cli.options import positive, size

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
DEPTH = 1024  # channels of all convolutions of a trunk together: wide trunks have few layers

# A trunk: frames (1, C, h, w) in float32 to the same, in the precision that it was built for.
Trunk = Callable[[Tensor], Tensor]


def trunk(width: int) -> nn.Sequential:
    """Residual blocks, each two convolutions of 3x3 and a ReLU between."""
    torch.manual_seed(width)
    return nn.Sequential(*(ResidualBlock(width) for _ in range(max(DEPTH // width // 2, 1)))).eval()


def by_pytorch(network: nn.Sequential, x: Tensor, precision: str) -> Trunk:
    """Eager, channels last."""
    network = network.to(PRECISIONS[precision]).to(memory_format=torch.channels_last)

    def run(x: Tensor) -> Tensor:
        with reference_kernels():
            return network(x.to(PRECISIONS[precision]))  # type: ignore[no-any-return]

    return run


def by_stvt(network: nn.Sequential, x: Tensor, precision: str) -> Trunk:
    """Accelerated, in the layout that stvt takes for this processor, under autocast."""
    layout = memory_format_for(x.device, precision)
    network = network.to(memory_format=layout)
    accelerate(network, SWAPS)

    def run(x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            return network(x.contiguous(memory_format=layout))  # type: ignore[no-any-return]

    return run


def _onnx(network: nn.Sequential, shape: Sequence[int]) -> bytes:
    """The trunk as an ONNX model: Conv, Relu, Conv, Add for each block."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights, x = [], [], "x"
    for k, block in enumerate(network):
        for name, parameter in block.named_parameters():
            weights.append(numpy_helper.from_array(parameter.detach().numpy(), f"{k}.{name}"))
        nodes += [
            helper.make_node(
                "Conv", [x, f"{k}.conv1.weight", f"{k}.conv1.bias"], [f"{k}.a"], pads=[1] * 4
            ),
            helper.make_node("Relu", [f"{k}.a"], [f"{k}.b"]),
            helper.make_node(
                "Conv", [f"{k}.b", f"{k}.conv2.weight", f"{k}.conv2.bias"], [f"{k}.c"], pads=[1] * 4
            ),
            helper.make_node("Add", [f"{k}.c", x], [f"{k}.y"]),
        ]
        x = f"{k}.y"
    values = [helper.make_tensor_value_info(one, TensorProto.FLOAT, shape) for one in ("x", x)]
    graph = helper.make_graph(nodes, "trunk", values[:1], values[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()  # type: ignore[no-any-return]


def by_onnxruntime(network: nn.Sequential, x: Tensor, precision: str) -> Trunk:
    onnxruntime: Any = importlib.import_module("onnxruntime")

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = _onnx(network, x.shape)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda x: torch.from_numpy(session.run(None, {"x": x.numpy()})[0])


def by_openvino(network: nn.Sequential, x: Tensor, precision: str) -> Trunk:
    openvino: Any = importlib.import_module("openvino")

    core = openvino.Core()
    hint = {"fp32": "f32", "bf16": "bf16"}[precision]
    settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": 1}
    model = core.read_model(BytesIO(_onnx(network, x.shape)))
    compiled = core.compile_model(model, "CPU", {**settings, "NUM_STREAMS": 1})
    return lambda x: torch.from_numpy(compiled([x.numpy()])[0])


WAYS = {  # name -> packages, precisions, function
    "PyTorch": ([], ["fp32", "bf16"], by_pytorch),
    "ONNX Runtime": (["onnx", "onnxruntime"], ["fp32"], by_onnxruntime),
    "OpenVINO": (["onnx", "openvino"], ["fp32", "bf16"], by_openvino),
    "stvt": ([], ["fp32", "bf16"], by_stvt),
}


def measure(
    width: int, height: int, columns: int, precision: str, rounds: int
) -> dict[str, tuple[list[float], float]]:
    """Processor seconds of each round by each way, and the largest difference to float64.

    Relative to the largest output. One round before the others, not timed, warms up.
    """
    x = torch.rand(1, width, height, columns, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode(), reference_kernels():
        truth = trunk(width).double()(x.double())
    ways = {
        name: build(trunk(width), x, precision)
        for name, (packages, precisions, build) in WAYS.items()
        if precision in precisions and all(map(find_spec, packages))
    }
    results: dict[str, tuple[list[float], float]] = {}
    with torch.inference_mode():
        for lap in range(1 + rounds):
            for name, run in ways.items():
                start = clock.process_time()
                output = run(x)
                seconds = clock.process_time() - start
                if not lap:
                    error = float((output - truth).abs().max() / truth.abs().max())
                    results[name] = ([], error)
                else:
                    results[name][0].append(seconds)
    return results


def table(
    measured: dict[str, tuple[list[float], float]], width: int, pixels: int, precision: str
) -> list[dict[str, object]]:
    """One row a way: billions of multiply-accumulates a second, and how many times PyTorch's speed."""
    work = sum(p.numel() for p in trunk(width).parameters() if p.ndim > 1) * pixels
    base = np.array(measured["PyTorch"][0])
    return [
        {
            "precision": precision,
            "channels": width,
            "by": name,
            "GMAC/s": round(work / float(np.median(seconds)) / 1e9),
            "of PyTorch": round(float(np.median(base / seconds)), 2),
            "difference": f"{error:.0e}",
        }
        for name, (seconds, error) in measured.items()
    ]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=size, default=(144, 240), metavar="WxH")
    parser.add_argument("--widths", default="64,128,256", metavar="A,B", help="channels")
    parser.add_argument("--precisions", default="fp32,bf16", metavar="A,B")
    parser.add_argument("--rounds", type=positive, default=7, metavar="N")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    tune_allocation()  # for PyTorch's own, too
    height, columns = args.size
    rows = [
        row
        for precision in args.precisions.split(",")
        for width in map(int, args.widths.split(","))
        for row in table(
            measure(width, height, columns, precision, args.rounds),
            width,
            height * columns,
            precision,
        )
    ]
    print(f"{columns}x{height}, one thread, {'with' if has_amx() else 'without'} AMX")
    print(tabulate(rows, headers="keys", tablefmt="simple"))


if __name__ == "__main__":
    main()
