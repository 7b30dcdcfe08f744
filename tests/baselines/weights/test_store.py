"""The registry of checkpoints; recognising, keeping and verifying files of weights."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from stvt.baselines import METHODS, build, network
from stvt.baselines.edvr.network import EDVR
from stvt.baselines.errors import MethodError
from stvt.baselines.fisr import convert as fisr_convert
from stvt.baselines.losses import start, trainee
from stvt.baselines.method import Settings
from stvt.baselines.variants import trainable
from stvt.baselines.weights.catalogue import CHECKPOINTS, Checkpoint, files_of
from stvt.baselines.weights.detect import READINGS, pytorch_pwc_name, recognised
from stvt.baselines.weights.load import find_weights, initialise, load_weights
from stvt.baselines.weights.records import Record, folder, record, recorded
from stvt.baselines.weights.store import add, convert, fetch_weights
from stvt.baselines.weights.verify import PROBES, agree, files, files_called, fingerprint, verify
from stvt.training.weights import write_weights
from tests.baselines.fisr.test_convert import Small, write_checkpoint
from tests.golden_cases import GOLDEN, fill
from tests.lying_server import QUOTA, Act, Server, serving

State = dict[str, Tensor]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of weights."""
    monkeypatch.setenv("STVT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "home" / "weights"


@pytest.fixture(scope="module")
def edvr_m() -> State:
    module = EDVR(extract_blocks=1, reconstruction_blocks=1)  # which the file says itself
    initialise(module, seed=3)
    return module.state_dict()


@pytest.fixture
def file(edvr_m: State, tmp_path: Path) -> Path:
    """Weights of an EDVR-M under a name of no meaning."""
    return saved(edvr_m, tmp_path / "mine.pth")


@pytest.fixture
def server(file: Path) -> Iterator[Server]:
    with serving(file.read_bytes()) as served:
        yield served


def saved(state: object, file: Path) -> Path:
    torch.save(state, file)
    return file


def refusal(caught: pytest.ExceptionInfo[MethodError]) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


fetched = partial(fetch_weights, pause=lambda _: None)


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


# The registry


def test_every_method_with_published_weights_has_a_checkpoint_of_its_name() -> None:
    networks = {known.network for known in CHECKPOINTS.values()}
    ours = {name for name in METHODS if name.startswith("stvun-")} | {"edvr-s"}
    needing = {name for name, entry in METHODS.items() if entry.needs_weights} - ours
    assert needing <= networks <= set(READINGS)
    for name in networks - {"alexnet"}:
        assert CHECKPOINTS[name].network == name and files_of(name)[0] == CHECKPOINTS[name].file


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_an_entry_says_all_that_a_user_needs(name: str) -> None:
    known = CHECKPOINTS[name]
    assert known.licence and known.terms and known.page.startswith("https://")
    assert known.sources or known.by_hand
    assert not known.archive or known.by_hand
    assert all(re.fullmatch(r"https?://\S+", source) for source in known.sources)
    assert re.fullmatch(r"([0-9a-f]{8}|[0-9a-f]{64})?", known.sha256)
    assert re.fullmatch(r"([0-9a-f]{40})?", known.git_blob)
    assert sum(other.file == known.file for other in CHECKPOINTS.values()) == 1


def test_sizes_are_those_of_the_networks() -> None:
    for name in ("stvun", "edvr", "edvr-m", "dain", "fisr", "fisr_pwcnet", "pwcnet"):
        with torch.device("meta"):
            module = network({"edvr": "edvr_l", "edvr-m": "edvr_m"}.get(name, name))
        size = 4 * sum(value.numel() for value in module.state_dict().values())
        assert CHECKPOINTS[name].about == pytest.approx(size, rel=0.02)


# Recognising


@pytest.mark.parametrize(
    "name", [name for name in READINGS if name != "stvun-wo-d" and not name.startswith("edvr")]
)
def test_networks_are_known_by_their_names_and_shapes(name: str) -> None:
    with torch.device("meta"):
        state = READINGS[name].make({}).state_dict()
    assert recognised(state) == name
    state.popitem()
    state["another"] = torch.zeros(1)
    assert recognised(state) is None
    assert set(PROBES) == set(READINGS)


@pytest.mark.parametrize("who", ["original_2019", "mmagic"])
def test_edvr_is_known_under_all_its_publishers_names(who: str) -> None:
    chosen = json.loads((GOLDEN / "edvr_m" / "aliases.json").read_text())[who]
    with torch.device("meta"):
        states = {"edvr-m": EDVR().state_dict(), "edvr": EDVR(channels=128).state_dict()}
        only_deblurs = EDVR(predeblur=True).state_dict()
        only_deblurs["predeblur.stride_conv_hr1.weight"] = torch.zeros(64, 64, 3, 3)
    for name, state in states.items():
        assert (
            recognised(
                {chosen[key].removeprefix("generator."): value for key, value in state.items()}
            )
            == name
        )
        assert recognised(state) == name
    assert recognised(only_deblurs) is None


def test_pwc_net_is_known_under_the_names_of_pytorch_pwc() -> None:
    with torch.device("meta"):
        own = network("pwcnet").state_dict()
    words = ("", "One", "Two", "Thr", "Fou", "Fiv", "Six")
    theirs = {}
    for level in range(1, 7):
        for place, end in enumerate(("aa", "a", "b") if level == 6 else ("a", "aa", "b")):
            theirs[f"conv{level}{end}.0"] = f"moduleExtractor.module{words[level]}.{2 * place}"
        for k in range(5):
            theirs[f"conv{level}_{k}.0"] = f"module{words[level]}.module{words[k + 1]}.0"
        theirs[f"predict_flow{level}"] = f"module{words[level]}.moduleSix.0"
        theirs[f"deconv{level + 1}"] = f"module{words[level]}.moduleUpflow"
        theirs[f"upfeat{level + 1}"] = f"module{words[level]}.moduleUpfeat"
    for k in range(1, 8):
        theirs[f"dc_conv{k}" + (".0" if k < 7 else "")] = f"moduleRefiner.moduleMain.{2 * k - 2}"
    state = {}
    for key, value in own.items():
        layer, kind = key.rsplit(".", 1)
        if layer != "deconv2":  # which they left out
            state[f"{theirs[layer]}.{kind}"] = value
    assert [pytorch_pwc_name(key) for key in state] == [k for k in own if "deconv2" not in k]
    assert recognised(state) == "pwcnet"


# Adding


def test_an_added_file_is_where_its_network_looks(file: Path, home: Path) -> None:
    kept = add(file)
    assert (kept.network, kept.file, kept.note) == ("edvr-m", home / "edvr-m.pth", "")
    assert find_weights("edvr-m", Settings()) == kept.file
    assert kept.sha256 == sha256(file) == sha256(kept.file)
    assert recorded(kept.file) == Record(
        "edvr-m", kept.sha256, file.stat().st_size, str(file.absolute())
    )
    assert add(file) == kept  # again changes nothing
    assert add(kept.file) == kept


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
    network = trainable(name, scale)
    start(network, 0)
    file = tmp_path / f"{name}-last.safetensors"
    write_weights(file, trainee(network, "joint").learning(), f"{name}, x{scale}")
    said = None if name != "stvun-wo-d" else name  # whose names and shapes are those of stvun
    kept = add(file, said)
    assert (kept.network, kept.file) == (name, home / f"{name}.safetensors")
    assert len(build(name, Settings(scale=scale)).weights) == 64
    write_weights(file, trainee(network, "space").learning(), f"{name}, x{scale}")
    with pytest.raises(MethodError, match=r"pwcnet\."):
        add(file, name, replace=True)


def test_a_file_with_its_published_name_keeps_it(edvr_m: State, tmp_path: Path, home: Path) -> None:
    file = saved({"params": edvr_m}, tmp_path / "EDVR_REDS_SR_M.pth")
    assert add(file).file == home / "EDVR_REDS_SR_M.pth"
    shadowed = add(saved(edvr_m, tmp_path / "other.pth"))
    assert shadowed.file == home / "edvr-m.pth"
    assert f"edvr-m takes EDVR_REDS_SR_M.pth first; for this one, type --weights edvr-m={home}" in (
        shadowed.note
    )


def test_a_file_that_only_has_a_published_name_is_refused(edvr_m: State, tmp_path: Path) -> None:
    file = saved(edvr_m, tmp_path / "EDVR_M_x4_SR_REDS_official-32075921.pth")
    with pytest.raises(MethodError, match="its sha256 is .* not one that starts with 32075921"):
        add(file)
    assert not folder().exists()


def test_another_file_takes_a_place_only_when_told(
    file: Path, edvr_m: State, tmp_path: Path
) -> None:
    first = add(file)
    other = saved({key: value + 1 for key, value in edvr_m.items()}, tmp_path / "other.pth")
    with pytest.raises(MethodError, match="is not the edvr-m.pth that is known here.*--replace"):
        add(other)
    assert sha256(first.file) == first.sha256
    assert add(other, replace=True).sha256 == sha256(other) == sha256(first.file)
    known = recorded(first.file)
    assert known is not None and known.sha256 == sha256(other)


def test_a_file_of_nothing_known_is_refused_with_what_it_holds(tmp_path: Path, file: Path) -> None:
    odd = saved({"a.weight": torch.zeros(2, 3), "b": torch.zeros(1)}, tmp_path / "odd.pth")
    with pytest.raises(MethodError) as caught:
        add(odd)
    assert "it holds 2 tensors: a.weight 2x3, b 1" in refusal(caught)
    with pytest.raises(MethodError) as caught:
        add(odd, "stvun")
    assert "is not of this network" in refusal(caught)
    for network_, said in (("edvr", "it has 64 channels, not 128"), ("nothing", "no network is")):
        with pytest.raises(MethodError, match=said):
            add(file, network_)
    with pytest.raises(MethodError, match="there is no file"):
        add(tmp_path / "none")
    (tmp_path / "page.pth").write_bytes(QUOTA)
    with pytest.raises(MethodError, match="is a web page"):
        add(tmp_path / "page.pth")
    assert not folder().exists()


def test_a_file_that_changes_after_it_came_is_not_loaded(file: Path, edvr_m: State) -> None:
    kept = add(file)
    saved({key: 2 * value for key, value in edvr_m.items()}, kept.file)
    with pytest.raises(MethodError) as caught:
        load_weights(EDVR(extract_blocks=1, reconstruction_blocks=1), kept.file, "edvr-m")
    assert "has changed since it came" in refusal(caught)
    with pytest.raises(MethodError, match="it has .* bytes, not"):
        verify("edvr-m", kept.file)
    with pytest.raises(MethodError, match="is there, but it .*delete it to fetch it again"):
        publish_and_fetch(kept.file)


def test_a_file_that_was_changed_on_purpose_is_kept_when_told(
    file: Path, edvr_m: State, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = add(file)
    saved({key: 2 * value for key, value in edvr_m.items()}, kept.file)
    with pytest.raises(MethodError, match="has changed since it came"):
        add(kept.file)
    monkeypatch.chdir(home)
    assert add(Path("edvr-m.pth"), replace=True).sha256 == sha256(kept.file) != kept.sha256
    load_weights(EDVR(extract_blocks=1, reconstruction_blocks=1), kept.file, "edvr-m")


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
    known = recorded(kept.file)
    assert known is not None and known.source == f"{server.address}/net.pth"
    assert known.sha256 == kept.sha256 == sha256(kept.file)
    asked = len(server.asked)
    assert fetched(published) == kept and len(server.asked) == asked  # it is there


def test_another_file_than_the_first_is_not_taken(
    published: str, server: Server, file: Path, edvr_m: State, home: Path
) -> None:
    first = fetched(published)
    recorded_size = first.file.stat().st_size
    first.file.unlink()
    server.file = saved({key: 2 * value for key, value in edvr_m.items()}, file).read_bytes()
    with pytest.raises(MethodError, match=f"it has .* bytes, not {recorded_size}"):
        fetched(published)
    assert not first.file.exists()
    renewed = fetched(published, renew=True)
    assert renewed.sha256 == sha256(file) != first.sha256
    assert fetched(published) == renewed


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
    for name in ("fisr_pwcnet", "edvr-2019"):
        with pytest.raises(MethodError) as caught:
            fetched(name)
        assert CHECKPOINTS[name].by_hand in refusal(caught)
    with pytest.raises(MethodError, match="no checkpoint is called 'no'"):
        fetched("no")


def test_a_file_put_there_by_hand_is_remembered(published: str, file: Path, home: Path) -> None:
    home.mkdir(parents=True)
    put = home / "net.pth"
    put.write_bytes(file.read_bytes())
    assert recorded(put) is None
    assert fetched(published).sha256 == sha256(file)
    known = recorded(put)
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
        Checkpoint(*(known.network, known.file, known.page, 1, "", "", (url,), "", "", "p.zip")),
    )
    kept = fetched("fisr_pwcnet")
    assert kept.file == home / "fisr_pwcnet.safetensors" == find_weights("fisr_pwcnet", Settings())
    load_weights(Small(), kept.file, "fisr_pwcnet")
    assert sorted(each.name for each in home.iterdir()) == ["fisr_pwcnet.safetensors", "records"]
    assert recorded(home / "p.zip") is not None
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
    assert convert("fisr_pwcnet", archive, out).sha256 == sha256(out) == kept.sha256
    with pytest.raises(MethodError, match="`stvt weights convert fisr .*packed.zip`"):
        add(archive)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fisr", "fisr_pwcnet"])
def test_a_whole_checkpoint_converts_loads_and_is_recognised(name: str, tmp_path: Path) -> None:
    values = variables(name)
    write_checkpoint(tmp_path / "model-7", values)  # type: ignore[arg-type]
    kept = convert(name, tmp_path)
    assert kept.file == find_weights(name, Settings())
    module = network(name)
    assert load_weights(module, kept.file, name) == kept.sha256
    assert recognised(module.state_dict()) == name
    assert add(kept.file).file == kept.file


def test_a_zip_file_of_other_things_is_refused(tmp_path: Path, home: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as opened:
        opened.writestr("checkpoint", "x")
    with pytest.raises(MethodError, match="holds no TensorFlow checkpoint"):
        convert("fisr", tmp_path / "other.zip")
    assert not list(home.iterdir())


# Verifying


def test_a_file_is_verified_against_what_it_computed_before(file: Path) -> None:
    kept = add(file)
    assert files() == [("edvr-m", kept.file)] == files_called("edvr-m")
    first = verify("edvr-m", kept.file)
    assert not first.known and first.sha256 == kept.sha256 and first.parameters == 2_340_003
    known = recorded(kept.file)
    assert known is not None and known.fingerprint == first.fingerprint
    second = verify("edvr-m", kept.file)
    assert second.known and second.fingerprint == first.fingerprint
    changed = tuple(1.001 * number for number in first.fingerprint)
    record(kept.file, Record("edvr-m", kept.sha256, known.size, "", changed))
    with pytest.raises(MethodError, match="computes something else than when it was first"):
        verify("edvr-m", kept.file)
    with pytest.raises(MethodError, match="no weights in .*stvt weights fetch stvun"):
        files_called("stvun")
    with pytest.raises(MethodError, match="nothing is called 'no'"):
        files_called("no")


def test_weights_that_compute_nothing_finite_are_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = add(file)
    monkeypatch.setitem(PROBES, "edvr-m", lambda _: torch.tensor([1.0, float("inf")]))
    with pytest.raises(MethodError, match="computes infinite or undefined numbers"):
        verify("edvr-m", kept.file)


@pytest.mark.parametrize("name", ["edvr-m", "pwcnet"])
def test_a_fingerprint_feels_every_weight_and_no_rounding(name: str) -> None:
    module = network(name.replace("-", "_")).double()
    initialise(module)
    with torch.inference_mode():
        made = PROBES[name](module)
        before = fingerprint(made)
        noise = torch.cos(torch.arange(made.numel())).view_as(made)
        assert agree(fingerprint(made + 1e-9 * made.abs().max() * noise), before)
        last = [value for value in module.parameters() if value.ndim > 1][-1]
        for weight in (next(iter(module.parameters())), last):
            kept = weight.clone()
            weight.mul_(1.001)
            assert not agree(fingerprint(PROBES[name](module)), before)
            weight.copy_(kept)
        assert fingerprint(PROBES[name](module)) == before
    assert isinstance(module, nn.Module)


def test_a_damaged_record_is_said(file: Path, home: Path) -> None:
    kept = add(file)
    note = home / "records" / "edvr-m.pth.json"
    for content in ("{", '{"what": 1}'):
        note.write_text(content)
        with pytest.raises(MethodError, match="edvr-m.pth.json .*delete it"):
            recorded(kept.file)
