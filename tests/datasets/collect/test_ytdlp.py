"""Videos by yt-dlp: every failure has its class, and only what may pass is tried again."""

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest

from stvt.datasets.build.training_set import prepare_training
from stvt.datasets.build.training_video import Settings
from stvt.datasets.build.video_record import read_video_record
from stvt.datasets.collect.video_list import read_list
from stvt.datasets.collect.ytdlp import (
    DownloadFailed,
    YtdlpOptions,
    failure_class,
    fetch_video,
    missing_tools,
    search_videos,
)
from tests.datasets.build.test_training_set import film, write_video


def listed(tmp_path: Path, text: str) -> Path:
    (tmp_path / "list.csv").write_text(text)
    return tmp_path / "list.csv"


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("[youtube] x: Video unavailable. This video has been removed by the uploader", "removed"),
        ("[youtube] x: Private video. Sign in if you've been granted access", "private"),
        ("[youtube] x: Sign in to confirm you’re not a bot", "blocked"),
        ("[youtube] x: The uploader has not made this video available in your country", "blocked"),
        ("unable to download video data: HTTP Error 403: Forbidden", "blocked"),
        ("Unable to download webpage: HTTP Error 404: Not Found", "removed"),
        ("Unable to download webpage: HTTP Error 503: Service Unavailable", "network"),
        ("Unable to download webpage: <urlopen error timed out>", "network"),
        ("[youtube] x: Requested format is not available", "format"),
        ("Unsupported URL: http://x", "format"),
    ],
)
def test_failures_are_classed_by_what_is_said(message: str, kind: str) -> None:
    assert failure_class(message) == kind


class Fake:
    """Stands for yt-dlp's YoutubeDL: fails as told, then gives a video."""

    def __init__(self, video: Path | None, failures: list[str], options: dict[str, Any]) -> None:
        self.video, self.failures, self.options = video, failures, options

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def extract_info(self, url: str, download: bool) -> dict[str, Any]:
        if self.failures:
            raise RuntimeError(self.failures.pop(0))
        if download and self.video:
            Path(self.options["outtmpl"]["default"].replace("%(ext)s", "mkv")).write_bytes(
                self.video.read_bytes()
            )
        return {"entries": [{"id": "abcdefghij1", "title": "a, b", "duration": 9.0}]}


def test_only_what_the_network_did_is_tried_again(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mkv", film(4))
    waits: list[float] = []
    failures = ["read timed out", "Connection reset"]
    make = partial(Fake, video, failures)
    file = fetch_video("http://x/y", tmp_path / "at", YtdlpOptions(), make, waits.append)
    assert file.read_bytes() == video.read_bytes() and waits == [2, 4]
    make = partial(Fake, video, ["Private video", "never asked"])
    with pytest.raises(DownloadFailed) as told:
        fetch_video("http://x/y", tmp_path / "at", YtdlpOptions(), make, waits.append)
    assert told.value.kind == "private" and len(waits) == 2


def test_a_search_writes_a_list_that_can_be_read(tmp_path: Path) -> None:
    text = search_videos("slow motion", 1, YtdlpOptions(), partial(Fake, None, []))
    (video,) = read_list(listed(tmp_path, text))
    assert video.name == "abcdefghij1"


def test_the_options_reach_yt_dlp() -> None:
    options = YtdlpOptions(
        "best", "c.txt", "firefox", 3, 1000, "http://p", ("node:/x/node",)
    ).for_ytdlp()
    wanted = {"cookiefile": "c.txt", "cookiesfrombrowser": ("firefox",), "sleep_interval": 3}
    wanted |= {"ratelimit": 1000, "proxy": "http://p", "js_runtimes": {"node": {"path": "/x/node"}}}
    assert options.items() >= wanted.items()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert [line.split()[0] for line in missing_tools()] == ["yt-dlp", "no"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and its address on loopback."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_videos_come_over_http_and_what_is_gone_is_in_the_ledger(
    tmp_path: Path, served: tuple[Path, str]
) -> None:
    pytest.importorskip("yt_dlp")
    folder, address = served
    write_video(folder / "clip.mkv", film())
    path = listed(tmp_path, f"video\n{address}/clip.mkv\n{address}/gone.mkv\n")
    settings = Settings(min_rate="24", clip_frames=24, min_frames=12, min_side=32)
    transfer = YtdlpOptions(pause=0, tries=1)
    for again in (False, True):
        outcome = prepare_training(
            "set", tmp_path, clips_list=path, settings=settings, transfer=transfer
        )
        assert (outcome.clips, len(outcome.failures)) == (1, 1)
        assert outcome.unchanged == 2 * again  # what was removed stays so: it is not asked for
    record = read_video_record(tmp_path / "set", "gone")
    assert record is not None and (record.outcome, record.failure) == ("failed", "removed")
    assert "gone,failed,removed" in (tmp_path / "set" / "ledger.csv").read_text()
    assert not list((tmp_path / "set" / ".transfer").glob("*"))
