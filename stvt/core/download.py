"""Fetching a large file from servers that drop connections, misstate lengths and send web pages.

What has come is kept beside the target (see `Partial`), so that another attempt, or another run
after a kill, continues it. Nothing gets the target's name before it is whole and checked.
"""

from __future__ import annotations

import hashlib
import http.client
import http.cookiejar
import re
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from .errors import DownloadError, StvtError
from .partial_file import Origin, Partial

Progress = Callable[[int, int | None, str], None]  # bytes done, in all, of what
Check = Callable[[Path], object]
Pause = Callable[[float], None]

TRIES = 4  # in a row that bring nothing new, of each source
MOST_TRIES = 200  # of each source
MOST_BYTES = 4 << 30  # of a file whose size is not known
TIMEOUT = 30.0  # seconds without a byte
LONGEST_PAUSE = 60.0  # seconds
LEAST_RATE = 100  # bytes a second, on average over a timeout; less is as good as nothing
BLOCK = 1 << 18
SNIFFED = 512  # bytes by which a web page is known
SPARE_BYTES = 16 << 20  # that stay free on the disk
PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers after which trying again helps
DRIVE = re.compile(r"https://drive\.google\.com/file/d/([\w-]+)")
PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml|head|!--)", re.IGNORECASE)
A_PAGE = "a web page came in place of the file (a quota, a log-in, or the file is gone)"


class Unavailable(DownloadError):
    """No source gives the file; the message says of each why not."""


class Refused(Exception):
    """Why a source will not give the file, however often it is asked."""


class Dropped(Exception):
    """What went wrong this time, and how many seconds the server asks for before the next."""

    def __init__(self, reason: str, wait: float = 0) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class Manner:
    """How files are fetched.

    timeout:    seconds without a byte after which a connection counts as lost.
    rate:       bytes a second at most; None for as fast as they come.
    cookies:    a file of cookies as browsers' extensions and curl write it (Netscape's format).
    most_bytes: of a file whose size is not known.
    certain:    continue a part only where the server's mark of the version or a known hash shows
                that the rest belongs to it; else begin again.
    """

    timeout: float = TIMEOUT
    rate: int | None = None
    cookies: Path | None = None
    most_bytes: int = MOST_BYTES
    certain: bool = False


@dataclass(frozen=True)
class Expected:
    """What is known of a file before it comes: size, sha256 or how it starts, git's hash of it."""

    size: int | None = None
    sha256: str = ""
    git_blob: str = ""

    @property
    def is_identifying(self) -> bool:
        return bool(self.sha256 or self.git_blob)

    def fault(self, file: Path, sha256: str) -> str | None:
        """How a file, whose sha256 is given, is not this one; None if it may be."""
        size = file.stat().st_size
        if self.size is not None and size != self.size:
            return f"it has {size} bytes, not {self.size}"
        if not sha256.startswith(self.sha256):
            starts = "" if len(self.sha256) == 64 else "one that starts with "
            return f"it is another file: its sha256 is {sha256}, not {starts}{self.sha256}"
        if self.git_blob and git_blob(file) != self.git_blob:
            return f"it is another file: its git blob hash is not {self.git_blob}"
        return None


def git_blob(file: Path) -> str:
    """The hash that git knows a file by."""
    digest = hashlib.sha1(f"blob {file.stat().st_size}\0".encode(), usedforsecurity=False)
    with file.open("rb") as opened:
        while block := opened.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def fetch(
    sources: Sequence[str],
    target: Path,
    expected: Expected,
    *,
    check: Check | None = None,
    progress: Progress | None = None,
    pause: Pause = time.sleep,
    timeout: float = TIMEOUT,
    manner: Manner | None = None,
) -> tuple[str, str]:
    """Put the file of the first source that gives it at `target`; its sha256 and that source.

    check: raises StvtError for a file that is not what is wanted, before it is in its place.
    pause: waits between attempts, so many seconds.
    manner: in the place of `timeout`, and more.

    Proxies are those of the environment (https_proxy and so on). Raises Unavailable if no source
    gives it, DownloadError if the disk does not take it or another process is fetching it.
    """
    reasons = []
    manner = manner or Manner(timeout=timeout)
    with Partial(target) as part:
        for source in sources:
            try:
                sha256 = _checked(source, part, expected, check, progress, pause, manner)
            except Refused as error:
                reasons.append(f"{source}: {_printable(str(error))}")
                continue
            part.move()
            return sha256, source
    raise Unavailable("; ".join(reasons) or "no address is known to fetch it from")


def _checked(
    source: str,
    part: Partial,
    expected: Expected,
    check: Check | None,
    progress: Progress | None,
    pause: Pause,
    manner: Manner,
) -> str:
    """Complete the part from one source, and once more from its start if what was there is bad."""
    while True:
        continued = part.have > 0
        drive = DRIVE.match(source)
        if drive is not None:
            _bring_from_drive(drive[1], part, quiet=progress is None, rate=manner.rate)
        else:
            _bring(source, part, expected, progress, pause, manner)
        fault = expected.fault(part.file, part.sha256)
        if fault is None and check is not None:
            try:
                check(part.file)
            except StvtError as error:
                fault = str(error).replace(str(part.file), "what came")
        if fault is None:
            return part.sha256
        part.restart()
        if not continued or drive is not None:
            raise Refused(fault)


def _printable(text: str) -> str:
    """What a server said, in one line and without control characters, which a terminal obeys."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https, but not from https to http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        safe = ("https://",) if req.type == "https" else ("http://", "https://")
        if not newurl.lower().startswith(safe):
            raise Refused(f"it redirects to {newurl}, and from {req.type} that is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _bring(
    source: str,
    part: Partial,
    expected: Expected,
    progress: Progress | None,
    pause: Pause,
    manner: Manner,
) -> None:
    """Continue the part to its end, trying again as long as that brings more of it."""
    if not source.startswith(("http://", "https://")):
        raise Refused("only http and https addresses are fetched")
    if part.origin.source != source and not expected.is_identifying:
        part.restart()  # it may be a part of another file
    most, fruitless = part.have, 0
    for attempt in range(1, MOST_TRIES + 1):
        try:
            if manner.certain and not (expected.is_identifying or part.origin.validator):
                part.restart()  # the file may be another one by now, and nothing would tell
            _transfer(source, part, expected, progress, manner)
            return
        except Dropped as error:
            if expected.is_identifying and expected.fault(part.file, part.sha256) is None:
                return  # it is whole, whatever length the server claims
            fruitless = 0 if part.have > most else fruitless + 1
            most = max(most, part.have)
            if fruitless == TRIES or attempt == MOST_TRIES:
                raise Refused(f"{error} ({attempt} attempts)") from error
            pause(min(max(2**fruitless / 2, error.wait), LONGEST_PAUSE))


def _transfer(
    source: str, part: Partial, expected: Expected, progress: Progress | None, manner: Manner
) -> None:
    """One request, for what is missing; Dropped if that does not complete the part."""
    headers = {"User-Agent": "stvt", "Accept-Encoding": "identity"}
    if part.have:
        headers["Range"] = f"bytes={part.have}-"
        if part.origin.validator and part.origin.source == source:
            headers["If-Range"] = part.origin.validator
    try:
        request = urllib.request.Request(source, headers=headers)
        # A new one, for it reads the environment's proxies.
        opener = urllib.request.build_opener(_Redirects, *_with_cookies(manner.cookies))
        with opener.open(request, timeout=manner.timeout) as answer:
            total = _begin(answer, source, part, expected, manner.most_bytes)
            _receive(answer, total, part, expected, progress, manner)
    except urllib.error.HTTPError as error:
        with error:
            _not_given(error, part)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise Refused(f"its certificate is not trusted ({reason.verify_message})") from error
        if isinstance(reason, socket.gaierror) and reason.errno == socket.EAI_NONAME:
            raise Refused("its host is not found") from error
        raise Dropped(str(reason) or type(reason).__name__) from error
    except ValueError as error:  # a location, length, range or chunk size that is none
        raise Refused(f"its answer makes no sense ({str(error)[:100]})") from error


def _with_cookies(file: Path | None) -> list[urllib.request.BaseHandler]:
    """What sends the cookies of a file, and takes those that servers set meanwhile."""
    if file is None:
        return []
    jar = http.cookiejar.MozillaCookieJar(file)
    try:
        jar.load(ignore_discard=True, ignore_expires=True)
    except (OSError, UnicodeDecodeError) as error:  # LoadError is an OSError
        raise DownloadError(f"{file} cannot be read as a file of cookies: {error}") from error
    for cookie in jar:
        if cookie.expires == 0:  # how curl and others write those that last for a session
            cookie.expires = None
    return [urllib.request.HTTPCookieProcessor(jar)]


def _begin(
    answer: Any, source: str, part: Partial, expected: Expected, most_bytes: int
) -> int | None:
    """Make the part such that the body of the answer continues it; bytes in all, if told."""
    headers = answer.headers
    if headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise Refused(A_PAGE)
    if headers.get("Content-Encoding", "identity") != "identity":
        raise Refused(f"it comes compressed ({headers['Content-Encoding']})")
    if answer.status == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
        total = int(found[2]) if found and found[2] != "*" else None
        earlier = part.origin.total if part.origin.source == source else None
        if not found or int(found[1]) != part.have or (earlier and total and earlier != total):
            part.restart()
            raise Dropped("another part of the file came than was asked for")
    else:
        if part.have:
            part.restart()  # the server ignores ranges, or the file is a newer one
        length = headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() and not answer.chunked else None
    if (total or 0) > most_bytes:
        raise Refused(f"it says that it has {total} bytes, which cannot be")
    tag = headers.get("ETag", "")
    validator = tag if tag.startswith('"') else headers.get("Last-Modified", "")
    part.begin(Origin(source, validator, total))
    missing = (expected.size or total or 0) - part.have
    free = shutil.disk_usage(part.file.parent).free
    if free < missing + SPARE_BYTES:
        raise DownloadError(
            f"{missing >> 20} MiB are still to come and {part.file.parent} has {free >> 20} MiB "
            "free; make room, or choose another folder (--root, or STVT_HOME for weights)"
        )
    return total


def _receive(
    answer: Any,
    total: int | None,
    part: Partial,
    expected: Expected,
    progress: Progress | None,
    manner: Manner,
) -> None:
    limit = expected.size or manner.most_bytes
    begun, came = time.monotonic(), 0
    block_size = BLOCK if manner.rate is None else max(1, min(BLOCK, manner.rate // 4))
    least = LEAST_RATE if manner.rate is None else min(LEAST_RATE, manner.rate / 2)
    checked, counted = begun, 0
    sniffing = not part.have
    head = b""
    while block := answer.read1(block_size):
        came += len(block)
        if time.monotonic() - checked > manner.timeout:
            if came - counted < least * (time.monotonic() - checked):
                raise Refused(f"it sends less than {least:g} bytes a second")
            checked, counted = time.monotonic(), came
        if sniffing:
            head += block
            if PAGE.match(head):
                raise Refused(A_PAGE)
            sniffing = len(head) < SNIFFED
        part.write(block)
        if manner.rate is not None:
            time.sleep(max(0.0, begun + came / manner.rate - time.monotonic()))
        if progress is not None:
            progress(part.have, expected.size or total, part.target.name)
        if part.have > limit:
            part.restart()
            raise Refused(f"it sends more than {limit} bytes")
    wanted = expected.size or total
    if wanted is not None and part.have < wanted:
        raise Dropped(f"the connection ended after {part.have} of {wanted} bytes")


def _not_given(error: urllib.error.HTTPError, part: Partial) -> None:
    """Judge an answer that is an error; returns if it says that the part is whole."""
    said = f"HTTP {error.code} {error.reason}"
    if error.code == 416 and part.have:
        if error.headers.get("Content-Range", "") == f"bytes */{part.have}":
            return
        part.restart()
        raise Dropped(said)
    if error.code in PASSING:
        wait = error.headers.get("Retry-After", "")
        raise Dropped(said, float(wait) if wait.isdecimal() else 0)
    raise Refused(said)


def _bring_from_drive(key: str, part: Partial, *, quiet: bool, rate: int | None) -> None:
    """Have the part be a file of Google Drive, by `gdown`, which knows its warning pages."""
    try:
        gdown = import_module("gdown")
    except ImportError as error:
        raise Refused("Google Drive needs gdown; type pip install 'stvt[drive]'") from error
    landing = part.target.with_name(f".{part.target.name}.drive")
    pace = {} if rate is None else {"speed": rate}
    try:
        gdown.download(id=key, output=str(landing), quiet=quiet, resume=True, **pace)
    except Exception as error:  # its own, those of requests, of bs4, of the file system
        raise Refused(f"{str(error)[:200] or type(error).__name__}") from error
    if not landing.is_file():
        raise Refused("Google Drive gave no file (too many have fetched it lately, or it is gone)")
    with landing.open("rb") as opened:
        head = opened.read(SNIFFED)
    if PAGE.match(head):
        landing.unlink()
        raise Refused(A_PAGE)
    part.adopt(landing)
