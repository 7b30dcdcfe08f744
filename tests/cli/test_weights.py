"""`stvt weights`: what it prints, what it asks, how it ends."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from stvt.baselines.edvr.network import EDVR
from stvt.baselines.registry import CHECKPOINTS
from stvt.baselines.spec import Checkpoint
from stvt.baselines.weights.load import initialise
from stvt.cli.main import main
from tests.lying_server import Act, Server, serving


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of weights, and nobody at the keyboard."""
    monkeypatch.setenv("STVT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return tmp_path / "home" / "weights"


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of EDVR-M's weights, with as few blocks as there can be."""
    module = EDVR(extract_blocks=1, reconstruction_blocks=1)
    initialise(module)
    file = tmp_path_factory.mktemp("made") / "net.pth"
    torch.save(module.state_dict(), file)
    return file.read_bytes()


@pytest.fixture
def server(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """It publishes the checkpoint `test`."""
    with serving(content) as served:
        known = Checkpoint(
            *("edvr-m", "net.pth", "https://page", 13_000_000, "none stated", "no resale"),
            sources=(served.url("net.pth"),),
        )
        monkeypatch.setitem(CHECKPOINTS, "test", known)
        yield served


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def weights(capsys: pytest.CaptureFixture[str]) -> Run:
    """weights("list", ...): what the command prints, and its exit code."""

    def run(*arguments: str | Path) -> Ended:
        code = main(["weights", *map(str, arguments)])
        return Ended(code, *capsys.readouterr())

    return run


def at_the_keyboard(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    typed = io.StringIO(answer)
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", typed)


def test_the_list_has_every_checkpoint_and_what_is_here(weights: Run, home: Path) -> None:
    listed = weights("list")
    lines = {line.split()[0]: line for line in listed.out.splitlines() if line.strip()}
    assert listed.code == 0 and set(CHECKPOINTS) <= set(lines) and str(home) in listed.out
    assert "124 MB" in lines["stvun"] and "drive.google.com" in lines["stvun"]
    assert " yes " not in lines["dain"] and "by hand" in lines["fisr_pwcnet"]
    home.mkdir(parents=True)
    (home / "DAIN.pth").touch()
    assert " yes " in weights("list").out


def test_all_about_one_is_told(weights: Run) -> None:
    told = weights("list", "pwcnet", "fisr").out
    for said in ("CC BY-NC-SA 4.0", "raw.githubusercontent.com", "formal permission"):
        assert said in told
    unknown = weights("list", "no")
    assert unknown.code == 2 and "no checkpoint is called 'no'" in unknown.err


def test_nothing_is_fetched_before_its_terms_are_accepted(
    weights: Run, server: Server, home: Path
) -> None:
    ended = weights("fetch", "test")
    assert (ended.code, ended.out, len(ended.err.splitlines())) == (2, "", 1)
    assert "no resale" in ended.err and "`stvt weights fetch test --accept`" in ended.err
    assert not server.asked and not home.exists()


def test_accepted_terms_are_shown_once_and_recorded(
    weights: Run, server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = weights("fetch", "test", "--accept")
    assert ended.code == 0 and "no resale" in ended.err and str(home / "net.pth") in ended.out
    kept = json.loads((home / "terms.json").read_text())
    assert kept["test"]["terms"] == "licence: none stated; terms: no resale"
    assert len(kept["test"]["accepted"]) == len("2020-01-31")
    (home / "net.pth").unlink()
    again = weights("fetch", "test")
    assert again.code == 0 and "resale" not in again.err and (home / "net.pth").is_file()
    monkeypatch.setitem(CHECKPOINTS, "test", replace(CHECKPOINTS["test"], terms="none at all"))
    assert weights("fetch", "test").code == 2  # they are other terms


def test_someone_at_the_keyboard_is_asked(
    weights: Run, server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_keyboard(monkeypatch, "\n")
    no = weights("fetch", "test")
    assert no.code == 2 and "[y/N]" in no.err and "not fetched" in no.err and not home.exists()
    at_the_keyboard(monkeypatch, "yes\n")
    assert weights("fetch", "test").code == 0 and (home / "net.pth").is_file()


def test_the_rest_is_fetched_when_one_cannot_be(weights: Run, server: Server, home: Path) -> None:
    ended = weights("fetch", "fisr_pwcnet", "test", "--accept")
    lines = [line for line in ended.err.splitlines() if line.startswith("stvt weights: ")]
    note, line = sorted(lines, key=lambda line: "note: " not in line)
    assert "is plain http and no hash of the file is known" in note
    assert ended.code == 2 and "pwcnet.ckpt-595000" in line and (home / "net.pth").is_file()
    assert weights("fetch", "test", "no", "--accept").code == 2


def test_a_file_can_come_from_another_place(weights: Run, server: Server, home: Path) -> None:
    url = server.url("mirror/other.pth")
    server.url("net.pth", Act(status=404))
    gone = weights("fetch", "test", "--accept")
    assert gone.code == 2 and f"put the file here: {home / 'net.pth'}" in gone.err
    assert weights("fetch", "test", "--from", url).code == 0
    assert "--from is for one" in weights("fetch", "test", "dain", "--from", url).err


def test_a_file_is_added_and_verified_and_a_change_is_noticed(
    weights: Run, content: bytes, tmp_path: Path, home: Path
) -> None:
    (tmp_path / "mine.pth").write_bytes(content)
    assert "there are no weights" in weights("verify").out
    added = weights("add", tmp_path / "mine.pth")
    assert added.code == 0 and f"edvr-m: {home / 'edvr-m.pth'}" in added.out
    assert "is now remembered" in weights("verify").out
    assert "computes what it did" in weights("verify", "edvr-m").out
    with (home / "edvr-m.pth").open("r+b") as opened:
        opened.seek(len(content) // 2)
        opened.write(b"\x00\x01\x02\x03")
    changed = weights("verify")
    assert changed.code == 2 and "it is another file: its sha256" in changed.err
    assert len(changed.err.splitlines()) == 1
    wrong = weights("add", tmp_path / "mine.pth", "--as", "dain")
    assert wrong.code == 2 and "is not of this network" in wrong.err
    assert weights("add", tmp_path / "mine.pth").code == 2
    assert weights("add", tmp_path / "mine.pth", "--replace").code == 0
    assert weights("verify").code == 0


def test_a_checkpoint_of_a_part_of_fisr_is_refused_in_one_line(
    weights: Run, shared: Path, tmp_path: Path
) -> None:
    folder = shared / "golden" / "fisr" / "checkpoint"
    ended = weights("convert", "fisr", folder, "--out", tmp_path / "out.safetensors")
    assert (ended.code, ended.out, len(ended.err.splitlines())) == (2, "", 1)
    assert "228 of 276 are missing: FISRnet/level_1/enc" in ended.err
    assert not (tmp_path / "out.safetensors").exists()
    advised = weights("add", folder / "FISRnet-122000.index")
    assert advised.code == 2 and "`stvt weights convert fisr " in advised.err
