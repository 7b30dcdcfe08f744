from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from stvt.baselines.errors import MethodError
from stvt.baselines.factory import build
from stvt.baselines.method import Settings, WindowMethod, windows
from stvt.baselines.registry import network as network_of
from stvt.baselines.stvun.method import StvunMethod
from stvt.baselines.stvun.network import EFST, STVUN, blend, intermediate_flows
from stvt.baselines.weights.load import initialise
from tests.golden_cases import GOLDEN, Arrays, error, filled, load_case, load_state, tensors

PRECISIONS = [(torch.float64, 1e-4), (torch.float32, 1e-3)]
WHOLE = ["three_times_32x32", "one_time_48x32", "space_64x64", "batch_16x32", "sequence_16x32"]


@pytest.fixture(scope="module")
def filled_network() -> STVUN:
    network = STVUN()
    network.load_state_dict(tensors(filled("stvun")))
    return network.eval()


@pytest.fixture(scope="module")
def untrained() -> STVUN:
    network = STVUN()
    initialise(network)
    return network.eval()


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def moving(count: int, height: int, width: int) -> Tensor:
    """Frames in [0, 1] of a pattern that drifts."""
    rows, columns = torch.arange(height)[:, None] / 5, torch.arange(width) / 4
    phases = torch.tensor([0.0, 1.0, 2.0])[:, None, None]
    return torch.stack(
        [0.5 + 0.5 * torch.sin(rows + columns + phases + 0.3 * k) for k in range(count)]
    )


def outputs(network: STVUN, case: Arrays) -> dict[str, Tensor]:
    """What a case without intermediate quantities holds."""
    dtype = next(network.parameters()).dtype
    frames, times = (torch.from_numpy(case[key]).to(dtype) for key in ("frames", "times"))
    if "out" in case:
        parts = [network(frames[k : k + 7][None], times)[0] for k in range(len(frames) - 6)]
        return {"out": torch.cat(parts)}
    if frames.ndim == 5:
        made = network(frames, times)
        return {"out_space": made[:, 0], "out_times": made[:, 1:]}
    made = network(frames[None], times)[0]
    return {"out_space": made[0], "out_times": made[1:]}


@pytest.mark.parametrize(
    ("name", "dtype", "limit"),
    [
        ("three_times_32x32", torch.float32, 1e-3),
        ("batch_16x32", torch.float64, 1e-4),
    ],
)
def test_the_outputs_are_the_published_ones(
    filled_network: STVUN, name: str, dtype: torch.dtype, limit: float
) -> None:
    case = load_case("stvun", name)
    for output, value in outputs(filled_network.to(dtype), case).items():
        assert error(value, case, output) < limit, output


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "limit"), PRECISIONS)
@pytest.mark.parametrize("name", WHOLE)
def test_the_whole_golden_cases_agree(
    filled_network: STVUN, shared: Path, name: str, dtype: torch.dtype, limit: float
) -> None:
    case = load_case("stvun", name, shared / "golden")
    for output, value in outputs(filled_network.to(dtype), case).items():
        if output in case:  # the case of no time has no outputs at times
            assert error(value, case, output) < limit, output
    if "encoder_mean" in case:
        check_the_stages(filled_network, case, limit)


def test_every_stage_is_the_published_one(filled_network: STVUN) -> None:
    check_the_stages(filled_network.float(), load_case("stvun", "three_times_32x32"), 1e-4)


def check_the_stages(network: STVUN, case: Arrays, limit: float) -> None:
    frames = torch.from_numpy(case["frames"]).to(next(network.parameters()).dtype)[None]
    X = frames.unbind(1)
    e = [network.encoder(x) for x in X]
    means = [torch.stack([level.mean((2, 3))[0] for level in e_t]) for e_t in e]
    assert error(torch.stack(means), case, "encoder_mean") < limit
    efst = network.efst
    assert isinstance(efst, EFST)
    early = [efst.early_fusion(torch.cat([e_t[i] for e_t in e], 1)) for i in range(4)]
    assert error(torch.cat(early)[:, ::16], case, "early_fusion") < limit
    assert error(network.confidence(frames)[0], case, "confidence") < limit
    fused = network.fuse(e)
    assert error(torch.cat(fused)[:, ::16], case, "efst") < limit
    _, decoded = network.super_resolve(X[3], e[3], fused)
    assert error(torch.cat(list(decoded))[:, ::16], case, "decoded") < limit
    f_34, f_43 = network.flow(X[3], X[4]), network.flow(X[4], X[3])
    assert error(f_34[0], case, "flow_34") < limit
    assert error(f_43[0], case, "flow_43") < limit
    blended = [blend(t, X[3:5], e[3:5], f_34, f_43)[0] for t in case["times"].tolist()]
    assert error(torch.cat(blended), case, "lr_mid") < limit


def test_the_stream_is_the_published_sequence(filled_network: STVUN) -> None:
    case = load_case("stvun", "sequence_16x32")
    method = StvunMethod(filled_network.float(), Settings(), "stvun")
    frames = ((frame + 1) / 2 for frame in torch.from_numpy(case["frames"]))
    made = dict(method.stream(frames, [0.5], lambda t: 3 <= t < 6))
    assert list(made) == [3, 3.5, 4, 4.5, 5, 5.5]
    expected = dict(case, out=((case["out"] + 1) / 2).clip(0, 1))
    assert error(torch.stack(list(made.values())), expected, "out") < 1e-3
    assert method.seconds > 0


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (STVUN(), 30_882_276),
        (STVUN(efst=False), 30_570_212),
        (STVUN(decoder_to_time=False), 30_882_276),
        (STVUN(2), 30_866_688),
    ],
    ids=["x4", "w/o EFST", "w/o D", "x2"],
)
def test_the_parameters_are_as_many_as_the_paper_says(network: STVUN, count: int) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_the_state_is_that_of_the_published_checkpoint(untrained: STVUN) -> None:
    state = {key: list(value.shape) for key, value in untrained.state_dict().items()}
    assert list(state.items()) == list(load_state("stvun", GOLDEN).items())


def test_no_flow_is_computed_where_no_time_is_asked_for(
    untrained: STVUN, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = 2 * moving(7, 16, 16)[None] - 1
    whole = untrained(frames, torch.tensor([0.5]))
    monkeypatch.setattr(untrained.pwcnet, "forward", None)
    monkeypatch.setattr(untrained.pwcnet, "flows", None)
    space = untrained(frames, torch.empty(0))
    assert space.shape == (1, 1, 3, 64, 64)
    torch.testing.assert_close(space[:, 0], whole[:, 0])


def test_times_are_independent_of_each_other(untrained: STVUN) -> None:
    frames = 2 * moving(7, 16, 16)[None] - 1
    together = untrained(frames, [0.25, 0.75])
    torch.testing.assert_close(together[:, 2], untrained(frames, [0.75])[:, 1])


def test_without_the_decoded_features_or_efst_the_output_is_another(untrained: STVUN) -> None:
    frames = 2 * moving(7, 16, 16)[None] - 1
    whole = untrained(frames, [0.5])
    without_d = STVUN(decoder_to_time=False).eval()
    without_d.load_state_dict(untrained.state_dict())
    made = without_d(frames, [0.5])
    torch.testing.assert_close(made[:, 0], whole[:, 0])
    assert not torch.allclose(made[:, 1], whole[:, 1], atol=1e-3)
    without_efst = STVUN(efst=False).eval()
    without_efst.load_state_dict(untrained.state_dict(), strict=False)
    assert not torch.allclose(without_efst(frames, [])[:, 0], whole[:, 0], atol=1e-3)
    with pytest.raises(ValueError, match="confidence"):
        without_efst.confidence(frames)


@pytest.mark.parametrize("t", [0.25, 0.5, 0.75])
def test_under_constant_motion_the_flows_are_in_proportion_to_time(t: float) -> None:
    motion = torch.full((1, 2, 4, 5), 3.0)
    to_first, to_second = intermediate_flows(motion, -motion, t)
    torch.testing.assert_close(to_first, -t * motion)
    torch.testing.assert_close(to_second, (1 - t) * motion)


def test_wrong_shapes_are_refused(untrained: STVUN) -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        untrained(torch.zeros(1, 7, 3, 16, 20), [])
    with pytest.raises(ValueError, match="B, 7, 3, h, w"):
        untrained(torch.zeros(1, 5, 3, 16, 16), [])
    with pytest.raises(ValueError, match="2, 3 or 4, not by 5"):
        STVUN(5)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (13, 18)])
def test_any_size_is_enlarged_exactly(scale: int, size: tuple[int, int]) -> None:
    method = build("stvun", Settings(scale=scale, untrained=True))
    assert isinstance(method, WindowMethod)
    assert method.weights == "untrained" and method.scale == scale
    made = method(moving(7, *size), [0.5])
    assert made.shape == (2, 3, scale * size[0], scale * size[1])
    assert torch.isfinite(made).all() and made.min() >= 0 and made.max() <= 1


@pytest.mark.parametrize(
    "variant",
    [
        "stvun",
        "stvun-s",
        pytest.param("stvun-wo-efst", marks=pytest.mark.slow),
        pytest.param("stvun-wo-d", marks=pytest.mark.slow),
    ],
)
def test_a_stream_equals_its_windows_one_by_one(variant: str) -> None:
    method = build(variant, Settings(untrained=True))
    assert isinstance(method, StvunMethod) and method.name == variant
    assert_the_stream_equals_its_windows(method, moving(3, 13, 16))


@pytest.mark.slow
def test_a_long_stream_equals_its_windows_one_by_one(untrained: STVUN) -> None:
    method = StvunMethod(untrained, Settings())
    assert_the_stream_equals_its_windows(method, moving(12, 16, 16))


def assert_the_stream_equals_its_windows(method: StvunMethod, frames: Tensor) -> None:
    method.network.double()
    times, one_by_one = [0.25, 0.5], dict[float, Tensor]()
    for k, (window, last) in enumerate(windows(frames, *method.window)):
        moments = [] if last else times
        outputs = method(torch.stack(window), moments)
        one_by_one |= {k + t: frame for t, frame in zip([0.0, *moments], outputs, strict=True)}
    streamed = dict(method.stream(frames, times))
    method.network.float()
    assert list(streamed) == list(one_by_one)
    for t, frame in streamed.items():
        assert (frame - one_by_one[t]).abs().max() < 1e-10 * one_by_one[t].abs().max()


def test_a_compact_network_fuses_what_shows_the_same() -> None:
    network = network_of("stvun-s").eval()
    assert isinstance(network, STVUN) and network.aligned
    ground = torch.rand(1, 3, 32, 96)
    frames = [ground[..., 8 * k : 8 * k + 48] for k in range(7)]  # moves left by 8 pixels a frame
    flows = [
        torch.stack([torch.full((1, 32, 48), s * 8.0), torch.zeros(1, 32, 48)], 1) for s in (-1, 1)
    ]
    with torch.no_grad():
        e = [network.encoder(frame) for frame in frames]
        aligned = network.align(e, [flows[0]] * 3, [flows[1]] * 3)
    seen = slice(20, 28)  # what no border is near, in frames 2 to 4
    for k in (2, 4):
        for level, centre in zip(aligned[k], e[3], strict=True):
            assert torch.allclose(level[..., seen], centre[..., seen], atol=1e-5)
        assert not torch.allclose(e[k][0], e[3][0], atol=1e-3)


def test_a_stream_encodes_each_frame_once(
    untrained: STVUN, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = []
    encode = untrained.encoder.forward

    def counted(frame: Tensor) -> list[Tensor]:
        encoded.append(frame)
        return encode(frame)

    monkeypatch.setattr(untrained.encoder, "forward", counted)
    made = list(StvunMethod(untrained, Settings()).stream(moving(5, 16, 16), []))
    assert [t for t, _ in made] == [0, 1, 2, 3, 4]
    assert len(encoded) == 5


def test_pieces_are_close_to_the_whole_frame(untrained: STVUN) -> None:
    frames = moving(7, 16, 60)
    whole = StvunMethod(untrained, Settings())(frames, [0.5])
    pieces = StvunMethod(untrained, Settings(tile=48))(frames, [0.5])
    assert pieces.shape == whole.shape
    assert (pieces[0] - whole[0]).abs().mean() < 1e-3
    assert (pieces[1] - whole[1]).abs().mean() < 2e-2


def test_bfloat16_is_close_to_single_precision(untrained: STVUN) -> None:
    frames = moving(7, 16, 16)
    exact = StvunMethod(untrained, Settings())(frames, [0.5])
    rounded = StvunMethod(untrained, Settings(precision="bf16"))(frames, [0.5])
    assert rounded.dtype == torch.float32
    assert (rounded - exact).abs().mean() < 2e-2


def test_users_reach_the_confidence_of_each_frame(untrained: STVUN) -> None:
    scores = StvunMethod(untrained, Settings()).confidence(moving(7, 13, 18))
    assert scores.shape == (4, 7, 13, 18)
    assert scores.min() >= 0 and scores.max() <= 1


def test_other_scales_are_refused_in_one_line() -> None:
    with pytest.raises(MethodError, match="stvun enlarges by 2 or 3 or 4 only, not by 8"):
        build("stvun", Settings(scale=8, untrained=True))


def test_half_precision_on_a_cpu_is_refused_in_one_line() -> None:
    with pytest.raises(MethodError, match="bf16 or fp32"):
        build("stvun", Settings(precision="fp16", untrained=True))
