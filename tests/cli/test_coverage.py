"""`stvt coverage` on the command line: a table, the reasons, and JSON."""

import json
from pathlib import Path

import pytest

from stvt.cli.main import main


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """A list, and a set that another lab made of it, under the same name."""
    clips = [
        {"name": "u-1", "video": "u", "start": 0.0, "end": 0.5, "frames": 120, "sha256": "a"},
        {"name": "v-1", "video": "v", "start": 3.0, "end": 4.0, "frames": 240, "sha256": "b"},
    ]
    clips = [
        {**clip, "file": f"clips/{clip['name']}.npy", "height": 8, "width": 8} for clip in clips
    ]
    for lab, held in (("here", clips), ("there", clips[:1])):
        folder = tmp_path / lab / "youtube240"
        folder.mkdir(parents=True)
        refused = [{"video": "v", "start": 0.0, "end": 9.0, "reason": "burnt-in logo"}]
        manifest = {"schema": 2, "kind": "training", "name": "youtube240", "clips": held}
        manifest["refused"] = refused if lab == "there" else []
        (folder / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "clips.csv").write_text("id,start,end\nu,0,0.5\nv,3,4\nw,1,2\n")
    return tmp_path


def test_two_labs_see_what_they_share_and_why_not_the_rest(
    sets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = sets / "there" / "youtube240"
    command = ["coverage", "youtube240", str(there), "--root", str(sets / "here")]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "1 of 2 (50.0 %)" in out and "0.5 of 1.5 (33.3 %)" in out and "1 of 1 (100.0 %)" in out
    assert "burnt-in logo" in out and "v, 3 s to 4 s" in out
    assert main([*command, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["a"]["frames_same"] == 120 and facts["b"]["missing"] == []


def test_a_list_shows_what_can_no_longer_be_had(
    sets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["coverage", str(sets / "clips.csv"), "youtube240", "--root", str(sets / "here")]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "video not in the set" in out and "w, 1 s to 2 s" in out and "not known" in out
    assert main(["coverage", "nothing", "youtube240"]) == 2
    assert "nothing: is no training set" in capsys.readouterr().err
