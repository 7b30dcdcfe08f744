"""Servers that mean harm, or answer nonsense: one line each, soon, and nothing joined wrongly."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from stvt.core.download import Expected, insecure
from stvt.core.formatting import LONGEST, plain
from stvt.core.opener import Refused, _Redirects
from tests.core.conftest import FILE
from tests.core.test_download import HALF, KNOWN, UNKNOWN, got, leave_half, refusal
from tests.lying_server import Act, Server


def test_without_a_mark_of_the_version_two_of_them_are_never_joined(
    server: Server, target: Path
) -> None:
    old, new = Act(cut=HALF, content=bytes(len(FILE)), marked=False), Act(marked=False)
    got(target, server.url("f", old, new))
    assert server.ranges == ["", ""]


def test_a_server_that_heeds_no_if_range_joins_no_versions(server: Server, target: Path) -> None:
    """It gives the range of the version that it has by now."""
    half = FILE[HALF:]
    head = f"HTTP/1.1 206 OK\r\nContent-Range: bytes {HALF}-{len(FILE) - 1}/{len(FILE)}\r\n"
    for mark in ("", 'ETag: "new"\r\n'):
        raw = f"{head}{mark}Content-Length: {len(half)}\r\n\r\n".encode() + half
        old = Act(cut=HALF, content=bytes(len(FILE)), headers={"ETag": '"old"'})
        got(target, server.url("f", old, Act(raw=raw), Act()))
        assert server.ranges == ["", f"bytes={HALF}-", ""]
        target.unlink()
        server.asked.clear()


def answer(*headers: str, body: bytes = b"hello", status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body


CHUNKED = "Transfer-Encoding: chunked"
NONSENSE = {
    "location": answer("Location: http://[::1", status="302 Found"),
    "location of another kind": answer("Location: ftp://127.0.0.1/f", status="302 Found"),
    "location on the disk": answer("Location: file:///etc/hostname", status="302 Found"),
    "location with spaces": answer("Location: http://127.0.0.1:1/a b\tc", status="302 Found"),
    "no location": answer(status="302 Found"),
    "length of 5000 digits": answer("Content-Length: " + "9" * 5000),
    "length of 4000 digits": answer("Content-Length: " + "9" * 4000),
    "negative length": answer("Content-Length: -5"),
    "length of letters": answer("Content-Length: five"),
    "two lengths": answer("Content-Length: 5", "Content-Length: 4"),
    "range of 5000 digits": answer("Content-Range: bytes 0-4/" + "9" * 5000, status="206 OK"),
    "range of letters": answer("Content-Range: bytes a-b/c", status="206 OK"),
    "range of nothing": answer(status="206 OK"),
    "negative chunk": answer(CHUNKED, body=b"-5\r\nhello\r\n0\r\n\r\n"),
    "chunk of letters": answer(CHUNKED, body=b"five\r\nhello\r\n0\r\n\r\n"),
    "chunk of 5000 digits": answer(CHUNKED, body=b"9" * 5000 + b"\r\nhello\r\n"),
    "long line": answer(CHUNKED, body=b"5;" + b"x" * 70_000),
    "no status": b"HTTP/1.1 abc\r\n\r\n",
    "no answer": b"\0" * 1000,
    "another status": answer(status="204 No Content", body=b""),
    "many headers": answer(*(f"X-{k}: y" for k in range(200))),
    "always continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    "retry after nonsense": answer("Retry-After: " + "9" * 5000, status="503 No"),
    "command to the terminal": answer(status="404 \x1b[31m"),
    "compressed": answer("Content-Encoding: \x1b[31m"),
    "a range that is not there": answer("Content-Range: bytes */x", status="416 No"),
}


@pytest.mark.parametrize("kind", NONSENSE)
@pytest.mark.parametrize("begun", [False, True])
def test_answers_that_make_no_sense_are_one_line(
    server: Server, target: Path, kind: str, *, begun: bool
) -> None:
    url = server.url("f", Act(raw=NONSENSE[kind]))
    if begun:
        leave_half(target, url)
    text = refusal(target, url)
    assert server.address in text and text.isprintable() and len(text) < 1000


def test_a_redirection_in_a_circle_has_an_end(server: Server, target: Path) -> None:
    url = server.url("f", Act(raw=answer("Location: /f", status="302 Found")))
    text = refusal(target, url)
    assert "infinite loop" in text and text.isprintable()


def test_what_a_broken_chunk_brought_is_not_continued(server: Server, target: Path) -> None:
    broken = answer(CHUNKED, 'ETag: "1"', body=b"3\r\nabc\r\n-5\r\nhello" + bytes(5000))
    got(target, server.url("f", Act(raw=broken), Act(headers={"ETag": '"1"'})))
    assert server.ranges == ["", ""]


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 9999,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 9999,
        answer("Content-Length: 9999", body=bytes(9999)),
        answer("Location: /f", "Content-Length: 9999", body=bytes(9999), status="302 Found"),
        answer(CHUNKED, body=b"1;" + b"x" * 9999),
        answer(CHUNKED, body=b"0\r\n" + b"x: y\r\n" * 9999),
    ],
    ids=["header", "continue", "body", "redirect", "chunk", "trailer"],
)
def test_a_drip_has_an_end(server: Server, target: Path, raw: bytes) -> None:
    text = refusal(target, server.url("f", Act(raw=raw, drips=0.02)), timeout=0.2)
    assert "less than 100 bytes a second" in text or "HTTP 302" in text


def test_a_slow_server_is_waited_for(server: Server, target: Path) -> None:
    raw = answer("Content-Length: 2000000", body=b"")
    got(target, server.url("f", Act(raw=raw + FILE)), timeout=0.2, rate=4_000_000)


def test_https_is_not_left_for_http() -> None:
    request = urllib.request.Request("https://example.org/f")
    with pytest.raises(Refused, match="http://example.org/f"):
        _Redirects().redirect_request(request, None, 302, "", {}, "http://example.org/f")


def test_what_a_server_says_cannot_command_the_terminal() -> None:
    assert plain("No\x1b[31m\nfile", LONGEST) == "No[31m file"


@pytest.mark.parametrize(
    ("source", "expected", "said"),
    [
        ("http://example.org/f", UNKNOWN, True),
        ("HTTP://example.org/f", Expected(size=9), True),
        ("http://example.org/f", KNOWN, False),
        ("https://example.org/f", UNKNOWN, False),
    ],
)
def test_plain_http_without_a_hash_is_said(source: str, expected: Expected, *, said: bool) -> None:
    assert (source in insecure(source, expected)) is said


def test_it_is_said_before_anything_is_asked(server: Server, target: Path) -> None:
    told: list[int] = []
    got(target, server.url("f"), say=lambda _: told.append(len(server.asked)))
    assert told == [0]
