"""Every test clip through `stvt upsample`, as a user asks for it; what comes out is read by PyAV.

    STVT_SWEEP=2 pytest -s -m slow tests/upsampling/test_every_clip.py    # two seconds of each

takes that many seconds of each, of larger pictures, and prints a line for each.
"""

import io
import os
import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.cli.main import main
from stvt.datasets.video.reader import open_video
from stvt.datasets.video.timestamps import read_timestamps

SECONDS = Fraction(os.environ.get("STVT_SWEEP", "0.2"))
FULL = "STVT_SWEEP" in os.environ
# Of the middle of what is larger: on a CPU no network enlarges two seconds of high definition.
LARGEST = {"bicubic+blend": (160, 120) if FULL else (96, 64), "stvun-s": (48, 32)}
# Levels of 255 that a frame's mean may be off, and the pixels of the first, averaged back to its size:
# stvun-s sharpens, and lays pictures 3/8 of a pixel to the upper left.
SHADE, APART = {"bicubic+blend": 1.5, "stvun-s": 4.0}, {"bicubic+blend": 8.0, "stvun-s": 20.0}
UNREADABLE = [
    *("audio_only.mp4", "broken.mp4", "empty.mp4", "invalid_bitstream.webm"),
    *("malformed_free_box.mp4", "not_a_video.mp4", "truncated_no_index.mov"),
]
LINE = re.compile(r"(\d+) frames at ([\d/]+) fps \(([\d.]+) s\) from (\d+)")


@dataclass
class Read:
    """What PyAV reads of a file: of its video each frame's time, of its sound each packet."""

    stamps: list[Fraction]
    size: tuple[int, int]
    rotation: int
    aspect: Fraction
    rate: Fraction
    sound: list[list[tuple[Fraction, bytes]]] = field(default_factory=list)


def read(path: Path, stream: int, end: Fraction | None = None) -> Read:
    """end: seconds of the video, from its first frame; it is not decoded further."""
    with av.open(str(path)) as container:
        video: Any = container.streams[stream]
        stamps: list[Fraction] = []
        looked = 0, (0, 0)
        try:
            for frame in container.decode(video):
                stamp = Fraction(-1) if frame.pts is None else frame.pts * video.time_base
                looked = looked if stamps else (frame.rotation, (frame.width, frame.height))
                if end is not None and stamps and stamp - stamps[0] >= end:
                    break
                stamps.append(stamp)
        except av.FFmpegError:
            pass
        aspect = video.sample_aspect_ratio or 1
        made = Read(stamps, looked[1], looked[0] % 360, Fraction(aspect), video.average_rate)
        sounds = [one.index for one in container.streams.audio]
    made.sound = [list(packets(path, one)) for one in sounds]
    return made


def packets(path: Path, stream: int) -> Iterator[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container, suppress(av.FFmpegError):
        for packet in container.demux(container.streams[stream]):
            if packet.size and packet.pts is not None and packet.time_base is not None:
                yield packet.pts * packet.time_base, bytes(packet)


def run(*words: str | Path) -> tuple[int, str, list[str]]:
    """The exit code of `stvt upsample`, what it printed, and the lines that it said."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["upsample", *map(str, words)])
    return code, out.getvalue(), [line for line in err.getvalue().splitlines() if line.strip()]


def middle(width: int, height: int, method: str) -> tuple[int, int, int, int]:
    most = LARGEST[method]
    wide, high = min(width, most[0]), min(height, most[1])
    return wide, high, (width - wide) // 2, (height - high) // 2


def cropped(picture: NDArray[np.uint8], crop: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    width, height, x, y = crop
    return picture[y : y + height, x : x + width]


def sound_of(before: Read, after: Read, said: list[str], end: Fraction) -> str:
    """Whether the sound is the source's, packet by packet, and in time with the picture."""
    if not before.sound:
        assert not after.sound
        return "-"
    if len(after.sound) < len(before.sound):
        assert any("left out" in line for line in said), said
        return "left out, said"
    shift = after.stamps[0] - before.stamps[0]
    for was, now in zip(before.sound, after.sound, strict=True):
        wanted = [one for one in was if one[0] < before.stamps[0] + end]
        data, kept = [one for _, one in was], [one for _, one in now]
        begin = next((k for k in range(len(data)) if data[k : k + len(kept)] == kept), None)
        assert begin is not None, "sound is not the source's"
        assert begin <= 12 and abs(begin + len(now) - len(wanted)) <= 2, (
            begin,
            len(now),
            len(wanted),
        )
        apart = [abs(b - a - shift) for (a, _), (b, _) in zip(was[begin:], now, strict=False)]
        assert max(apart, default=0) < 1 / after.rate + Fraction(1, 500)
    return f"{sum(map(len, after.sound))} packets"


def check(file: Path, method: str, output: Path) -> str:
    """A line of what came out; AssertionError for what is not as it should be."""
    video = open_video(file, threads=0)
    before = read(file, int(str(video.facts["stream"])), SECONDS)
    crop = middle(video.width, video.height, method)
    words: list[str | Path] = [
        file.absolute(),
        output,
        "--method",
        method,
        "--end",
        str(float(SECONDS)),
        "--overwrite",
    ]
    words += [
        "--crop",
        ":".join(map(str, crop)),
        "--precision",
        "bf16" if "stvun" in method else "fp32",
    ]
    code, printed, said = run(*words)
    assert code == 0 or (code == 2 and any("partial" in line for line in said)), (code, said)
    found = LINE.search(printed)
    assert found, (printed, said)
    outputs, rate, frames = int(found[1]), Fraction(found[2]), int(found[4])

    after = read(output, 0)
    varies = any("new frames are placed by time stamp" in line for line in said)
    assert len(after.stamps) == outputs
    assert after.rate == rate and abs(
        max(abs(stamp - after.stamps[0] - k / rate) for k, stamp in enumerate(after.stamps))
    ) < Fraction(1, 100_000)
    assert abs(frames - len(before.stamps)) <= 1, (frames, len(before.stamps))
    if varies:
        last = before.stamps[-1] - before.stamps[0]
        assert last <= outputs / rate <= SECONDS + 2 / rate
    else:
        assert outputs == 2 * frames
        shown = before.stamps[-1] - before.stamps[0] + 2 / rate
        assert abs(outputs / rate - shown) <= 2 / rate, (outputs / rate, shown)
    assert after.rotation == 0
    assert after.size == (4 * crop[0], 4 * crop[1])
    turned = before.rotation in (90, 270)
    assert after.aspect == (1 / before.aspect if turned else before.aspect), after.aspect
    sound = sound_of(before, after, said, max(SECONDS, outputs / rate))

    shades, apart = [], 0.0
    for k, (one, two) in enumerate(
        zip(video, list(open_video(output))[:: outputs if varies else 2], strict=False)
    ):
        small = cropped(one, crop)
        back = cv2.resize(two, (crop[0], crop[1]), interpolation=cv2.INTER_AREA)
        shades.append(np.abs((small.astype(float) - back).mean((0, 1))).max())
        apart = apart if k else float(np.abs(small.astype(float) - back).mean())
    shade = max(shades)
    assert shade < SHADE[method] and apart < APART[method], (shade, apart)
    return f"{frames} | {outputs} | {rate} | {sound} | {shade:.2f} | {apart:.1f}"


@pytest.mark.slow
@pytest.mark.parametrize("method", LARGEST)
def test_every_decodable_clip_comes_out_as_it_should(
    shared: Path, tmp_path: Path, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = []
    for file in sorted((shared / "data" / "clips").iterdir()):
        if file.suffix == ".md" or file.name in UNREADABLE:
            continue
        try:
            line = check(file, method, tmp_path / "out.mp4")
        except AssertionError as error:
            wrong.append(f"{file.name}: {error}".replace("\n", " ")[:1000])
            line = "WRONG"
        if FULL:
            with capsys.disabled():
                print(f"| {file.name} | {method} | {line} |", flush=True)
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_coded_again_without_loss_every_clip_keeps_its_colours(
    shared: Path, tmp_path: Path
) -> None:
    wrong = []
    for file in sorted((shared / "data" / "clips").iterdir()):
        if file.suffix == ".md" or file.name in UNREADABLE:
            continue
        plain = ("--scale", "1", "--time", "1", "--lossless", "--overwrite", "--end", "0.05")
        run(file, tmp_path / "out.mp4", *plain)
        source = open_video(file)
        steady = read_timestamps(file, int(str(source.facts["stream"]))).constant_rate
        pairs = zip(source.timed(deep=True), open_video(tmp_path / "out.mp4"), strict=False)
        for (_, before), after in islice(pairs, None if steady else 1):
            shown = before.astype(float) * (1 if before.dtype == np.uint8 else 255)
            error = np.abs(shown - after[: before.shape[0], : before.shape[1]]).mean()
            if error > (0 if source.bits == 8 else 0.5):
                wrong.append(f"{file.name}: {error:.3f}")
    assert not wrong, wrong


@pytest.mark.parametrize("name", UNREADABLE)
def test_every_other_clip_ends_in_one_line(shared: Path, tmp_path: Path, name: str) -> None:
    code, printed, said = run(shared / "data" / "clips" / name, tmp_path / "out.mp4")
    assert (code, printed, len(said)) == (2, "", 1)
    assert name in said[0] and not list(tmp_path.iterdir())
