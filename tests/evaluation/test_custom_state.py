"""What a user's method carries from scene to scene does not reach the scores of the next one."""

from __future__ import annotations

from pathlib import Path

import pytest

import stvt
from stvt.evaluation.report import read_run

METHOD = """
import torch
{top}
class M:
    {field}
    def __call__(self, window, times):
        x = torch.nn.functional.interpolate(torch.stack([window[0]] * (1 + len(times))), scale_factor=4)
        {store}.append(x[:1])
        return (sum({store}) / len({store})).expand_as(x)
"""
STATES = {
    "global": {"top": "SEEN = []", "field": "pass", "store": "SEEN"},
    "class": {"top": "", "field": "seen = []", "store": "self.seen"},
    "neighbour": {"top": "import memory", "field": "pass", "store": "memory.SEEN"},
}


@pytest.mark.parametrize("kind", STATES)
def test_a_scene_scores_the_same_after_another_and_alone(
    root: Path, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "memory.py").write_text("SEEN = []")
    (tmp_path / "own.py").write_text(METHOD.format(**STATES[kind]))
    spec = f"m={tmp_path}/own.py:M"
    both = stvt.evaluate("squares", spec, root=root, out=tmp_path / "both")
    alone = stvt.evaluate("squares", spec, root=root, out=tmp_path / "alone", scenes="right")
    last = both[both["scene"] == "right"]
    assert len(alone) and list(last["value"]) == list(alone["value"])


def test_a_file_that_cannot_be_run_twice_is_run_once_and_that_is_said(
    root: Path, tmp_path: Path
) -> None:
    """As one whose classes a registry of a library takes by their names, once each."""
    top = "import torch; assert not hasattr(torch, 'registered'); torch.registered = True"
    (tmp_path / "own.py").write_text(METHOD.format(top=top, field="seen = []", store="self.seen"))
    scores = stvt.evaluate("squares", f"m={tmp_path}/own.py:M", root=root, out=tmp_path / "run")
    assert scores.attrs["failures"] == [] and set(scores["scene"]) == {"left", "right"}
    _, info = read_run(tmp_path / "run")
    assert len(info.warnings) == 1
    assert "cannot be run anew for each scene (AssertionError: " in info.warnings[0]
