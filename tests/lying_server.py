"""A file server on loopback that misbehaves as told, for tests of fetching."""

from __future__ import annotations

import re
import socket
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

QUOTA = b"<!DOCTYPE html><html><body>Sorry, too many users have viewed this file.</body></html>"


@dataclass(frozen=True)
class Act:
    """How a request is answered.

    status:  other than 200 and 206: with no file.
    ranges:  whether a range that is asked for is given.
    shift:   how many bytes before what is asked for a range begins.
    cut:     how many bytes of the body are sent before the connection drops.
    says:    the length that is claimed in the place of the true one; "" claims none.
    content: in the place of the file.
    stalls:  after `cut` bytes the connection stays open and silent.
    marked:  whether an ETag of the content is sent, if `headers` have none.
    raw:     sent as it is in the place of everything.
    drips:   a byte of `raw` at a time, with so many seconds between them.
    """

    status: int = 200
    ranges: bool = True
    shift: int = 0
    cut: int | None = None
    says: int | str | None = None
    content: bytes | None = None
    stalls: bool = False
    marked: bool = True
    raw: bytes | None = None
    drips: float = 0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """acts: of each path, for one request after the other; the last one stays."""

    address: str
    file: bytes
    acts: dict[str, list[Act]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)  # path, range
    stalled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str, *acts: Act) -> str:
        self.acts[path] = list(acts) or [Act()]
        return f"{self.address}/{path}"

    @property
    def ranges(self) -> list[str]:
        return [asked for _, asked in self.asked]


@contextmanager
def serving(file: bytes) -> Iterator[Server]:
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    listening.daemon_threads = True
    served = Server(f"http://127.0.0.1:{listening.server_port}", file)
    _Handler.served = served
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.ended.set()
        listening.shutdown()
        listening.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Server

    def do_GET(self) -> None:
        acts = self.served.acts.get(self.path[1:], [Act(status=404)])
        act = acts.pop(0) if len(acts) > 1 else acts[0]
        asked = self.headers.get("Range", "")
        self.served.asked.append((self.path[1:], asked))
        self.close_connection = True
        with suppress(OSError):  # who asked may have left
            self._answer(act, asked)

    def _answer(self, act: Act, asked: str) -> None:
        if act.raw is not None:
            step = 1 if act.drips else len(act.raw)
            for place in range(0, len(act.raw), step):
                self.wfile.write(act.raw[place : place + step])
                if act.drips and self.served.ended.wait(act.drips):
                    return
            return
        whole = self.served.file if act.content is None else act.content
        headers = dict(act.headers)
        if act.marked and act.status == 200:
            headers.setdefault("ETag", f'"{zlib.crc32(whole):x}"')
        start, status = 0, act.status
        found = re.fullmatch(r"bytes=(\d+)-", asked)
        stale = self.headers.get("If-Range", headers.get("ETag")) != headers.get("ETag")
        if act.ranges and status == 200 and found and not stale:
            start, status = int(found[1]) - act.shift, 206
            if start >= len(whole):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(whole)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        body = whole[start:] if status in (200, 206) else b"no"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        length = len(body) if act.says is None else act.says
        if length != "":
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body[: act.cut])
        self.wfile.flush()
        if act.stalls:
            self.served.stalled.set()
            self.served.ended.wait(20)
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        pass
