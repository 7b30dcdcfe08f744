"""Video in: right frames, or one clear line. Clips are made here; real ones are read where they are."""

import json
import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from stvt.datasets.errors import DatasetError
from stvt.datasets.video.reader import Video, open_video

Array = NDArray[np.floating]

# Luma weights of red and blue, from the standards themselves.
WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
TAGS = {"bt601": 6, "bt709": 1, "bt2020": 9}
PATCHES = [(r, g, b) for r in (0, 128, 255) for g in (0, 77, 255) for b in (0, 200, 255)]


def coded(rgb: Array, matrix: str, full: bool, bits: int) -> list[Array]:
    """Y, Cb and Cr of `rgb` (0 to 255) before rounding, by the definition of BT.709 and its kin."""
    kr, kb = WEIGHTS[matrix]
    r, g, b = np.moveaxis(rgb / 255, -1, 0)
    y = kr * r + (1 - kr - kb) * g + kb * b
    blue, red = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    if full:
        return [
            v * (2**bits - 1) + middle * 2 ** (bits - 1)
            for v, middle in ((y, 0), (blue, 1), (red, 1))
        ]
    unit = 2.0 ** (bits - 8)
    return [(219 * y + 16) * unit, (224 * blue + 128) * unit, (224 * red + 128) * unit]


def decoded(planes: list[Array], matrix: str, full: bool, bits: int) -> Array:
    """The inverse of `coded`: RGB from 0 to 255, not rounded."""
    kr, kb = WEIGHTS[matrix]
    unit = 2.0 ** (bits - 8)
    base, luma, chroma = (
        (0, 2**bits - 1, 2**bits - 1) if full else (16 * unit, 219 * unit, 224 * unit)
    )
    y, blue, red = (planes[0] - base) / luma, *((c - 128 * unit) / chroma for c in planes[1:])
    r, b = y + (2 - 2 * kr) * red, y + (2 - 2 * kb) * blue
    return np.clip(255 * np.stack([r, (y - kr * r - kb * b) / (1 - kr - kb), b], -1), 0, 255)


def frame_of(planes: Sequence[Array], form: str) -> av.VideoFrame:
    """A frame of planes given as numbers, rounded here."""
    height, width = planes[0].shape[:2]
    frame = av.VideoFrame(width, height, form)
    bits = frame.format.components[0].bits
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        data = np.clip(np.rint(values), 0, 2**bits - 1).astype("<u2" if bits > 8 else "u1")
        data = data.view(np.uint8)
        rows[: len(data), : data.shape[1]] = data
        plane.update(rows.tobytes())
    return frame


def packed(values: NDArray[np.uint8], form: str = "rgb24") -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(values, format=form)


def write(
    path: Path,
    frames: Sequence[av.VideoFrame],
    codec: str = "ffv1",
    times: Sequence[int] | None = None,
    setup: Callable[[VideoStream], object] = lambda stream: None,
    **options: str,
) -> Path:
    """`frames` coded into `path` at 10 frames a second, or at `times` (tenths of a second)."""
    with av.open(str(path), "w", options=options) as output:
        stream = output.add_stream(codec, rate=10)
        assert isinstance(stream, VideoStream)
        put(stream, frames[0], setup)
        for frame, time in zip(frames, times or range(len(frames)), strict=True):
            frame.pts, frame.time_base = time, Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def put(
    stream: VideoStream, like: av.VideoFrame, setup: Callable[[VideoStream], object] = id
) -> None:
    stream.width, stream.height, stream.pix_fmt = like.width, like.height, like.format.name
    stream.codec_context.time_base = Fraction(1, 10)
    setup(stream)


def greys(count: int, size: int = 32, form: str = "bgr0") -> list[av.VideoFrame]:
    plain = (packed(np.full((size, size, 3), 20 * i, np.uint8)) for i in range(count))
    return [frame.reformat(format=form) for frame in plain]


def noise(count: int, form: str = "yuv420p", size: int = 64) -> list[av.VideoFrame]:
    random = np.random.default_rng(0)
    made = (random.integers(0, 256, (size, size, 3), np.uint8) for _ in range(count))
    return [packed(values).reformat(format=form) for values in made]


def said(video: Video) -> str:
    return "; ".join(video.notes)


def tagged(matrix: str, full: bool) -> Callable[[VideoStream], object]:
    def setup(stream: VideoStream) -> None:
        stream.codec_context.colorspace = TAGS[matrix]
        stream.codec_context.color_range = 2 if full else 1

    return setup


@pytest.mark.parametrize("form", ["yuv420p", "yuv444p", "yuv422p10le", "yuv420p12le"])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_known_colours_come_back_for_every_matrix_and_range(
    tmp_path: Path, matrix: str, full: bool, form: str
) -> None:
    rgb = np.zeros((8, 8 * len(PATCHES), 3))
    for i, colour in enumerate(PATCHES):
        rgb[:, 8 * i : 8 * i + 8] = colour
    empty = av.VideoFrame(8, 8, form).format
    planes = coded(rgb, matrix, full, empty.components[0].bits)
    across, down = 8 // empty.chroma_width(8), 8 // empty.chroma_height(8)
    planes[1:] = [plane[::down, ::across] for plane in planes[1:]]
    path = write(tmp_path / "a.mkv", [frame_of(planes, form)], setup=tagged(matrix, full))
    video = open_video(path)
    (got,) = video
    # The middle of each patch: between two patches chroma is interpolated.
    error = np.abs(got.astype(float) - rgb)[:, 3::8].max()
    assert error <= 2
    assert (video.facts["matrix"], video.facts["matrix_guessed"]) == (matrix, False)
    assert video.facts["range"] == ("full" if full else "limited")
    assert video.notes == []


@pytest.mark.parametrize(("height", "matrix"), [(718, "bt601"), (720, "bt709")])
def test_an_untagged_matrix_is_guessed_by_height_and_said(
    tmp_path: Path, height: int, matrix: str
) -> None:
    rgb = np.broadcast_to(np.array([200.0, 40.0, 90.0]), (height, 8, 3))
    path = write(tmp_path / "a.mkv", [frame_of(coded(rgb, matrix, False, 8), "yuv444p")])
    video = open_video(path)
    (got,) = video
    assert np.abs(got.astype(float) - rgb).max() <= 2
    assert (video.facts["matrix"], video.facts["matrix_guessed"]) == (matrix, True)
    assert f"colour matrix not tagged: taken as BT.{matrix[2:]}" in said(video)


def test_ten_bits_are_rounded_to_the_nearest_of_eight(tmp_path: Path) -> None:
    luma = np.tile(np.arange(1024.0), (2, 1))
    planes = [luma, np.full_like(luma, 512), np.full_like(luma, 512)]
    path = write(tmp_path / "a.mkv", [frame_of(planes, "yuv444p10le")], setup=tagged("bt709", True))
    (got,) = open_video(path)
    exact = luma[..., None] * 255 / 1023
    assert np.abs(got - exact).max() < 0.51


@pytest.mark.parametrize(("width", "height"), [(32, 16), (33, 17), (33, 16), (1, 1)])
@pytest.mark.parametrize("form", ["yuv420p", "yuv422p10le"])
def test_chroma_is_interpolated_from_its_place_up_to_the_edges(
    tmp_path: Path, width: int, height: int, form: str
) -> None:
    random = np.random.default_rng(1)
    look = av.VideoFrame(width, height, form).format
    bits, small = look.components[0].bits, (look.chroma_height(height), look.chroma_width(width))
    top = 2.0 ** (bits - 8)
    planes = [random.integers(90, 160, shape) * top for shape in ((height, width), small, small)]

    def between(values: Array, length: int, axis: int) -> Array:
        if values.shape[axis] == length:
            return values
        # Sample k lies amid pixels 2k and 2k + 1, and the first and last reach to the edge.
        place = np.clip((np.arange(length) - 0.5) / 2, 0, values.shape[axis] - 1)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, values.shape[axis] - 1)
        share = np.expand_dims(place - low, 1 - axis)
        near: Array = np.take(values, low, axis) * (1 - share)
        far: Array = np.take(values, high, axis) * share
        return near + far

    wide = [planes[0], *(between(between(c, height, 0), width, 1) for c in planes[1:])]
    path = write(tmp_path / "a.mkv", [frame_of(planes, form)], setup=tagged("bt601", False))
    (got,) = open_video(path)
    error = np.abs(got - decoded(wide, "bt601", False, bits))
    assert error.max() < 0.75 and (width == 1 or error.mean() < 0.3)


ONE = 1 << 16
MATRICES = [(x, 0, 0, y) for x in (1, -1) for y in (1, -1)]
MATRICES += [(0, x, y, 0) for x in (1, -1) for y in (1, -1)]


@pytest.mark.parametrize("matrix", MATRICES, ids=str)
def test_every_right_angled_display_matrix_is_obeyed(
    tmp_path: Path, matrix: tuple[int, int, int, int]
) -> None:
    stored = np.random.default_rng(2).integers(0, 256, (6, 10, 3), np.uint8)
    a, b, c, d = (ONE * value for value in matrix)
    full = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path = write(
        tmp_path / "a.mov", [packed(stored)], "png", setup=lambda s: s.set_display_matrix(full)
    )
    video = open_video(path)
    (got,) = video

    a, b, c, d = matrix
    y, x = np.mgrid[:6, :10]
    across, down = a * x + c * y, b * x + d * y
    across, down = across - across.min(), down - down.min()
    shown = np.zeros((down.max() + 1, across.max() + 1, 3), np.uint8)
    shown[down, across] = stored
    np.testing.assert_array_equal(got, shown)
    assert (video.height, video.width) == shown.shape[:2]
    assert (video.facts["stored_width"], video.facts["stored_height"]) == (10, 6)
    assert video.facts["mirrored"] == (a * d - b * c < 0)
    assert ("display matrix" in said(video)) == (matrix != (1, 0, 0, 1))


def test_a_turn_by_thirty_degrees_is_left_out_and_said(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.mov",
        greys(1, form="rgb24"),
        "png",
        setup=lambda s: s.set_display_rotation(30.0),
    )
    video = open_video(path)
    assert (video.width, video.height) == (32, 32)
    assert "no turn by right angles: left out" in said(video)


def test_variable_frame_rate_gives_every_frame_once_and_says_the_gaps(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", greys(5), times=[0, 1, 2, 5, 6])
    video = open_video(path)
    assert [frame[0, 0, 0] for frame in video] == [0, 20, 40, 60, 80]
    assert video.facts["variable_frame_rate"] is True
    assert video.facts["gap_seconds"] == [0.1, 0.1, 0.3]
    assert "variable frame rate (gaps of 0.1000 to 0.3000 s, median 0.1000)" in said(video)


def test_a_steady_clip_has_nothing_to_note(tmp_path: Path) -> None:
    video = open_video(write(tmp_path / "with space.mkv", greys(7)))
    assert (video.width, video.height, video.fps) == (32, 32, Fraction(10))
    assert len(list(video)) == 7
    assert video.notes == [] and video.facts["variable_frame_rate"] is False
    assert video.facts["frames_decoded"] == 7 and video.facts["partial"] is False


def test_frames_come_in_display_order_though_coded_in_another(tmp_path: Path) -> None:
    frames = [frame.reformat(format="yuv444p") for frame in greys(12)]
    video = open_video(write(tmp_path / "a.mp4", frames, "libx264"))
    levels = [int(frame.mean()) for frame in video]
    assert len(levels) == 12 and levels == sorted(levels)


def test_a_first_time_stamp_that_is_not_zero_is_said(tmp_path: Path) -> None:
    video = open_video(write(tmp_path / "a.mkv", greys(3), times=[25, 26, 27]))
    assert len(list(video)) == 3
    assert video.facts["first_pts_seconds"] == 2.5
    assert "the first time stamp is 2.500 s" in said(video)


def test_alpha_is_composited_over_black(tmp_path: Path) -> None:
    values = np.full((4, 256, 4), (200, 100, 40, 0), np.uint8)
    values[..., 3] = np.arange(256)
    video = open_video(write(tmp_path / "a.mov", [packed(values, "rgba")], "png"))
    (got,) = video
    exact = values[..., :3] * (values[..., 3:] / 255.0)
    assert np.abs(got - exact).max() <= 0.5
    assert video.facts["alpha"] is True and "alpha: composited over black" in said(video)


def test_grey_and_rgb_sources_keep_their_numbers(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (2, 1))
    (got,) = open_video(write(tmp_path / "grey.mov", [packed(ramp, "gray")], "png"))
    np.testing.assert_array_equal(got, np.repeat(ramp[..., None], 3, 2))
    deep = np.random.default_rng(3).integers(0, 65536, (8, 8, 3), np.uint16)
    (got,) = open_video(write(tmp_path / "deep.mov", [packed(deep, "rgb48be")], "png"))
    assert np.abs(got - deep / 257.0).max() < 0.51


def test_high_dynamic_range_is_noted_and_left_alone(tmp_path: Path) -> None:
    def setup(stream: VideoStream) -> None:
        tagged("bt2020", False)(stream)
        stream.codec_context.color_trc, stream.codec_context.color_primaries = 16, 9

    grey = [np.full((8, 8), level) for level in (16 + 219 / 2, 128.0, 128.0)]
    video = open_video(write(tmp_path / "a.mkv", [frame_of(grey, "yuv444p")], setup=setup))
    (got,) = video
    assert got.shape == (8, 8, 3) and np.abs(got - 127.5).max() <= 1
    assert (video.facts["hdr"], video.facts["primaries"]) == ("pq", "bt2020")
    assert "high dynamic range (pq): kept as coded" in said(video)


def test_a_cover_picture_is_not_the_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        cover, film = output.add_stream("png", rate=1), output.add_stream("libx264", rate=10)
        assert isinstance(cover, VideoStream) and isinstance(film, VideoStream)
        picture, frames = greys(1, 200, "rgb24")[0], noise(3)
        put(cover, picture, lambda s: setattr(s, "disposition", av.stream.Disposition.attached_pic))
        put(film, frames[0])
        output.mux(cover.encode(picture) + cover.encode())
        for i, frame in enumerate(frames):
            frame.pts, frame.time_base = i, Fraction(1, 10)
            output.mux(film.encode(frame))
        output.mux(film.encode())
    video = open_video(path)
    assert (video.width, len(list(video))) == (64, 3)
    assert "a cover picture is left out" in said(video)


def two_streams(path: Path, default: int | None) -> Path:
    """A file of a small stream and a large one, `default` marked as such."""
    with av.open(str(path), "w", options={"default_mode": "passthrough"}) as output:
        for index, size in enumerate((16, 48)):
            stream = output.add_stream("ffv1", rate=10)
            assert isinstance(stream, VideoStream)
            put(stream, greys(1, size)[0])
            if index == default:
                stream.disposition = av.stream.Disposition.default
        for time in range(3):
            for stream, size in zip(output.streams.video, (16, 48), strict=True):
                frame = greys(1, size)[0]
                frame.pts, frame.time_base = time, Fraction(1, 10)
                output.mux(stream.encode(frame))
        for stream in output.streams.video:
            output.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("default", "asked", "width"), [(0, None, 16), (1, None, 48), (None, None, 48), (1, 0, 16)]
)
def test_of_several_streams_the_default_is_read_or_the_largest_or_the_one_asked_for(
    tmp_path: Path, default: int | None, asked: int | None, width: int
) -> None:
    video = open_video(two_streams(tmp_path / "a.mkv", default), stream=asked)
    assert (video.width, len(list(video))) == (width, 3)
    assert f"stream {video.facts['stream']} of the video streams 0, 1 is read" in said(video)


def test_a_stream_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="stream 7 is no video; its video streams: 0, 1"):
        open_video(two_streams(tmp_path / "a.mkv", 0), stream=7)


def test_a_cut_file_gives_its_frames_and_says_partial(tmp_path: Path) -> None:
    whole = write(tmp_path / "w.mp4", noise(30), "libx264", movflags="faststart")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    video = open_video(cut)
    count = len(list(video))
    assert 3 < count < 27 and video.facts["partial"] is True
    assert video.facts["frames_decoded"] == count and video.facts["frames_expected"] == 30
    assert f"partial: {count} of 30 frames decoded: " in said(video)


def test_a_cut_file_without_frame_count_is_known_by_its_duration(tmp_path: Path) -> None:
    whole = write(tmp_path / "w.mkv", noise(30))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    video = open_video(cut)
    count = len(list(video))
    assert 3 < count < 27 and video.facts["partial"] is True
    assert f"partial: {count} frames decoded: the file ends at" in said(video)


def test_a_change_of_size_ends_the_frames_and_is_said(tmp_path: Path) -> None:
    parts = [
        write(tmp_path / f"{n}.mjpeg", noise(3, "yuvj420p", n), "mjpeg").read_bytes()
        for n in (64, 32)
    ]
    (tmp_path / "both.mjpeg").write_bytes(b"".join(parts))
    video = open_video(tmp_path / "both.mjpeg")
    assert [frame.shape for frame in video] == [(64, 64, 3)] * 3
    assert "partial: 3 frames decoded: the picture size changes from 64x64 to 32x32" in said(video)


def test_a_video_can_be_read_again_and_with_more_threads(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", noise(4), times=[1, 2, 3, 9])
    video = open_video(path)
    first, notes = list(video), list(video.notes)
    again, threaded = list(video), list(open_video(path, threads=2))
    assert video.notes == notes
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, threaded)


def test_facts_can_be_written_as_json(tmp_path: Path) -> None:
    video = open_video(write(tmp_path / "a.mkv", noise(2)))
    list(video)
    assert json.loads(json.dumps(video.facts)) == video.facts


def test_a_name_may_begin_with_a_dash_or_look_like_a_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = write(tmp_path / "a.mkv", greys(2)).read_bytes()
    monkeypatch.chdir(tmp_path)
    for name in ("-i.mkv", "http:x.mkv", "a%03d b.mkv"):
        Path(name).write_bytes(whole)
        assert len(list(open_video(name))) == 2


def no_file(path: Path) -> None:
    pass


def still(path: Path) -> None:
    Image.new("RGB", (8, 8)).save(path, "PNG")


def no_index(path: Path) -> None:
    whole = write(path.with_name("w.mp4"), noise(5), "libx264").read_bytes()
    path.write_bytes(whole[: whole.index(b"moov") - 4])


def no_decoder(path: Path) -> None:
    whole = write(path.with_name("w.mp4"), noise(2), "libx264").read_bytes()
    path.write_bytes(whole.replace(b"avc1", b"zzz9"))


def undecodable(path: Path) -> None:
    whole = write(path.with_name("w.mp4"), noise(2), "libx264").read_bytes()
    start = whole.index(b"mdat") + 4
    path.write_bytes(
        whole[:start]
        + b"\xff" * (whole.index(b"moov") - 4 - start)
        + whole[whole.index(b"moov") - 4 :]
    )


def sound_only(path: Path) -> None:
    with av.open(str(path), "w", format="wav") as output:
        stream = output.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.sample_rate = 8000
        output.mux(stream.encode(sound))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (no_file, "cannot be read: No such file or directory"),
        (Path.mkdir, "is a folder"),
        (Path.touch, r"is empty \(0 bytes\)"),
        (lambda path: path.write_text("This is no video.\n"), "is not a video"),
        (still, "still picture, not a video"),
        (no_index, r"its index \(moov\) is missing"),
        (no_decoder, "no decoder"),
        (undecodable, "no frame of its h264 video can be decoded"),
        (sound_only, "has no video stream"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_gives_no_frame_ends_in_one_line_with_the_file_and_the_reason(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    make: Callable[[Path], object],
    reason: str,
) -> None:
    path = tmp_path / "bad.mp4"
    make(path)
    capfd.readouterr()
    with pytest.raises(DatasetError, match=reason) as caught:
        open_video(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    assert capfd.readouterr() == ("", "")


TURNED = "turned {} degrees clockwise"
PARTIAL = "partial: {} frames decoded: "
HIDDEN, VARIES, FIRST = "hidden by an edit list", "variable frame rate", "the first time stamp is "
LOW, HIGH = "taken as BT.601", "taken as BT.709"
SHAPE = "sample aspect ratio "
NO_INDEX = "cannot be opened: its index (moov) is missing"
# width and height as shown, frames, and what must be noted; or how it ends.
CLIPS: dict[str, tuple[int, int, int, *tuple[str, ...]] | str] = {
    "bbb_960x540_60fps_vp8.webm": (960, 540, 60),
    "london_60fps_dup_320x240.mp4": (320, 240, 932),
    "portrait_4k60.mp4": (2160, 3840, 18, TURNED.format(90), VARIES),
    "hlg10-color-test.mp4": (1920, 1080, 9, "high dynamic range (hlg)"),
    "hdr10-av1.mp4": (720, 1280, 127, "high dynamic range (pq)"),
    "sample_vvc.mp4": (320, 180, 120, LOW),
    "bbb_176x144_h263.3gp": (176, 144, 15, LOW),
    "bbb_800x640_firstpts10s.mp4": (800, 640, 120, LOW, SHAPE + "1137/800", FIRST + "10.000 s"),
    "edit_list_preroll.mp4": (640, 360, 16, HIDDEN),
    "edit_list_positive_shift.mp4": (1920, 1080, 270, HIGH, FIRST + "1.000 s"),
    "invalid_nalu.mp4": (1080, 720, 26, HIGH, PARTIAL.format("26 of 30")),
    "malformed_free_box.mp4": "cannot be opened: damaged at byte 32 (a box 'free' of 3 bytes)",
    "rotate_and_reflect.mp4": (720, 1080, 30, "mirrored and " + TURNED.format(270), HIGH),
    "bt601_640x428.mov": (640, 428, 30),
    "screen_518x488.mp4": (518, 488, 167),
    "android_slow_motion.mp4": (1280, 720, 7, VARIES),
    "sef_slow_motion.mp4": (320, 240, 63, LOW, HIDDEN),
    "sef_super_slow_motion.mp4": (160, 120, 435, LOW, HIDDEN),
    "phone_rot90_vfr_352x288.mp4": (288, 352, 24, TURNED.format(270), LOW, VARIES),
    "sample_960x400.avi": (960, 400, 96, LOW, "the header promises 98 frames, 96 came", VARIES),
    "sample.flv": (1080, 720, 30, "the container gives no frame rate", HIGH, FIRST + "0.067 s"),
    "bear_161x121_vp9.webm": (161, 121, 30, LOW),
    "roadtrip_vp9_10bit.webm": (426, 240, 72),
    "invalid_bitstream.webm": "no frame of its vp9 video can be decoded: invalid data found when processing input",
    "sample_av1.mp4": (1080, 720, 30, HIGH),
    "sample_fragmented.mp4": (1080, 720, 30, HIGH, FIRST + "0.067 s"),
    "dolby_vision_hdr.MOV": (
        720,
        1280,
        4,
        TURNED.format(90),
        "high dynamic range (dolby vision over hlg)",
        HIDDEN,
    ),
    "nasa_two_video_streams.mp4": (320, 180, 325, "stream 0 of the video streams 0, 3 is read"),
    "nasa_rotated.mp4": (270, 480, 17, TURNED.format(270)),
    "av1_video.mkv": (640, 360, 125),
    "h264_10bits.mp4": (200, 200, 30, LOW),
    "bt709_full_range.mp4": (1280, 720, 30),
    "bt601_full_range.mp4": (320, 240, 60),
    "bt601_limited_range.mp4": (320, 240, 60),
    "odd_321x241_vp9.mp4": (321, 241, 25, LOW),
    "odd_121x80_mpeg2.mp4": (121, 80, 10, LOW),
    "odd_321x241_444_12bit_hevc.mp4": (321, 241, 25, LOW),
    "non_zero_start.mp4": (200, 112, 12, LOW, SHAPE + "224/225", FIRST + "8.333 s"),
    "discard_first_keyframe.mp4": (64, 64, 25, LOW, HIDDEN),
    "testsrc2_vp8.webm": (1280, 720, 30),
    "animated.gif": (64, 48, 4, "alpha"),
    "cursed_vfr_3026x1386.mp4": (3026, 1386, 63, VARIES),
    "rotate_buck_bunny.mp4": (1080, 1920, 45, TURNED.format(90), FIRST + "0.083 s"),
    "sar_2x1.mp4": (640, 360, 150, LOW, SHAPE + "2"),
    "truncated_annex_b.mp4": (
        1920,
        1080,
        6,
        HIGH,
        PARTIAL.format("6 of 745"),
        "1 of 6 frames are flagged as damaged",
        VARIES,
    ),
    "awesome movie.mov": (640, 480, 123, VARIES),
    "sideways_movie.mov": (480, 640, 25, TURNED.format(90)),
    "broken.mp4": NO_INDEX,
    "corrupted.mp4": (1280, 720, 28, HIGH, PARTIAL.format("28 of 50")),
    "unordered_50x50.mov": (50, 50, 4, LOW),
    "video_0.mov": (568, 320, 3),
    "video_90.mov": (320, 568, 3, TURNED.format(90)),
    "video_180.mov": (568, 320, 3, TURNED.format(180)),
    "video_270.mov": (320, 568, 3, TURNED.format(270)),
    "no_duration.webm": (1280, 720, 74, "alpha: stored beside the picture, dropped", VARIES),
    "-video-with-dash-.mp4": (1, 1, 5, LOW),
    "vfr_1080p_indoor.mp4": (1920, 1080, 72, HIGH, VARIES),
    "unordered_pts.avi": (
        320,
        240,
        164,
        LOW,
        FIRST + "0.040 s",
        VARIES,
        "54 time stamps repeat or run backwards",
    ),
    "cockatoo_444.mp4": (1280, 720, 280, HIGH),
    "bikes.mp4": (640, 272, 250, LOW),
    "carphone_pristine.mp4": (176, 144, 120, LOW, SHAPE + "128/117"),
    "park_joy_480x270_50fps.y4m": (480, 270, 10, LOW),
    "flower.webm": (960, 540, 150, FIRST + "0.003 s"),
    "friday_bw.mp4": (640, 480, 185),
    "small_bunny_1080p_60fps.mp4": (1920, 1080, 120, HIGH),
    "sintel_cave_1024x436.mp4": (1024, 436, 50, LOW),
    "audio_only.mp4": "has no video stream",
    "truncated_flower.webm": (960, 540, 81, PARTIAL.format("81"), FIRST + "0.003 s"),
    "truncated_friday.mp4": (640, 480, 107, PARTIAL.format("107 of 185")),
    "truncated_no_index.mov": NO_INDEX,
    "damaged_middle.mp4": (
        640,
        360,
        61,
        LOW,
        SHAPE + "2",
        PARTIAL.format("61 of 150"),
        "1 of 61 frames are flagged as damaged",
    ),
    "empty.mp4": "is empty (0 bytes)",
    "not_a_video.mp4": "is not a video, or of a kind FFmpeg does not know",
}


SLOW = {
    "edit_list_positive_shift.mp4",
    "portrait_4k60.mp4",
    "cursed_vfr_3026x1386.mp4",
    "cockatoo_444.mp4",
    "small_bunny_1080p_60fps.mp4",
    "rotate_buck_bunny.mp4",
    "hdr10-av1.mp4",
    "vfr_1080p_indoor.mp4",
}


@pytest.fixture(scope="module")
def clips() -> Path:
    shared = Path(os.environ.get("STVT_SHARED", Path(__file__).parents[4] / "shared"))
    folder = shared / "data" / "clips"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    return folder


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in CLIPS]
)
def test_a_real_clip_gives_its_frames_or_its_reason(
    clips: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    expected = CLIPS[name]
    if isinstance(expected, str):
        with pytest.raises(DatasetError) as caught:
            open_video(clips / name)
        assert str(caught.value).startswith(f"{clips / name}: {expected}")
        return
    width, height, frames, *notes = expected
    video = open_video(clips / name)
    assert (video.width, video.height) == (width, height)
    got = 0
    for frame in video:
        assert frame.shape == (height, width, 3) and frame.dtype == np.uint8
        got += 1
    assert got == frames == video.facts["frames_decoded"]
    assert video.facts["partial"] == any(note.startswith("partial") for note in notes)
    # As many notes as expected ones, each with its words: nothing is said that is not so.
    assert len(video.notes) == len(notes), video.notes
    for words in notes:
        assert any(words in note for note in video.notes), (words, video.notes)
    json.dumps(video.facts)
    assert capfd.readouterr() == ("", "")


def test_the_table_names_every_clip(clips: Path) -> None:
    there = {path.name for path in clips.iterdir()} - {"README.md"}
    assert there == {*CLIPS, "long_180p_av1.mp4"}


@pytest.mark.slow
def test_a_long_clip_streams(clips: Path) -> None:
    video = open_video(clips / "long_180p_av1.mp4")
    assert sum(1 for _ in video) == 21_766
