"""Zooming Slow-Mo's network: every stage is the published one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

import stvt.baselines
from stvt.baselines.edvr.alignment import DeformableConv
from stvt.baselines.zsm.network import ZSM
from tests.golden_cases import Arrays, case_names, error, filled, load_case, load_facts, tensors

PRECISIONS = [(torch.float64, 1e-4), (torch.float32, 1e-3)]
OPERATORS = ("dcn_sep", "lstm_step")
CLIPS = [name for name in case_names("zsm") if name not in OPERATORS]


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def golden_network(dtype: torch.dtype, case: Arrays | None = None) -> ZSM:
    """The network of the cases, some kernels multiplied where a case says so."""
    network = stvt.baselines.network("zsm").double()
    assert isinstance(network, ZSM)
    state = {name: value.double() for name, value in tensors(filled("zsm")).items()}
    for text, factor in zip(*((case or {}).get(k, ()) for k in ("scaled_names", "scaled_by"))):
        state |= {k: v * float(factor) for k, v in state.items() if str(text) in k and v.ndim > 1}
    network.load_state_dict(state)
    return network.to(dtype)


def clips_of(case: Arrays, dtype: torch.dtype) -> Tensor:
    frames = torch.from_numpy(case["frames"]).to(dtype)
    return frames if frames.ndim == 5 else frames[None]


def like(value: Tensor, case: Arrays) -> Tensor:
    """Without the batch axis that a case of one clip does not have."""
    return value if case["frames"].ndim == 5 else value[0]


@pytest.mark.parametrize("dtype, tolerance", PRECISIONS)
@pytest.mark.parametrize("name", CLIPS)
def test_clips_of_any_length_are_the_published_ones(
    name: str, dtype: torch.dtype, tolerance: float
) -> None:
    case = load_case("zsm", name)
    frames = clips_of(case, dtype)
    network = golden_network(dtype, case)
    assert error(like(network(frames), case), case, "out") < tolerance
    if "interpolated" not in case:
        return
    before = network.sequence([network.features(x) for x in frames.unbind(1)])
    after = network.ConvBLSTM(before)
    for output, value in (("interpolated", before), ("sequence", after)):
        some = torch.stack(value, 1)[:, :, ::16]
        assert error(like(some, case), case, output) < tolerance, output


def test_its_operators_are_the_published_ones() -> None:
    network = golden_network(torch.float64)
    case = load_case("zsm", "dcn_sep")
    x, features = (torch.from_numpy(case[name]).double() for name in ("x", "features"))
    dcn = network.pcd_align.get_submodule("L1_dcnpack_1")
    assert isinstance(dcn, DeformableConv)
    assert error(dcn(x, features), case, "out") < 1e-4
    made = dcn.get_submodule("conv_offset_mask")(features)
    assert error(made[:, :144], case, "offset") < 1e-4
    assert error(made[:, 144:].sigmoid(), case, "mask") < 1e-4

    case = load_case("zsm", "lstm_step")
    x, h, c = (torch.from_numpy(case[name]).double() for name in ("x", "h", "c"))
    lstm = network.ConvBLSTM.forward_net
    for_h, for_c = lstm.pyramids(x)
    h, c = lstm.pcd_h(for_h, h), lstm.pcd_c(for_c, c)
    assert error(h, case, "h_aligned") < 1e-4 and error(c, case, "c_aligned") < 1e-4
    h, c = lstm.cell_list[0](x, h, c)
    assert error(h, case, "h_next") < 1e-4 and error(c, case, "c_next") < 1e-4


def test_it_has_the_published_number_of_parameters() -> None:
    network = stvt.baselines.network("zsm")
    assert sum(p.numel() for p in network.parameters()) == 11_102_771
    assert load_facts("zsm")["parameters"] == 11_102_771


@pytest.mark.parametrize(
    "shape, said",
    [
        ((1, 1, 3, 8, 8), r"frames are \(B, n >= 2, 3, h, w\), not \(1, 1, 3, 8, 8\)"),
        ((1, 2, 3, 8, 10), "10x8 is not in multiples of 4"),
    ],
)
def test_what_it_cannot_take_is_said(shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        stvt.baselines.network("zsm")(torch.zeros(shape))
