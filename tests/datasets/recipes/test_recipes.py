"""Every known set, made of a small stand-in in the layout that its authors publish."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.core.download import FetchOptions
from stvt.datasets import DATASETS, DatasetError, Recipe, encode_png, load, prepare, verify
from tests.builders.published_archives import (
    FRAMES,
    LAYOUTS,
    names,
    small,
    stand_in,
)
from tests.lying_server import serving

Clip = Callable[..., list[NDArray[np.uint8]]]
KNOWN = [name for name, recipe in DATASETS.items() if not recipe.render]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Recipe]]:
    """Makes the small recipe of a name the one that is known."""

    def make(name: str) -> Recipe:
        recipe = small(DATASETS[name])
        monkeypatch.setitem(DATASETS, name, recipe)
        return recipe

    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    yield make


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_set_is_fetched_unpacked_prepared_and_verified(
    name: str, known: Callable[[str], Recipe], moving_square: Clip, tmp_path: Path
) -> None:
    recipe = known(name)
    archive = stand_in(recipe, moving_square(FRAMES))
    expected = [scene.replace("/", "_") for scene in names(recipe)]
    with serving(archive) as server:
        fetch = FetchOptions(mirrors=(server.url("archive"),))
        if recipe.file is None:
            with pytest.raises(DatasetError, match="is not fetched by the program: download"):
                prepare(name, tmp_path, fetch=fetch)
            (tmp_path / "given.tar.gz").write_bytes(archive)
            outcome = prepare(name, tmp_path, tmp_path / "given.tar.gz")
        else:
            outcome = prepare(name, tmp_path, fetch=fetch)
            assert (tmp_path / ".fetched" / recipe.file.name).read_bytes() == archive
            assert len(server.asked) == 1
    assert (outcome.prepared, outcome.failures) == (expected, [])
    prepared = load(name, tmp_path)
    assert {scene.frames for scene in prepared.scenes.values()} == {FRAMES}
    if not LAYOUTS[name][0].endswith((".MOV", ".mp4")):
        assert {scene.record.gt.fps for scene in prepared.scenes.values()} == {recipe.fps}
    assert verify(name, tmp_path).problems == []
    assert prepare(name, tmp_path).unchanged == expected  # without being fetched again
    assert not list(tmp_path.glob("*.unpacked"))


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_set_is_taken_from_any_folder_on_the_way_to_its_scenes(
    name: str, known: Callable[[str], Recipe], moving_square: Clip, tmp_path: Path
) -> None:
    recipe = known(name)
    with zipfile.ZipFile(io.BytesIO(stand_in(recipe, moving_square(FRAMES)))) as opened:
        opened.extractall(tmp_path / "given" / "here")
    folder = tmp_path / "given"
    manifests: list[dict[str, object]] = []
    parts = LAYOUTS[name][0].split("{}")[0].rstrip("/").split("/")
    for part in ["here", *parts]:
        outcome = prepare(name, tmp_path / str(len(manifests)), folder)
        assert (len(outcome.prepared), outcome.failures) == (2, []), folder
        manifests.append(without_origin(tmp_path / str(len(manifests)) / name)[0])
        folder /= part
        if part == "encoded_test":
            break  # Type1 holds but a third of the scenes
    assert all(manifest == manifests[0] for manifest in manifests)


def without_origin(folder: Path) -> tuple[dict[str, object], list[object]]:
    """A manifest without the paths that its scenes came from, and the archives there."""
    manifest = json.loads((folder / "manifest.json").read_text())
    archives = []
    for scene in manifest["scenes"].values():
        assert Path(scene["gt"]["source"].pop("path")).exists()
        archives.append(scene["gt"]["source"].pop("archive"))
    return manifest, [one for i, one in enumerate(archives) if one not in archives[:i]]


def test_every_recipe_says_what_a_reader_needs() -> None:
    for name, recipe in DATASETS.items():
        assert name == recipe.name
        assert recipe.title and recipe.licence and recipe.citation
        assert recipe.number
        if recipe.render:
            continue
        assert recipe.get and recipe.page.startswith("http")
        if recipe.file is None:
            assert "download" in recipe.get and "--source" in recipe.get
            continue
        assert all(source.startswith("http") for source in recipe.file.sources)
        assert len(recipe.file.sha256) in (0, 64)


def test_published_totals_add_up() -> None:
    def total(name: str) -> int:
        return sum(frames or 0 for frames in DATASETS[name].scenes.values())

    assert (len(DATASETS["sintel"].scenes), total("sintel")) == (23, 1064)
    assert (len(DATASETS["davis"].scenes), total("davis")) == (90, 4209 + 1999)
    assert total("vid4") == 41 + 34 + 49 + 47
    assert (len(DATASETS["gopro240"].scenes), len(DATASETS["adobe240"].scenes)) == (11, 17)
    assert (len(DATASETS["x4k1000fps"].scenes), total("x4k1000fps")) == (15, 15 * 33)


def two_scenes(tmp_path: Path, known: Callable[[str], Recipe], clip: Clip) -> Path:
    """The stand-in of sintel with one scene too short and one missing; its folder."""
    recipe = known("sintel")
    with zipfile.ZipFile(io.BytesIO(stand_in(recipe, clip(FRAMES)))) as opened:
        opened.extractall(tmp_path / "source")
    final = tmp_path / "source" / "training" / "final"
    first, second = names(recipe)
    (final / first / "frame_0003.png").unlink()
    (final / second).rename(final / "cave")
    return tmp_path / "source"


def test_a_source_that_is_not_whole_is_one_line_unless_that_is_wanted(
    known: Callable[[str], Recipe], moving_square: Clip, tmp_path: Path
) -> None:
    source = two_scenes(tmp_path, known, moving_square)
    outcome = prepare("sintel", tmp_path, source)
    assert outcome.prepared == []
    (line,) = outcome.failures
    assert "expected alley_1 with 3 frames, found 2; expected alley_2 with 3 frames, found" in line
    assert not (tmp_path / "sintel").exists()

    outcome = prepare("sintel", tmp_path, source, partial=True)
    assert (outcome.prepared, outcome.failures) == (["alley_1", "cave"], [])
    assert any("not the whole set: 1 of 2 scenes: expected alley_1" in n for n in outcome.notes)
    assert list(load("sintel", tmp_path).scenes) == ["alley_1", "cave"]
    outcome = prepare("sintel", tmp_path, degradation="BI")  # stays as it was chosen
    assert (outcome.prepared, outcome.failures) == (["alley_1", "cave"], [])


@pytest.mark.parametrize(
    ("name", "place", "told"),
    [
        ("sintel", "clean", "sintel_clean"),
        ("sintel", "Sintel_training_clean.v2", "sintel_clean"),
        ("sintel", "final/training/clean", "sintel_clean"),
        ("sintel_clean", "final", "sintel"),
        ("reds_vtsr", "vtsr30", "reds_vtsr_30fps"),
        ("reds_vtsr_30fps", "val_15fps", "reds_vtsr_15fps"),
        ("sintel", "clean/training/final", ""),
        ("reds_vtsr", "vtsr_60fps", ""),
        ("reds_vtsr", "frames", None),
    ],
)
def test_another_pass_or_rate_is_not_taken_for_this_one(
    *,
    name: str,
    place: str,
    told: str | None,
    known: Callable[[str], Recipe],
    moving_square: Clip,
    tmp_path: Path,
) -> None:
    recipe = known(name)
    for scene in names(recipe):
        folder = tmp_path / place / scene
        folder.mkdir(parents=True)
        for index, frame in enumerate(moving_square(FRAMES)):
            (folder / f"{index}.png").write_bytes(encode_png(frame))
    source = tmp_path / place.split("/")[0]
    outcome = prepare(name, tmp_path / "root", source)
    if told:
        assert outcome.prepared == []
        assert f"expected {recipe.title}, found the frames of {told}" in outcome.failures[-1]
        outcome = prepare(name, tmp_path / "root", source, partial=True)
        missing = load(name, tmp_path / "root").missing
        assert missing is not None
        assert f"found the frames of {told}" in missing.share
    assert len(outcome.prepared) == 2
    said = any("no name in" in note and "tells" in note for note in outcome.notes)
    assert said == (told is None)


def test_frames_of_another_size_than_published_are_marked(
    known: Callable[[str], Recipe],
    moving_square: Clip,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = known("vid4")
    (tmp_path / "vid4.zip").write_bytes(stand_in(recipe, moving_square(FRAMES)))
    height, width = moving_square(1)[0].shape[:2]
    first, second = names(recipe)
    sizes = {first: (height, width), second: (576, 704)}
    monkeypatch.setitem(DATASETS, "vid4", replace(recipe, sizes=sizes))
    for _ in range(2):  # it stays marked
        outcome = prepare("vid4", tmp_path, tmp_path / "vid4.zip")
        said = f"{second} is {width}x{height}, published 704x576"
        assert f"vid4: not as published: {said}" in outcome.notes
        assert outcome.failures == []
        missing = load("vid4", tmp_path).missing
        assert missing is not None
        assert missing.share == said


def test_chosen_scenes_are_prepared_alone(
    known: Callable[[str], Recipe], moving_square: Clip, tmp_path: Path
) -> None:
    recipe = known("reds4")
    (tmp_path / "reds.zip").write_bytes(stand_in(recipe, moving_square(FRAMES)))
    outcome = prepare("reds4", tmp_path, tmp_path / "reds.zip", scenes=["011"])
    assert (outcome.prepared, outcome.failures) == (["011"], [])
    assert "reds4: not the whole set: 1 of 2 scenes, as chosen" in outcome.notes
    assert list(load("reds4", tmp_path).scenes) == ["011"]
    with pytest.raises(DatasetError, match="expected --scenes of 000, 011, found 012"):
        prepare("reds4", tmp_path, tmp_path / "reds.zip", scenes=["012"])


def test_a_layout_that_is_not_known_is_one_line(
    known: Callable[[str], Recipe], tmp_path: Path
) -> None:
    known("vimeo90k")
    (tmp_path / "source" / "readme").mkdir(parents=True)
    (tmp_path / "source" / "readme" / "a.txt").touch()
    with pytest.raises(DatasetError) as caught:
        prepare("vimeo90k", tmp_path, tmp_path / "source")
    assert "expected frames in sequences/NAME/NAME or target/NAME/NAME" in str(caught.value)
    assert "found readme/" in str(caught.value)


def test_a_scene_that_is_there_twice_is_one_line(
    known: Callable[[str], Recipe],
    moving_square: Clip,
    write_clip: Callable[..., Path],
    tmp_path: Path,
) -> None:
    recipe = known("x4k1000fps")
    for above in ("Type1", "Type2"):
        for name in names(recipe):
            write_clip(tmp_path / "source" / "test" / above / name, moving_square(FRAMES))
    outcome = prepare("x4k1000fps", tmp_path, tmp_path / "source")
    assert outcome.prepared == []
    assert any("is there twice, in test/Type1/" in line for line in outcome.failures)


@pytest.mark.parametrize("of", ["folder", "zip", "tar"])
def test_real_frames_prepare_from_a_folder_and_from_archives_of_it(
    of: str, shared: Path, tmp_path: Path
) -> None:
    """A frame or two of each scene, so that it takes no time; the whole of it is a slow test."""
    _same_from(of, shared, tmp_path, {"vid4": 2, "sintel": 2, "davis": 2})


@pytest.mark.slow
@pytest.mark.parametrize("of", ["folder", "zip", "tar"])
def test_all_real_frames_prepare_from_a_folder_and_from_archives_of_it(
    of: str, shared: Path, tmp_path: Path
) -> None:
    _same_from(of, shared, tmp_path, {"vid4": 999, "sintel": 999, "davis": 999})


def _same_from(of: str, shared: Path, tmp_path: Path, most: dict[str, int]) -> None:
    import shutil

    for name, frames in most.items():
        source = tmp_path / "source" / name
        for file in sorted((shared / "data" / name).glob("*/*.png")):
            if int(file.stem) < frames:
                (source / file.parent.name).mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, source / file.parent.name)
        given = source
        if of != "folder":
            made = shutil.make_archive(str(tmp_path / name), of, tmp_path / "source", name)
            given = Path(made)
        short = name != "vid4" or frames < 50
        digests = set()
        for root, what in (("a", source), ("b", given)):
            outcome = prepare(name, tmp_path / root, what, partial=short)
            assert outcome.failures == []
            manifest, archives = without_origin(tmp_path / root / name)
            assert (archives == [None]) == (what == source)
            digests.add(hashlib.sha256(json.dumps(manifest).encode()).hexdigest())
        assert len(digests) == 1
