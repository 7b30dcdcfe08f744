"""What a JSON file of a set names stays inside the set: victims beside it survive, exit code 2.

The walks below visit every string of every JSON file that `datasets/` reads back, so a field that
comes to be a path later is tried without a change here.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.cli.main import main
from stvt.core.safe_names import UnsafeName
from stvt.datasets import prepare
from stvt.datasets.build.training_set import prepare_training
from stvt.datasets.clips.storage import write_clip
from stvt.datasets.collect.overlap import read_clip_index
from stvt.datasets.manifest import PREPARING
from stvt.datasets.training_set import load_training
from tests.datasets.build.test_test_set import tree
from tests.datasets.build.test_training_set import SETTINGS, film, write_video

Clip = Callable[..., list[NDArray[np.uint8]]]
Write = Callable[..., Path]
Steps = tuple[Any, ...]
HOSTILE = ("../../../victim", "../../victim/clip.npy", "ABSOLUTE", "a\0b", "", ".", "..")
# The fields that become a path inside the set, by file; a key of a table is KEY.
KEY = "KEY"
PLAN: list[Steps] = [("scenes", 0)]
MANIFEST: list[Steps] = [
    ("name",),
    ("scenes", KEY),
    ("degradations", KEY),
    ("degradations", "BDx4", "kind"),
    ("scenes", "a", "lr", KEY),
]
TRAINING: list[Steps] = [("name",), ("clips", 0, "name"), ("clips", 0, "file")]
RECORD: list[Steps] = [("video",), ("clips", 0, "name"), ("clips", 0, "file")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, moving_square: Clip, write_clip: Write) -> Path:
    """A folder with a test set and a training set in `data`, made from `in`, and a victim."""
    place = tmp_path_factory.mktemp("made")
    write_clip(place / "in" / "scenes" / "a", moving_square(3))
    prepare("gift", place / "data", place / "in" / "scenes")
    plan = {"schema": 1, "recipe": None, "source": None, "multiple": 4, "scenes": ["a"]}
    (place / "data" / "gift" / PREPARING).write_text(json.dumps(plan))
    write_video(place / "in" / "films" / "v.mkv", film(24))
    prepare_training("tset", place / "data", place / "in" / "films", settings=SETTINGS)
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    place = tmp_path / "place"
    shutil.copytree(made, place)
    for victim in (place / "victim", place / "data" / "victim"):
        victim.mkdir()
        (victim / "thesis.txt").write_text("precious")
        write_clip(victim / "clip.npy", np.zeros((2, 4, 4, 3), np.uint8))
        (victim / "00000000.png").write_text("precious")
        (victim / ".begun.tmp").write_text("precious")
    return place


def strings(value: Any, steps: Steps = ()) -> Iterator[Steps]:
    """The way to each string of a JSON value, keys of tables too; of like places the first."""
    if isinstance(value, str):
        yield steps
    elif isinstance(value, list):
        for number, one in enumerate(value[:1]):
            yield from strings(one, (*steps, number))
    elif isinstance(value, dict):
        numbered = all(re.fullmatch(r"\d+\.png", key) for key in value)
        for key in list(value)[:1] if numbered else value:
            yield from strings(value[key], (*steps, key))
        if value:
            yield (*steps, KEY)


def spoil(file: Path, steps: Steps, text: str) -> None:
    """Put a text in a place of a JSON file."""
    content = json.loads(file.read_text())
    within = content
    for step in steps[:-1]:
        within = within[step]
    if steps[-1] == KEY:
        first = next(iter(within))
        within[text] = within.pop(first)
    else:
        within[steps[-1]] = text
    file.write_text(json.dumps(content))


def commands(place: Path, name: str) -> list[list[str]]:
    root = ["--root", str(place / "data")]
    if name == "gift":
        again = [["prepare", name, *root], ["prepare", name, "--degradation", "BI", *root]]
    else:
        small = ["--min-side", "32", "--min-frames", "12", "--clip-frames", "24"]
        small += ["--source", str(place / "in" / "films"), "--storage", "magicyuv"]
        again = [["prepare", name, "--training", *small, *root]]
    return [*again, [*again[0], "--prune"], ["verify", name, "--fix", *root]]


def outside(place: Path) -> dict[str, str]:
    """All files that are none of the two sets'."""
    return {
        name: known
        for name, known in tree(place.parent).items()
        if not name.startswith(("place/data/gift/", "place/data/tset/"))
    }


def spoiled(place: Path, file: str, steps: Steps, text: str) -> tuple[str, Path]:
    """Spoil a file with a text of HOSTILE; the name of its set, and it."""
    path = place / "data" / file
    text = str(place / "victim") if text == "ABSOLUTE" else text
    spoil(path, steps, text)
    return file.split("/")[0], path


FIELDS = [
    *((f"gift/{PREPARING}", steps) for steps in PLAN),
    *(("gift/manifest.json", steps) for steps in MANIFEST),
    *(("tset/manifest.json", steps) for steps in TRAINING),
    *(("tset/videos/v.json", steps) for steps in RECORD),
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    ("file", "steps"), FIELDS, ids=[f"{f}:{'.'.join(map(str, s))}" for f, s in FIELDS]
)
def test_a_field_that_becomes_a_path_is_one_line_when_it_leads_out(
    file: str,
    steps: Steps,
    text: str,
    place: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, path = spoiled(place, file, steps, text)
    before, own = outside(place), tree(place / "data" / name)
    field = next(step for step in reversed(steps) if isinstance(step, str) and step != KEY)
    for command in commands(place, name):
        if command[0] == "verify" and path.name in (PREPARING, "v.json"):
            continue  # which reads neither
        capsys.readouterr()
        assert main(command) == 2, command
        told = capsys.readouterr().err.strip()
        assert str(path) in told and field in told
        assert len(told.splitlines()) == 1
        assert outside(place) == before
        assert tree(place / "data" / name) == own


@pytest.mark.parametrize(
    "file",
    [
        f"gift/{PREPARING}",
        "gift/manifest.json",
        pytest.param("tset/manifest.json", marks=pytest.mark.slow),
        pytest.param("tset/videos/v.json", marks=pytest.mark.slow),
    ],
)
def test_a_walk_over_every_string_of_a_json_leaves_all_outside_alone(
    file: str, made: Path, tmp_path: Path
) -> None:
    content = json.loads((made / "data" / file).read_text())
    for steps in strings(content):
        for number, text in enumerate(("../../../victim", "ABSOLUTE")):
            place = tmp_path / "place"
            shutil.copytree(made, place)
            (place / "victim").mkdir()
            (place / "victim" / "00000000.png").write_text("precious")
            before = outside(place)
            name, _ = spoiled(place, file, steps, text)
            command = commands(place, name)[-1 - number]
            assert main(command) in (0, 2), (file, steps, text)
            assert outside(place) == before, (file, steps, text)
            shutil.rmtree(place)


@pytest.mark.parametrize("text", ["victim", "../victim", "a\0b", "", "."])
def test_a_source_that_is_no_absolute_path_is_one_line(
    text: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, path = spoiled(place, "gift/manifest.json", ("scenes", "a", "gt", "source", "path"), text)
    before = outside(place)
    for command in commands(place, name):
        assert main(command) == 2
        assert f"{path}: scenes.a.source.path: " in capsys.readouterr().err
    assert outside(place) == before


@pytest.mark.parametrize("inner", ["GT", "GT/a", "BDx4", "BDx4/a"])
def test_a_link_out_of_a_set_is_not_followed(
    inner: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = place / "data" / "gift" / inner
    shutil.rmtree(link)
    link.symlink_to(place / "victim")
    (place / "victim" / "a").mkdir()
    (place / "victim" / "a" / "00000002.png").write_text("precious")
    before = outside(place)
    for command in commands(place, "gift"):
        assert main(command) == 2
        assert str(place / "data" / "gift") in capsys.readouterr().err
    (place / "data" / "gift" / "manifest.json").unlink()  # the plan alone speaks of it
    source = ["--source", str(place / "in" / "scenes")]
    assert main([*commands(place, "gift")[0], *source]) == 2
    assert outside(place) == before


@pytest.mark.parametrize("inner", ["clips", "clips/v_000000.npy"])
def test_a_clip_behind_a_link_out_of_its_set_is_not_removed(
    inner: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = place / "data" / "tset" / inner
    shutil.rmtree(link) if link.is_dir() else link.unlink()
    (place / "victim" / "v_000000.npy").write_text("precious")
    link.symlink_to(place / "victim" / ("v_000000.npy" if "/" in inner else ""))
    before = outside(place)
    assert main(["verify", "tset", "--fix", "--root", str(place / "data")]) == 2
    assert "clips.file" in capsys.readouterr().err
    assert main(commands(place, "tset")[0]) == 2
    assert outside(place) == before


def test_fixing_removes_clips_and_no_other_file_of_the_set(place: Path) -> None:
    folder = place / "data" / "tset"
    (folder / "notes.txt").write_text("precious")
    for own in ("notes.txt", "ledger.csv", "manifest.json"):
        spoil(folder / "manifest.json", ("clips", 0, "file"), own)
        main(["verify", "tset", "--fix", "--root", str(place / "data")])
        assert (folder / own).is_file()


@pytest.mark.parametrize("text", HOSTILE)
def test_readers_of_training_sets_refuse_a_clip_elsewhere(text: str, place: Path) -> None:
    _, path = spoiled(place, "tset/manifest.json", ("clips", 0, "file"), text)
    for read in (
        lambda: load_training("tset", path.parents[1]),
        lambda: read_clip_index(str(path)),
    ):
        with pytest.raises(UnsafeName, match=r"manifest\.json: clips\.file: "):
            read()
