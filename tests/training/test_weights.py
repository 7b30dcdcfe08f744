"""Weights of a training: what it starts from, and the parts that its stages leave."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import stvt
from stvt import baselines
from stvt.baselines.flow_networks.pwcnet import PWCNet
from stvt.baselines.registry import loss_module
from stvt.baselines.stvun import convert_pwcnet
from stvt.baselines.weights.load import initialise
from stvt.baselines.weights.store import trained_on
from stvt.cli.main import main
from stvt.core.files import sha256_of
from stvt.training.loop import train
from stvt.training.weights import write_weights

from .runs import quiet, tiny

FULL: dict[str, Any] = {
    "network": "stvun",
    "steps": 1,
    "batch": 1,
    "patch": 64,
    "validate_windows": 1,
}


def test_the_parts_that_stages_leave_are_joined_and_can_be_evaluated(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = train(tiny("flow", steps=1), data, tmp_path / "flow", say=quiet).weights
    space = tmp_path / "space"
    train(tiny(steps=1), data, space, initial=[flow], say=quiet)
    out = tmp_path / "whole.safetensors"
    command = ["weights", "join", "stvun-s", "--out", str(out)]
    assert main([*command, str(space)]) == 2
    assert "name the run of every stage" in capsys.readouterr().err
    assert not out.exists()
    assert main([*command, str(flow), str(space)]) == 0
    whole = out.stat().st_size
    assert main([*command, str(flow), str(space), "--half"]) == 0
    assert out.stat().st_size < 0.6 * whole
    assert trained_on(out, sha256_of(out)) == "BD"  # as its parts were
    method = stvt.load_method("stvun-s", weights={"stvun-s": out})
    frames = [torch.rand(3, 16, 16) for _ in range(3)]
    assert [time for time, _ in method.stream(frames, [0.5])] == [0.0, 0.5, 1.0, 1.5, 2.0]


@pytest.mark.parametrize(("value", "half"), [(1e6, ["--half"]), (float("nan"), [])])
def test_numbers_that_no_network_loads_are_joined_into_no_file(
    value: float, half: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = baselines.network("edvr-s").state_dict()
    state["conv_first.bias"][0] = value
    torch.save(state, tmp_path / "in.pth")
    out = tmp_path / "out.safetensors"
    command = ["weights", "join", "edvr-s", str(tmp_path / "in.pth"), "--out", str(out)]
    assert main([*command, *half]) == 2
    assert "conv_first.bias has numbers that are not finite" in capsys.readouterr().err
    assert not out.exists()


def test_full_stvun_is_evaluated_without_the_entries_that_nothing_reads(tmp_path: Path) -> None:
    network = baselines.network("stvun")
    learnt = loss_module("stvun", network, "joint").learning()
    file = tmp_path / "stvun-last.safetensors"
    write_weights(file, learnt, "as a joint stage leaves it")
    assert len(stvt.load_method("stvun", weights={"stvun": file}).weights) == 64


@pytest.mark.slow  # the full STVUN, twice
def test_weights_of_stage_space_make_existing_frames_and_never_new_ones(
    data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "space"
    last = train(tiny(**FULL), data, run, say=quiet).weights
    (checkpoint,) = (run / "checkpoints").iterdir()
    frames = [torch.rand(3, 16, 16) for _ in range(2)]
    outputs = []
    for file in (last, checkpoint):  # which holds the flow network too, as it was drawn
        with pytest.raises(baselines.MethodError, match="lacks the part that makes new frames"):
            stvt.load_method("stvun", weights={"stvun": file})
        settings = baselines.Settings(weights={"stvun": file}, new_frames=False)
        method = baselines.build("stvun", settings)
        outputs.append(torch.stack([one for _, one in method.stream(frames, [])]))
        with pytest.raises(baselines.MethodError, match="built without new frames"):
            list(method.stream(frames, [0.5]))
    assert torch.equal(*outputs)


@pytest.fixture(scope="module")
def pwcnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = PWCNet()
    initialise(network, 3)
    file = tmp_path_factory.mktemp("pwcnet") / "mine.pth"
    torch.save(network.state_dict(), file)
    return file


def test_pwcnet_s_weights_give_stvun_s_flow_network_the_same_flow(pwcnet: Path) -> None:
    stock, inside = PWCNet("border"), PWCNet("border")
    stock.load_state_dict(torch.load(pwcnet, weights_only=True))
    inside.load_state_dict(convert_pwcnet(stock.state_dict()), strict=False)
    rgb = torch.rand(2, 3, 64, 64)
    seen, sees = (
        network.get_submodule("conv1a")(image)[..., 1:-1, 1:-1]
        for network, image in ((stock, rgb.flip(1)), (inside, 2 * rgb - 1))
    )
    assert torch.allclose(sees, seen, atol=1e-5)
    pyramids = [stock.pyramid(one[None]) for one in rgb]
    twentieths, pixels = stock.flows(*pyramids), inside.flows(*pyramids)
    assert torch.allclose(pixels[0], twentieths[0] * 20 / 4, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(*pair) for pair in zip(pixels[1:], twentieths[1:], strict=True))


def test_the_joint_stage_starts_from_the_kept_pwcnet_or_warns(
    data: Path,
    tmp_path: Path,
    pwcnet: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path / "home"))
    recipe = tiny("joint", **FULL, rate=1e-12)
    said: list[str] = []
    train(recipe, data, tmp_path / "random", say=said.append)
    warnings = [line for line in said if "starts its flow network at random" in line]
    assert len(warnings) == 1
    assert "stvt weights fetch pwcnet" in warnings[0]
    assert main(["weights", "add", str(pwcnet)]) == 0
    said.clear()
    made = load_file(train(recipe, data, tmp_path / "run", say=said.append).weights)
    assert not any("random" in line for line in said)
    wanted = convert_pwcnet(torch.load(pwcnet, weights_only=True))
    assert all(torch.allclose(made[f"pwcnet.{key}"], one) for key, one in wanted.items())
    kept = json.loads((tmp_path / "run" / "training.json").read_text())["flow"]
    assert kept["file"] == "pwcnet.pth"
    said.clear()
    train(recipe, data, tmp_path / "random", say=said.append)
    assert said == ["goes on after step 1"], "a run that goes on has its flow already"


def test_flow_weights_name_a_file_and_what_nothing_reads_is_one_line(
    data: Path,
    tmp_path: Path,
    pwcnet: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path / "home"))
    common = ["train", "--preset", "smoke", "--data", "photographs", "--root", str(data)]
    common += ["--steps", "1", "--batch", "1", "--device", "cpu", "--precision", "fp32"]
    common += ["--log-every", "1", "--save-every", "1", "--validate-windows", "1"]
    full = ["--network", "stvun", "--stage", "joint"]

    def errors(*options: str) -> str:
        out = ["--out", str(tmp_path / "run")]
        assert main([*common, *out, *options]) == 2
        assert not (tmp_path / "run").exists()
        return capsys.readouterr().err.strip().splitlines()[-1]

    assert "weights are not here" in errors(*full, "--flow-weights", "pwcnet")
    assert "write pwcnet" in errors(*full, "--flow-weights", "raft")
    assert "there is no such file" in errors(*full, "--flow-weights", f"pwcnet={tmp_path}/none.pth")
    given = ["--flow-weights", f"pwcnet={pwcnet}"]
    assert "trains no PWC-Net" in errors("--stage", "joint", *given)
    assert "trains no PWC-Net" in errors("--network", "stvun", "--stage", "space", *given)
    assert "no stage 'flow'" in errors("--network", "stvun", "--stage", "flow")
    assert "no stage 'joint'" in errors("--network", "edvr-s", "--stage", "joint")
    assert main([*common, *full, *given, "--out", str(tmp_path / "run")]) == 0
    assert f"{pwcnet}: PWC-Net's weights" in capsys.readouterr().err
