"""Weights of stage `space`, which hold no flow network: existing frames are scored, new ones refused."""

from pathlib import Path

import pytest

from stvt import baselines
from stvt.baselines.weights.load import initialise
from stvt.cli.main import main
from stvt.training.weights import write_weights

NAME = "stvun-s-unaligned"


def test_weights_without_a_flow_network_are_scored_on_existing_frames_alone(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = baselines.network(NAME)
    initialise(network)
    state = network.state_dict()
    file, out = tmp_path / "space.safetensors", tmp_path / "run"
    only_new = ("pwcnet.", "mask.")
    write_weights(file, {k: one for k, one in state.items() if not k.startswith(only_new)}, "")
    command = ["evaluate", "--datasets", "squares", "--root", str(root), "--out", str(out)]
    command += ["--methods", NAME, "--weights", f"{NAME}={file}", "--limit", "1", "--ends"]
    command += ["replicate"]
    for frames in ("new", "all"):
        assert main([*command, "--frames", frames]) == 2
        assert "lacks the part that makes new frames" in capsys.readouterr().err
        assert not out.exists()
    assert main([*command, "--frames", "existing"]) == 0
