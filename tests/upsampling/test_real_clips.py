"""`stvt upsample` on real files: their look is kept, every one that can be decoded goes through."""

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from stvt.core.errors import StvtError
from stvt.datasets.video.reader import open_video
from stvt.datasets.video.timestamps import read_timestamps
from stvt.upsampling.sources import Part, VideoSource

from .clips import carry_out, job_of


@pytest.mark.parametrize(
    ("name", "frames", "facts"),
    [
        ("video_90.mov", 6, {"width": 320, "height": 568, "rotation": 0}),
        ("non_zero_start.mp4", 24, {"sample_aspect_ratio": "224/225"}),
        ("bt601_full_range.mp4", 24, {"matrix": "bt601", "range": "full"}),
        ("h264_10bits.mp4", 24, {"pix_fmt": "yuv420p10le"}),
    ],
)
def test_real_files_keep_their_look(
    shared: Path, tmp_path: Path, name: str, frames: int, facts: dict[str, object]
) -> None:
    source = shared / "data" / "clips" / name
    job = job_of(source, tmp_path / "out.mp4", method="blend", lossless=False)
    made = carry_out(replace(job, part=Part(end=Fraction(2, 5))), scale=1)
    got = open_video(tmp_path / "out.mp4")
    assert made.outputs == len(list(got)) == frames
    assert {name: got.facts[name] for name in facts} == facts


def each(folder: Path) -> Iterator[Path]:
    yield from sorted(file for file in folder.iterdir() if file.suffix != ".md")


def decodable(folder: Path) -> Iterator[VideoSource]:
    """The clips of a folder that can be read; that of the others is said in one line."""
    for file in each(folder):
        try:
            yield VideoSource(file, Part())
        except StvtError as error:
            assert "\n" not in str(error) and file.name in str(error)


@pytest.mark.slow
def test_every_decodable_clip_goes_through_and_every_other_is_one_line(
    shared: Path, tmp_path: Path
) -> None:
    for source in decodable(shared / "data" / "clips"):
        pixels = source.width * source.height
        scale = 4 if pixels <= 640 * 480 else 2 if pixels <= 1280 * 720 else 1
        end = min(Fraction(1, 5), 2 / source.when.rate)
        job = job_of(source.path, tmp_path / "out.mp4", lossless=False, overwrite=True)
        job = replace(job, crf=30.0, part=Part(end=end))
        made = carry_out(job, scale)
        when, got = read_timestamps(job.output, 0), open_video(job.output)
        name = source.path.name
        assert when.frames == made.outputs == len(list(got)), name
        assert when.constant_rate and when.rate == made.rate == 2 * source.when.rate, name
        shown = min(end, source.when.seconds)
        assert abs(when.seconds - shown) < 2 / source.when.rate or made.problems, name
        assert got.facts["rotation"] == 0, name
        sizes = [scale * source.width, scale * source.height]
        assert [got.width, got.height] == [side + side % 2 for side in sizes], name


@pytest.mark.slow
def test_the_colours_of_every_clip_survive_being_coded_again(shared: Path, tmp_path: Path) -> None:
    """Coded without loss in their own kind of chroma, so that only the colours' way is measured."""
    for source in decodable(shared / "data" / "clips"):
        name, form = source.path.name, str(source._video.facts["pix_fmt"])
        known = re.match(r"yuvj?(4[24][024]p)", form)
        coded = f"yuv{known[1]}{'10le' if source.bits > 8 else ''}" if known else None
        job = job_of(source.path, tmp_path / "out.mp4", method=None, factor=1, overwrite=True)
        job = replace(job, pixel_format=coded, lossless=True, part=Part(end=2 / source.when.rate))
        carry_out(job, scale=1)
        (_, before, *_), after = next(source.frames()), next(iter(open_video(job.output)))
        before = np.rint(before * 255) if before.dtype != np.uint8 else before
        height, width = before.shape[:2]
        error = np.abs(before.astype(float) - after[:height, :width]).mean()
        # Half of its pixels decode to colours outside of RGB; cut off, 4:2:0 cannot hold them.
        assert error < (1.2 if name == "discard_first_keyframe.mp4" else 1), (name, error)
