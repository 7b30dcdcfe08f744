"""Colours and orientation of decoded frames: those of the standards, or one note that says what was guessed."""

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from stvt.datasets.video.reader import open_video
from tests.datasets.video.videos import (
    PATCHES,
    WEIGHTS,
    Array,
    coded,
    decoded,
    frame_of,
    greys,
    packed,
    said,
    tagged,
    write,
)


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
