"""yt-dlp: videos from where they are published, and a search for them; imported where it is used."""

from __future__ import annotations

import csv
import importlib
import importlib.util
import io
import logging
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DatasetError
from .video_list import COLUMNS, FOR_READERS

# The picture alone, in one file: sound is of no use, and joining files would need ffmpeg.
FORMAT = "bestvideo/best"
TRIES = 3
RUNTIMES = ("deno", "node", "bun", "quickjs")
# What yt-dlp and the sites say, in lower case; the first pattern that a message has tells the class.
CLASSES = {
    "format": "requested format|no video formats|unsupported url|not a valid url",
    "private": "private video|members-only|join this channel|granted access",
    "blocked": "not a bot|confirm your age|in your country|geo.restrict|http error (403|429)|rate-limit"
    "|too many requests|drm|login required|sign in|captcha",
    "network": "timed out|timeout|connection|getaddrinfo|name resolution|incomplete|http error 5|ssl|"
    "bytes read|network|remote end closed|resolve|name or service not known|no route|try again",
    "removed": "video unavailable|been removed|no longer available|terminated|http error (404|410)|"
    "does not exist|is unavailable|not available",
}
_SILENT = logging.getLogger(f"{__name__}.silent")  # errors come as exceptions
_SILENT.disabled = True
TRIED_AGAIN = ("network", "blocked")  # by the next `prepare`; within one only "network"


class DownloadFailed(DatasetError):
    """A video could not be downloaded; `kind` is removed, private, blocked, network, format or hash."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(kind, message)
        self.kind, self.message = kind, message

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class YtdlpOptions:
    """The options of downloading videos by yt-dlp.

    cookies: a file in Netscape's format; browser: to take cookies from ("firefox").
    pause:   seconds between two videos; rate: bytes a second at most.
    runtime: JavaScript runtimes that yt-dlp may use, "node" or "node:/usr/bin/node".
    """

    format: str = FORMAT
    cookies: str | None = None
    browser: str | None = None
    pause: float = 2.0
    rate: int | None = None
    proxy: str | None = None
    runtimes: tuple[str, ...] = ()
    tries: int = TRIES

    def for_ytdlp(self) -> dict[str, Any]:
        """The options under yt-dlp's own names."""
        settings: dict[str, Any] = {
            "format": self.format,
            "noplaylist": True,
            "quiet": True,
            "noprogress": True,
            "no_warnings": True,
            "logger": _SILENT,
            "retries": self.tries,
            "continuedl": True,
            "socket_timeout": 30,
            # A page may have hooks of a user's own configuration; what is made must not depend on it.
            "ignoreconfig": True,
        }
        if self.cookies:
            settings["cookiefile"] = self.cookies
        if self.browser:
            settings["cookiesfrombrowser"] = (self.browser,)
        if self.pause:
            settings |= {"sleep_interval": self.pause, "max_sleep_interval": 2 * self.pause}
            settings["sleep_interval_requests"] = self.pause / 4
        if self.rate:
            settings["ratelimit"] = self.rate
        if self.proxy:
            settings["proxy"] = self.proxy
        chosen = self.runtimes or [name for name in RUNTIMES if shutil.which(name)]
        if chosen:
            pairs = [name.partition(":") for name in chosen]
            runtimes = {name: {"path": path} if path else {} for name, _, path in pairs}
            settings["js_runtimes"] = runtimes
        return settings


def failure_class(message: str) -> str:
    """The class of a failure, by its message.

    >>> failure_class("ERROR: [youtube] x: Private video. Sign in if you've been granted access")
    'private'
    >>> failure_class("HTTP Error 404: Not Found"), failure_class("Requested format is not available")
    ('removed', 'format')
    """
    text = message.lower()
    return next((name for name, phrases in CLASSES.items() if re.search(phrases, text)), "format")


def fetch_video(
    url: str,
    folder: Path,
    options: YtdlpOptions,
    make: Callable[[dict[str, Any]], Any] | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Path:
    """The file of the video at `url`, in `folder`, which holds nothing else; goes on where it stopped.

    make: makes what yt-dlp's YoutubeDL is.
    Raises DownloadFailed, with its class; what the network did is tried `options.tries` times.
    """
    make = make or _youtube_dl()
    folder.mkdir(parents=True, exist_ok=True)
    settings = options.for_ytdlp() | {"outtmpl": {"default": str(folder / "video.%(ext)s")}}
    for attempt in range(1, options.tries + 1):
        try:
            with make(settings) as downloader:
                downloader.extract_info(url, download=True)
            break
        except OSError:
            raise
        except Exception as error:  # yt-dlp's extractors raise whatever a page makes them
            failed = _failed(url, error)
            if failed.kind != "network" or attempt == options.tries:
                raise failed from error
            wait(2.0**attempt)
    files = [file for file in folder.iterdir() if file.suffix not in (".part", ".ytdl")]
    if len(files) != 1:
        raise DownloadFailed("format", f"{url}: format: {len(files)} files came instead of one")
    return files[0]


def search_videos(
    query: str,
    most: int,
    options: YtdlpOptions,
    make: Callable[[dict[str, Any]], Any] | None = None,
) -> str:
    """A list of candidates, as CSV, for a person to watch, cut and prune: nothing in it is checked."""
    make = make or _youtube_dl()
    settings = options.for_ytdlp() | {"extract_flat": True, "noplaylist": False}
    try:
        with make(settings) as downloader:
            info = downloader.extract_info(f"ytsearch{most}:{query}", download=False) or {}
    except Exception as error:  # as above
        raise _failed("search", error) from error
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, *FOR_READERS))
    for entry in info.get("entries") or ():
        fields = [entry.get(key) for key in ("title", "channel", "duration")]
        cells = ["" if cell is None else " ".join(str(cell).split()) for cell in fields]
        writer.writerow([entry.get("id", ""), *[""] * (len(COLUMNS) - 1), *cells, ""])
    return text.getvalue()


def _failed(what: str, error: Exception) -> DownloadFailed:
    message = " ".join(str(error).split()).removeprefix("ERROR: ")[:300]
    kind = failure_class(message)
    return DownloadFailed(kind, f"{what}: {kind}: {message}")


def missing_tools() -> list[str]:
    """The tools for downloading videos that this machine lacks, a line each."""
    missing: list[str] = []
    for module, what in (
        ("yt_dlp", "yt-dlp is not installed"),
        ("yt_dlp_ejs", "yt-dlp lacks its scripts for YouTube (yt-dlp-ejs)"),
    ):
        if not missing and importlib.util.find_spec(module) is None:
            missing.append(f"{what}: pip install 'stvt[train-data]'")
    if not any(shutil.which(name) for name in RUNTIMES):
        missing.append(f"no JavaScript runtime for yt-dlp; install one of {', '.join(RUNTIMES)}")
    return missing


def _youtube_dl() -> Callable[[dict[str, Any]], Any]:
    try:
        youtube_dl: Callable[[dict[str, Any]], Any] = importlib.import_module("yt_dlp").YoutubeDL
    except ImportError as error:
        raise DatasetError(
            f"videos are transferred by yt-dlp: pip install 'stvt[train-data]' ({error})"
        ) from error
    return youtube_dl
