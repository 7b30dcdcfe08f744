"""Fetching from servers that misbehave in every way that was seen, and some more."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import types
import zlib
from pathlib import Path
from typing import Any

import pytest

from stvt.core.download import Expected, FetchOptions, Unavailable, fetch, git_blob
from stvt.core.errors import DownloadError
from stvt.core.partial_file import Origin, PartialFile
from tests.core.conftest import FILE
from tests.lying_server import QUOTA, Act, Server

SHA256 = hashlib.sha256(FILE).hexdigest()
KNOWN = Expected(sha256=SHA256)
UNKNOWN = Expected()
HALF = len(FILE) // 2


Pauses = list[float]


def got(target: Path, *urls: str, expected: Expected = UNKNOWN, **options: Any) -> Pauses:
    """Fetch, which must succeed and leave nothing else; the pauses that were made."""
    pauses: Pauses = []
    check = options.pop("check", None)
    chosen = FetchOptions(pause=pauses.append, **options)
    sha256, source = fetch(urls, target, expected, check=check, options=chosen)
    assert (sha256, target.read_bytes()) == (SHA256, FILE)
    assert source in urls
    assert list(target.parent.iterdir()) == [target]
    return pauses


def refusal(target: Path, *urls: str, expected: Expected = UNKNOWN, **options: Any) -> str:
    """Fetch, which must fail in one line and put nothing at the target; that line."""
    with pytest.raises(Unavailable) as caught:
        check = options.pop("check", None)
        chosen = FetchOptions(pause=lambda _: None, **options)
        fetch(urls, target, expected, check=check, options=chosen)
    assert not target.exists() and "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_comes_with_its_hash_and_its_progress(server: Server, target: Path) -> None:
    seen: list[tuple[int, int | None, str]] = []
    assert got(target, server.url("f"), progress=lambda *step: seen.append(step)) == []
    assert seen[-1] == (len(FILE), len(FILE), "net.pth")
    assert [step[0] for step in seen] == sorted(step[0] for step in seen)


def test_a_dropped_connection_is_taken_up_where_it_dropped(server: Server, target: Path) -> None:
    url = server.url("f", Act(cut=70_000), Act(cut=500_000), Act())
    assert len(got(target, url)) == 2
    assert server.ranges == ["", "bytes=70000-", "bytes=570000-"]


def test_a_server_that_drops_before_answering_is_asked_again(server: Server, target: Path) -> None:
    got(target, server.url("f", Act(cut=0), Act(status=503), Act(status=500), Act()))
    assert len(server.asked) == 4


def test_pauses_grow_and_heed_the_server_and_end(server: Server, target: Path) -> None:
    busy = Act(status=429, headers={"Retry-After": "7"})
    assert got(target, server.url("f", Act(status=503), busy, Act(status=503), Act())) == [1, 7, 4]
    assert got(
        target, server.url("g", Act(status=503, headers={"Retry-After": "9999"}), Act())
    ) == [60]
    target.unlink()
    assert "HTTP 503 Service Unavailable (4 attempts)" in refusal(
        target, server.url("h", Act(status=503))
    )


def test_a_server_that_ignores_ranges_gives_the_file_from_its_start(
    server: Server, target: Path
) -> None:
    got(target, server.url("f", Act(cut=HALF), Act(ranges=False)))
    assert server.ranges == ["", f"bytes={HALF}-"]


def test_a_server_that_gives_another_range_is_not_believed(server: Server, target: Path) -> None:
    got(target, server.url("f", Act(cut=HALF), Act(shift=10), Act()))
    assert server.ranges == ["", f"bytes={HALF}-", ""]


def test_a_server_that_ignores_ranges_and_always_drops_is_given_up(
    server: Server, target: Path
) -> None:
    text = refusal(target, server.url("f", Act(cut=HALF, ranges=False)))
    assert f"the connection ended after {HALF} of {len(FILE)} bytes (5 attempts)" in text


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_web_page_in_place_of_the_file_is_known(server: Server, target: Path, kind: str) -> None:
    page = Act(content=QUOTA, headers={"Content-Type": kind})
    text = refusal(target, server.url("f", page))
    assert "a web page came" in text and "quota" in text
    assert len(server.asked) == 1 and not list(target.parent.iterdir())
    got(target, server.url("g", page), server.url("h"))


def test_a_web_page_in_the_middle_leaves_what_came_before(server: Server, target: Path) -> None:
    page = Act(content=QUOTA, headers={"Content-Type": "text/html"}, ranges=False)
    url = server.url("f", Act(cut=HALF), page, Act())
    assert "a web page" in refusal(target, url)
    got(target, url)
    assert server.ranges == ["", f"bytes={HALF}-", f"bytes={HALF}-"]


def test_a_claimed_length_that_is_too_long_is_seen_through(server: Server, target: Path) -> None:
    long = Act(says=len(FILE) + 1000)
    got(target, server.url("f", long))  # it then says: no more
    target.unlink()
    got(target, server.url("g", Act(says=len(FILE) + 1000, ranges=False)), expected=KNOWN)
    assert f"ended after {len(FILE)} of {len(FILE) + 1000} bytes" in refusal(
        target.with_name("other"), server.url("h", Act(says=len(FILE) + 1000, ranges=False))
    )


def test_a_claimed_length_that_is_too_short_does_not_pass_for_the_file(
    server: Server, target: Path
) -> None:
    short = Act(says=HALF)
    assert "it is another file: its sha256" in refusal(
        target, server.url("f", short), expected=KNOWN
    )
    sized = Expected(size=len(FILE))
    assert f"the connection ended after {HALF} of {len(FILE)} bytes" in refusal(
        target, server.url("g", Act(says=HALF, ranges=False)), expected=sized
    )
    got(target, server.url("h", short, Act()), expected=sized)


def test_a_file_cut_short_unnoticed_is_caught_by_who_reads_it(server: Server, target: Path) -> None:
    def check(file: Path) -> None:
        if file.read_bytes() != FILE:
            raise DownloadError(f"net: {file} is damaged")

    text = refusal(target, server.url("f", Act(says="", cut=HALF)), check=check)
    assert "net: what came is damaged" in text
    assert not list(target.parent.iterdir())
    got(target, server.url("g", Act(says="")), check=check)


def test_more_than_the_file_is_not_taken(server: Server, target: Path) -> None:
    url = server.url("f", Act(content=FILE * 2))
    text = refusal(target, url, expected=Expected(size=len(FILE)))
    assert f"sends more than {len(FILE)} bytes" in text
    assert "cannot be" in refusal(target, server.url("g", Act(says=1 << 50)))


def test_a_wrong_hash_never_gets_into_place_and_the_next_source_is_asked(
    server: Server, target: Path
) -> None:
    other = FILE[:-1] + b"!"
    wrong = server.url("f", Act(content=other))
    assert hashlib.sha256(other).hexdigest() in refusal(target, wrong, expected=KNOWN)
    assert not list(target.parent.iterdir())
    got(target, wrong, server.url("gone", Act(status=404)), server.url("g"), expected=KNOWN)
    assert [path for path, _ in server.asked] == ["f", "f", "gone", "g"]


def test_hashes_may_be_given_by_their_start_or_as_gits(server: Server, target: Path) -> None:
    blob = hashlib.sha1(b"blob %d\0" % len(FILE) + FILE).hexdigest()
    got(target, server.url("f"), expected=Expected(sha256=SHA256[:8], git_blob=blob))
    assert git_blob(target) == blob
    target.unlink()
    assert "starts with 00000000" in refusal(
        target, server.url("f"), expected=Expected(sha256="0" * 8)
    )
    assert "git blob" in refusal(target, server.url("f"), expected=Expected(git_blob="0" * 40))


def test_every_source_that_failed_is_said(server: Server, target: Path) -> None:
    urls = [server.url("a", Act(status=404)), server.url("b", Act(status=403)), "ftp://x/y"]
    text = refusal(target, *urls)
    assert f"{urls[0]}: HTTP 404 Not Found; {urls[1]}: HTTP 403 Forbidden; ftp://x/y: only" in text
    assert "no address is known" in refusal(target)
    assert "refused" in refusal(target, "http://127.0.0.1:1/f")


def test_a_host_that_does_not_exist_is_asked_for_once(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def nowhere(host: str, *_: Any, **__: Any) -> None:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    monkeypatch.setenv("no_proxy", "*")
    assert "its host is not found" in refusal(target, "http://weights.invalid/f")
    assert asked == ["weights.invalid"]


def test_a_silent_server_is_left(server: Server, target: Path) -> None:
    url = server.url("f", Act(cut=HALF, stalls=True), Act())
    got(target, url, timeout=0.1)
    assert server.stalled.is_set() and len(server.asked) > 1


# What an earlier run left


def leave_half(target: Path, url: str, content: bytes = FILE, **origin: Any) -> None:
    mark = {"validator": f'"{zlib.crc32(FILE):x}"'}
    with PartialFile(target) as part:
        part.begin(Origin(url, **(mark | origin)))
        part.write(content[:HALF])


def test_a_newer_file_at_the_same_address_is_not_glued_to_the_old_one(
    server: Server, target: Path
) -> None:
    url = server.url("f", Act(headers={"ETag": '"new"'}))
    leave_half(target, url, bytes(len(FILE)), validator='"old"', total=len(FILE))
    got(target, url)
    assert server.ranges == [f"bytes={HALF}-"]  # which the server did not heed
    target.unlink()
    leave_half(target, url, validator='"new"', total=len(FILE) - 5)
    got(target, url)
    assert server.ranges[1:] == [f"bytes={HALF}-", ""]


def test_a_part_from_elsewhere_is_continued_only_if_the_hash_will_tell(
    server: Server, target: Path
) -> None:
    leave_half(target, "http://elsewhere/f")
    got(target, server.url("f"), expected=KNOWN)
    target.unlink()
    leave_half(target, "http://elsewhere/f")
    got(target, server.url("f"))
    assert server.ranges == [f"bytes={HALF}-", ""]


def test_a_damaged_part_is_fetched_anew(server: Server, target: Path) -> None:
    url = server.url("f")
    leave_half(target, url)
    part = target.with_name(".net.pth.part")
    part.write_bytes(b"?" + part.read_bytes()[1:])
    got(target, url, expected=KNOWN)
    assert server.ranges == [f"bytes={HALF}-", ""]
    target.unlink()
    leave_half(target, url)
    with part.open("ab") as opened:
        opened.write(FILE)  # longer than the file
    got(target, url, expected=KNOWN)


@pytest.mark.skipif(os.name != "posix", reason="needs kill -9")
def test_a_killed_fetch_goes_on_where_it_was(server: Server, target: Path) -> None:
    url = server.url("f", Act(cut=HALF, stalls=True), Act())
    program = (
        "from pathlib import Path; from stvt.core.download import Expected, fetch\n"
        f"fetch([{url!r}], Path({str(target)!r}), Expected())"
    )
    process = subprocess.Popen([sys.executable, "-P", "-c", program])
    part = target.with_name(".net.pth.part")
    try:
        assert server.stalled.wait(30)
        while part.stat().st_size < HALF:
            server.ended.wait(0.01)
        with pytest.raises(DownloadError, match="is being fetched by another process"):
            fetch([url], target, UNKNOWN)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not target.exists() and part.stat().st_size == HALF
    got(target, url)
    assert server.ranges == ["", f"bytes={HALF}-"]


def test_a_part_that_was_whole_when_the_kill_came_is_only_moved(
    server: Server, target: Path
) -> None:
    url = server.url("f")
    leave_half(target, url)
    with PartialFile(target) as part:
        part.write(FILE[HALF:])
    got(target, url)
    assert server.ranges == [f"bytes={len(FILE)}-"]


# The disk


def test_a_disk_that_is_too_small_is_said_before_it_is_full(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "shutil.disk_usage", lambda _: types.SimpleNamespace(free=len(FILE), used=0, total=0)
    )
    with pytest.raises(DownloadError, match="1 MiB are still to come and .* has 1 MiB free; make"):
        fetch([server.url("f")], target, UNKNOWN)
    assert not list(target.parent.iterdir())


def test_a_folder_that_cannot_be_written_is_said(server: Server, tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("a file")
    with pytest.raises(DownloadError, match=r"cannot write .*net.pth.part"):
        fetch([server.url("f")], tmp_path / "weights" / "net.pth", UNKNOWN)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_disk_that_fills_up_is_said(target: Path) -> None:
    with PartialFile(target) as part, open("/dev/full", "ab", buffering=0) as full:
        own, part._handle = part._handle, full
        with pytest.raises(DownloadError, match="No space left"):
            part.write(b"x")
        part._handle = own


# Proxies and Google Drive


def test_the_environments_proxy_is_used(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.address)
    monkeypatch.setenv("no_proxy", "")
    url = "http://weights.invalid/f"
    server.acts[url[1:]] = [Act()]  # a proxy is asked for the whole address
    got(target, url)
    assert server.asked == [(url[1:], "")]


DRIVE = "https://drive.google.com/file/d/1abc-_X"


def with_gdown(monkeypatch: pytest.MonkeyPatch, content: bytes | Exception | None) -> None:
    def download(*, id: str, output: str, quiet: bool, resume: bool) -> str | None:
        assert (id, quiet, resume) == ("1abc-_X", True, True)
        if isinstance(content, Exception):
            raise content
        if content is None:
            return None
        Path(output).write_bytes(content)
        return output

    module = types.ModuleType("gdown")
    vars(module)["download"] = download
    monkeypatch.setitem(sys.modules, "gdown", module)


def test_google_drive_is_asked_through_gdown(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_gdown(monkeypatch, FILE)
    got(target, DRIVE, expected=KNOWN)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (QUOTA, "a web page came"),
        (None, "Google Drive gave no file"),
        (RuntimeError("Cannot retrieve the public link\nof the file."), "the public link of the"),
        (FILE[:-1], "it is another file"),
    ],
    ids=["page", "nothing", "error", "other"],
)
def test_what_google_drive_gives_in_place_of_the_file_is_said(
    target: Path, monkeypatch: pytest.MonkeyPatch, content: Any, said: str
) -> None:
    with_gdown(monkeypatch, content)
    assert said in refusal(target, DRIVE, expected=KNOWN)
    assert not list(target.parent.iterdir())


def test_without_gdown_the_extra_is_named(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gdown", None)
    assert f"{DRIVE}: Google Drive needs gdown; type pip install 'stvt[drive]'" in refusal(
        target, DRIVE
    )
    got(target, DRIVE, server.url("f"))
