"""The stream comparison: parts add up, what is shared is counted once, outputs agree."""

import copy
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters

from stvt.baselines import build
from stvt.baselines.acceleration.compilation import compile_networks
from stvt.baselines.edvr.method import EdvrMethod
from stvt.baselines.edvr.network import EDVR
from stvt.baselines.errors import MethodError
from stvt.baselines.method import Settings, WindowMethod
from stvt.baselines.registry import NETWORKS
from stvt.cli.main import main
from stvt.profiling import stream
from stvt.profiling.breakdown import Breakdown, Cost
from stvt.profiling.stream import (
    Comparison,
    Form,
    FormName,
    Part,
    compare,
    parts_table,
    stream_table,
)
from stvt.profiling.synthetic import moving_scene


@pytest.fixture(scope="module")
def compared() -> Comparison:
    torch.manual_seed(0)
    network = EDVR(channels=16, frames=3, groups=2, extract_blocks=1, reconstruction_blocks=1)
    method = EdvrMethod(network.double(), Settings())
    return compare("edvr", method, 32, 48, rounds=2)


def test_a_stream_gives_what_windows_give(compared: Comparison) -> None:
    assert compared.precision == "fp64" and compared.difference < 1e-10


def test_features_of_a_window_of_three_are_computed_once_instead_of_thrice(
    compared: Comparison,
) -> None:
    windows, streamed = compared.forms
    name = "features and pyramids"
    once, thrice = (form.parts[name].multiply_accumulates for form in (streamed, windows))
    assert thrice == 3 * once > 0
    for name in ("alignment", "fusion", "reconstruction"):
        here, there = (form.parts[name].multiply_accumulates for form in (windows, streamed))
        assert here == there > 0


def test_the_parts_are_the_whole(compared: Comparison) -> None:
    for form in compared.forms:
        parts = form.parts.values()
        assert sum(one.multiply_accumulates for one in parts) == form.whole.multiply_accumulates
        for clock in ("wall", "process"):
            whole = sum(getattr(lap, clock) for lap in form.whole.laps)
            spent = sum(getattr(lap, clock) for part in parts for lap in part.laps)
            assert spent == pytest.approx(whole, rel=1e-6)


def test_every_form_is_timed_as_often(compared: Comparison) -> None:
    assert [len(form.whole.laps) for form in compared.forms] == [2, 2]
    assert compared.outputs == 1 and compared.megapixels == 32 * 48 / 1e6


def test_tables_are_medians_for_each_megapixel_with_the_spread_of_ratios() -> None:
    def form(name: FormName, *seconds: float) -> Form:
        laps = [Cost(one, one) for one in seconds]
        return Form(name, Part(laps, 4e9), {"all of it": Part(laps, 4e9)})

    made = Comparison(
        method="one",
        weights="",
        height=1000,
        width=2000,
        times=(),
        outputs=1,
        megapixels=2.0,
        device="",
        precision="fp32",
        on_cpu=True,
        forms=[form("windows", 0.4, 0.4, 0.4), form("stream", 0.1, 0.2, 0.1)],
        difference=0.0,
    )
    part, whole = parts_table(made, ceiling=1e11)
    assert part["ms, windows"] == 200 and part["ms, stream"] == 50
    assert part["GMAC, stream"] == 2 and part["ratio"] == 4 and part["% of products"] == 40
    assert part["p10-p90"] == "2.40-4.00"
    assert whole == part | {"part": "all"}
    first, second = stream_table(made)
    assert first["median ms"] == 400 and first["ratio"] == 1
    assert second["median ms"] == 100 and second["ratio"] == 4 and second["p10-p90"] == "2.40-4.00"


def test_a_part_that_runs_in_one_form_alone_has_no_ratio() -> None:
    lap = Cost(0.5, 0.5)
    whole = Part([lap])
    forms = [Form("windows", whole), Form("stream", whole, {"one": whole})]
    made = Comparison("one", "", 1, 1, (), 1, 1.0, "", "fp32", True, forms, 0.0)
    part, _ = parts_table(made, ceiling=1e11)
    assert part["ms, windows"] == 0 and part["ms, stream"] == 500 and part["ratio"] is None


class Blend(WindowMethod):
    """A method with a network that has a part inside another."""

    name, scale, after = "blend", 1, 1

    def __init__(self) -> None:
        self.network = DAIN()

    def networks(self) -> list[nn.Module]:
        return [self.network]

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        return self.network.project(window)


class DAIN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.flownets, self.rectifyNet = nn.Module(), nn.Module()
        for owner, name in (
            (self.flownets, "pyramid"),
            (self.flownets, "flows"),
            (self.rectifyNet, "block1"),
            (self.rectifyNet, "rest"),
        ):
            owner.add_module(name, nn.Identity())
        self.depthNet = nn.Conv2d(3, 3, 1)
        for number in ("", "1", "2"):
            self.add_module(f"initScaleNets_filter{number}", nn.Identity())

    def context(self, x: Tensor) -> Tensor:
        return torch.conv2d(x, torch.ones(5, 3, 1, 1))

    def project(self, x: Tensor) -> Tensor:
        self.context(x)
        made: Tensor = self.depthNet(x)
        return made


def test_a_part_inside_another_is_counted_for_itself_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(NETWORKS, "dain", replace(NETWORKS["dain"], network=DAIN))
    method = Blend()
    breakdown = Breakdown(method)
    with breakdown.measuring(counting=True), torch.inference_mode():
        _, cost = breakdown.run(lambda: method(torch.rand(2, 3, 4, 4), [0.5]))
    counted = {name: one.multiply_accumulates for name, one in breakdown.costs.items()}
    assert counted == {
        "context": 2 * 16 * 15,
        "depth": 2 * 16 * 9,
        "projection": 0,
        "warping": 0,
    }
    assert cost.multiply_accumulates == 2 * 16 * 24
    assert "forward" not in vars(method.network.depthNet)  # nothing of the watch is left behind


@pytest.mark.parametrize("new", [1, 2, 3, 4, 5, 6])
def test_all_forms_make_the_same_frames_for_any_number_of_times(new: int) -> None:
    times = [(k + 1) / (new + 1) for k in range(new)]  # k + 1/3 loses digits of 1/3
    forms: tuple[FormName, ...] = ("published", "moments", "windows", "stream")
    for spec in ("bicubic+blend", "blend", "named=blend", "named=bicubic"):
        method = build(spec, Settings())
        outputs = {"blend": new, "bicubic": 1}.get(spec.removeprefix("named="), new + 1)
        made = compare(spec, method, 16, 16, times, forms=forms, rounds=4)
        assert made.outputs == outputs and made.difference == 0
        assert made.megapixels == outputs * 16 * 16 / 1e6
        assert {len(form.whole.laps) for form in made.forms} == {4}


def test_methods_of_every_kind_are_compared() -> None:
    methods = "repeat,flow,bicubic+flow,named=edvr-s+blend"
    command = ["bench", "stream", "--methods", methods, "--size", "16x16", "--rounds", "1"]
    assert main([*command, "--forms", "published,windows,stream,stream"]) == 0


def test_a_temporal_method_without_new_frames_is_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["bench", "stream", "--methods", "blend", "--times", "0", "--size", "8x8"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and "blend makes no frames but new ones" in said


@pytest.mark.slow
def test_times_of_a_pair_share_what_the_pair_gives() -> None:
    method = build("dain", Settings(untrained=True))
    for network in method.networks():
        network.double()  # in single precision roundings move where flows point to
    forms: tuple[FormName, ...] = ("moments", "windows", "stream")
    made = compare("dain", method, 8, 8, (0.25, 0.5), forms=forms, rounds=0)
    assert made.outputs == 2 and made.difference < 1e-10
    flow = [form.parts["flow"].multiply_accumulates for form in made.forms]
    depth = [form.parts["depth"].multiply_accumulates for form in made.forms]
    assert flow[0] == 2 * flow[1] > 2 * flow[2] > 0
    assert depth[0] == 2 * depth[1] == 4 * depth[2] > 0
    whole = [form.whole.multiply_accumulates for form in made.forms]
    assert whole[0] > whole[1] > whole[2]


def test_the_scene_moves_has_texture_and_is_the_same_each_time() -> None:
    first, again = moving_scene(3, 24, 32), moving_scene(3, 24, 32)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert first[0].shape == (3, 24, 32)
    assert all(0 <= frame.min() and frame.max() <= 1 and frame.std() > 0.05 for frame in first)
    assert (first[0] - first[1]).abs().mean() > 0.02


@pytest.mark.parametrize("what", ["model", "stream"])
def test_the_command_prints_tables_and_writes_every_number(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bench.json"
    options = ["--methods", "edvr-m", "--size", "48x32", "--rounds", "1", "--device", "cpu"]
    assert main(["bench", what, *options, "--out", str(file)]) == 0
    printed = capsys.readouterr()
    assert "48x32, fp32" in printed.out and "edvr-m" in printed.out
    assert "GMAC/s in fp32 matrix products" in printed.out
    assert "largest relative difference" in printed.err
    (told,) = json.loads(file.read_text())["methods"]
    forms = {"windows", "stream"} | ({"published"} if what == "stream" else set())
    assert told["difference"] < 1e-4 and set(told["forms"]) == forms


def test_the_published_form_is_plain_and_in_single_precision() -> None:
    method = build("stvun-s", Settings(untrained=True, precision="bf16"))
    forms: tuple[FormName, ...] = ("published", "stream")
    made = compare("stvun-s", method, 64, 64, (), forms=forms, rounds=0, precision="bf16")
    assert 1e-5 < made.difference < 0.1
    assert method.precision == "bf16"
    published, streamed = (form.whole.multiply_accumulates for form in made.forms)
    assert published > streamed


def test_compiled_parts_give_the_same_and_stay_compiled_when_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    network = EDVR(channels=16, frames=3, groups=2, extract_blocks=1, reconstruction_blocks=1)
    method = EdvrMethod(network.double(), Settings())
    runs: list[int] = []

    def backend(graph: torch.fx.GraphModule, _: Sequence[Tensor]) -> torch.fx.GraphModule:
        runs.append(1)
        return graph

    shown = partial(compile_networks, backend=backend)
    monkeypatch.setattr(stream, "compile_networks", shown)
    compared = compare("edvr", method, 32, 48, forms=["stream", "compiled"], rounds=1)
    assert compared.difference < 1e-10 and runs
    counts = {form.whole.multiply_accumulates for form in compared.forms}
    assert len(counts) == 1 and counts.pop() > 0
    copied = copy.deepcopy(method)
    shown(copied, "parts", "cpu")
    own = {name: part.forward for name, part in copied.networks()[0].named_children()}
    with Breakdown(copied).measuring():
        pass
    kept = {name: part.forward for name, part in copied.networks()[0].named_children()}
    assert own == kept
    with pytest.raises(MethodError, match="give --device cuda"):
        compile_networks(method, "graphs", "cpu")


def test_compiling_that_cannot_be_is_said_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(untrained=True, compiled="parts")
    monkeypatch.setenv("CXX", "no-such-compiler -O2")
    with pytest.raises(MethodError, match="there is no no-such-compiler"):
        build("edvr-s+blend", settings)
    with pytest.raises(MethodError, match="give --device cuda"):
        build("edvr-s+blend", replace(settings, compiled="graphs"))


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
def test_a_compiled_network_makes_the_same_frames() -> None:
    frames = list(moving_scene(7, 32, 32))
    made = []
    counters.clear()
    for how in ("", "parts"):
        method = build("edvr-s+blend", Settings(untrained=True, compiled=how))
        made.append([frame for _, frame in method.stream(frames, [0.5])])
    assert counters["stats"]["unique_graphs"] > 0, "something was compiled"
    assert len(made[0]) == len(made[1]) > 0
    for plain, other in zip(*made, strict=True):
        torch.testing.assert_close(other, plain, rtol=1e-4, atol=1e-4)


def test_a_form_that_is_not_known_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "stream", "--forms", "windows,twice"])
    assert "no form 'twice'" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["data", "metrics", "evaluate", "precision"])
def test_what_was_moved_is_one_line_that_says_where(
    what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["bench", what, "--set", "vid4"])
    said = capsys.readouterr().err
    (file,) = (word for word in said.split() if word.startswith("tests/benchmarks/"))
    assert end.value.code == 2 and len(said.splitlines()) == 1
    assert (Path(__file__).parents[2] / file).is_file()


def test_a_number_below_zero_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["bench", "stream", "--times", "-1"])
    said = capsys.readouterr().err
    assert end.value.code == 2 and len(said.splitlines()) == 1
    assert "'-1' is not a whole number from 0 on" in said
