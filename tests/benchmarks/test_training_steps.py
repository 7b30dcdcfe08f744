"""Steps of training against a plain loop."""

import pytest
import torch

from tests.benchmarks import training_steps


def test_both_loops_take_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    with torch.inference_mode(False), torch.enable_grad():
        training_steps.main(["--preset", "smoke", "--batch", "1", "--steps", "1"])
    assert "of the plain loop" in capsys.readouterr().out
