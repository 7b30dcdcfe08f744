"""The weights of a network that several degradations have: which are taken, and what is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stvt import baselines
from stvt.baselines import build
from stvt.baselines.method import Settings
from stvt.baselines.registry import CHECKPOINTS
from stvt.baselines.weights.load import init_weights
from stvt.baselines.weights.store import find_weights, trained_on
from stvt.core.files import sha256_of
from stvt.training.weights import join_weights, write_weights
from tests.builders.checkpoints import saved

BI = CHECKPOINTS["basicvsr"].file
BDC = CHECKPOINTS["basicvsr-bdc"].file


@pytest.fixture
def files(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Files of random weights under the published names, in the folder, with their own hashes."""
    home.mkdir(parents=True)
    network = baselines.network("basicvsr")
    init_weights("basicvsr", network)
    made = {}
    for kind, entry in (("BI", "basicvsr"), ("BDC", "basicvsr-bdc")):
        next(network.parameters()).data.add_(1e-3)
        made[kind] = saved(network.state_dict(), home / CHECKPOINTS[entry].file)
        pinned = replace(CHECKPOINTS[entry], sha256=sha256_of(made[kind]))
        monkeypatch.setitem(CHECKPOINTS, entry, pinned)
    return made


@pytest.mark.parametrize(
    "degradation, taken, said",
    [
        ("BI", BI, ""),
        ("BDC", BDC, ""),
        ("", BI, ""),
        ("BD", BI, "basicvsr: its weights were trained on BI frames, and these are BD"),
    ],
)
def test_the_weights_of_the_sets_degradation_are_taken(
    degradation: str, taken: str, said: str, files: dict[str, Path]
) -> None:
    settings = Settings(degradation=degradation)
    assert find_weights("basicvsr", settings).name == taken
    method = build("basicvsr", settings)
    assert method.mismatch == said
    assert build("basicvsr+blend", settings).mismatch == said


def test_where_they_are_not_here_it_says_which_to_fetch(files: dict[str, Path]) -> None:
    files["BDC"].unlink()
    assert build("basicvsr", Settings(degradation="BDC")).mismatch == (
        "basicvsr: its weights were trained on BI frames, and these are BDC (for these: `stvt "
        "weights fetch basicvsr-bdc`)"
    )


def test_weights_of_a_training_know_their_degradation(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    state = baselines.network("basicvsr").state_dict()
    write_weights(file, state, "basicvsr, stage space, after 5 steps, BDx4")
    assert trained_on(file, sha256_of(file)) == "BD"
    settings = Settings(degradation="BDC", weights={"basicvsr": file})
    assert "trained on BD frames, and these are BDC" in build("basicvsr", settings).mismatch
    write_weights(file, state, "basicvsr, x4")
    assert trained_on(file, sha256_of(file)) == ""


def test_weights_of_a_training_know_their_network_where_another_has_its_shapes(
    home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.safetensors"
    state = baselines.network("stvun-s-unaligned").state_dict()
    write_weights(file, state, "stvun-s-unaligned, stage joint, after 5 steps, BDx4")
    assert baselines.add_weights(file).network == "stvun-s-unaligned"
    said = build("stvun-s", Settings(degradation="BD", weights={"stvun-s": file})).mismatch
    assert said == "stvun-s: its weights say that they are of stvun-s-unaligned"
    assert build("stvun-s-unaligned", Settings(degradation="BD")).mismatch == ""


def test_a_pth_under_the_name_of_safetensors_is_read_by_its_content(tmp_path: Path) -> None:
    file = saved(baselines.network("edvr-s").state_dict(), tmp_path / "mine.safetensors")
    assert build("edvr-s", Settings(degradation="BD", weights={"edvr-s": file})).mismatch == ""


def test_joined_weights_know_the_degradations_of_all_their_parts(tmp_path: Path) -> None:
    state = baselines.network("edvr-s").state_dict()
    parts = [tmp_path / f"{kind}.safetensors" for kind in ("BI", "BD", "unknown")]
    for file, about in zip(parts, (", BIx4", ", BDx4", "")):
        write_weights(file, state, f"edvr-s, stage space, after 5 steps{about}")
    out = tmp_path / "whole.safetensors"
    for files, trained in ((parts[:1], "BI"), (parts, "BD+BI"), (parts[2:], "")):
        join_weights("edvr-s", files, out, say=lambda _: None)
        assert trained_on(out, sha256_of(out)) == trained


def test_the_weights_that_come_with_stvt_are_of_bd(home: Path) -> None:
    assert build("edvr-s", Settings(degradation="BD")).mismatch == ""
    assert (
        "trained on BD frames, and these are BI"
        in build("edvr-s", Settings(degradation="BI")).mismatch
    )
