from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import stvt.baselines
from stvt.baselines import build
from stvt.baselines.edvr.alignment import Deformable, Fusion, as_training_starts
from stvt.baselines.edvr.method import EdvrMethod
from stvt.baselines.edvr.network import EDVR, edvr_l, edvr_m, form_of, own_name, own_names
from stvt.baselines.errors import MethodError
from stvt.baselines.method import Settings, WindowMethod
from stvt.baselines.ops.deform_conv import deform
from stvt.baselines.stvun.aligned_fusion import AlignedFusion, stvun_aligned
from stvt.baselines.weights.load import initialise
from tests.golden_cases import GOLDEN, case_names, error, filled, load_case, load_state, tensors

PRECISIONS = [(torch.float64, 1e-4), (torch.float32, 1e-3)]
SMALL: dict[str, Any] = {
    "channels": 8,
    "frames": 5,
    "groups": 2,
    "extract_blocks": 1,
    "reconstruction_blocks": 2,
}


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def small(seed: int = 0, **form: Any) -> EDVR:
    """A small network with offsets of some pixels."""
    torch.manual_seed(seed)
    network = EDVR(**(SMALL | form))
    for module in network.modules():
        if isinstance(module, Deformable):
            weight, bias = module.conv_offset.parameters()
            torch.nn.init.normal_(weight, 0, 0.3)
            torch.nn.init.uniform_(bias, -2, 2)
    return network.eval()


def golden_network(name: str, dtype: torch.dtype, golden: Path = GOLDEN) -> EDVR:
    network = stvt.baselines.network(name)
    assert isinstance(network, EDVR)
    network.load_state_dict(tensors(filled(name, golden)))
    return network.to(dtype)


def windows_of(case: dict[str, Any], dtype: torch.dtype) -> Tensor:
    """A case's frames as a batch of windows."""
    frames = torch.from_numpy(case["frames"]).to(dtype)
    if "indices" in case:
        return frames[torch.from_numpy(case["indices"])]
    return frames if frames.ndim == 5 else frames[None]


@pytest.mark.parametrize("dtype, tolerance", PRECISIONS)
@pytest.mark.parametrize("name, case_name", [("edvr_m", "five_32x48"), ("edvr_l", "seven_24x32")])
def test_every_stage_is_the_published_one(
    name: str, case_name: str, dtype: torch.dtype, tolerance: float
) -> None:
    network, case = golden_network(name, dtype), load_case(name, case_name)
    frames = windows_of(case, dtype)
    offsets: dict[str, list[Tensor]] = {}

    def watch(layer: str) -> Any:
        # The first two thirds of the channels are offsets, the others the mask.
        return lambda _, __, made: offsets.setdefault(layer, []).append(
            made[:, : 2 * made.shape[1] // 3].abs().mean()
        )

    layers = ["dcn_pack.l3", "dcn_pack.l2", "dcn_pack.l1", "cas_dcnpack"]
    for layer in layers:
        network.pcd_align.get_submodule(f"{layer}.conv_offset").register_forward_hook(watch(layer))
    analyses = [network.analyse(frame) for frame in frames.unbind(1)]
    aligned = network.pcd_align(analyses, analyses[network.frames // 2])
    made: dict[str, Tensor] = {
        "out": network.restore(analyses, frames[:, network.frames // 2])[0],
        "aligned": torch.cat(aligned)[:, ::16],
        "fused": network.fusion(aligned)[0, ::16],
        "offset_abs_mean": torch.stack(
            [torch.stack(offsets[layer][: network.frames]) for layer in layers], 1
        ),
    }
    for level in range(3):
        means = [one.levels[level].mean((2, 3)) for one in analyses]
        made[f"level{level + 1}_mean"] = torch.cat(means)
    for output, value in made.items():
        assert error(value, case, output) < tolerance, output


@pytest.mark.parametrize("dtype, tolerance", PRECISIONS)
def test_two_clips_at_once_are_two_clips(dtype: torch.dtype, tolerance: float) -> None:
    network, case = golden_network("edvr_m", dtype), load_case("edvr_m", "batch_16x20")
    assert error(network(windows_of(case, dtype)), case, "out") < tolerance


@pytest.mark.slow
@pytest.mark.parametrize("dtype, tolerance", PRECISIONS)
@pytest.mark.parametrize("name", ["edvr_m", "edvr_l"])
def test_all_golden_cases_pass_whole(
    name: str, dtype: torch.dtype, tolerance: float, shared: Path
) -> None:
    golden = shared / "golden"
    network = golden_network(name, dtype, golden)
    for case_name in case_names(name, golden):
        case = load_case(name, case_name, golden)
        if "frames" in case:
            made = network(windows_of(case, dtype))
            made = made[0] if case["frames"].ndim == 4 and "indices" not in case else made
            assert error(made, case, "out") < tolerance, case_name


@pytest.mark.parametrize("name, make", [("edvr_m", edvr_m), ("edvr_l", edvr_l)])
def test_the_state_is_that_of_the_published_files(name: str, make: Any) -> None:
    own = make().state_dict()
    assert [(key, list(value.shape)) for key, value in own.items()] == [*load_state(name).items()]


@pytest.mark.parametrize(
    "form, parameters",
    [
        ({}, 3_300_131),
        ({"tsa": False}, 2_996_259),
        ({"channels": 128, "frames": 7, "reconstruction_blocks": 40}, 20_699_363),
        ({"channels": 128, "reconstruction_blocks": 40}, 20_633_827),
        ({"channels": 128, "reconstruction_blocks": 40, "tsa": False}, 19_419_875),
        ({"channels": 128, "reconstruction_blocks": 40, "predeblur": True}, 23_306_851),
    ],
)
def test_the_forms_have_the_published_number_of_parameters(
    form: dict[str, Any], parameters: int
) -> None:
    with torch.device("meta"):
        network = EDVR(**form)
    assert sum(value.numel() for value in network.parameters()) == parameters


@pytest.mark.parametrize("dtype, tolerance", PRECISIONS)
def test_deformable_convolution_has_the_published_order_of_offsets(
    dtype: torch.dtype, tolerance: float
) -> None:
    case = load_case("edvr_m", "deform_conv")
    names = ("x", "offset", "mask", "weight", "bias")
    made = deform(*(torch.from_numpy(case[name]).to(dtype) for name in names))
    assert error(made, case, "out") < tolerance


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (9, 7), (33, 40)])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_deformable_convolution_by_blocks_is_torchvisions(
    size: tuple[int, int], memory_format: torch.memory_format
) -> None:
    torchvision = pytest.importorskip("torchvision")
    x, offset, mask = (
        torch.randn(2, channels, *size).contiguous(memory_format=memory_format)
        for channels in (12, 54, 27)
    )
    offset *= 4  # many positions are outside, and some far
    offset[:, :2] *= 100
    weight, bias = torch.randn(5, 12, 3, 3), torch.randn(5)
    expected = torchvision.ops.deform_conv2d(x, offset, weight, bias, padding=1, mask=mask)
    made = deform(x, offset, mask, weight, bias)
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-4)
    assert made.is_contiguous(memory_format=memory_format)


ASTRAY = """
import torch
from stvt.baselines.ops.deform_conv import deform

astray = torch.zeros(1, 1, 6, 7, dtype=bool)
astray[..., 2, 3] = True
for dtype in (torch.float32, torch.float64):
    for learning in (False, True):
        parts = (1, 4, 6, 7), (1, 36, 6, 7), (1, 18, 6, 7), (5, 4, 3, 3), (5,)
        x, offset, mask, weight, bias = (torch.ones(part, dtype=dtype) for part in parts)
        offset[0, 7, 2, 3], offset[0, 8, 4, 5] = torch.nan, torch.inf
        weight.requires_grad_(learning)
        made = deform(x, offset.requires_grad_(learning), mask, weight, bias)
        assert torch.equal(made.isnan(), astray.expand_as(made)), (dtype, learning)
        if learning:
            made[:, :, :2].sum().backward()
print("survived")
"""


def test_displacements_that_are_no_numbers_give_none_and_end_no_process() -> None:
    run = subprocess.run(
        [sys.executable, "-c", ASTRAY], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (0, "survived\n"), run.stderr


def test_deformable_convolution_learns() -> None:
    with torch.enable_grad():
        inputs = [torch.randn(1, 4, 5, 6), torch.randn(1, 36, 5, 6), torch.rand(1, 18, 5, 6)]
        inputs += [torch.randn(3, 4, 3, 3), torch.randn(3)]
        for one in inputs:
            one.requires_grad_()
        slopes = torch.autograd.grad(deform(*inputs).sum(), inputs)
    assert all(slope.abs().sum() > 0 for slope in slopes)


@pytest.mark.parametrize("who", ["original_2019", "mmagic"])
def test_names_of_others_are_translated(who: str) -> None:
    aliases = json.loads((GOLDEN / "edvr_m" / "aliases.json").read_text())[who]
    assert list(aliases) == list(load_state("edvr_m"))
    assert {own: own_name(other) for own, other in aliases.items()} == {own: own for own in aliases}


@pytest.mark.parametrize("name", ["edvr_m", "edvr_l"])
def test_all_names_of_others_are_translated(name: str, shared: Path) -> None:
    aliases = json.loads((shared / "golden" / name / "aliases.json").read_text())
    for others in aliases.values():
        assert [own_name(other) for other in others.values()] == list(others)
    assert [own_name(own) for own in load_state(name)] == list(load_state(name))


def test_the_release_s_predeblur_is_translated() -> None:
    theirs = [
        "pre_deblur.conv_first_1",
        "pre_deblur.conv_first_2",
        "pre_deblur.conv_first_3",
        "pre_deblur.deblur_L2_conv",
        "pre_deblur.deblur_L3_conv",
        "pre_deblur.RB_L3_1.conv1",
        "pre_deblur.RB_L3_1.conv2",
        *(f"pre_deblur.RB_L2_{n}.conv{m}" for n in (1, 2) for m in (1, 2)),
        *(f"pre_deblur.RB_L1_{n}.conv{m}" for n in (1, 2, 3, 4, 5) for m in (1, 2)),
    ]
    own = small(predeblur=True, full_size=True).predeblur.state_dict()
    names = [own_name(f"{name}.{kind}") for name in theirs for kind in ("weight", "bias")]
    assert names == [f"predeblur.{name}" for name in own]
    assert own_name("pre_deblur.conv_first.bias") == "predeblur.conv_first.bias"


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"frames": 7, "tsa": False},
        {"predeblur": True},
        {"predeblur": True, "full_size": True, "extract_blocks": 2},
    ],
)
def test_a_state_tells_its_form(form: dict[str, Any]) -> None:
    assert form_of(small(**form).state_dict()).items() >= (SMALL | form).items()


@pytest.mark.parametrize("tsa", [True, False])
def test_with_predeblur_it_enlarges_or_keeps_the_size(tsa: bool) -> None:
    frames = torch.rand(1, 5, 3, 16, 32)
    assert small(predeblur=True, tsa=tsa)(frames).shape == (1, 3, 64, 128)
    assert small(predeblur=True, tsa=tsa, full_size=True)(frames).shape == (1, 3, 16, 32)


def test_without_weights_in_the_head_it_is_bilinear() -> None:
    network, frames = small(tsa=False), torch.rand(2, 5, 3, 8, 12)
    for parameter in network.conv_last.parameters():
        torch.nn.init.zeros_(parameter)
    expected = torch.nn.functional.interpolate(frames[:, 2], scale_factor=4.0, mode="bilinear")
    torch.testing.assert_close(network(frames), expected)


def test_wrong_shapes_are_said() -> None:
    with pytest.raises(ValueError, match=r"\(B, 5, 3, h, w\), not \(1, 7, 3, 8, 8\)"):
        small()(torch.rand(1, 7, 3, 8, 8))
    with pytest.raises(ValueError, match="10x8 is not in multiples of 4"):
        small()(torch.rand(1, 5, 3, 8, 10))
    with pytest.raises(ValueError, match="odd number of frames, not 4"):
        small(frames=4)
    with pytest.raises(ValueError, match="full-size"):
        small(full_size=True)


def counted(network: EDVR) -> list[int]:
    """A list that gets longer with each frame that the network analyses."""
    calls: list[int] = []
    network.conv_l2_1.register_forward_hook(lambda *_: calls.append(1))
    return calls


@pytest.mark.parametrize("count", [1, 2, 12])
def test_a_stream_is_its_windows_and_analyses_each_frame_once(count: int) -> None:
    network = small().double()
    method = EdvrMethod(network, Settings())
    clip = torch.rand(count, 3, 10, 13, dtype=torch.float64)
    calls = counted(network)
    streamed = list(method.stream(iter(clip), (0.5,)))
    assert len(calls) == count
    by_window = list(WindowMethod.stream(method, iter(clip), ()))
    assert len(calls) == count + 5 * count
    assert [k for k, _ in streamed] == [k for k, _ in by_window] == list(range(count))
    for (_, one), (_, other) in zip(streamed, by_window, strict=True):
        assert one.shape == (3, 40, 52)
        assert (one - other).abs().max() < 1e-10 * other.abs().max()
    assert method.seconds > 0


def test_only_what_the_wanted_outputs_need_is_computed() -> None:
    network = small()
    calls = counted(network)
    method = EdvrMethod(network, Settings())
    made = list(method.stream(iter(torch.rand(12, 3, 8, 8)), (), lambda k: k == 6))
    assert [k for k, _ in made] == [6] and len(calls) == 5


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 12), (9, 17)])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_every_size_is_padded_and_cropped(size: tuple[int, int], precision: Any) -> None:
    method = EdvrMethod(small(), Settings(precision=precision))
    window = torch.rand(5, 3, *size)
    made = method(window, (0.5,))
    assert made.shape == (1, 3, 4 * size[0], 4 * size[1]) and made.dtype == torch.float32
    padded = torch.nn.functional.pad(window, (0, -size[1] % 4, 0, -size[0] % 4), mode="replicate")
    expected = small()(padded[None])[..., : 4 * size[0], : 4 * size[1]].clamp(0, 1)
    tolerance = 1e-5 if precision == "fp32" else 0.05
    assert (made - expected).abs().max() < tolerance


def test_tiles_differ_from_the_whole_only_by_what_lies_beyond_their_margin() -> None:
    network = small(frames=3)
    window = torch.rand(3, 3, 45, 70)
    whole = EdvrMethod(network, Settings())(window)
    errors = [
        float((EdvrMethod(network, Settings(tile=tile))(window) - whole).abs().max())
        for tile in (16, 64, 128)
    ]
    assert errors[0] > errors[1] and errors[1] < 1e-3 and errors[2] == 0


def test_untrained_networks_give_finite_frames_from_offsets_of_zero() -> None:
    for variant, frames in (("edvr", 7), ("edvr-m", 5)):
        method = build(variant, Settings(untrained=True))
        assert (method.name, method.weights, method.scale) == (variant, "untrained", 4)
        assert method.support(0, ()) == (frames // 2, frames // 2)
        (network,) = method.networks()
        for module in network.modules():
            if isinstance(module, Deformable):
                assert not any(value.any() for value in module.conv_offset.parameters())
        ((_, made),) = method.stream([torch.rand(3, 9, 12)], ())
        assert made.isfinite().all() and made.std() > 0.05


def saved(file: Path, content: Any) -> Settings:
    torch.save(content, file)
    return Settings(weights={"edvr-m": file})


@pytest.mark.parametrize("who", ["BasicSR", "original_2019", "mmagic"])
def test_the_files_of_all_three_publishers_load(who: str, tmp_path: Path) -> None:
    state = tensors(filled("edvr_m"))
    content: Any = {"params": state}
    if who != "BasicSR":
        aliases = json.loads((GOLDEN / "edvr_m" / "aliases.json").read_text())[who]
        content = {aliases[name]: value for name, value in state.items()}
    if who == "mmagic":
        content = {"state_dict": content | {"step_counter": torch.zeros(1)}, "meta": {}}
    method = build("edvr-m", saved(tmp_path / "m.pth", content))
    (network,) = method.networks()
    assert len(method.weights) == 64
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=0, atol=0)


def test_the_file_says_what_is_read_and_fused(tmp_path: Path) -> None:
    network = EDVR(64, frames=3, extract_blocks=1, reconstruction_blocks=1, tsa=False)
    method = build("edvr-m", saved(tmp_path / "m.pth", network.state_dict()))
    assert method.support(0, ()) == (1, 1)
    assert not isinstance(network.fusion, Fusion)


@pytest.mark.parametrize(
    "state, said",
    [
        (
            lambda: small().state_dict(),
            "edvr-m: .* is of another network; it has 8 channels, not 64",
        ),
        (lambda: {"conv.weight": torch.zeros(3)}, "is of another network; not a state of EDVR"),
        (
            lambda: EDVR(64, 3, 8, 1, 1, predeblur=True, full_size=True).state_dict(),
            "only deblurs",
        ),
        (
            lambda: EDVR(64, 3, 8, 1, 1).state_dict() | {"more.bias": torch.zeros(3)},
            "1 unexpected: more.bias",
        ),
    ],
)
def test_a_file_of_something_else_is_refused(state: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(MethodError, match=said):
        build("edvr-m", saved(tmp_path / "m.pth", state()))


def test_it_enlarges_by_4_alone() -> None:
    with pytest.raises(MethodError, match="edvr enlarges by 4 only, not by 2"):
        build("edvr", Settings(scale=2, untrained=True))


def test_a_state_survives_its_translation() -> None:
    state = small().state_dict()
    assert own_names(state).keys() == state.keys()


def test_stvun_with_alignment_has_the_published_number_of_parameters_and_runs() -> None:
    network = stvun_aligned()
    parts = network.efst
    assert isinstance(parts, AlignedFusion)
    count = {
        "whole": sum(value.numel() for value in network.parameters()),
        "pcd": sum(value.numel() for value in parts.pcd_align.parameters()),
        "tsa": sum(value.numel() for value in parts.fusion.parameters()),
        "all": sum(value.numel() for value in parts.parameters()),
    }
    assert count == {
        "whole": 32_414_276,
        "pcd": 1_384_288,
        "tsa": 340_800,
        "all": 1_384_288 + 340_800 + 147_712,
    }
    initialise(network)
    as_training_starts(network)
    made = network.eval()(torch.rand(1, 7, 3, 16, 16) * 2 - 1, [0.5])
    assert made.shape == (1, 2, 3, 64, 64) and made.isfinite().all()


def test_the_alignment_of_stvun_reads_all_frames_in_its_own_place() -> None:
    torch.manual_seed(0)
    fusion = AlignedFusion()
    as_training_starts(fusion)
    features = [torch.randn(1, 64, 8, 8) for _ in range(7)]
    made = fusion(features, [fusion.prepare(one) for one in features])
    assert made.shape == (1, 64, 8, 8)
    for k in range(7):
        changed = [one + (n == k) for n, one in enumerate(features)]
        other = fusion(changed, [fusion.prepare(one) for one in changed])
        assert (other - made).abs().max() > 1e-3
