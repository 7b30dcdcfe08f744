"""How an address is opened: redirects that stay safe, cookies, an end to servers that drip, and
`gdown`, which knows Google Drive's warning pages."""

from __future__ import annotations

import http.client
import http.cookiejar
import io
import re
import time
import urllib.request
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from .errors import DownloadError

_DRIVE = re.compile(r"https://drive\.google\.com/file/d/([\w-]+)")


class Refused(Exception):
    """Why a source will not give the file, however often it is asked."""


class Pace:
    """A watch over how much of a file comes; headers and all else that is sent count as nothing.

    came: bytes of the file so far; who receives them counts.
    Raises Refused when called after `seconds` in which less than `least` bytes a second came.
    """

    def __init__(self, seconds: float, least: float) -> None:
        self.seconds, self.least = seconds, least
        self.came = self._counted = 0
        self._since = time.monotonic()

    def __call__(self) -> None:
        elapsed = time.monotonic() - self._since
        if elapsed > self.seconds:
            if self.came - self._counted < self.least * elapsed:
                raise Refused(f"it sends less than {self.least:g} bytes a second")
            self._since, self._counted = time.monotonic(), self.came


def opener(cookies: Path | None, pace: Pace) -> urllib.request.OpenerDirector:
    """What opens one address; proxies are those of the environment at this moment.

    cookies: a file of them in Netscape's format.
    """
    handlers = [_Redirects(), _Http(pace), _Https(pace)]
    return urllib.request.build_opener(*handlers, *_with_cookies(cookies))


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https, but not from https to http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        from_https = req.full_url.lower().startswith("https:")
        if not newurl.lower().startswith("https://" if from_https else ("https://", "http://")):
            kind = "https" if from_https else "http"
            raise Refused(f"it redirects to {newurl}, and from {kind} that is not followed")
        fp.close()  # or its body would be read, whatever its size
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _PacedReader(io.RawIOBase):
    """The bytes of a connection while its pace is kept."""

    def __init__(self, raw: io.RawIOBase, pace: Pace) -> None:
        self._raw, self._pace = raw, pace

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._pace()
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Paced(urllib.request.AbstractHTTPHandler):
    """Opens connections whose answers, from their first line on, keep the pace."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace = pace

    def do_open(
        self, http_class: Callable[..., Any], req: urllib.request.Request, **options: Any
    ) -> http.client.HTTPResponse:
        def answer(*arguments: Any, **more: Any) -> http.client.HTTPResponse:
            response = http.client.HTTPResponse(*arguments, **more)
            response.fp = io.BufferedReader(_PacedReader(response.fp.detach(), self._pace))
            return response

        def connect(*arguments: Any, **more: Any) -> Any:
            connection = http_class(*arguments, **more)
            connection.response_class = answer
            return connection

        return super().do_open(connect, req, **options)


class _Http(_Paced, urllib.request.HTTPHandler):
    pass


class _Https(_Paced, urllib.request.HTTPSHandler):
    pass


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


def drive_key(source: str) -> str | None:
    """The key of a file of Google Drive, None of another address."""
    match = _DRIVE.match(source)
    return match[1] if match else None


def addresses(source: str) -> list[str]:
    """Where a source can be asked for: a file of Google Drive directly, which can be continued
    after a break, and by `gdown`, which knows more of the pages that Drive may send instead.

    >>> addresses("https://example.org/x.zip")
    ['https://example.org/x.zip']
    """
    if (key := drive_key(source)) is None:
        return [source]
    direct = "https://drive.usercontent.google.com/download"
    return [f"{direct}?id={key}&export=download&confirm=t", source]


def fetch_by_gdown(key: str, landing: Path, *, quiet: bool, rate: int | None) -> None:
    """Have a file of Google Drive at `landing`. Raises Refused if it does not come."""
    try:
        gdown = import_module("gdown")
    except ImportError as error:
        raise Refused("Google Drive needs gdown; type pip install 'stvt[drive]'") from error
    pace = {} if rate is None else {"speed": rate}
    try:
        gdown.download(id=key, output=str(landing), quiet=quiet, resume=True, **pace)
    except Exception as error:  # its own, those of requests, of bs4, of the file system
        raise Refused(f"{str(error)[:200] or type(error).__name__}") from error
    if not landing.is_file():
        raise Refused("Google Drive gave no file (too many have fetched it lately, or it is gone)")
