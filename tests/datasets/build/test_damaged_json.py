"""A JSON file of a set that is damaged in any way is one line or harmless, and nothing outside is touched."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.cli.list import rows
from stvt.core.errors import StvtError
from stvt.datasets import (
    Settings,
    coverage,
    dry_run,
    dry_run_training,
    load,
    load_training,
    prepare,
    prepare_training,
    read_clip_index,
    verify,
)
from stvt.datasets.manifest import FILE, PREPARING
from tests.builders.folders import tree
from tests.builders.training_videos import film

Clip = Callable[..., list[NDArray[np.uint8]]]
Write = Callable[..., Path]
SETTINGS = Settings(min_rate="24", rate="60", clip_frames=12, min_frames=8, min_side=16)
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**30, 10**400, 1e308, 0.5, float("nan"), float("inf"), "", "1/0", "x"),
    *("..", "a\nb", "0" * 64, [], {}, [[]], {"a": {}}, [None], "\ud800", 99, "training", "test"),
)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory, write_clip: Write) -> Path:
    """In `data`: a test set, one whose preparing was cut short, a training set; made from `in`."""
    place = tmp_path_factory.mktemp("pristine")
    for number, scene in enumerate("ab"):
        frames = film(12, seed=number, side=32)
        write_clip(place / "in" / "scenes" / scene, list(frames[:3]))
        write_clip(place / "in" / "films" / scene, list(frames))
    prepare("whole", place / "data", place / "in" / "scenes", workers=1)

    def stop(done: int, total: int | None, scene: str) -> None:
        if done == 11:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare("cut", place / "data", place / "in" / "scenes", workers=1, progress=stop)
    inner = place / "data" / "cut" / ".building"
    shutil.copytree(place / "data" / "whole" / "GT" / "b", inner / "GT.b.ready" / "GT" / "b")
    record = json.loads((inner / "GT.b.json").read_text())
    (inner / "GT.b.ready" / "unit.json").write_text(
        json.dumps({"record": record, "removes": ["GT/b/00000009.png"]})
    )
    outcome = prepare_training("tset", place / "data", place / "in" / "films", settings=SETTINGS)
    assert outcome.clips == 2
    return place


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


def readers(place: Path, name: str) -> list[Callable[[], object]]:
    """Everything that reads the JSON files of a set."""
    data, scenes, films = place / "data", place / "in" / "scenes", place / "in" / "films"
    common = [
        lambda: verify(name, data, workers=1),
        lambda: verify(name, data, workers=1, fix=True),
        lambda: rows("datasets", data),
    ]
    if name == "tset":
        return [
            *common,
            lambda: [clip.open().read([0]) for clip in load_training(name, data).clips],
            lambda: prepare_training(name, data, films, settings=SETTINGS),
            lambda: prepare_training(name, data, films / "a", settings=SETTINGS, prune=True),
            lambda: dry_run_training(name, data, films),
            lambda: coverage(
                read_clip_index(name, data), read_clip_index(name, data), True
            ).as_dict(),
            lambda: prepare(name, data, scenes, workers=1),
        ]
    return [
        *common,
        lambda: used(place, name),
        lambda: prepare(name, data, workers=1),
        lambda: prepare(name, data, scenes, workers=1),
        lambda: prepare(name, data, scenes / "a", workers=1, prune=True),
        lambda: prepare(name, data, degradation="BI", workers=1),
        lambda: dry_run(name, data),
        lambda: prepare_training(name, data, films, settings=SETTINGS),
    ]


def used(place: Path, name: str) -> None:
    prepared = load(name, place / "data")
    for label in prepared.degradations:
        prepared.digest(label)
        for scene in prepared.scenes.values():
            scene.gt_size(label), scene.fps, prepared.missing
            for index in range(min(scene.frames, 3)):
                scene.gt_path(index), scene.lr_path(index, label)


def places(value: Any, steps: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a JSON value."""
    yield steps
    children = enumerate(value) if isinstance(value, list) else ()
    for key, child in value.items() if isinstance(value, dict) else children:
        yield from places(child, (*steps, key))


def nested(depth: int) -> Any:
    value: Any = 0
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def damaged(text: str, chance: random.Random) -> bytes:
    """A JSON text with a key less, a value of another kind, a huge one, a nest, or an end too early."""
    kind = chance.choice(["cut", "byte", "delete", "value", "value", "value", "nest", "twice"])
    if kind == "cut":
        return text.encode()[: chance.randrange(len(text))]
    if kind == "byte":
        data = bytearray(text.encode())
        data[chance.randrange(len(data))] = chance.randrange(256)
        return bytes(data)
    content = json.loads(text)
    ways = list(places(content))
    *above, last = chance.choice(ways[1:]) if len(ways) > 1 else ("scenes",)
    within = content
    for step in above:
        within = within[step]
    if kind == "delete":
        del within[last]
    elif kind == "twice" and isinstance(within, dict):
        within[str(chance.choice(VALUES))] = within[last]
    elif kind == "nest":
        within[last] = nested(chance.choice([5, 50, 300, 900]))
        if chance.random() < 0.2:
            return b"[" * 100_000
    else:
        within[last] = chance.choice(VALUES)
    return json.dumps(content).encode("utf-8", "surrogatepass")


def try_all(pristine: Path, tmp_path: Path, seeds: range, most: int) -> None:
    """One mutation a seed, then `most` of the readers in any order."""
    files = sorted(
        file.relative_to(pristine)
        for file in (pristine / "data").rglob("*.json")
        if file.name != FILE or file.parent.name != "cut"
    )
    assert {file.name for file in files} >= {FILE, PREPARING, "unit.json", "GT.a.json", "a.json"}
    place = tmp_path / "place"
    shutil.copytree(pristine / "in", place / "in")
    (place / "victim").mkdir()
    (place / "victim" / "00000000.png").write_text("precious")
    outside = tree(place)
    for seed in seeds:
        chance = random.Random(seed)
        shutil.rmtree(place / "data", ignore_errors=True)
        file = chance.choice(files)
        name = file.parts[1]
        shutil.copytree(pristine / "data" / name, place / "data" / name)
        (place / file).write_bytes(damaged((pristine / file).read_text(), chance))
        every = readers(place, name)
        for number in chance.sample(range(len(every)), most):
            try:
                every[number]()
            except StvtError as error:
                assert len(str(error).splitlines()) == 1, (seed, number, file)
            except Exception as error:
                raise AssertionError(f"seed {seed}, reader {number}, {file}: {error!r}") from error
        now = tree(place)
        assert {n: k for n, k in now.items() if not n.startswith("data/")} == outside, seed
        assert {n.split("/")[1] for n in now if n.startswith("data/")} <= {name}, seed


def test_damage_to_any_json_of_a_set_is_one_line_or_harmless(
    pristine: Path, tmp_path: Path
) -> None:
    try_all(pristine, tmp_path, range(200), 2)


@pytest.mark.slow
def test_a_thousand_damages_before_every_reader(pristine: Path, tmp_path: Path) -> None:
    try_all(pristine, tmp_path, range(1000, 2000), 9)


@pytest.mark.parametrize("damage", ["empty", "cut", "another version"])
def test_a_plan_that_cannot_be_read_is_no_set_to_evaluate_on(
    damage: str, pristine: Path, tmp_path: Path
) -> None:
    """Nobody knows then which frames were being changed; preparing again knows."""
    shutil.copytree(pristine, tmp_path / "place")
    data = tmp_path / "place" / "data"
    text = {"empty": "", "cut": '{"scenes": ["a"', "another version": '{"schema": 99}'}[damage]
    for name in ("whole", "tset"):
        (data / name / PREPARING).write_text(text)
    for read in (lambda: load("whole", data), lambda: load_training("tset", data)):
        with pytest.raises(StvtError, match=r"\.preparing\.json: .*prepare"):
            read()
    assert prepare("whole", data, workers=1).failures == []
    prepare_training("tset", data, pristine / "in" / "films", settings=SETTINGS)
    used(tmp_path / "place", "whole")
    load_training("tset", data)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs")
@pytest.mark.parametrize("kind", ["fifo", "loop", "folder"])
def test_a_set_file_that_is_no_file_is_one_line(kind: str, pristine: Path, tmp_path: Path) -> None:
    """A FIFO has no end to read to."""
    for name in ("whole", "tset"):
        for file in (FILE, "GT/a/00000001.png", "clips/a_000000.npy", PREPARING, "videos/a.json"):
            place = tmp_path / "place"
            shutil.copytree(pristine, place, symlinks=True)
            path = place / "data" / name / file
            if path.parent.is_dir():
                path.unlink(missing_ok=True)
                if kind == "fifo":
                    os.mkfifo(path)
                elif kind == "loop":
                    path.symlink_to(path.name)
                else:
                    path.mkdir()
                for number, read in enumerate(readers(place, name)):
                    try:
                        read()
                    except (StvtError, OSError) as error:
                        assert "\n" not in str(error), (file, number)
            shutil.rmtree(place)
