"""Real video files, read where they are: their frames and every note on them, or the reason why not."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from stvt.datasets.errors import DatasetError
from stvt.datasets.video.reader import open_video

TURNED = "turned {} degrees clockwise"
PARTIAL = "partial: {} frames decoded: "
LOST = "{} packets between frames could not be decoded"
HIDDEN, VARIES, FIRST = "hidden by an edit list", "variable frame rate", "the first time stamp is "
LOW, HIGH = "taken as BT.601", "taken as BT.709"
SHAPE = "sample aspect ratio "
NO_INDEX = "cannot be opened: its index (moov) is missing"
# width and height as shown, frames, and what must be noted; or how it ends.
CLIPS: dict[str, tuple[int, int, int, *tuple[str, ...]] | str] = {
    "bbb_960x540_60fps_vp8.webm": (960, 540, 60),
    "london_60fps_dup_320x240.mp4": (320, 240, 932),
    "portrait_4k60.mp4": (2160, 3840, 18, TURNED.format(90)),
    "hlg10-color-test.mp4": (1920, 1080, 9, "high dynamic range (hlg)"),
    "hdr10-av1.mp4": (720, 1280, 127, "high dynamic range (pq)"),
    "sample_vvc.mp4": (320, 180, 120, LOW),
    "bbb_176x144_h263.3gp": (176, 144, 15, LOW),
    "bbb_800x640_firstpts10s.mp4": (800, 640, 120, LOW, SHAPE + "1137/800", FIRST + "10.000 s"),
    "edit_list_preroll.mp4": (640, 360, 16, HIDDEN),
    "edit_list_positive_shift.mp4": (1920, 1080, 270, HIGH, FIRST + "1.000 s"),
    "invalid_nalu.mp4": (1080, 720, 29, HIGH, LOST.format(1)),  # as many as ffmpeg gives
    "malformed_free_box.mp4": "cannot be opened: damaged at byte 32 (a box 'free' of 3 bytes)",
    "rotate_and_reflect.mp4": (720, 1080, 30, "mirrored and " + TURNED.format(270), HIGH),
    "bt601_640x428.mov": (640, 428, 30),
    "screen_518x488.mp4": (518, 488, 167),
    "android_slow_motion.mp4": (1280, 720, 7, VARIES),
    "sef_slow_motion.mp4": (320, 240, 63, LOW, HIDDEN),
    "sef_super_slow_motion.mp4": (160, 120, 435, LOW, HIDDEN),
    "phone_rot90_vfr_352x288.mp4": (288, 352, 24, TURNED.format(270), LOW, VARIES),
    "sample_960x400.avi": (960, 400, 96, LOW, "the header promises 98 frames, 96 came", VARIES),
    "sample.flv": (1080, 720, 30, HIGH, FIRST + "0.067 s"),
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
    "corrupted.mp4": (1280, 720, 49, HIGH, LOST.format(1), "1 of 49 frames are flagged as damaged"),
    "unordered_50x50.mov": (50, 50, 4, LOW),
    "video_0.mov": (568, 320, 3),
    "video_90.mov": (320, 568, 3, TURNED.format(90)),
    "video_180.mov": (568, 320, 3, TURNED.format(180)),
    "video_270.mov": (320, 568, 3, TURNED.format(270)),
    "no_duration.webm": (1280, 720, 74, "alpha: stored beside the picture, dropped"),
    "-video-with-dash-.mp4": (1, 1, 5, LOW),
    "vfr_1080p_indoor.mp4": (1920, 1080, 72, HIGH, VARIES),
    "unordered_pts.avi": (
        320,
        240,
        164,
        LOW,
        FIRST + "0.040 s",
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
    "truncated_friday.mp4": (640, 480, 109, PARTIAL.format("109 of 185")),
    "truncated_no_index.mov": NO_INDEX,
    "damaged_middle.mp4": (
        640,
        360,
        147,
        LOW,
        SHAPE + "2",
        LOST.format(3),
        "22 of 147 frames are flagged as damaged",
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
