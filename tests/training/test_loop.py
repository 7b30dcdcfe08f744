"""`stvt train`: losses, exact continuation, processes, and what a user gets wrong."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import stvt
from stvt import baselines
from stvt.baselines.flow_networks.light import LightFlow, optical_flow
from stvt.baselines.flow_networks.pwcnet import PWCNet
from stvt.baselines.registry import NETWORKS, loss_module, network_spec, stages_of
from stvt.baselines.stvun.network import STVUN
from stvt.baselines.weights.load import init_weights, initialise
from stvt.cli.main import main
from stvt.core.errors import StvtError, UsageError
from stvt.datasets.build.synthetic_set import prepare_photographs
from stvt.datasets.clips.sampler import Sampling, Windows, batch
from stvt.datasets.clips.storage import write_clip
from stvt.datasets.training_set import TrainingClip
from stvt.training import checkpoints as training_store
from stvt.training.loop import train
from stvt.training.recipe import PRESETS, TrainingPlan, plan_of
from stvt.training.weights import flow_of_stvun, write_weights

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    prepare_photographs(root, clips=12, frames=16, side=96)
    return root


def tiny(stage: str = "space", **values: object) -> TrainingPlan:
    given = {"steps": 6, "batch": 2, "log_every": 1, "save_every": 2, "validate_every": 6}
    return plan_of(
        "smoke",
        stage,
        **{**given, "validate_windows": 2, "precision": "fp32", "data": ("photographs",), **values},
    )


def quiet(_: str) -> None:
    pass


def rows(out: Path) -> list[dict[str, str]]:
    """The log without what depends on the machine."""
    with (out / "loss.csv").open() as file:
        lines = list(csv.DictReader(file))
    return [{k: v for k, v in line.items() if k not in TIMES} for line in lines]


TIMES = ("windows_per_second", "data_wait")


class Still(torch.nn.Module):
    """A flow network that knows the answer."""

    enlarge = 1

    def __init__(self, there: float) -> None:
        super().__init__()
        self.there = there

    def pyramid(self, frame: torch.Tensor) -> list[torch.Tensor]:
        return [frame]

    def flows(self, first: list[torch.Tensor], _: list[torch.Tensor]) -> list[torch.Tensor]:
        flow = torch.zeros(first[0].shape[0], 2, *first[0].shape[-2:])
        flow[: len(flow) // 2, 0], flow[len(flow) // 2 :, 0] = self.there, -self.there
        return [flow]


def test_losses_are_those_of_the_equations_on_a_case_made_by_hand() -> None:
    # A slope of 0.01 a pixel moves right by two pixels a frame; nothing else adds to the enlarged
    # frames, for the last convolution is zero.
    network = STVUN(width=4, flow=Still(2.0))
    init_weights("stvun", network, 0)
    with torch.no_grad():
        for parameter in network.decoder.rconv1.parameters():
            parameter.zero_()
    slope = 0.01 * torch.arange(32.0).expand(1, 3, 32, 32)
    small = torch.stack([slope - 0.02 * t for t in range(7)], 1)
    large = torch.full((1, 2, 3, 128, 128), 0.5)
    between = (slope - 0.02 * 3.5)[:, None]
    with torch.no_grad():
        losses = loss_module("stvun", network, "joint")(small, large, between, [0.5])
        enlarged = torch.nn.functional.interpolate(small[:, 3], scale_factor=4, mode="bilinear")
    assert losses["space"].item() == pytest.approx((enlarged - 0.5).abs().mean().item(), abs=1e-6)
    # Moved by half the flow from either side it is the truth but for the columns at the ends.
    ends = losses["flow"].item()
    assert ends == pytest.approx((0.01 + 0.01) / 2 / 32, abs=1e-4)
    assert losses["between"].item() == pytest.approx(
        (enlarged - 0.01 - 0.5).abs().mean().item(), abs=2e-3
    )


def test_losses_have_the_gradients_of_finite_differences() -> None:
    network = STVUN(width=4, flow=LightFlow()).double()
    init_weights("stvun", network, 1)
    learner = loss_module("stvun", network, "joint").double()
    random = torch.Generator().manual_seed(0)
    small, large, between = (
        torch.rand(shape, generator=random).double() * 2 - 1
        for shape in ((1, 7, 3, 16, 16), (1, 2, 3, 64, 64), (1, 1, 3, 16, 16))
    )

    def loss() -> torch.Tensor:
        return torch.stack([*learner(small, large.float(), between.float(), [0.5]).values()]).sum()

    loss().backward()  # type: ignore[no-untyped-call]
    for name in ("decoder.rconv0.0.weight", "encoder.block1.conv0.0.weight"):
        weight = network.get_parameter(name)
        assert weight.grad is not None
        direction = torch.sign(weight.grad)
        with torch.no_grad():
            values = []
            for side in (1, -1):
                weight.add_(direction, alpha=side * 1e-4)
                values.append(loss().item())
                weight.sub_(direction, alpha=side * 1e-4)
        slope = (values[0] - values[1]) / 2e-4
        assert slope == pytest.approx((weight.grad * direction).sum().item(), rel=0.02)


def test_a_light_flow_network_is_taught_the_motion_of_the_full_size_frames() -> None:
    truth = torch.nn.functional.avg_pool2d(torch.rand(1, 3, 104, 136), 5, 1, 2) * 4 - 2
    first, second = truth[..., 4:100, 4:132], truth[..., 4:100, 0:128]  # to the right by 4 pixels
    flow = optical_flow(first, second)[0, :, 24:-24, 24:-24]
    assert flow[0].median() == pytest.approx(4, abs=0.1)
    assert flow[1].median() == pytest.approx(0, abs=0.1)
    network = baselines.network("stvun-s")
    init_weights("stvun-s", network, 0)
    learner = loss_module("stvun-s", network, "flow")
    small = torch.nn.functional.avg_pool2d(torch.cat([first, second]), 4)
    between, large = small[1:, None], torch.stack([first, second], 1)
    window = small[:1, None].repeat(1, 8, 1, 1, 1)
    optimiser = torch.optim.Adam(learner.learning().values(), 1e-3)
    losses = []
    for _ in range(40):
        loss = learner(window, large, between, [0.5])["flow"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
    with pytest.raises(ValueError, match="no stage 'flow'"):
        loss_module("stvun", STVUN(width=4), "flow")


def test_every_network_that_can_be_trained_has_a_step_and_a_name_in_evaluate() -> None:
    trained = {name for name in NETWORKS if stages_of(name)}
    assert {"stvun", "stvun-wo-efst", "stvun-w-af", "stvun-s", "stvun-m", "edvr-s"} <= trained
    assert trained <= set(baselines.METHODS)
    small, large = torch.zeros(1, 8, 3, 32, 32), torch.zeros(1, 2, 3, 128, 128)
    for name in ("stvun-s", "stvun-s-wo-efst", "stvun-s-wo-d", "stvun-s-w-af", "edvr-s"):
        network = baselines.network(name)
        init_weights(name, network, 0)
        learner = loss_module(name, network, "joint" if name.startswith("stvun") else "space")
        losses = learner(small, large, torch.zeros(1, 1, 3, 32, 32), [0.5])
        torch.stack([*losses.values()]).sum().backward()  # type: ignore[no-untyped-call]
        without = [k for k, one in learner.learning().items() if one.grad is None]
        assert without == [], name


def test_the_stages_of_a_network_are_those_that_have_losses() -> None:
    for name in (name for name in NETWORKS if network_spec(name).losses):
        with torch.device("meta"):
            network = baselines.network(name)
        for stage in ("flow", "space", "joint"):
            if stage in stages_of(name):
                loss_module(name, network, stage)
            else:
                with pytest.raises(ValueError, match="no stage"):
                    loss_module(name, network, stage)


def test_a_stage_that_a_network_lacks_leaves_the_folder_to_another(
    data: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="edvr-s has no stage 'joint'"):
        train(tiny("joint", network="edvr-s"), data, tmp_path / "run", say=quiet)
    assert not (tmp_path / "run").exists()


def test_the_paper_s_recipe_is_the_preset() -> None:
    space, joint = (plan_of("paper", stage) for stage in ("space", "joint"))
    assert (space.patch, space.batch, space.frames, space.steps) == (128, 32, 7, 300_000)
    assert (joint.patch, joint.batch, joint.frames, joint.steps) == (256, 32, 8, 400_000)
    assert (joint.lambda_m, joint.lambda_s, joint.lambda_f) == (1, 1, 1)
    rates = [space.rate_at(step) for step in (0, 99_999, 100_000, 200_000)]
    assert rates == pytest.approx([1e-4, 1e-4, 5e-5, 2.5e-5])
    assert joint.rate_at(0) == pytest.approx(5e-5)
    assert {"paper", "s", "m", "smoke"} <= set(PRESETS)


def test_a_training_learns_and_leaves_its_plan_log_curves_and_weights(
    data: Path, tmp_path: Path
) -> None:
    trained = train(tiny(steps=12), data, tmp_path / "run", say=quiet)
    assert trained.steps == 12
    losses = [float(line["space"]) for line in rows(trained.weights.parents[1])]
    assert len(losses) == 12
    assert all(np.isfinite(losses))
    plan = json.loads((tmp_path / "run" / "training.json").read_text())
    assert plan["plan"]["network"] == "stvun-s"
    assert set(plan["data"]) == {"photographs"}
    assert (tmp_path / "run" / "loss.png").stat().st_size > 5000
    assert (tmp_path / "run" / "validation.csv").read_text().startswith("step,existing\n6,")
    names = set(load_file(trained.weights))
    assert not any(name.startswith("pwcnet") for name in names), "only what the stage trained"
    assert trained.best.exists()


def test_stopped_and_continued_is_the_same_to_the_last_bit(data: Path, tmp_path: Path) -> None:
    plan = tiny("joint")
    whole = train(plan, data, tmp_path / "whole", say=quiet)
    train(plan, data, tmp_path / "parts", pause=lambda step: step == 3, say=quiet)
    parts = train(plan, data, tmp_path / "parts", say=quiet)
    assert whole.weights.read_bytes() == parts.weights.read_bytes()
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")


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
    method = stvt.load_method("stvun-s", weights={"stvun-s": out})
    frames = [torch.rand(3, 16, 16) for _ in range(3)]
    assert [time for time, _ in method.stream(frames, [0.5])] == [0.0, 0.5, 1.0, 1.5, 2.0]


def test_full_stvun_is_evaluated_without_the_entries_that_nothing_reads(tmp_path: Path) -> None:
    network = baselines.network("stvun")
    learnt = loss_module("stvun", network, "joint").learning()
    file = tmp_path / "stvun-last.safetensors"
    write_weights(file, learnt, "as a joint stage leaves it")
    assert len(stvt.load_method("stvun", weights={"stvun": file}).weights) == 64


@pytest.mark.slow
def test_workers_change_nothing(data: Path, tmp_path: Path) -> None:
    plan = tiny(steps=2)
    one = train(plan, data, tmp_path / "one", workers=0, say=quiet)
    two = train(plan, data, tmp_path / "two", workers=2, say=quiet)
    assert one.weights.read_bytes() == two.weights.read_bytes()


def test_a_torn_checkpoint_is_passed_over_with_a_word(data: Path, tmp_path: Path) -> None:
    plan = tiny()
    whole = train(plan, data, tmp_path / "whole", say=quiet)
    train(plan, data, tmp_path / "torn", pause=lambda step: step == 5, say=quiet)
    newest = training_store.checkpoints(tmp_path / "torn" / "checkpoints")[-1]
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    said: list[str] = []
    again = train(plan, data, tmp_path / "torn", say=said.append)
    assert any("step-00000005.pt is damaged" in line for line in said)
    assert again.weights.read_bytes() == whole.weights.read_bytes()
    assert newest.exists(), "what is damaged is kept, too"


def three_checkpoints(folder: Path) -> list[Path]:
    steps = (10, 20, 30)
    return [training_store.save(folder, k, {"step": k, "x": torch.ones(1000)}) for k in steps]


def test_a_flipped_bit_of_a_checkpoint_is_damage(tmp_path: Path) -> None:
    newest = three_checkpoints(tmp_path)[-1]
    content = bytearray(newest.read_bytes())
    content[content.index(torch.ones(1000).numpy().tobytes()) + 2000] ^= 4
    newest.write_bytes(content)
    said: list[str] = []
    state = training_store.newest(tmp_path, said.append)
    assert state is not None
    assert state["step"] == 20
    assert "step-00000030.pt is damaged (the checksum of" in said[0]
    assert newest.read_bytes() == content


@pytest.mark.parametrize("error", [PermissionError(13, "no"), OSError(5, "I/O"), MemoryError()])
@pytest.mark.parametrize("where", ["zipfile.ZipFile.testzip", "torch.load"])
def test_a_checkpoint_that_cannot_be_read_today_stops_the_run_and_all_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, where: str
) -> None:
    files = three_checkpoints(tmp_path)
    before = [file.read_bytes() for file in files]

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(where, fail)
    with pytest.raises(UsageError, match=r"step-00000030.pt: cannot be read .*nothing was deleted"):
        training_store.newest(tmp_path, quiet)
    assert [file.read_bytes() for file in files] == before


def test_an_error_of_the_disk_is_no_damage_though_zipfile_calls_it_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = three_checkpoints(tmp_path)

    def fail(_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("zipfile._EndRecData", fail)
    with pytest.raises(UsageError, match=r"cannot be read \(Input/output error\)"):
        training_store.newest(tmp_path, quiet)
    assert training_store.checkpoints(tmp_path) == files


def test_where_every_checkpoint_is_damaged_nothing_starts_at_0(data: Path, tmp_path: Path) -> None:
    plan = tiny()
    out = tmp_path / "run"
    train(plan, data, out, pause=lambda step: step == 4, say=quiet)
    files = training_store.checkpoints(out / "checkpoints")
    assert len(files) == 2
    for file in files:
        file.write_bytes(file.read_bytes()[:-100])
    log = (out / "loss.csv").read_bytes()
    with pytest.raises(UsageError, match="every checkpoint is damaged"):
        train(plan, data, out, say=quiet)
    assert training_store.checkpoints(out / "checkpoints") == files
    assert (out / "loss.csv").read_bytes() == log


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="becomes another user")
def test_a_folder_of_checkpoints_that_cannot_be_listed_is_not_an_empty_one(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    three_checkpoints(folder)
    folder.chmod(0o700)
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(PermissionError):
            training_store.newest(folder, quiet)
    finally:
        os.seteuid(0)


def test_a_damaged_checkpoint_of_a_later_step_takes_no_place_of_the_three_kept(
    tmp_path: Path,
) -> None:
    three_checkpoints(tmp_path)
    for step in (1, 2):
        assert training_store.save(tmp_path, step, {"step": step}).exists()


class Full:
    """A limit of the size of files, which the system refuses to pass as it does on a full disk."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __enter__(self) -> None:
        resource = pytest.importorskip("resource")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        self.before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.before[1]))

    def __exit__(self, *_: object) -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)


@pytest.mark.parametrize("kind", ["checkpoint", "weights"])
def test_what_does_not_fit_is_one_line_and_leaves_nothing_half(tmp_path: Path, kind: str) -> None:
    large = {"x": torch.zeros(1_000_000)}
    with Full(1_000_000), pytest.raises(UsageError, match="cannot be written [(]File too large"):
        if kind == "weights":
            write_weights(tmp_path / "w.safetensors", large, "")
        else:
            training_store.save(tmp_path, 1, large)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "ste", "step,space\n1,0.5\n2,0."])
def test_a_log_that_was_cut_goes_on(data: Path, tmp_path: Path, text: str) -> None:
    out = tmp_path / "run"
    train(tiny(), data, out, pause=lambda step: step == 2, say=quiet)
    whole = (out / "loss.csv").read_text()
    (out / "loss.csv").write_text(text.replace("step,space\n", whole.splitlines()[0] + "\n"))
    train(tiny(), data, out, say=quiet)
    assert [line["step"] for line in rows(out)][-4:] == ["3", "4", "5", "6"]


def test_lambda_m_is_of_the_moved_frame_which_only_the_flow_can_mend(
    data: Path, tmp_path: Path
) -> None:
    plan = tiny("joint", steps=1, lambda_m=1.0, lambda_s=0.0, lambda_f=0.0)
    made = load_file(train(plan, data, tmp_path / "run", say=quiet).weights)
    before = baselines.network(plan.network)
    init_weights(plan.network, before, plan.seed)
    moved = {name for name, one in before.state_dict().items() if not torch.equal(made[name], one)}
    assert moved
    assert all(name.startswith("pwcnet.") for name in moved), "L_M says nothing of the decoder"


FULL = {"network": "stvun", "steps": 1, "batch": 1, "patch": 64, "validate_windows": 1}


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
    inside.load_state_dict(flow_of_stvun(stock.state_dict()), strict=False)
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
    plan = tiny("joint", **FULL, rate=1e-12)
    said: list[str] = []
    train(plan, data, tmp_path / "random", say=said.append)
    warnings = [line for line in said if "starts its flow network at random" in line]
    assert len(warnings) == 1
    assert "stvt weights fetch pwcnet" in warnings[0]
    assert main(["weights", "add", str(pwcnet)]) == 0
    said.clear()
    made = load_file(train(plan, data, tmp_path / "run", say=said.append).weights)
    assert not any("random" in line for line in said)
    wanted = flow_of_stvun(torch.load(pwcnet, weights_only=True))
    assert all(torch.allclose(made[f"pwcnet.{key}"], one) for key, one in wanted.items())
    kept = json.loads((tmp_path / "run" / "training.json").read_text())["flow"]
    assert kept["file"] == "pwcnet.pth"
    said.clear()
    train(plan, data, tmp_path / "random", say=said.append)
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


@pytest.mark.slow
def test_a_batch_in_pieces_is_the_same_batch(data: Path, tmp_path: Path) -> None:
    losses = []
    for pieces in (1, 2):
        plan = tiny(steps=3, accumulate=pieces)
        losses.append(train(plan, data, tmp_path / str(pieces), say=quiet).losses["space"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_loss_that_is_no_number_stops_with_the_step_and_the_clips(
    data: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"step [1-9].* not a number .*clips 0"):
        train(tiny(rate=1e30, warm_up=0, clip=0.0), data, tmp_path / "run", say=quiet)


def test_a_plan_that_could_not_begin_leaves_the_folder_to_another(
    data: Path, tmp_path: Path
) -> None:
    with pytest.raises((StvtError, OSError), match="take a smaller patch"):
        train(tiny(patch=4096), data, tmp_path / "run", say=quiet)
    assert train(tiny(steps=1), data, tmp_path / "run", say=quiet).steps == 1


def test_another_plan_in_the_same_folder_is_refused(data: Path, tmp_path: Path) -> None:
    train(tiny(steps=1), data, tmp_path / "run", say=quiet)
    with pytest.raises(UsageError, match=r"holds another training \(batch 2, now 4\)"):
        train(tiny(steps=1, batch=4), data, tmp_path / "run", say=quiet)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--stage", "space"], "--data names no training set"),
        (["--data", "photographs"], "--stage is missing"),
        (["--data", "photographs", "--preset", "smok"], "no preset 'smok'"),
        (["--data", "none", "--stage", "space"], "no training set 'none' here"),
        (["--data", "photographs", "--stage", "end"], "no stage 'end'"),
        (["--data", "photographs", "--stage", "space", "--preset", "x"], "no preset 'x'"),
        (["--data", "photographs", "--stage", "space", "--patch", "100"], "no multiple of 64"),
        (["--data", "photographs:a", "--stage", "space"], "'a' is no number"),
        (
            ["--data", "photographs", "--stage", "space", "--network", "x"],
            "no network is called 'x'",
        ),
        (
            ["--data", "photographs", "--stage", "joint", "--network", "edvr"],
            "--stage space, which",
        ),
        (
            ["--data", "photographs", "--stage", "flow", "--network", "edvr-s"],
            "--stage space, which",
        ),
        (["--data", "photographs", "--stage", "flow", "--network", "stvun"], "stvun-s, stvun-m; "),
        (["--data", "photographs", "--stage", "space", "--initial", "x.pth"], "no such file"),
        (["--data", "photographs", "--stage", "space", "--precision", "x"], "precision"),
        (["--data", "photographs", "--stage", "space", "--decay", "halve"], "decay"),
    ],
)
def test_mistakes_are_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    common = ["train", "--root", str(data), "--out", str(tmp_path / "run")]
    assert main([*common, *(["--preset", "s"] if "--preset" not in options else []), *options]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("stvt train: ")
    assert said in error


WORLD = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from stvt.training import train
from stvt.training.recipe import plan_of
plan = plan_of("smoke", "joint", data=("photographs",), steps=4, batch=4, log_every=1,
               save_every=4, validate_every=4, validate_windows=2, precision="fp32")
train(plan, Path(sys.argv[1]), Path(sys.argv[2]), say=lambda line: None)
"""


@pytest.mark.slow
def test_two_processes_have_the_loss_curve_of_one_with_the_whole_batch(
    data: Path, tmp_path: Path
) -> None:
    script = tmp_path / "world.py"
    script.write_text(WORLD)
    arguments = [str(script), str(data)]
    alone = [sys.executable, *arguments, str(tmp_path / "one")]
    subprocess.run(alone, check=True, cwd=tmp_path)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    subprocess.run([*launcher, *arguments, str(tmp_path / "two")], check=True, cwd=tmp_path)
    one, two = rows(tmp_path / "one"), rows(tmp_path / "two")
    for kind in ("space", "between", "flow"):
        curves = [[float(line[kind]) for line in lines] for lines in (one, two)]
        assert curves[0] == pytest.approx(curves[1], abs=1e-5)


@pytest.mark.slow
def test_killed_at_ten_moments_and_continued_the_weights_are_the_same(
    data: Path, tmp_path: Path
) -> None:
    options = ["--stage", "space", "--preset", "smoke", "--data", "photographs", "--steps", "24"]
    options += ["--log-every", "1", "--save-every", "1", "--batch", "2", "--root", str(data)]
    command = [sys.executable, "-m", "stvt", "train", *options, "--out"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    quietly = {"env": env, "stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    subprocess.run([*command, str(tmp_path / "whole")], check=True, **quietly)  # type: ignore[call-overload]
    random = np.random.default_rng(7)
    for _ in range(10):
        process = subprocess.Popen([*command, str(tmp_path / "killed")], **quietly)  # type: ignore[call-overload]
        time.sleep(random.uniform(2.0, 7.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run([*command, str(tmp_path / "killed")], check=True, **quietly)  # type: ignore[call-overload]
    whole, killed = (
        load_file(tmp_path / run / "weights" / "stvun-s-last.safetensors")
        for run in ("whole", "killed")
    )
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    assert rows(tmp_path / "whole") == rows(tmp_path / "killed")


@pytest.mark.slow
def test_the_smoke_preset_trains_continues_and_evaluates(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stvt", "train", "--preset", "smoke", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "stvun-s:" in done.stdout
    assert "goes on after step 15" in done.stderr
    assert (tmp_path / "evaluation" / "report" / "report.html").exists()


@pytest.mark.slow
def test_on_one_real_clip_300_steps_go_well_above_bilinear(shared: Path, tmp_path: Path) -> None:
    with av.open(str(shared / "data" / "train_clips" / "rabbit_720x480.mp4")) as video:
        decoded = islice(video.decode(video=0), 15)
        frames = [np.asarray(one.to_ndarray(format="rgb24"), np.uint8) for one in decoded]
    clip = TrainingClip("one", tmp_path / "one.npy", "one", "train", 15, 80, 80, {})
    write_clip(clip.file, [frame[200:280, 300:380] for frame in frames])
    window = batch([Windows([([clip], 1.0)], Sampling(patch=64, augment=False), 0)(0, 0)])
    small, large, between = (
        torch.from_numpy(window[name]).float() / 127.5 - 1 for name in ("small", "large", "between")
    )
    network = baselines.network("stvun-s")
    init_weights("stvun-s", network, 0)
    learner = loss_module("stvun-s", network, "joint")
    optimiser = torch.optim.Adam(learner.parameters(), 1e-3)
    for _ in range(300):
        optimiser.zero_grad()
        losses = learner(small, large, between, [0.5])
        torch.stack([*losses.values()]).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():
        made = network(small[:, :7], [0.5]).clamp(-1, 1)
        plain = torch.nn.functional.interpolate(small[:, 3], scale_factor=4, mode="bilinear")

    def psnr(one: torch.Tensor, truth: torch.Tensor) -> float:
        return float(-10 * torch.log10(((one - truth) / 2).square().mean()))

    assert psnr(made[:, 0], large[:, 0]) > psnr(plain, large[:, 0]) + 3
    assert psnr(made[:, 1], large[:, 1]) > psnr(plain, large[:, 1]) + 3
