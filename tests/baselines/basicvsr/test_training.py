"""BasicVSR is trained by `stvt train`, and what it leaves is evaluated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import stvt
from stvt.baselines.basicvsr.losses import BasicVsrLosses, init_weights
from stvt.baselines.basicvsr.network import BasicVSR
from stvt.baselines.weights.load import initialise
from stvt.cli.main import main
from stvt.datasets.build.synthetic_set import prepare_photographs


def test_training_starts_from_no_motion_and_learns_every_part() -> None:
    network = BasicVSR(channels=8, blocks=1)
    initialise(network)
    init_weights(network)
    frames = torch.rand(2, 3, 24, 40)
    assert not network.spynet(frames[:1], frames[1:]).any()
    losses = BasicVsrLosses(network)
    small, large = 2 * torch.rand(1, 7, 3, 12, 12) - 1, 2 * torch.rand(1, 2, 3, 48, 48) - 1
    loss = losses(small, large, small[:, :1], [0.5])["space"]
    loss.backward()
    moved = network.spynet.get_parameter("basic_module.5.basic_module.8.weight").grad
    trunk = network.backward_trunk.get_parameter("main.0.weight").grad
    assert moved is not None and moved.any() and trunk is not None and trunk.any()
    predicted = losses.predict(small, [0.5])["existing"]
    assert predicted.shape == (1, 1, 3, 48, 48)
    expected = (predicted[:, 0] - large[:, 0]).abs().mean()
    torch.testing.assert_close(loss, expected)
    whole = network((small + 1) / 2)[:, 3:4]
    torch.testing.assert_close(predicted, 2 * whole - 1)


@pytest.mark.slow
def test_stvt_train_trains_it_on_the_centred_bd(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    moving_square: Callable[..., list[Any]],
    write_clip: Callable[..., Path],
) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path / "home"))
    root, run = tmp_path / "data", tmp_path / "run"
    prepare_photographs(root, clips=6, frames=16, side=96)
    command = ["train", "--preset", "smoke", "--stage", "space", "--network", "basicvsr"]
    command += ["--data", "photographs", "--root", str(root), "--out", str(run), "--device", "cpu"]
    command += ["--steps", "2", "--batch", "1", "--precision", "fp32", "--degradation", "BDC"]
    assert main([*command, "--log-every", "1", "--save-every", "1", "--validate-windows", "1"]) == 0
    assert main(["weights", "add", str(run / "weights" / "basicvsr-last.safetensors")]) == 0
    write_clip(tmp_path / "source" / "walk", moving_square(3, 48, 64))
    stvt.prepare("mine", tmp_path / "source", root=root)
    command = ["evaluate", "--datasets", "mine", "--methods", "basicvsr", "--root", str(root)]
    command += ["--frames", "existing", "--out", str(tmp_path / "scores")]
    capsys.readouterr()
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert "basicvsr [1]" in out
    assert "WARNING: basicvsr: its weights were trained on BDC frames, and these are BD" in err
