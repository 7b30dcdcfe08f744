"""The published checkpoints, and what is recorded of files."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from stvt.baselines import METHODS, network
from stvt.baselines.errors import MethodError
from stvt.baselines.method import Settings
from stvt.baselines.registry import CHECKPOINTS, NETWORKS
from stvt.baselines.weights.fetch import add_weights
from stvt.baselines.weights.store import SHIPPED, file_names, read_record, weight_overrides
from stvt.cli.main import main
from stvt.datasets import prepare, write_frame

pytestmark = pytest.mark.usefixtures("home")


def test_every_method_with_published_weights_has_a_checkpoint_of_its_name() -> None:
    networks = {known.network for known in CHECKPOINTS.values()}
    ours = {name for name in METHODS if name.startswith("stvun-")} | {"edvr-s"}
    needing = {name for name, entry in METHODS.items() if entry.networks} - ours
    assert needing <= networks <= set(NETWORKS)
    for name in networks:
        assert CHECKPOINTS[name].network == name and file_names(name)[0] == CHECKPOINTS[name].file


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_an_entry_says_all_that_a_user_needs(name: str) -> None:
    known = CHECKPOINTS[name]
    assert known.licence and known.terms and known.page.startswith("https://")
    assert known.sources or known.by_hand or known.package
    assert not known.archive or known.by_hand
    assert all(re.fullmatch(r"https?://\S+", source) for source in known.sources)
    assert re.fullmatch(r"([0-9a-f]{8}|[0-9a-f]{64})?", known.sha256)
    # SPyNet's are a part of BasicVSR's.
    same = [other for other in CHECKPOINTS.values() if other.file == known.file]
    assert len({other.network for other in same}) == len(same)


def test_sizes_are_those_of_the_networks() -> None:
    for name in ("stvun", "edvr", "edvr-m", "basicvsr", "dain", "fisr", "fisr_pwcnet", "pwcnet"):
        with torch.device("meta"):
            module = network(name)
        size = 4 * sum(value.numel() for value in module.state_dict().values())
        assert CHECKPOINTS[name].about == pytest.approx(size, rel=0.02)


def test_a_damaged_record_is_said(file: Path, home: Path) -> None:
    kept = add_weights(file)
    note = home / "records" / "edvr-m.pth.json"
    for content in ("{", '{"what": 1}'):
        note.write_text(content)
        with pytest.raises(MethodError, match="edvr-m.pth.json.*delete it"):
            read_record(kept.file)


def test_own_weights_that_go_before_shipped_ones_are_said(
    home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert weight_overrides(["edvr-s", "dain"], Settings()) == []
    (home / "edvr-s.pth").parent.mkdir(parents=True)
    shutil.copy(SHIPPED / "edvr-s.safetensors", home / "edvr-s.safetensors")
    (line,) = weight_overrides(["edvr-s", "dain", "edvr-s"], Settings())
    assert str(home / "edvr-s.safetensors") in line and f"edvr-s={SHIPPED}" in line
    assert "your own weights are taken" in add_weights(home / "edvr-s.safetensors").note
    assert weight_overrides(["edvr-s"], Settings(untrained=True)) == []
    assert weight_overrides(["edvr-s"], Settings(weights={"edvr-s": home})) == []
    assert weight_overrides(["edvr-s"], Settings(scale=2)) == []
    write_frame(tmp_path / "source" / "dot" / "0.png", np.zeros((32, 32, 3), np.uint8))
    prepare("dots", tmp_path, source=tmp_path / "source")
    for command in (
        [
            *("evaluate", "--datasets", "dots", "--methods", "bicubic+flow,x=edvr-s+flow"),
            *("--root", str(tmp_path), "--device", "none"),
        ],
        [
            "upsample",
            str(tmp_path / "none.mp4"),
            str(tmp_path / "o.mp4"),
            "--method",
            "edvr-s+flow",
        ],
    ):
        assert main(command) == 2
        note = f"stvt {command[0]}: note: edvr-s: your own weights are taken"
        assert note in capsys.readouterr().err
