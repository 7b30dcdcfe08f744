"""Kinds of video that public bug reports name: small ones of each kind; shared ones: tests/test_video_cases.py."""

import io
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stvt.cli.main import main
from stvt.core.files import read_json
from stvt.datasets.curation.shot_boundaries import ShotBoundaryDetector
from stvt.datasets.video.reader import open_video
from stvt.datasets.video.timestamps import Restarts, measured_rate, read_timestamps
from tests.builders.coded_videos import greys, noise, packed, tagged, write

Frame = NDArray[np.uint8]


def moving(count: int) -> list[av.VideoFrame]:
    frames = []
    for t in range(count):
        picture = np.full((64, 96, 3), 40, np.uint8)
        picture[20:40, 5 + t : 25 + t] = (220, 30, 60)
        frames.append(
            av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        )
    return frames


def encode(
    path: Path, codec: str, rate: Fraction, count: int, last: int = 1, **options: Any
) -> Path:
    """So many frames at a steady rate, the last shown as long as `last` of them."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        packets = []
        for number, frame in enumerate(moving(count)):
            frame.pts, frame.time_base = number, 1 / rate
            packets += stream.encode(frame)
        for packet in packets + stream.encode():
            if packet.pts == count - 1:
                packet.duration = last
            output.mux(packet)
    return path


@pytest.mark.parametrize("name", ["a.ivf", "a.webm", "a.mkv"])
@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_hidden_frames_do_not_depend_on_the_clock(tmp_path: Path, name: str, codec: str) -> None:
    hidden: dict[str, Any] = {"auto-alt-ref": "1", "lag-in-frames": "8", "arnr-maxframes": "5"}
    path = encode(tmp_path / name, codec, Fraction(30), 30, b="100k", **hidden)
    when = read_timestamps(path, 0)
    assert when.rate == 30 and when.constant_rate and when.frames == 30 and when.seconds == 1
    assert sum(1 for _ in open_video(path)) == 30


@pytest.mark.parametrize(("name", "codec"), [("a.h264", "libx264"), ("a.hevc", "libx265")])
@pytest.mark.parametrize("rate", [Fraction(30), Fraction(24000, 1001), Fraction(50)])
def test_bare_streams_have_the_rate_of_their_header(
    tmp_path: Path, name: str, codec: str, rate: Fraction
) -> None:
    quiet: dict[str, Any] = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    when = read_timestamps(encode(tmp_path / name, codec, rate, 20, **quiet), 0)
    assert (when.rate, when.frames, when.seconds) == (rate, 20, 20 / rate)


def test_the_last_picture_of_an_animation_stays_as_long_as_it_says(tmp_path: Path) -> None:
    pictures = [Image.fromarray(np.full((48, 64, 3), 40 * k, np.uint8)) for k in range(6)]
    for name in ("a.gif", "a.png"):
        file = tmp_path / name
        pictures[0].save(
            file, save_all=True, append_images=pictures[1:], duration=[100] * 5 + [2000], loop=0
        )
        when = read_timestamps(file, 0)
        assert when.rate == 10 and when.constant_rate, name
        assert when.last == 2 and when.seconds == Fraction(5, 2), name
    when = read_timestamps(encode(tmp_path / "a.mp4", "libx264", Fraction(30), 31, 60, bf="0"), 0)
    assert when.seconds == 3


def test_a_last_frame_that_stays_is_held_in_the_result(tmp_path: Path) -> None:
    source = encode(tmp_path / "a.mp4", "libx264", Fraction(10), 6, 20, bf="0")
    assert upsample(source, tmp_path / "out.mkv") == (50, 20)
    pictures = list(open_video(tmp_path / "out.mkv"))
    assert all(np.array_equal(picture, pictures[10]) for picture in pictures[10:])


def test_the_promised_rate_of_a_short_clip_goes_before_a_standard_one() -> None:
    short = [k * Fraction(2, 25) for k in range(12)]
    assert measured_rate(short, Fraction(25, 2), Fraction(1, 12800)) == (Fraction(25, 2), True)
    gif = [k * Fraction(7, 100) for k in range(10)]
    assert measured_rate(gif, Fraction(100, 7), Fraction(1, 100)) == (Fraction(100, 7), True)
    rounded = [Fraction(round(1000 * k * 1001 / 30000), 1000) for k in range(24)]
    assert measured_rate(rounded, None, Fraction(1, 1000)) == (Fraction(30000, 1001), True)


def test_time_stamps_that_restart_move_all_streams_alike() -> None:
    restarts, tick = Restarts(leader=0), Fraction(1, 100)
    for start in range(0, 300, 4):
        assert restarts.shift(0, start, 4, tick) == restarts.shift(1, start, 3, tick) == 0
    assert restarts.shift(1, 0, 3, tick) == 299  # the sound is first; the picture settles it
    assert restarts.shift(0, 0, 4, tick) == 300
    assert restarts.shift(1, 4, 3, tick) == restarts.shift(0, 4, 4, tick) == 300


def test_metadata_that_is_not_utf_8_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.avi"
    with av.open(str(file), "w") as output:
        output.metadata["title"] = "TITELXY"
        stream: Any = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for frame in moving(5):
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    file.write_bytes(file.read_bytes().replace(b"TITELXY", b"Caf\xe9 \xfcb"))
    assert upsample(file, tmp_path / "out.mkv") == (10, 50)


def jpegs(count: int) -> Iterator[bytes]:
    exif = Image.Exif()
    exif[0x010F] = "Cam"
    for k in range(count):
        data = io.BytesIO()
        Image.fromarray(np.full((48, 64, 3), 30 * k, np.uint8)).save(data, "jpeg", exif=exif)
        yield data.getvalue()


def test_side_data_of_an_unknown_kind_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "a.mov"
    with av.open(str(file), "w") as output:
        stream: Any = output.add_mux_stream("mjpeg", rate=25, width=64, height=48)
        stream.time_base = Fraction(1, 25)
        for number, data in enumerate(jpegs(6)):
            packet = av.Packet(data)
            packet.pts = packet.dts = number
            packet.duration, packet.time_base, packet.stream = 1, Fraction(1, 25), stream
            output.mux(packet)
    assert [round(float(picture.mean())) for picture in open_video(file)] == [
        0,
        30,
        60,
        90,
        120,
        150,
    ]


def test_one_bad_packet_costs_its_frame_alone(tmp_path: Path) -> None:
    file = write(tmp_path / "a.mov", [f.reformat(format="rgb24") for f in greys(10)], "png")
    with av.open(str(file)) as container:
        bad = [packet for packet in container.demux(video=0) if packet.size][4]
        start, size = int(bad.pos or 0), bad.size
    data = bytearray(file.read_bytes())
    data[start : start + size] = bytes(size)
    file.write_bytes(data)
    video = open_video(file)
    assert [int(picture.mean()) for picture in video] == [0, 20, 40, 60, 100, 120, 140, 160, 180]
    assert video.facts["partial"] is False
    assert any("1 packets between frames could not be decoded" in note for note in video.notes)
    assert upsample(file, tmp_path / "out.mkv") == (20, 20)  # its place is filled
    levels = [int(picture.mean()) for picture in open_video(tmp_path / "out.mkv")]
    assert levels[6:9] == [60, 60, 60] and levels[10::2] == [100, 120, 140, 160, 180]


def test_time_stamps_out_of_order_leave_no_place_empty(tmp_path: Path) -> None:
    file = tmp_path / "a.mov"
    with av.open(str(file), "w") as output:
        stream: Any = output.add_stream("png", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "rgb24"
        stream.codec_context.time_base = Fraction(1, 10)
        for number, frame in enumerate(greys(8, form="rgb24")):
            for packet in stream.encode(frame):
                packet.dts, packet.pts = number - 2, (0, 1, 3, 2, 4, 6, 5, 7)[number]
                output.mux(packet)
    assert upsample(file, tmp_path / "out.mkv") == (16, 20)
    levels = [int(picture.mean()) for picture in open_video(tmp_path / "out.mkv")]
    assert levels[::2] == [0, 20, 40, 60, 80, 100, 120, 140]  # in the decoder's order


@pytest.mark.parametrize("part", [1, 4, 8])
def test_cuts_are_found_in_the_dark(part: int) -> None:
    import cv2

    def shot(seed: int) -> list[Frame]:
        coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
        picture = cv2.resize(coarse, (128, 96), interpolation=cv2.INTER_CUBIC) // part
        return [np.asarray(np.roll(picture, k, 1), np.uint8) for k in range(6)]

    def cuts(frames: Sequence[Frame]) -> list[int]:
        detector = ShotBoundaryDetector()
        for frame in frames:
            detector.process_frame(frame)
        return detector.result()

    assert cuts(shot(1) + shot(2)) == [6]
    assert cuts(shot(1)) == []


@pytest.mark.parametrize("level", [2, 8])
def test_noise_in_the_dark_is_no_cut(level: int) -> None:
    random, detector = np.random.default_rng(3), ShotBoundaryDetector()
    for _ in range(12):
        detector.process_frame(random.integers(0, level + 1, (96, 128, 3), np.uint8))
    assert detector.result() == []


def test_a_video_whose_size_changes_is_refused_for_training(tmp_path: Path) -> None:
    parts = []
    for size in (160, 192):
        frames = scenery(size, 30)
        parts.append(write(tmp_path / f"{size}.mjpeg", frames, "mjpeg").read_bytes())
    source = tmp_path / "a.mjpeg"
    source.write_bytes(b"".join(parts))
    arguments = ["prepare", "own", "--root", str(tmp_path / "sets"), "--training"]
    main([*arguments, "--source", str(source), "--min-rate", "10", "--min-frames", "8"])
    ledger = (tmp_path / "sets" / "own" / "ledger.csv").read_text()
    assert "refused" in ledger and "30 frames have another" in ledger


def scenery(size: int, count: int) -> list[av.VideoFrame]:
    import cv2

    coarse = np.random.default_rng(size).integers(0, 256, (9, 9, 3), np.uint8)
    picture = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    rolled = (np.array(np.roll(picture, 2 * k, 1), np.uint8) for k in range(count))
    return [packed(one).reformat(format="yuvj420p") for one in rolled]


def test_matroska_says_what_to_crop(tmp_path: Path) -> None:
    file = write(tmp_path / "a.mkv", noise(3, "yuv444p"), setup=tagged("bt709", False))
    data = bytearray(file.read_bytes())
    at = data.index(b"\x55\xb0\x88\x55\xb1")  # its colours give their place to others
    whole = data[at + 2] - 0x80 + 3
    crop = b"\x54\xbb\x81\x0c\x54\xcc\x81\x07"  # top and left
    data[at : at + whole] = crop + bytes([0xEC, 0x80 + whole - 10]) + bytes(whole - 10)
    file.write_bytes(data)
    video = open_video(file)
    assert (video.width, video.height) == (57, 52)
    assert [picture.shape for picture in video] == [(52, 57, 3)] * 3
    assert any("cropped by 7, 12, 0 and 0 pixels" in note for note in video.notes)


@pytest.mark.parametrize(("wide", "right", "crop"), [(48, 0, True), (48, 4, True), (47, 0, False)])
def test_mp4_says_what_to_crop(tmp_path: Path, wide: int, right: int, crop: bool) -> None:
    file = encode(tmp_path / "a.mp4", "libx264", Fraction(25), 3, g="1")  # of 96x64
    data = bytearray(file.read_bytes())
    clap = struct.pack(">I4sIIIIiIiI", 40, b"clap", 2 * wide, 2, 64, 1, right, 1, 0, 1)
    places = {name: data.rindex(name) - 4 for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl")}
    places |= {name: data.rindex(name) - 4 for name in (b"stsd", b"avc1")}
    (size,) = struct.unpack_from(">I", data, places[b"avc1"])
    data[places[b"avc1"] + size : places[b"avc1"] + size] = clap
    for place in places.values():
        struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] + len(clap))
    file.write_bytes(data)
    video = open_video(file)
    left = (96 - wide) // 2 + right if crop else 0
    assert video.width == (wide if crop else 96) and video.height == 64
    assert all(picture.shape == (64, video.width, 3) for picture in video)
    assert any(f"cropped by {left}, 0, " in note for note in video.notes) == crop


def test_interlaced_video_is_refused_for_training(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"x264-params": "tff=1", "flags": "+ildct"}
    source = encode(tmp_path / "a.mp4", "libx264", Fraction(25), 20, **fields)
    arguments = ["prepare", "own", "--root", str(tmp_path / "sets"), "--training"]
    main([*arguments, "--source", str(source), "--min-rate", "20", "--min-frames", "8"])
    ledger = (tmp_path / "sets" / "own" / "ledger.csv").read_text()
    assert "refused,interlaced,interlaced: 20 frames" in ledger


def test_fonts_of_subtitles_are_copied(tmp_path: Path) -> None:
    source, font = tmp_path / "a.mkv", bytes(range(200))
    with av.open(str(source), "w") as output:
        output.add_attachment("MyFont.ttf", "application/x-truetype-font", font)
        stream: Any = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for frame in moving(5):
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    upsample(source, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as result:
        (copy,) = result.streams.attachments
        assert (copy.name, copy.mimetype, copy.data) == (
            *("MyFont.ttf", "application/x-truetype-font"),
            font,
        )


def test_names_that_are_not_utf_8_are_prepared(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/in/caf\xe9"))
    try:
        folder.mkdir(parents=True)
    except OSError:
        pytest.skip("this file system takes no such names")
    for k in range(5):
        name = os.fsdecode(b"bild\xe9_%02d.png" % k)
        Image.fromarray(np.full((32, 32, 3), 40 * k, np.uint8)).save(folder / name)
    code = main(["prepare", "own", "--root", str(tmp_path), "--source", str(tmp_path / "in")])
    assert not code
    assert len(read_json(tmp_path / "own" / "manifest.json")["scenes"]) == 1


def upsample(source: Path, output: Path) -> tuple[int, int | Fraction]:
    """How many frames a result has, and its rate."""
    arguments = ["upsample", str(source), str(output), "--overwrite", "--scale", "1"]
    if output.suffix == ".mkv":
        arguments += ["--codec", "ffv1"]
    assert not main([*arguments, "--method", "bicubic+blend"])
    when = read_timestamps(output, 0)
    return when.frames, when.rate


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="no ffmpeg to compare with")
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.avi", "a.ts", "a.mov", "a.flv"])
@pytest.mark.parametrize("rate", ["25", "30000/1001", "12.5"])
def test_frames_and_length_are_those_of_ffmpeg(tmp_path: Path, name: str, rate: str) -> None:
    codec = "libvpx-vp9" if name == "a.webm" else "mpeg4" if name == "a.avi" else "libx264"
    file = encode(tmp_path / name, codec, Fraction(rate), 24)
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(file),
        "-vf",
        f"fps={rate}",
        "-f",
        "framemd5",
        "-",
    ]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    when = read_timestamps(file, 0)
    assert when.frames == len([line for line in lines if not line.startswith("#")]) == 24
    assert when.rate == Fraction(rate) and when.seconds == 24 / when.rate
