"""Training: what a run leaves, exact continuation, and what stops it."""

import json
import multiprocessing
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import stvt
from stvt import baselines
from stvt.baselines.weights.load import init_weights
from stvt.core.errors import StvtError, UsageError
from stvt.datasets.build.synthetic_set import prepare_photographs
from stvt.training import loop
from stvt.training.data import load_data
from stvt.training.loop import train
from stvt.training.state import exponential_average
from stvt.training.validation import baseline_psnr

from .runs import quiet, rows, tiny


def test_a_stage_that_a_network_lacks_leaves_the_folder_to_another(
    data: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="edvr-s has no stage 'joint'"):
        train(tiny("joint", network="edvr-s"), data, tmp_path / "run", say=quiet)
    assert not (tmp_path / "run").exists()


def test_a_training_learns_and_leaves_its_plan_log_curves_and_weights(
    data: Path, tmp_path: Path
) -> None:
    trained = train(tiny(steps=12), data, tmp_path / "run", say=quiet)
    assert trained.steps == 12
    losses = [float(line["space"]) for line in rows(trained.weights.parents[1])]
    assert len(losses) == 12
    assert all(np.isfinite(losses))
    recipe = json.loads((tmp_path / "run" / "training.json").read_text())
    assert recipe["recipe"]["network"] == "stvun-s"
    assert set(recipe["data"]) == {"photographs"}
    assert (tmp_path / "run" / "loss.png").stat().st_size > 5000
    assert (tmp_path / "run" / "validation.csv").read_text().startswith("step,existing\n6,")
    baseline = json.loads((tmp_path / "run" / "baseline.json").read_text())
    assert baseline["method"] == "bicubic+flow" and 10 < baseline["psnr"]["existing"] < 50
    assert "bicubic+flow" in (tmp_path / "run" / "validation.svg").read_text()
    names = set(load_file(trained.weights))
    assert not any(name.startswith("pwcnet") for name in names), "only what the stage trained"
    assert trained.best.exists()


def test_weights_that_were_taken_away_come_again_from_the_last_checkpoint(
    data: Path, tmp_path: Path
) -> None:
    trained = train(tiny(steps=2), data, tmp_path / "run", say=quiet)
    before = trained.weights.read_bytes()
    trained.weights.unlink()
    assert train(tiny(steps=2), data, tmp_path / "run", say=quiet).weights.read_bytes() == before


def test_where_no_clip_is_held_back_it_is_said_that_nothing_is_validated(tmp_path: Path) -> None:
    prepare_photographs(tmp_path, clips=2, frames=16, side=96)
    said: list[str] = []
    trained = train(tiny(steps=2), tmp_path, tmp_path / "run", say=said.append)
    assert not trained.best.exists()
    assert any("is held back: nothing is validated" in line for line in said)


@pytest.mark.parametrize(
    ("stage", "kinds"),
    [("flow", {"moved"}), ("space", {"existing"}), ("joint", {"existing", "new"})],
)
def test_the_baseline_is_scored_on_what_the_network_is(
    data: Path, stage: str, kinds: set[str]
) -> None:
    recipe = tiny(stage)
    scores = baseline_psnr(recipe, load_data(recipe, data, []))
    assert set(scores) == kinds and all(10 < value < 60 for value in scores.values())


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_stopped_and_continued_is_the_same_to_the_last_bit(
    data: Path, tmp_path: Path, optimizer: str
) -> None:
    recipe = tiny("joint", optimizer=optimizer)
    whole = train(recipe, data, tmp_path / "whole", say=quiet)
    train(recipe, data, tmp_path / "parts", pause=lambda step: step == 3, say=quiet)
    killed = tmp_path / "parts" / "checkpoints" / ".step-00000009.pt.stvt-4321-0123abcd.tmp"
    killed.write_text("half of a checkpoint")
    parts = train(recipe, data, tmp_path / "parts", say=quiet)
    assert not killed.exists()
    assert whole.weights.read_bytes() == parts.weights.read_bytes()
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")


@pytest.mark.slow
def test_workers_change_nothing(data: Path, tmp_path: Path) -> None:
    recipe = tiny(steps=2)
    one = train(recipe, data, tmp_path / "one", workers=0, say=quiet)
    two = train(recipe, data, tmp_path / "two", workers=2, say=quiet)
    assert one.weights.read_bytes() == two.weights.read_bytes()


@pytest.mark.parametrize("text", ["", "ste", "step,space\n1,0.5\n2,0."])
def test_a_log_that_was_cut_goes_on(data: Path, tmp_path: Path, text: str) -> None:
    out = tmp_path / "run"
    train(tiny(), data, out, pause=lambda step: step == 2, say=quiet)
    whole = (out / "loss.csv").read_text()
    (out / "loss.csv").write_text(text.replace("step,space\n", whole.splitlines()[0] + "\n"))
    train(tiny(), data, out, say=quiet)
    assert [line["step"] for line in rows(out)][-4:] == ["3", "4", "5", "6"]


@pytest.mark.parametrize(
    "line", ["9" * 5000 + ",1", "1," + "9" * 5000, "1,x", "1,2,3,4,5,6,7", "epoch,2\n1,2"]
)
def test_a_line_that_is_none_of_a_log_is_said(data: Path, tmp_path: Path, line: str) -> None:
    out = tmp_path / "run"
    train(tiny(), data, out, pause=lambda step: step == 2, say=quiet)
    head = (out / "loss.csv").read_text().splitlines()[0]
    (out / "loss.csv").write_text(line + "\n" if "epoch" in line else f"{head}\n{line}\n")
    with pytest.raises(UsageError, match=r"loss\.csv: .* is no line of a log; move the file away"):
        train(tiny(), data, out, say=quiet)


@pytest.mark.parametrize("content", [{"step": 2}, [1, 2], {"step": 2, "network": {}}])
def test_a_checkpoint_of_something_else_is_one_line_and_stays(
    data: Path, tmp_path: Path, content: object
) -> None:
    out = tmp_path / "run"
    train(tiny(), data, out, pause=lambda step: step == 2, say=quiet)
    (file,) = (out / "checkpoints").iterdir()
    torch.save(content, file)
    with pytest.raises(
        UsageError, match=r"checkpoints.*; (move it away|take another --out, .* this run)$"
    ):
        train(tiny(), data, out, say=quiet)
    assert file.exists()


def test_lambda_m_is_of_the_moved_frame_which_only_the_flow_can_mend(
    data: Path, tmp_path: Path
) -> None:
    recipe = tiny("joint", steps=1, lambda_m=1.0, lambda_s=0.0, lambda_f=0.0)
    made = load_file(train(recipe, data, tmp_path / "run", say=quiet).weights)
    before = baselines.network(recipe.network)
    init_weights(recipe.network, before, recipe.seed)
    moved = {name for name, one in before.state_dict().items() if not torch.equal(made[name], one)}
    assert moved
    learnt = ("pwcnet.", "mask.")  # what the moved frame is made by
    assert all(name.startswith(learnt) for name in moved), "L_M says nothing of the decoder"


def test_loss_is_of_the_frames_not_of_the_flow(data: Path, tmp_path: Path) -> None:
    losses = {
        name: train(tiny("joint", steps=1, loss=name), data, tmp_path / name, say=quiet).losses
        for name in ("l1", "charbonnier", "mse")
    }
    l1, charbonnier, mse = (losses[name] for name in ("l1", "charbonnier", "mse"))
    assert l1["flow"] == charbonnier["flow"] == mse["flow"]
    for kind in ("space", "between"):
        assert l1[kind] < charbonnier[kind] < l1[kind] + 1e-3
        assert l1[kind] ** 2 < mse[kind] < l1[kind], "a mean of squares, of differences below 1"


def test_a_frozen_part_keeps_its_weights_and_the_rest_learns(data: Path, tmp_path: Path) -> None:
    given = tmp_path / "given.safetensors"
    network = baselines.network("stvun-s")
    before = network.state_dict()
    save_file(before, given)
    train(
        tiny("joint", steps=2, freeze="pwcnet,mask"),
        data,
        tmp_path / "run",
        initial=[given],
        say=quiet,
    )
    checkpoint = tmp_path / "run" / "checkpoints" / "step-00000002.pt"
    after = torch.load(checkpoint, weights_only=True)["network"]
    for name, weights in network.named_parameters():
        is_frozen = name.startswith(("pwcnet.", "mask."))
        assert torch.equal(after[f"network.{name}"], weights) is is_frozen, name
    left = load_file(tmp_path / "run" / "weights" / "stvun-s-last.safetensors")
    assert left.keys() == before.keys()  # without the mask they would be of another network
    assert all(torch.equal(left[name], before[name]) for name in before if name[:4] == "mask")


def test_a_frozen_part_that_no_file_gave_weights_is_said_once(data: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    recipe = tiny("space", steps=2, save_every=1, freeze="encoder")
    train(recipe, data, tmp_path / "run", pause=lambda step: step == 1, say=lines.append)
    said = "--freeze encoder: no file gave it weights, so it keeps untrained ones"
    assert said in lines
    lines.clear()
    train(recipe, data, tmp_path / "run", say=lines.append)
    assert said not in lines


def test_freezing_what_is_not_there_or_all_that_a_stage_trains_is_one_line(
    data: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        UsageError, match=r"--freeze pwcnett: stvun-s has no such part; it has enc.*pwcnet"
    ):
        train(tiny("joint", freeze="pwcnett"), data, tmp_path / "run", say=quiet)
    with pytest.raises(UsageError, match="--freeze pwcnet: leaves stage flow nothing to train"):
        train(tiny("flow", freeze="pwcnet"), data, tmp_path / "run", say=quiet)


@pytest.mark.slow
def test_a_batch_in_pieces_is_the_same_batch(data: Path, tmp_path: Path) -> None:
    losses = []
    for pieces in (1, 2):
        recipe = tiny(steps=3, accumulate=pieces)
        losses.append(train(recipe, data, tmp_path / str(pieces), say=quiet).losses["space"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_loss_that_is_no_number_stops_with_the_step_and_the_clips(
    data: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"step [1-9].* not a number .*clips 0"):
        train(tiny(rate=1e30, warm_up=0, clip=0.0), data, tmp_path / "run", say=quiet)


def test_a_gradient_that_is_no_number_reaches_no_checkpoint(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = loop.total_loss

    def steep(*given: Any) -> Tensor:  # the same value, its slope infinite
        loss = whole(*given)
        return loss + (loss - loss.detach()).sqrt()

    monkeypatch.setattr(loop, "total_loss", steep)
    with pytest.raises(UsageError, match=r"step 0: the gradient is not a number .*clips 0"):
        train(tiny(save_every=1), data, tmp_path / "run", say=quiet)
    assert not list((tmp_path / "run").rglob("*.pt"))


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


def test_test_sets_that_are_validated_on_are_those_of_the_run(data: Path, tmp_path: Path) -> None:
    """The columns of validation.csv, and which weights are the best, depend on them."""
    stvt.prepare("sample", root=data)
    train(tiny(steps=1), data, tmp_path / "run", test_sets=["sample"], say=quiet)
    assert "sample existing" in (tmp_path / "run" / "validation.csv").read_text()
    with pytest.raises(UsageError, match=r"holds another training \(validate \('sample',\), now"):
        train(tiny(steps=1), data, tmp_path / "run", say=quiet)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"recipe": {"steps": "x"}}'])
def test_a_damaged_training_json_is_one_line(data: Path, tmp_path: Path, content: str) -> None:
    train(tiny(steps=1), data, tmp_path / "run", say=quiet)
    (tmp_path / "run" / "training.json").write_text(content)
    with pytest.raises(UsageError, match=r"training.json: .*; take another --out$"):
        train(tiny(steps=1), data, tmp_path / "run", say=quiet)


def test_clips_held_back_that_are_too_short_are_found_before_the_first_step(
    data: Path, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    shutil.copytree(data / "photographs", root / "short")
    file = root / "short" / "manifest.json"
    manifest = json.loads(file.read_text())
    for clip in manifest["clips"]:
        clip["frames"] = 10 if clip["split"] == "validation" else clip["frames"]
    file.write_text(json.dumps(manifest))
    steps: list[int] = []
    with pytest.raises(UsageError, match="clips of short held back for validation: no clip of 13"):
        train(
            tiny(data=("short",)),
            root,
            tmp_path / "run",
            progress=lambda step, *_: steps.append(step),
            say=quiet,
        )
    assert steps == []
    assert not (tmp_path / "run").exists()


def test_two_trainings_in_one_folder_are_refused(data: Path, tmp_path: Path) -> None:
    refusals: list[str] = []

    def second(step: int) -> bool:
        if step == 1:
            with pytest.raises(UsageError, match="is being trained by another process") as caught:
                train(tiny(), data, tmp_path / "run", say=quiet)
            refusals.append(str(caught.value))
        return False

    assert train(tiny(), data, tmp_path / "run", pause=second, say=quiet).steps == 6
    assert len(refusals) == 1
    assert [line["step"] for line in rows(tmp_path / "run")] == list("123456")


@pytest.mark.slow
def test_a_damaged_clip_is_the_same_line_from_a_worker(data: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(data / "photographs", root / "photographs")
    for file in (root / "photographs").rglob("*.npy"):
        file.write_bytes(file.read_bytes()[:5000])
    lines = set()
    for workers in (0, 1):
        with pytest.raises(StvtError) as caught:
            train(tiny(batch=1), root, tmp_path / "run", workers=workers, say=quiet)
        lines.add(str(caught.value))
    assert len(lines) == 1
    assert "\n" not in lines.pop()


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_the_run_in_one_line(data: Path, tmp_path: Path) -> None:
    def kill(step: int, *_: object) -> None:
        for child in multiprocessing.active_children():
            child.kill()

    with pytest.raises(UsageError, match=r"a process that makes windows was killed.*--workers"):
        train(tiny(steps=100), data, tmp_path / "run", workers=1, progress=kill, say=quiet)


def test_averaged_weights_follow_by_their_decay() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    for decay, expected in ((0.0, 1.0), (0.1, 0.9), (0.999, 9 / 11)):
        average = exponential_average(model, decay)
        with torch.no_grad():
            model.weight.fill_(1.0)
        average.update_parameters(model)
        assert average.module.state_dict()["weight"].item() == pytest.approx(expected)
        torch.nn.init.zeros_(model.weight)


def test_a_run_that_goes_on_refuses_other_weights_to_begin_with(data: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.safetensors" for name in ("one", "other", "one_again")]
    for file, factor in zip(files, (1, 2, 1), strict=True):
        state = baselines.network("stvun-s").state_dict()
        save_file({"decoder.rconv1.bias": factor + state["decoder.rconv1.bias"] * 0}, file)
    recipe, out = tiny("space", steps=2, save_every=1), tmp_path / "run"
    stop: dict[str, Any] = {"pause": lambda step: step == 1, "say": quiet}
    train(recipe, data, out, initial=[files[0]], **stop)
    with pytest.raises(UsageError, match=r"\(it began with other weights than --initial names\)"):
        train(recipe, data, out, initial=[files[1]], say=quiet)
    assert train(recipe, data, out, initial=[files[2]], say=quiet).steps == 2
    assert train(recipe, data, out, say=quiet).steps == 2
