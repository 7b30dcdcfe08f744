"""Every real clip goes into a training set, or is refused for what its table says of it."""

import csv
import json
from pathlib import Path

import pytest

from stvt.datasets.build.training_set import prepare_training
from stvt.datasets.build.training_video import Settings

REFUSED = {
    "android_slow_motion": "variable frame rate",
    "awesome_movie": "variable frame rate",
    "cursed_vfr_3026x1386": "variable frame rate",
    "truncated_annex_b": "variable frame rate",
    "audio_only": "has no video stream",
    "broken": "its index (moov) is missing",
    "truncated_no_index": "its index (moov) is missing",
    "malformed_free_box": "damaged at byte 32",
    "empty": "is empty",
    "not_a_video": "is not a video",
    "invalid_bitstream": "no frame of its vp9 video can be decoded",
    "edit_list_positive_shift": "black",
    "long_180p_av1": "black",
    "sef_super_slow_motion": "flicker",
    "unordered_pts": "repeated frames",
    "sintel_cave_1024x436": "10 frames a second, fewer than the 24",
    "cockatoo_444": "20 frames a second, fewer than the 24",
    "corrupted": "10 frames a second, fewer than the 24",
    "portrait_4k60": "18 frames, fewer than the 24",
    "park_joy_480x270_50fps": "10 frames, fewer than the 24",
    "nasa_rotated": "17 frames, fewer than the 24",
    "video_90": "3 frames, fewer than the 24",
}
# Kept, or left out only because their clips look like those of another file of the same scene.
USABLE = (
    *("bikes", "carphone_pristine", "vfr_1080p_indoor", "sef_slow_motion", "hdr10-av1"),
    *("london_60fps_dup_320x240", "london_60fps_320x240", "london_30fps_640x360"),
    *("bedroom_960x540", "dog_1280x720", "cups_1280x720", "blocks_1280x720", "juggle_1280x720"),
    *("gopro_walk_848x480", "bunny_1080p_60fps", "road_960x540", "elf_720x480", "rabbit_720x480"),
    *("gym_1088x1920_60fps", "flower_960x540", "damaged_middle", "truncated_friday"),
)


@pytest.mark.slow
def test_every_real_clip_is_kept_or_refused_for_the_true_reason(
    shared: Path, tmp_path: Path
) -> None:
    sources = [shared / "data" / "clips", shared / "data" / "train_clips"]
    settings = Settings(min_rate="24", height=96, min_side=32)
    outcome = prepare_training("real", tmp_path, sources, settings=settings)
    made = json.loads((outcome.folder / "manifest.json").read_text())
    with (outcome.folder / "ledger.csv").open() as file:
        ledger = {line["video"]: line for line in csv.DictReader(file)}
    assert len(ledger) == 74 + 14 and outcome.failures == []
    for video, why in REFUSED.items():
        assert ledger[video]["outcome"] == "refused" and why in ledger[video]["reason"], video
    for video in USABLE:
        line = ledger[video]
        assert line["outcome"] == "kept" or "look like others" in line["reason"], video
    # What its table says: 60 true frames a second for five seconds, then 30 with each shown twice.
    london = [clip for clip in made["clips"] if clip["video"] == "london_60fps_dup_320x240"]
    assert {clip["rate"] for clip in london if clip["end"] < 4.8} == {"60/1"}
    assert {clip["rate"] for clip in london if clip["start"] > 5.1} == {"30/1"}
    slow = [clip["rate"] for clip in made["clips"] if clip["video"] == "sef_slow_motion"]
    assert set(slow) == {"240/1"}
    assert not any("logo" in line["reason"] + line["notes"] for line in ledger.values())
