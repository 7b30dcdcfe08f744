"""Files of weights are added, fetched and converted."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from stvt import baselines
from stvt.baselines import build, network
from stvt.baselines.errors import MethodError
from stvt.baselines.fisr import convert as fisr_convert
from stvt.baselines.method import Settings
from stvt.baselines.registry import CHECKPOINTS, loss_module
from stvt.baselines.spec import Checkpoint
from stvt.baselines.weights.detect import detect
from stvt.baselines.weights.fetch import add_weights, convert_weights, fetch_weights
from stvt.baselines.weights.load import init_weights, load_network, load_weights
from stvt.baselines.weights.read import read_state
from stvt.baselines.weights.store import (
    Record,
    find_weights,
    read_record,
    weights_folder,
)
from stvt.baselines.weights.verify import (
    verify_weights,
)
from stvt.core.download import FetchOptions
from stvt.training.weights import write_weights
from tests.builders.checkpoints import State, saved
from tests.builders.tensorflow_checkpoints import Small, write_checkpoint
from tests.golden_cases import fill
from tests.lying_server import QUOTA, Act, Server, serving

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def server(file: Path) -> Iterator[Server]:
    with serving(file.read_bytes()) as served:
        yield served


def refusal(caught: pytest.ExceptionInfo[MethodError]) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


fetched = partial(fetch_weights, options=FetchOptions(pause=lambda _: None))


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


# Adding


def test_an_added_file_is_where_its_network_looks(file: Path, home: Path) -> None:
    kept = add_weights(file)
    assert (kept.network, kept.file, kept.note) == ("edvr-m", home / "edvr-m.pth", "")
    assert find_weights("edvr-m", Settings()) == kept.file
    assert kept.sha256 == sha256(file) == sha256(kept.file)
    assert read_record(kept.file) == Record("edvr-m", kept.sha256, str(file.absolute()))
    assert add_weights(file) == kept  # again changes nothing
    assert add_weights(kept.file) == kept


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("stvun", 4),
        ("stvun", 2),
        ("stvun-wo-efst", 4),
        ("stvun-wo-d", 4),
        ("stvun-w-af", 4),
        ("stvun-s", 4),
    ],
)
def test_what_a_joint_stage_leaves_is_added(
    tmp_path: Path, home: Path, name: str, scale: int
) -> None:
    """All that was trained: not the entries of PWC-Net that nothing reads."""
    network = baselines.network(name, scale)
    init_weights(name, network, 0)
    file = tmp_path / f"{name}-last.safetensors"
    write_weights(file, loss_module(name, network, "joint").learning(), f"{name}, x{scale}")
    said = None if name != "stvun-wo-d" else name  # whose names and shapes are those of stvun
    kept = add_weights(file, said)
    assert (kept.network, kept.file) == (name, home / f"{name}.safetensors")
    assert len(build(name, Settings(scale=scale)).weights) == 64
    write_weights(file, loss_module(name, network, "space").learning(), f"{name}, x{scale}")
    with pytest.raises(MethodError, match=r"pwcnet\."):
        add_weights(file, name, replace=True)


def test_a_file_with_its_published_name_keeps_it(
    edvr_m: State, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Checkpoint("edvr-m", "EDVR_REDS_SR_M.pth", "https://page", 1, "none", "none")
    monkeypatch.setitem(CHECKPOINTS, "test", known)
    file = saved({"params": edvr_m}, tmp_path / "EDVR_REDS_SR_M.pth")
    assert add_weights(file).file == home / "EDVR_REDS_SR_M.pth"
    shadowed = add_weights(saved(edvr_m, tmp_path / "other.pth"))
    assert shadowed.file == home / "edvr-m.pth"
    assert f"edvr-m takes EDVR_REDS_SR_M.pth first; for this one, type --weights edvr-m={home}" in (
        shadowed.note
    )


def test_a_file_that_only_has_a_published_name_is_refused(edvr_m: State, tmp_path: Path) -> None:
    file = saved(edvr_m, tmp_path / "EDVR_M_x4_SR_REDS_official-32075921.pth")
    with pytest.raises(MethodError, match="its sha256 is .* not one that starts with 32075921"):
        add_weights(file)
    assert not weights_folder().exists()


def test_another_file_takes_a_place_only_when_told(
    file: Path, edvr_m: State, tmp_path: Path
) -> None:
    first = add_weights(file)
    other = saved({key: value + 1 for key, value in edvr_m.items()}, tmp_path / "other.pth")
    with pytest.raises(MethodError, match="is not the edvr-m.pth that is known here.*--replace"):
        add_weights(other)
    assert sha256(first.file) == first.sha256
    assert add_weights(other, replace=True).sha256 == sha256(other) == sha256(first.file)
    known = read_record(first.file)
    assert known is not None and known.sha256 == sha256(other)


def test_a_file_of_nothing_known_is_refused_with_what_it_holds(tmp_path: Path, file: Path) -> None:
    odd = saved({"a.weight": torch.zeros(2, 3), "b": torch.zeros(1)}, tmp_path / "odd.pth")
    with pytest.raises(MethodError) as caught:
        add_weights(odd)
    assert "it holds 2 tensors: a.weight 2x3, b 1" in refusal(caught)
    with pytest.raises(MethodError) as caught:
        add_weights(odd, "stvun")
    assert "is not of this network" in refusal(caught)
    for network_, said in (("edvr", "it has 64 channels, not 128"), ("nothing", "no network is")):
        with pytest.raises(MethodError, match=said):
            add_weights(file, network_)
    with pytest.raises(MethodError, match="there is no file"):
        add_weights(tmp_path / "none")
    (tmp_path / "page.pth").write_bytes(QUOTA)
    with pytest.raises(MethodError, match="is a web page"):
        add_weights(tmp_path / "page.pth")
    assert not weights_folder().exists()


def test_a_file_that_changes_after_it_came_is_not_loaded(file: Path, edvr_m: State) -> None:
    kept = add_weights(file)
    saved({key: 2 * value for key, value in edvr_m.items()}, kept.file)
    with pytest.raises(MethodError) as caught:
        load_network("edvr-m", kept.file)
    assert "has changed since it came" in refusal(caught)
    with pytest.raises(MethodError, match="its sha256 is"):
        verify_weights("edvr-m", kept.file)
    with pytest.raises(MethodError, match="is there, but it .*delete it to fetch it again"):
        publish_and_fetch(kept.file)


def test_a_file_that_was_changed_on_purpose_is_kept_when_told(
    file: Path, edvr_m: State, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = add_weights(file)
    saved({key: 2 * value for key, value in edvr_m.items()}, kept.file)
    with pytest.raises(MethodError, match="has changed since it came"):
        add_weights(kept.file)
    monkeypatch.chdir(home)
    assert add_weights(Path("edvr-m.pth"), replace=True).sha256 == sha256(kept.file) != kept.sha256
    load_network("edvr-m", kept.file)


def publish_and_fetch(file: Path) -> None:
    known = Checkpoint("edvr-m", file.name, "https://page", 1, "none", "none", ("http://x/",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CHECKPOINTS, "test", known)
        fetched("test")


# Fetching


@pytest.fixture
def published(server: Server, file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a checkpoint that the server gives, of which no hash is published."""
    sources = (server.url("gone", Act(status=404)), server.url("net.pth"))
    known = Checkpoint("edvr-m", "net.pth", "https://page", 1, "none", "some terms", sources)
    monkeypatch.setitem(CHECKPOINTS, "test", known)
    return "test"


def test_what_is_fetched_is_where_its_network_looks(
    published: str, server: Server, home: Path
) -> None:
    kept = fetched(published)
    assert kept.file == home / "net.pth" == find_weights("edvr-m", Settings())
    known = read_record(kept.file)
    assert known is not None and known.source == f"{server.address}/net.pth"
    assert known.sha256 == kept.sha256 == sha256(kept.file)
    asked = len(server.asked)
    assert fetched(published) == kept and len(server.asked) == asked  # it is there


def test_another_file_than_the_first_is_not_taken(
    published: str, server: Server, file: Path, edvr_m: State, home: Path
) -> None:
    first = fetched(published)
    first.file.unlink()
    server.file = saved({key: 2 * value for key, value in edvr_m.items()}, file).read_bytes()
    with pytest.raises(MethodError, match=f"its sha256 is .*, not {first.sha256}"):
        fetched(published)
    assert not first.file.exists()
    renewed = fetched(published, renew=True)
    assert renewed.sha256 == sha256(file) != first.sha256
    assert fetched(published) == renewed


def test_a_file_of_a_repository_must_be_the_blob_that_git_keeps(
    published: str, server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(CHECKPOINTS[published], git_blob="96b6d2a9b0d54cb24ab698a871dc29277fcc7657")
    monkeypatch.setitem(CHECKPOINTS, "test", other)
    with pytest.raises(MethodError, match=r"its git blob hash is not 96b6d2a9"):
        fetched(published)
    assert not list(home.glob("*.pth"))
    content = server.file
    blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
    monkeypatch.setitem(CHECKPOINTS, "test", replace(other, git_blob=blob))
    assert fetched(published).file == home / "net.pth"


TREES = {
    "zsm": "Mukosame/Zooming-Slow-Mo-CVPR-2020/a053e08bb0bb5509f634b523256718f502637667/"
    "experiments/pretrained_models/xiang2020zooming.pth",
    "rstt-s": "llmpass/RSTT/44c97822f0f59aae98d47cb0fcae17fe90b78277/checkpoints/RSTT-S/"
    "f96d4w4h24816Ushape0res_1690000.pth",
}


@pytest.mark.parametrize("name", TREES)
def test_the_trees_of_zsm_and_rstt_are_asked_under_their_own_addresses(
    name: str, server: Server, file: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, path = CHECKPOINTS[name], TREES[name]
    host = "https://raw.githubusercontent.com"
    assert entry.sources[0] == f"{host}/{path}" and len(entry.git_blob) == 40
    sources = (entry.sources[0].replace(host, server.address),)
    server.url(path)
    server.file = saved(network(name).state_dict(), file).read_bytes()
    monkeypatch.setitem(CHECKPOINTS, name, replace(entry, sources=sources))
    with pytest.raises(MethodError, match=f"git blob hash is not {entry.git_blob}") as caught:
        fetched(name)
    assert refusal(caught) and not (home / entry.file).exists()
    blob = hashlib.sha1(f"blob {len(server.file)}\0".encode() + server.file).hexdigest()
    monkeypatch.setitem(CHECKPOINTS, name, replace(entry, sources=sources, git_blob=blob))
    assert fetched(name).file == home / entry.file
    assert {asked for asked, _ in server.asked} == {path}


def test_what_comes_must_be_of_the_network(
    published: str, server: Server, file: Path, home: Path
) -> None:
    server.file = saved({"a": torch.zeros(3)}, file).read_bytes()
    with pytest.raises(MethodError) as caught:
        fetched(published)
    assert "HTTP 404 Not Found; " in refusal(caught) and "another network" in refusal(caught)
    server.file = b"PK" + server.file[2:-100]
    with pytest.raises(MethodError, match="what came is damaged|cannot read what came"):
        fetched(published)
    assert not list(home.iterdir())


def test_where_no_source_gives_it_a_line_says_where_to_put_it(
    published: str, server: Server, home: Path
) -> None:
    server.url("net.pth", Act(content=QUOTA))
    with pytest.raises(MethodError) as caught:
        fetched(published)
    text = refusal(caught)
    assert "HTTP 404" in text and "a web page came" in text
    assert text.endswith(f"by hand, from https://page: put the file here: {home / 'net.pth'}")
    with pytest.raises(MethodError) as caught:
        fetched("fisr_pwcnet")
    assert CHECKPOINTS["fisr_pwcnet"].by_hand in refusal(caught)
    with pytest.raises(MethodError, match="no checkpoint is called 'no'"):
        fetched("no")


def test_a_file_put_there_by_hand_is_remembered(published: str, file: Path, home: Path) -> None:
    home.mkdir(parents=True)
    put = home / "net.pth"
    put.write_bytes(file.read_bytes())
    assert read_record(put) is None
    assert fetched(published).sha256 == sha256(file)
    known = read_record(put)
    assert known is not None and known.source == "where it was found"


# Converting
def packed(values: dict[str, object], to: Path) -> Path:
    to.mkdir(exist_ok=True)
    write_checkpoint(to / "model-7", values)  # type: ignore[arg-type]
    with zipfile.ZipFile(to / "packed.zip", "w") as opened:
        for part in sorted(to.glob("model-7.*")):
            opened.write(part, f"folder/{part.name}")
        opened.writestr("../../folder/checkpoint", 'model_checkpoint_path: "/x/model-7"')
        opened.writestr("folder/readme.txt", "hello")
    return to / "packed.zip"


def variables(name: str) -> dict[str, object]:
    shapes = {k: list(shape) for k, (_, shape) in fisr_convert.tensorflow_names(name).items()}
    return {**fill(shapes, 1.4, "tf")}


def test_a_fetched_archive_is_converted(
    server: Server, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fisr_convert.NETWORKS, "fisr_pwcnet", Small)
    archive = packed(variables("fisr_pwcnet"), tmp_path)
    server.file = archive.read_bytes()
    url = server.url("packed.zip")
    known = CHECKPOINTS["fisr_pwcnet"]
    monkeypatch.setitem(
        CHECKPOINTS,
        "fisr_pwcnet",
        Checkpoint(*(known.network, known.file, known.page, 1, "", "", (url,), "", "p.zip")),
    )
    kept = fetched("fisr_pwcnet")
    assert kept.file == home / "fisr_pwcnet.safetensors" == find_weights("fisr_pwcnet", Settings())
    load_weights(Small(), read_state(kept.file, "x"), kept.file, "fisr_pwcnet")
    assert sorted(each.name for each in home.iterdir()) == ["fisr_pwcnet.safetensors", "records"]
    assert read_record(home / "p.zip") is not None
    kept.file.unlink()
    server.file = archive.read_bytes()[:-30] + bytes(30)
    with pytest.raises(MethodError, match="its sha256 is"):
        fetched("fisr_pwcnet")
    fewer = dict(list(variables("fisr_pwcnet").items())[:-1])
    server.file = packed(fewer, tmp_path / "less").read_bytes()
    with pytest.raises(MethodError, match="1 of 8 are missing"):
        fetched("fisr_pwcnet", renew=True)
    assert sorted(each.name for each in home.iterdir()) == ["records"]
    out = tmp_path / "out.safetensors"
    assert convert_weights("fisr_pwcnet", archive, out).sha256 == sha256(out) == kept.sha256
    with pytest.raises(MethodError, match="`stvt weights convert fisr .*packed.zip`"):
        add_weights(archive)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fisr", "fisr_pwcnet"])
def test_a_whole_checkpoint_converts_loads_and_is_detect(name: str, tmp_path: Path) -> None:
    values = variables(name)
    write_checkpoint(tmp_path / "model-7", values)  # type: ignore[arg-type]
    kept = convert_weights(name, tmp_path)
    assert kept.file == find_weights(name, Settings())
    module = network(name)
    state = read_state(kept.file, name)
    assert load_weights(module, state, kept.file, name) == kept.sha256
    assert detect(module.state_dict()) == name
    assert add_weights(kept.file).file == kept.file


def test_a_zip_file_of_other_things_is_refused(tmp_path: Path, home: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as opened:
        opened.writestr("checkpoint", "x")
    with pytest.raises(MethodError, match="holds no TensorFlow checkpoint"):
        convert_weights("fisr", tmp_path / "other.zip")
    assert not home.exists()
