"""Golden cases: what the published implementations compute with the weights that `fill` gives.

Small copies are in `tests/golden/<network>`: `state.json` (name -> shape), `golden.json` (gain,
layout, parameters) and `cases/*.npz`. An output `x` that was thinned to save room has beside it
`x.step`: every step-th row and column was kept. The whole cases are in `../shared/golden`, of
the same form without steps; every function here takes either folder.

    def test_the_flow_is_the_published_one() -> None:
        network = stvt.baselines.network("pwcnet").double()
        network.load_state_dict(tensors(filled("pwcnet")))
        case = load_case("pwcnet", "pair_128x64")
        first, second = torch.from_numpy(case["images"]).double()[:, None]
        assert error(network(first, second)[0], case, "flow2") < 1e-4
"""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GOLDEN = Path(__file__).parent / "golden"

Arrays = dict[str, NDArray[Any]]


def fill(state: dict[str, list[int]], gain: float, layout: str = "torch") -> Arrays:
    """The value of every entry of a network's state: the rule of `../shared/golden/fill.py`.

    Each entry is drawn from a generator seeded with the checksum of its name; kernels are scaled
    by gain / sqrt(fan in), `layout` saying where a kernel's output axis is: first in "torch"
    (out, in, kh, kw), last in "tf" (kh, kw, in, out).
    """
    values: Arrays = {}
    for name, shape in state.items():
        drawn = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
        kind = name.rsplit(".", 1)[-1].rsplit("/", 1)[-1]
        if kind.endswith("num_batches_tracked"):
            values[name] = np.zeros(shape, np.int64)
            continue
        if kind.endswith("running_var"):
            drawn = 1 + 0.1 * np.abs(drawn)
        elif kind.endswith("running_mean"):
            drawn = 0.1 * drawn
        elif len(shape) > 1:
            fan_in = math.prod(shape[1:] if layout == "torch" else shape[:-1])
            drawn = drawn * gain / math.sqrt(fan_in)
        elif kind.endswith(("weight", "gamma")):
            drawn = 1 + 0.1 * drawn
        else:
            drawn = 0.05 * drawn
        values[name] = drawn.astype(np.float32)
    return values


def load_state(network: str, golden: Path = GOLDEN) -> dict[str, list[int]]:
    """Name -> shape of every entry of a published checkpoint, in its order."""
    state: dict[str, list[int]] = json.loads((golden / network / "state.json").read_text())
    return state


def load_facts(network: str, golden: Path = GOLDEN) -> dict[str, Any]:
    """What `golden.json` says: gain, layout, parameters ..."""
    facts: dict[str, Any] = json.loads((golden / network / "golden.json").read_text())
    return facts


def filled(network: str, golden: Path = GOLDEN) -> Arrays:
    """Every entry of a network's state with the values that its golden cases were made with."""
    facts = load_facts(network, golden)
    return fill(load_state(network, golden), facts["gain"], facts["layout"])


def tensors(arrays: Arrays) -> dict[str, Tensor]:
    """The same as a state dict."""
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def case_names(network: str, golden: Path = GOLDEN) -> list[str]:
    return sorted(file.stem for file in (golden / network / "cases").glob("*.npz"))


def load_case(network: str, name: str, golden: Path = GOLDEN) -> Arrays:
    """Inputs and outputs of a case by name, as stored (float32, outputs made in float64)."""
    with np.load(golden / network / "cases" / f"{name}.npz") as file:
        return dict(file)


def error(value: Tensor | NDArray[Any], case: Arrays, output: str) -> float:
    """Largest difference of `value` from a case's output, relative to the output's magnitude.

    Passes below 1e-4 in float64 and below 1e-3 in float32. A value of another shape is an error.
    """
    found = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
    expected, step = case[output], int(case.get(f"{output}.step", 1))
    if step > 1:
        found = found[..., ::step, ::step]
    if found.shape != expected.shape:
        raise ValueError(f"{output} is {found.shape}, the golden case has {expected.shape}")
    if not expected.size:
        return 0.0
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def keep_copy(network: str, name: str, source: Path, steps: dict[str, int]) -> None:
    """Write the small copy of a case: how those in `tests/golden` were made.

    steps: output -> how thin, 0 leaves it out; others are kept whole.
    """
    arrays: Arrays = {}
    for key, array in load_case(network, name, source).items():
        step = steps.get(key, 1)
        if step > 1:
            arrays |= {key: array[..., ::step, ::step], f"{key}.step": np.array(step)}
        elif step:
            arrays[key] = array
    folder = GOLDEN / network / "cases"
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / f"{name}.npz", allow_pickle=False, **arrays)
    state = json.dumps(load_state(network, source), separators=(",", ":"))
    (GOLDEN / network / "state.json").write_text(state.replace("],", "],\n") + "\n")
    facts = load_facts(network, source)
    kept = {key: facts[key] for key in ("network", "gain", "layout", "parameters", "source")}
    (GOLDEN / network / "golden.json").write_text(json.dumps(kept, indent=1) + "\n")
