"""`--cuts`: lists of cuts as programs and people write them, and where shots begin by them."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from stvt.core.errors import UsageError
from stvt.datasets.video.reader import open_video
from stvt.upsampling.cuts import read_cuts
from stvt.upsampling.placement import TimedFrame
from stvt.upsampling.sources import Part

from .clips import carry_out, job_of, scenery, video

COLUMNS = (
    "Scene Number,Start Frame,Start Timecode,Start Time (seconds),End Frame,End Timecode,"
    "End Time (seconds),Length (frames),Length (timecode),Length (seconds)\n"
)
SCENES = (
    "1,1,00:00:00.000,0.000,30,00:00:01.200,1.200,30,00:00:01.200,1.200\n"
    "2,31,00:00:01.200,1.200,76,00:00:03.040,3.040,46,00:00:01.840,1.840\n"
    "3,77,00:00:03.040,3.040,137,00:00:05.480,5.480,61,00:00:02.440,2.440\n"
)
SCDET = (
    "[Parsed_showinfo_0 @ 0x55] config in time_base: 1/12800, frame_rate: 25/1\n"
    "frame=    1 fps=0.0 q=-0.0 speed=1.22x    [scdet @ 0x56] lavfi.scd.score: 27.034, "
    "lavfi.scd.time: 1.2\n[scdet @ 0x56] lavfi.scd.score: 10.657, lavfi.scd.time: 3.04\n"
)
METADATA = (
    "frame:29   pts:14848   pts_time:1.16\nlavfi.scd.mafd=0.9\nlavfi.scd.score=0.1\n"
    "frame:30   pts:15360   pts_time:1.2\nlavfi.scd.mafd=27.9\nlavfi.scd.score=27.034\n"
    "lavfi.scd.time=1.2\nframe:76   pts:38912   pts_time:3.04\nlavfi.scd.time=3.04\n"
)
SELECT = (
    "frame:0    pts:15360   pts_time:1.2\nlavfi.scene_score=0.692083\n"
    "frame:1    pts:38912   pts_time:3.04\nlavfi.scene_score=0.429438\n"
)
SHOWINFO = (
    "[Parsed_showinfo_1 @ 0x55] n:   0 pts:  15360 pts_time:1.2     pos:    37194 fmt:yuv420p\n"
    "[Parsed_showinfo_1 @ 0x55] n:   1 pts:  38912 pts_time:3.04    pos:   263621 fmt:yuv420p\n"
)
TIMES = (Fraction(12, 10), Fraction(304, 100))


@pytest.mark.parametrize(
    ("text", "cuts"),
    [
        ("Timecode List:,00:00:01.200,00:00:03.040\n" + COLUMNS + SCENES, (30, 76)),
        (COLUMNS + SCENES, (30, 76)),
        (COLUMNS + SCENES.splitlines()[0], ()),
        (SCDET, TIMES),
        (METADATA, TIMES),
        (SELECT, TIMES),
        (SHOWINFO, TIMES),
        ("0 29\n30 75\n76 136\n", (30, 76)),
        ("0\t30\n30\t76\n", (30,)),
        ("# of the film\n30\n76\n", (30, 76)),
        ("\ufeff30, 76\r\n", (30, 76)),
        ("1.2\n3.04s\n", TIMES),
        ("00:00:01.200,00:00:03.040", TIMES),
        ("0:01.2 1:00:00.0", (Fraction(12, 10), Fraction(3600))),
    ],
)
def test_what_programs_and_people_write_is_read(
    tmp_path: Path, text: str, cuts: tuple[int | Fraction, ...]
) -> None:
    (tmp_path / "cuts").write_text(text, encoding="utf-8", newline="")
    assert read_cuts(tmp_path / "cuts").cuts == cuts


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "names no cut; if there is none, give --no-cuts"),
        (b"# nothing\n\n", "names no cut"),
        (b"30\nscene\n", "line 2 is no frame number or time \\('scene'\\)"),
        (b"00:00:01:12\n", "line 1 is no frame number or time"),
        (b"-3\n", "line 1 is no"),
        (b"30\n3.04\n", "mixes whole numbers"),
        (b"76\n30\n", "is not in order"),
        (b"10 20\n40 50\n", "are no shots one after another"),
        (COLUMNS.encode() + b"1,x,\n", "line 2 has no number under 'Start Frame'"),
        (COLUMNS.encode() + b"1\n", "line 2 has no number"),
        (b"lavfi.scd.mafd=1\nlavfi.scd.score=2\npts_time:3\n", "says of no frame that it is a cut"),
        (b"lavfi.scene_score=0.3\n", "says of no frame that it is a cut"),
        (b"\xff\xd8\xff\xe0", "is no text"),
        (b"1\x002", "is no list of cuts"),
        (b'{"cuts": [30]}', "line 1 is no"),
    ],
)
def test_anything_else_is_one_line(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "cuts").write_bytes(data)
    with pytest.raises(UsageError, match=says) as caught:
        read_cuts(tmp_path / "cuts")
    assert "\n" not in str(caught.value) and str(caught.value).startswith("--cuts ")
    with pytest.raises(UsageError, match="cannot be read: no such file"):
        read_cuts(tmp_path / "none")


@pytest.mark.parametrize("text", ["9" * 5000, "Start Frame\n" + "9" * 5000, "x" * 200_000])
def test_what_is_longer_than_python_reads_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "cuts.csv").write_text(f"{text}\n")
    with pytest.raises(UsageError, match=r"cuts\.csv: .*give frame numbers or times"):
        read_cuts(tmp_path / "cuts.csv")


def test_a_time_is_a_cut_at_the_frame_next_to_it(tmp_path: Path) -> None:
    (tmp_path / "cuts").write_text("0.19 0.34 0.36")
    cuts = read_cuts(tmp_path / "cuts").at(Fraction(5), Fraction(4))
    blank = np.zeros((2, 2, 3), np.uint8)
    frames = [TimedFrame(5 + Fraction(k, 10), blank, k) for k in range(6)]
    assert [shot for shot, _ in cuts.shots(frames)] == [0, 0, 1, 2, 3, 3]
    # Of a part it counts from the beginning of the source.
    assert [shot for shot, _ in cuts.shots(frames[2:])] == [0, 1, 2, 2]


@pytest.mark.parametrize(
    "text", ["6", "0.6", "[scdet @ 0x5] lavfi.scd.score: 9, lavfi.scd.time: 0.67"]
)
def test_no_frame_is_made_across_a_cut_of_the_list_and_no_other_is_looked_for(
    tmp_path: Path, text: str
) -> None:
    """The picture begins 70 ms after the sound, with which the file, and FFmpeg's time, does."""
    frames = scenery(1, 12) + scenery(2, 6)
    source = video(tmp_path / "in.mkv", frames, range(7, 187, 10), sound=1.8)
    (tmp_path / "cuts.txt").write_text(text)
    job = job_of(
        source, tmp_path / "out.mp4", cuts=read_cuts(tmp_path / "cuts.txt"), method="blend"
    )
    made = carry_out(job, scale=1)
    assert made.cuts == [6] and made.outputs == 36
    got = list(open_video(job.output))
    np.testing.assert_array_equal(got[11], frames[5])
    assert np.abs(got[23].astype(int) - frames[11]).max() > 1
    part = replace(job, part=Part(start=Fraction(3, 10)), overwrite=True)
    assert carry_out(part, scale=1).cuts == [3]


def test_cuts_after_the_last_frame_are_said(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 6))
    (tmp_path / "cuts.txt").write_text("3 6 900")
    made = carry_out(job_of(source, tmp_path / "out.mp4", cuts=read_cuts(tmp_path / "cuts.txt")))
    assert any("2 of the 3 cuts of" in note and "another video's" in note for note in made.notes)
