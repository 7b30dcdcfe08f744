"""Networks by `torch.compile`, with CUDA graphs or without, as forms of `stvt bench`.

They are options to be measured, not defaults: a compilation takes minutes, again for each size.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from stvt.baselines.method import Method
from stvt.errors import UsageError
from stvt.operations import device_of

MODES = {"compiled": None, "graphs": "reduce-overhead"}  # form -> mode of torch.compile


def compiled(method: Method, form: str, backend: Any = "inductor") -> Method:
    """A copy whose networks' parts, those called by themselves, are compiled when first run.

    form: "compiled", or "graphs", which replays each part as one CUDA graph. backend: what
          torch.compile takes for one.
    """
    if form == "graphs" and device_of(method).type != "cuda":
        raise UsageError("the form graphs is of CUDA graphs: give --device cuda")
    copied = copy.deepcopy(method)
    for network in copied.networks():
        for part in network.children():
            if type(part).forward is not nn.Module.forward:
                mode: Any = {"mode": MODES[form]} if MODES[form] else {}
                run = torch.compile(part.forward, backend=backend, **mode)
                part.forward = _forward(part.forward, run, keep=form == "graphs")
    return copied


def _forward(plain: Callable[..., Any], run: Callable[..., Any], keep: bool) -> Callable[..., Any]:
    """keep: with results of their own, since the next replay of a graph writes over its results."""

    def forward(*inputs: Any, **named: Any) -> Any:
        if torch._C._len_torch_dispatch_stack():
            return plain(*inputs, **named)  # operations are counted, which a compiled part hides
        made = run(*inputs, **named)
        return tree_map_only(Tensor, Tensor.clone, made) if keep else made

    return forward
