"""`stvt upsample`: its options, and every job that cannot be, in one line."""

import argparse
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from stvt.cli.main import build_parser
from stvt.core.errors import StvtError
from stvt.datasets import write_frame
from stvt.upsampling.sources import Part

from .clips import carry_out, job_of, scenery, video


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"output": Path("nowhere/out.mp4")}, "no such folder"),
        ({"output": Path("out.docx")}, "no kind of video"),
        ({"source": Path("none.mp4")}, "no such file"),
        ({"method": "bicubic"}, "makes no new frames"),
        ({"method": "nonsense"}, "no method is called"),
        ({"part": Part(start=Fraction(60))}, "nothing comes after"),
        ({"source_fps": Fraction(3)}, "is for folders"),
        ({"source": Path(__file__).parent, "stream": 0}, "--stream is for videos"),
        ({"codec": "nonsense"}, "no such encoder"),
        ({"output": Path("out.mov"), "codec": "av1"}, "cannot hold av1"),
        ({"output": Path("out.mov"), "codec": "vp9"}, "cannot hold vp9"),
        ({"output": Path("out.mkv"), "codec": "gif"}, "cannot hold gif; take h264"),
        ({"output": Path("-")}, "so it needs a file"),
        ({"output": Path("pipe:1.mp4")}, "so it needs a file"),
        ({"output": Path(os.devnull), "overwrite": True}, "is neither a file nor a folder"),
        ({"source": Path(os.devnull)}, "must be a file or folder"),
        ({"output": Path("/proc/out.mp4")}, "cannot be written"),
        ({"output": Path("frames"), "lossless": True}, "--lossless: frames will be a folder"),
        ({"lossless": False, "crf": -5.0}, "--crf -5: h264 takes 0 .* to 51"),
        ({"lossless": False, "crf": float("nan")}, "--crf nan"),
        ({"method": "mine=frames:."}, "are for `stvt evaluate` alone"),
        ({"output": Path("out.mkv"), "codec": "mjpeg", "lossless": False}, "^mjpeg refuses [^;]*$"),
    ],
)
def test_every_wrong_wish_is_one_line(tmp_path: Path, more: dict[str, object], says: str) -> None:
    if more.get("output") == Path("/proc/out.mp4") and not Path("/proc/version").exists():
        pytest.skip("no folder that even root cannot write to")
    source = video(tmp_path / "in.mp4", scenery(1, 2))
    job = replace(job_of(source, tmp_path / "out.mp4"), **more)  # type: ignore[arg-type]
    with pytest.raises(StvtError, match=says) as caught:
        carry_out(job)
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["in.mp4"]


def parsed(*words: str) -> argparse.Namespace:
    return build_parser().parse_args(["upsample", *words])


def test_the_command_line_carries_it_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 6) + scenery(2, 6))
    words = ["--method", "bicubic+blend", "--scale", "2", "--end", "0:01", "--slow-motion", "3"]
    args = parsed(str(source), str(tmp_path / "out.mkv"), *words)
    assert args.run(args) == 0
    said = capsys.readouterr()
    assert said.out.endswith("out.mkv: 30 frames at 10 fps (3.000 s) from 10, 1 cut\n")
    assert "method: bicubic+blend" in said.err
    with pytest.raises(StvtError, match="--time and --fps both"):
        args = parsed(str(source), str(tmp_path / "o.mkv"), "--time", "2", "--fps", "60")
        args.run(args)
    (tmp_path / "frames").mkdir()
    with pytest.raises(StvtError, match="--time and --fps both"):  # --source-fps says IN's rate
        speed = ["--time", "4", "--fps", "50", "--source-fps", "25"]
        args = parsed(str(tmp_path / "frames"), str(tmp_path / "o.mkv"), *speed)
        args.run(args)
    for wrong in (
        ["--scale", "5"],
        ["--scale", "0.5"],
        ["--time", "0"],
        ["--crop", "0:1:2:3"],
        ["--end", "soon"],
        ["--memory", "much"],
    ):
        with pytest.raises(SystemExit):
            parsed(str(source), "out.mp4", *wrong)


def test_a_file_in_the_place_of_a_folder_is_refused_before_anything_is_computed(
    tmp_path: Path,
) -> None:
    source, output = video(tmp_path / "in.mp4", scenery(1, 2)), tmp_path / "out"
    output.write_text("precious")
    with pytest.raises(StvtError, match="out: is a file, and a folder of frames is to be"):
        carry_out(job_of(source, output, overwrite=True))
    assert output.read_text() == "precious" and not (tmp_path / "out.parts").exists()


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_that_has_the_name_of_the_parts_by_chance_keeps_what_it_holds(
    tmp_path: Path, overwrite: bool, resume: bool
) -> None:
    job = job_of(video(tmp_path / "in.mp4", scenery(1, 2)), tmp_path / "out.mp4")
    (job.parts / "segments").mkdir(parents=True)
    (job.parts / "segments" / "thesis.txt").write_text("precious")
    with pytest.raises(StvtError, match="holds what no run of stvt did; move it away"):
        carry_out(replace(job, overwrite=overwrite, resume=resume))
    assert (job.parts / "segments" / "thesis.txt").read_text() == "precious"


def test_a_folder_of_two_sequences_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for k, frame in enumerate(scenery(1, 3)):
        write_frame(folder / f"im{k}.png", frame)
        write_frame(folder / f"im{k}_mask.png", frame)
    with pytest.raises(StvtError, match=r"im0.png and im0_mask.png have one number; give each a"):
        carry_out(job_of(folder, tmp_path / "out", lossless=False))
    for mask in folder.glob("*_mask.png"):
        mask.unlink()
    (folder / "im1.png").unlink()
    made = carry_out(job_of(folder, tmp_path / "out", lossless=False))
    assert made.outputs == 4 and any("frame number 1 is missing" in note for note in made.notes)


def test_deep_frames_behind_a_first_of_8_bits_are_said(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for k, frame in enumerate(scenery(1, 3)):
        cv2.imwrite(str(folder / f"{k}.png"), frame.astype(np.uint16) * 257 if k else frame)
    job = job_of(folder, tmp_path / "out.mkv", codec="ffv1", source_fps=Fraction(10))
    said = f"{folder}: frames of 16 bits are written in the 8 of the folder's first"
    assert carry_out(job).notes.count(said) == 1
