"""Networks by `torch.compile`, with CUDA graphs or without: `--compile`, and forms of `stvt bench`.

Options to be measured, not defaults: a compilation takes minutes, again for each size of frame.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from ..errors import MethodError
from ..method import Method

MODES = {"parts": None, "graphs": "reduce-overhead"}  # what is asked for -> mode of torch.compile


def compile_networks(method: Method, how: str, device: str, backend: Any = "inductor") -> None:
    """Have a method's networks compiled, each part that is called by itself, when it first runs.

    how:     "parts", or "graphs", which also replays each part as one CUDA graph.
    backend: what torch.compile takes for one.
    Raises MethodError where that cannot be.
    """
    on_cpu = torch.device(device).type == "cpu"
    if how == "graphs" and torch.device(device).type != "cuda":
        raise MethodError("compiling to graphs is for CUDA: give --device cuda, or compile parts")
    compiler = os.environ.get("CXX", "g++").split()[0]
    if on_cpu and backend == "inductor" and not shutil.which(compiler):
        raise MethodError(f"compiling needs a C++ compiler, and there is no {compiler}: install it")
    for network in method.networks():
        for part in network.children():
            if type(part).forward is not nn.Module.forward:
                mode: Any = {"mode": MODES[how]} if MODES[how] else {}
                run = torch.compile(part.forward, backend=backend, **mode)
                part.forward = _forward(part.forward, run, keep=how == "graphs")


def _forward(plain: Callable[..., Any], run: Callable[..., Any], keep: bool) -> Callable[..., Any]:
    """keep: with results of their own, since the next replay of a graph writes over its results."""

    def forward(*inputs: Any, **named: Any) -> Any:
        if torch._C._len_torch_dispatch_stack():
            return plain(*inputs, **named)  # operations are counted, which a compiled part hides
        output = run(*inputs, **named)
        return tree_map_only(Tensor, Tensor.clone, output) if keep else output

    return forward
