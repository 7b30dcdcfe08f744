"""Weights of the Hugging Face Hub: packed for it, and fetched from one on loopback."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from stvt.baselines import SHIPPED, MethodError
from stvt.baselines.method import Settings
from stvt.baselines.registry import CHECKPOINTS
from stvt.baselines.weights import store
from stvt.baselines.weights.store import find_weights, read_record, trained_on
from stvt.cli.main import main
from stvt.core.files import sha256_of

OURS = SHIPPED / "edvr-s.safetensors"


@pytest.fixture
def packed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "packed"
    command = ["weights", "pack", "edvr-s", str(OURS), "--out", str(folder), "--half"]
    assert main([*command, "--licence", "apache-2.0"]) == 0
    assert "hf upload OWNER/NAME" in capsys.readouterr().out
    return folder


def test_a_packed_folder_is_a_model_of_the_hub(packed: Path) -> None:
    card, file = packed / "README.md", packed / "edvr-s.safetensors"
    assert sorted(packed.iterdir()) == [card, file]
    assert trained_on(file, sha256_of(file)) == "BD"
    text = card.read_text()
    assert sha256_of(file) in text and "for BD frames" in text
    model_card = pytest.importorskip("huggingface_hub").ModelCard(text)
    assert model_card.data.library_name == "stvt" and model_card.data.license == "apache-2.0"
    assert "video-super-resolution" in model_card.data.tags


def test_published_weights_of_others_are_not_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = type(CHECKPOINTS["edvr"])(
        "edvr-s", "x.pth", "https://page", 1, "no resale", "none", sha256=sha256_of(OURS)
    )
    monkeypatch.setitem(CHECKPOINTS, "theirs", entry)
    out = tmp_path / "packed"
    assert main(["weights", "pack", "edvr-s", str(OURS), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert "is the published theirs, not weights of your own" in said and not out.exists()


class Hub(BaseHTTPRequestHandler):
    """OWNER/NAME with the files of a folder, as the Hub answers for small files."""

    folder: Path

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        start = "/owner/name/resolve/main/"
        name = self.path.partition("?")[0].removeprefix(start)
        file = self.folder / name
        if not self.path.startswith(start) or not file.is_file():
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = file.read_bytes()
        self.send_response(200)
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def home(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of weights of a process for which the Hub is on loopback."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("STVT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = type("OfFolder", (Hub,), {"folder": packed})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        yield tmp_path / "home" / "weights"
        server.shutdown()


@pytest.mark.parametrize("action", ["fetch", "add"])
def test_weights_come_from_the_hub(action: str, home: Path, packed: Path) -> None:
    store._fetch_from_hub.cache_clear()
    assert main(["weights", action, "hf:owner/name/edvr-s.safetensors"]) == 0
    came = home / "edvr-s.safetensors"
    assert sha256_of(came) == sha256_of(packed / came.name)
    record = read_record(came)
    assert record is not None and record.source == "hf:owner/name/edvr-s.safetensors"


@pytest.mark.parametrize("action", ["fetch", "add"])
def test_what_the_hub_does_not_have_is_one_line(
    action: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = "hf:owner/name/other.safetensors"
    assert main(["weights", action, place]) == 2
    said = capsys.readouterr().err
    assert f"{place}: the Hub gives no such file" in said and len(said.splitlines()) == 1
    assert not home.exists()


def test_weights_named_for_a_method_may_be_of_the_hub(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path("hf:owner/name/edvr-s.safetensors")
    monkeypatch.setattr(store, "_fetch_from_hub", lambda text: packed / text.rpartition("/")[2])
    assert find_weights("edvr-s", Settings(weights={"edvr-s": place})).parent == packed


def test_a_wrong_place_and_a_missing_extra_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MethodError, match="is not of the form hf:OWNER/NAME/FILE"):
        store.local_file("hf:name.safetensors")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MethodError, match=r"pip install 'stvt\[hub\]'"):
        store.local_file("hf:owner/name/missing.safetensors")
