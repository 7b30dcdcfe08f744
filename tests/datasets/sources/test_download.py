"""Published archives: they come whole or not at all, whatever the server does on the way."""

from __future__ import annotations

import io
import types
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.cli.main import main
from stvt.core.download import FetchOptions
from stvt.core.opener import addresses
from stvt.datasets import DATASETS, DatasetError, Recipe, prepare
from stvt.datasets.frames import encode_png
from stvt.datasets.recipes.recipe import Published
from stvt.datasets.sources.download import disk_space
from tests.lying_server import QUOTA, Act, Server, serving

NOISE = np.random.default_rng(5).integers(0, 256, (3, 96, 128, 3), np.uint8)


def archive(frames: NDArray[np.uint8]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        for index, frame in enumerate(frames):
            opened.writestr(f"known/a/{index:04d}.png", encode_png(frame))
    return packed.getvalue()


FILE, OTHER = archive(NOISE), archive(255 - NOISE)
HALF = len(FILE) // 2
TAGGED = {"ETag": '"one"'}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(FILE) as served:
        yield served


@pytest.fixture
def know(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recipe]:
    """know(url, ...): makes `known` a set of that name, one scene of three frames."""

    def make(*urls: str, **options: object) -> Recipe:
        file = Published("known.zip", urls, **options)  # type: ignore[arg-type]
        recipe = Recipe("known", "", {"a": 3}, "a licence", "somebody", get="known.zip", file=file)
        monkeypatch.setitem(DATASETS, "known", recipe)
        return recipe

    return make


def fetch(**options: Any) -> FetchOptions:
    return FetchOptions(pause=lambda _: None, **options)


def right(root: Path, fetch: FetchOptions) -> None:
    """Prepare, which must end with the archive in its place and the set prepared."""
    assert prepare("known", root, fetch=fetch).prepared == ["a"]
    assert (root / ".fetched" / "known.zip").read_bytes() == FILE
    assert [file.name for file in (root / ".fetched").iterdir()] == ["known.zip"]
    assert sorted(file.name for file in root.iterdir()) == [".fetched", "known"]


def refusal(root: Path, fetch: FetchOptions) -> str:
    """Prepare, which must fail in one line, with nothing in the archive's place; that line."""
    with pytest.raises(DatasetError) as caught:
        prepare("known", root, fetch=fetch)
    assert "\n" not in str(caught.value)
    assert not (root / ".fetched" / "known.zip").exists()
    assert not (root / "known").exists()
    return str(caught.value)


def test_a_server_that_drops_is_asked_for_the_rest(
    server: Server, know: Callable[..., Recipe], tmp_path: Path
) -> None:
    act = Act(headers=TAGGED)
    know(server.url("f", replace(act, cut=5000), replace(act, cut=9000), act))
    right(tmp_path, fetch())
    assert server.ranges == ["", "bytes=5000-", "bytes=14000-"]


def test_a_server_that_stalls_is_left_and_asked_again(
    server: Server, know: Callable[..., Recipe], tmp_path: Path
) -> None:
    know(server.url("f", Act(cut=HALF, stalls=True, headers=TAGGED), Act(headers=TAGGED)))
    right(tmp_path, fetch(timeout=0.1))
    assert server.stalled.is_set()


def test_a_server_that_always_truncates_is_one_line(
    server: Server, know: Callable[..., Recipe], tmp_path: Path
) -> None:
    know(server.url("f", Act(cut=HALF, ranges=False)))
    line = refusal(tmp_path, fetch())
    assert f"the connection ended after {HALF} of {len(FILE)} bytes" in line
    assert "by hand: get known.zip, then type `stvt prepare known --source PATH`" in line


def test_a_file_cut_short_without_a_word_is_damaged_and_said_to_be(
    server: Server, know: Callable[..., Recipe], tmp_path: Path
) -> None:
    know(server.url("f", Act(says="", cut=HALF)))
    with pytest.raises(DatasetError, match="known.zip: is damaged"):
        prepare("known", tmp_path, fetch=fetch())
    know(server.url("g", Act(says="", cut=HALF, marked=False)), size=len(FILE))
    assert "the connection ended after" in refusal(tmp_path / "sized", fetch())


def test_a_redirection_is_followed_and_a_circle_is_not(
    server: Server, know: Callable[..., Recipe], tmp_path: Path
) -> None:
    to = server.url("f")
    know(server.url("r", Act(status=302, headers={"Location": to})))
    right(tmp_path, fetch())
    circle = server.url("c")
    server.acts["c"] = [Act(status=302, headers={"Location": circle})]
    know(circle)
    assert "HTTP 302" in refusal(tmp_path / "circle", fetch())


@pytest.mark.parametrize("marks", [{}, TAGGED], ids=["no mark", "a mark"])
def test_a_file_that_changes_between_two_requests_is_not_glued(
    marks: dict[str, str], server: Server, know: Callable[..., Recipe], tmp_path: Path
) -> None:
    before = Act(content=OTHER, cut=HALF, headers=marks, marked=False)
    now = Act(headers={"ETag": '"two"'} if marks else {}, marked=False)
    know(server.url("f", before, now))
    right(tmp_path, fetch())


def test_a_wrong_hash_never_gets_into_place(
    server: Server, know: Callable[..., Recipe], tmp_path: Path
) -> None:
    wrong = server.url("wrong", Act(content=OTHER))
    know(wrong, sha256=sha256(FILE).hexdigest())
    assert "it is another file: its sha256 is" in refusal(tmp_path, fetch())
    assert list(tmp_path.iterdir()) == []
    know(wrong, server.url("right"), sha256=sha256(FILE).hexdigest())
    right(tmp_path, fetch())


def test_what_is_no_archive_never_gets_into_place(
    server: Server, know: Callable[..., Recipe], tmp_path: Path
) -> None:
    know(server.url("f", Act(content=QUOTA)), server.url("g", Act(content=b"hello" * 99)))
    line = refusal(tmp_path, fetch())
    assert "a web page came" in line and "is no archive" in line
    assert list(tmp_path.iterdir()) == []


def test_room_on_the_disk_is_asked_for_first(
    server: Server, know: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(server.url("f"), about=5_000_000)
    usage = types.SimpleNamespace(free=4_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert "needs about 5.0 MB" in refusal(tmp_path, fetch())
    assert server.asked == []
    assert disk_space(DATASETS["sintel"])["prepared"] == pytest.approx(0.9e9, rel=0.05)


def test_the_rate_is_kept(server: Server, know: Callable[..., Recipe], tmp_path: Path) -> None:
    slept: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stvt.core.download.time.sleep", slept.append)
        know(server.url("f"))
        right(tmp_path, fetch(rate=10_000))
    assert max(slept) == pytest.approx(len(FILE) / 10_000, rel=0.1)  # nothing really slept


def test_cookies_are_sent(server: Server, know: Callable[..., Recipe], tmp_path: Path) -> None:
    jar = tmp_path / "cookies.txt"
    jar.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tkey\tvalue\n")
    seen: list[str | None] = []

    know(server.url("f"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("http.server.BaseHTTPRequestHandler.log_request", watched_by(seen))
        right(tmp_path / "root", fetch(cookies=jar))
    assert seen == ["key=value"]
    jar.write_text("no cookies")
    know(server.url("g"))
    assert "cannot be read as a file of cookies" in refusal(tmp_path / "b", fetch(cookies=jar))


def watched_by(seen: list[str | None]) -> Callable[..., None]:
    def log_request(handler: object, *_: object) -> None:
        seen.append(getattr(handler, "headers", {}).get("Cookie"))

    return log_request


def test_google_drive_is_asked_directly_and_then_by_gdown() -> None:
    first, second = addresses("https://drive.google.com/file/d/1abc-_X")
    assert first.startswith("https://drive.usercontent.google.com/download?id=1abc-_X&")
    assert second == "https://drive.google.com/file/d/1abc-_X"


# The command


def test_the_command_fetches_prepares_and_shows_the_terms_once(
    server: Server,
    know: Callable[..., Recipe],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path / "home"))
    know("http://127.0.0.1:1/gone")
    command = ["prepare", "known", "--root", str(tmp_path / "data")]
    assert main([*command, "--from", server.url("f")]) == 0
    told = capsys.readouterr()
    assert "known: 1 scenes prepared" in told.out
    assert "known: licence: a licence; cite somebody" in told.err
    assert '"shown": "20' in (tmp_path / "home" / "datasets" / "terms.json").read_text()
    assert main(command) == 0
    told = capsys.readouterr()
    assert "1 unchanged" in told.out and "licence" not in told.err


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    know: Callable[..., Recipe], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    know("http://one.invalid/f", "http://two.invalid/f", about=2_000_000)
    command = ["prepare", "known", "--root", str(tmp_path / "data"), "--dry-run"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "would fetch known.zip (about 2.0 MB) to " in said
    assert "from http://one.invalid/f" in said and "from http://two.invalid/f" in said
    assert "sha256 not published" in said and "disk needed: archive 2.0 MB, unpacked not" in said
    (tmp_path / "f.zip").write_bytes(FILE)
    assert main([*command, "--source", str(tmp_path / "f.zip")]) == 0
    said = capsys.readouterr().out
    assert "would take 1 scenes, 3 frames of" in said and "f.zip/known" in said
    assert "unpacking" in said
    assert [file.name for file in tmp_path.iterdir()] == ["f.zip"]
