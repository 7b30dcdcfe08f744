"""`stvt list datasets`: what is prepared under the root, of either kind."""

from __future__ import annotations

from pathlib import Path

from stvt.cli.list import rows
from stvt.datasets import prepare, prepare_training
from stvt.datasets.manifest import FILE, PREPARING
from tests.builders.training_videos import SETTINGS, film, write_video


def test_whole_sets_are_listed_with_what_they_hold_and_others_as_not_whole(tmp_path: Path) -> None:
    write_video(tmp_path / "in" / "a.mkv", film(48))
    prepare_training("clips", tmp_path, tmp_path / "in", settings=SETTINGS)
    prepare("shown", tmp_path, tmp_path / "in")
    for name in ("cut", "damaged", "hostile"):
        (tmp_path / name).mkdir()
        (tmp_path / name / FILE).write_bytes((tmp_path / "clips" / FILE).read_bytes())
    (tmp_path / "cut" / PREPARING).write_text('{"scenes": ["a"]}')
    (tmp_path / "damaged" / FILE).write_text("{")
    text = (tmp_path / "hostile" / FILE).read_text()
    (tmp_path / "hostile" / FILE).write_text(text.replace('"clips/a_000000.npy"', '"../victim"'))
    prepared = {row["data set"]: row["prepared"] for row in rows("datasets", tmp_path)}
    assert prepared.pop("clips") == "2 clips to train on"
    assert prepared.pop("shown") == "BDx4"
    assert {prepared.pop(name) for name in ("cut", "damaged", "hostile")} == {"not wholly"}
    assert set(prepared.values()) == {""}
