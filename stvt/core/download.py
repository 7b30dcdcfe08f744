"""Fetching a large file from servers that drop connections, misstate lengths and send web pages.

What has come is kept beside the target (see `PartialFile`), so that another attempt, or another
run after a kill, continues it: where the server's mark of the version, or a hash that is known,
shows that the rest belongs to it. Nothing gets the target's name before it is whole and checked.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import DownloadError, StvtError
from .formatting import LONGEST, plain
from .opener import Pace, Refused, drive_key, fetch_by_gdown, opener
from .partial_file import Origin, PartialFile
from .progress import Progress

Check = Callable[[Path], object]

TRIES = 4  # in a row that bring nothing new, of each source
MOST_TRIES = 200  # of each source
TIMEOUT = 30.0  # seconds without a byte
LONGEST_PAUSE = 60.0  # seconds
LEAST_RATE = 100  # bytes a second, on average over a timeout; less is as good as nothing
BLOCK = 1 << 18
SNIFFED = 512  # bytes by which a web page is known
SPARE_BYTES = 16 << 20  # that stay free on the disk
PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers after which trying again helps
PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml|head|!--)", re.IGNORECASE)
A_PAGE = "a web page came in place of the file (a quota, a log-in, or the file is gone)"


class Unavailable(DownloadError):
    """No source gives the file; the message says of each why not."""


class Dropped(Exception):
    """What went wrong this time, and how many seconds the server asks for before the next."""

    def __init__(self, reason: str, wait: float = 0) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class FetchOptions:
    """How files are fetched.

    timeout:    seconds without a byte after which a connection counts as lost.
    rate:       bytes a second at most; None for as fast as they come.
    cookies:    a file of cookies as browsers' extensions and curl write it (Netscape's format).
    most_bytes: of a file whose size is not known.
    mirrors:    addresses to ask before the published ones.
    progress:   called with the bytes that have come.
    say:        called with what the user should know beforehand.
    pause:      waits between attempts, so many seconds.
    """

    timeout: float = TIMEOUT
    rate: int | None = None
    cookies: Path | None = None
    most_bytes: int = 256 << 30
    mirrors: tuple[str, ...] = ()
    progress: Progress | None = None
    say: Callable[[str], None] | None = None
    pause: Callable[[float], None] = time.sleep


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


def insecure(source: str, expected: Expected) -> str:
    """That nothing would show a change of the file on its way, "" if something would."""
    if not source.lower().startswith("http://") or expected.is_identifying:
        return ""
    return (
        f"{source} is plain http and no hash of the file is known: nothing would show that it was "
        "changed on its way"
    )


def fetch(
    sources: Sequence[str],
    target: Path,
    expected: Expected,
    *,
    check: Check | None = None,
    options: FetchOptions | None = None,
) -> tuple[str, str]:
    """Put the file of the first source that gives it at `target`; its sha256 and that source.

    check: raises StvtError for a file that is not what is wanted, before it is in its place.

    Proxies are those of the environment (https_proxy and so on). Raises Unavailable if no source
    gives it, DownloadError if the disk does not take it or another process is fetching it.
    """
    reasons, options = [], options or FetchOptions()
    with PartialFile(target) as part:
        for source in sources:
            if options.say is not None and (warning := insecure(source, expected)):
                options.say(plain(warning, LONGEST))
            try:
                sha256 = _checked(source, part, expected, check, options)
            except Refused as error:
                reasons.append(f"{source}: {plain(error, LONGEST)}")
                continue
            part.move()
            return sha256, source
    raise Unavailable("; ".join(reasons) or "no address is known to fetch it from")


def _checked(
    source: str,
    part: PartialFile,
    expected: Expected,
    check: Check | None,
    options: FetchOptions,
) -> str:
    """Complete the part from one source, and once more from its start if what was there is bad."""
    while True:
        continued = part.have > 0
        if key := drive_key(source):
            _bring_from_drive(key, part, options)
        else:
            _bring(source, part, expected, options)
        fault = expected.fault(part.file, part.sha256)
        if fault is None and check is not None:
            try:
                check(part.file)
            except StvtError as error:
                fault = str(error).replace(str(part.file), "what came")
        if fault is None:
            return part.sha256
        part.restart()
        if not continued or key:
            raise Refused(fault)


def _bring_from_drive(key: str, part: PartialFile, options: FetchOptions) -> None:
    landing = part.target.with_name(f".{part.target.name}.drive")
    fetch_by_gdown(key, landing, quiet=options.progress is None, rate=options.rate)
    with landing.open("rb") as opened:
        head = opened.read(SNIFFED)
    if PAGE.match(head):
        landing.unlink()
        raise Refused(A_PAGE)
    part.adopt(landing)


def _bring(source: str, part: PartialFile, expected: Expected, options: FetchOptions) -> None:
    """Continue the part to its end, trying again as long as that brings more of it."""
    if not source.lower().startswith(("http://", "https://")):
        raise Refused("only http and https addresses are fetched")
    most, fruitless = part.have, 0
    for attempt in range(1, MOST_TRIES + 1):
        known = part.origin.validator and part.origin.source == source
        if not (known or expected.is_identifying):
            part.restart()  # the file may be another one by now, and nothing would tell
        try:
            _request(source, part, expected, options)
            return
        except Dropped as error:
            if expected.is_identifying and expected.fault(part.file, part.sha256) is None:
                return  # it is whole, whatever length the server claims
            fruitless = 0 if part.have > most else fruitless + 1
            most = max(most, part.have)
            if fruitless == TRIES or attempt == MOST_TRIES:
                raise Refused(f"{error} ({attempt} attempts)") from error
            options.pause(min(max(2**fruitless / 2, error.wait), LONGEST_PAUSE))


def _request(source: str, part: PartialFile, expected: Expected, options: FetchOptions) -> None:
    """One request, for what is missing; Dropped if that does not complete the part."""
    headers = {"User-Agent": "stvt", "Accept-Encoding": "identity"}
    if part.have:
        headers["Range"] = f"bytes={part.have}-"
        if part.origin.validator and part.origin.source == source:
            headers["If-Range"] = part.origin.validator
    least = min(LEAST_RATE, (options.rate or 2 * LEAST_RATE) / 2)
    pace = Pace(options.timeout, least)
    try:
        request = urllib.request.Request(source, headers=headers)
        with opener(options.cookies, pace).open(request, timeout=options.timeout) as answer:
            total = _begin(answer, source, part, expected, options.most_bytes)
            _receive(answer, total, part, expected, options, pace)
    except urllib.error.HTTPError as error:
        with closing(error):
            _judge_error(error, part)
    except (ValueError, http.client.InvalidURL) as error:  # an address, length or chunk of nonsense
        raise Refused(f"its address or answer makes no sense ({str(error)[:100]})") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise Refused(f"its certificate is not trusted ({reason.verify_message})") from error
        if isinstance(reason, socket.gaierror) and reason.errno == socket.EAI_NONAME:
            raise Refused("its host is not found") from error
        raise Dropped(str(reason) or type(reason).__name__) from error


def _begin(
    answer: Any, source: str, part: PartialFile, expected: Expected, most_bytes: int
) -> int | None:
    """Make the part such that the body of the answer continues it; bytes in all, if told."""
    headers = answer.headers
    if headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise Refused(A_PAGE)
    if headers.get("Content-Encoding", "identity") != "identity":
        raise Refused(f"it comes compressed ({headers['Content-Encoding']})")
    tag = headers.get("ETag", "")
    validator = tag if tag.startswith('"') else headers.get("Last-Modified", "")
    if answer.chunked:  # a size of a chunk that is wrong makes a file of what is none
        validator = ""
    if answer.status == 206:
        total = _total_of_range(headers.get("Content-Range", ""), part.have)
        same_source = part.origin.source == source
        other_total = same_source and part.origin.total not in (None, total)
        other_version = not same_source or validator != part.origin.validator
        if total == -1 or other_total or (other_version and not expected.is_identifying):
            part.restart()
            raise Dropped("another part of the file came than was asked for")
    elif answer.status == 200:
        if part.have:
            part.restart()  # the server ignores ranges, or the file is a newer one
        lengths = set(headers.get_all("Content-Length", []))
        if len(lengths) > 1 or not all(re.fullmatch("[0-9]{1,18}", text) for text in lengths):
            raise Refused(f"its answer makes no sense (Content-Length {', '.join(lengths)[:99]})")
        total = int(lengths.pop()) if lengths and not answer.chunked else None
    else:
        raise Refused(f"HTTP {answer.status} {answer.reason}")
    if (total or 0) > most_bytes:
        raise Refused(f"it says that it has {total} bytes, which cannot be")
    part.begin(Origin(source, validator, total))
    missing = (expected.size or total or 0) - part.have
    free = shutil.disk_usage(part.file.parent).free
    if free < missing + SPARE_BYTES:
        raise DownloadError(
            f"{missing >> 20} MiB are still to come and {part.file.parent} has {free >> 20} MiB "
            "free; make room, or choose another folder (--root, or STVT_HOME for weights)"
        )
    return total


def _total_of_range(content_range: str, start: int) -> int | None:
    """Bytes of the whole file, None if not told; -1 for another range than from `start` on."""
    match = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)", content_range)
    if not match or int(match[1]) != start:
        return -1
    return None if match[2] == "*" else int(match[2])


def _receive(
    answer: Any,
    total: int | None,
    part: PartialFile,
    expected: Expected,
    options: FetchOptions,
    pace: Pace,
) -> None:
    limit, begun, head = expected.size or options.most_bytes, time.monotonic(), b""
    is_start = part.have == 0
    block_size = BLOCK if options.rate is None else max(1, min(BLOCK, options.rate // 4))
    while block := answer.read1(block_size):
        pace.came += len(block)
        if is_start and len(head) < SNIFFED:
            head += block
            if PAGE.match(head):
                part.restart()
                raise Refused(A_PAGE)
        part.write(block)
        if options.rate is not None:
            time.sleep(max(0.0, begun + pace.came / options.rate - time.monotonic()))
        if options.progress is not None:
            options.progress(part.have, expected.size or total, part.target.name)
        if part.have > limit:
            part.restart()
            raise Refused(f"it sends more than {limit} bytes")
    wanted = expected.size or total
    if wanted is not None and part.have < wanted:
        raise Dropped(f"the connection ended after {part.have} of {wanted} bytes")


def _judge_error(error: urllib.error.HTTPError, part: PartialFile) -> None:
    """Judge an answer that is an error; returns if it says that the part is whole."""
    status = f"HTTP {error.code} {error.reason}"
    if error.code == 416 and part.have:
        if error.headers.get("Content-Range", "") == f"bytes */{part.have}":
            return
        part.restart()
        raise Dropped(status)
    if error.code in PASSING:
        wait = error.headers.get("Retry-After", "")
        raise Dropped(status, float(wait) if re.fullmatch("[0-9]{1,9}", wait) else 0)
    raise Refused(status)
