"""`--scale`: scales that a network lacks, by reducing those that it has."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from stvt.baselines.errors import MethodError
from stvt.baselines.method import Settings
from stvt.baselines.weights.store import SHIPPED
from stvt.datasets.video.reader import open_video
from stvt.upsampling.choose import choose_method, preferred_method
from stvt.upsampling.frames import upsample
from stvt.upsampling.sequence import resized
from stvt.upsampling.video import upsample_file

from .clips import job_of, scenery, video


@pytest.mark.parametrize(
    ("scale", "size"), [("2", (96, 64)), ("3", (144, 96)), ("3/2", (72, 48)), ("1.3", (62, 42))]
)
def test_frames_have_the_size_that_is_asked_for_and_lie_where_they_should(
    tmp_path: Path, scale: str, size: tuple[int, int]
) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 3))
    job = job_of(source, tmp_path / "out.mp4", scale=Fraction(scale))
    whole = 2 if size[0] <= 96 else 3
    settings = Settings(scale=whole, phase=(whole - 1) / 2)
    made = upsample_file(job, settings, lambda *_: None, lambda _: None)
    got = list(open_video(job.output))
    assert made.outputs == len(got) == 6
    picture = cv2.resize(scenery(1, 1)[0], size, interpolation=cv2.INTER_CUBIC)
    assert got[0].shape == picture.shape
    assert np.abs(got[0][3:-3, 3:-3].astype(float) - picture[3:-3, 3:-3]).mean() < 1.5


def test_a_network_of_four_is_reduced_which_is_said(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 3))
    job = job_of(source, tmp_path / "out.mp4", method="stvun-s")
    said: list[str] = []
    upsample_file(job, Settings(scale=2, phase=0.5), lambda *_: None, said.append)
    assert any(
        "stvun-s enlarges by 4: its frames are reduced to 96x64 by an antialiased" in line
        for line in said
    )
    frames = np.stack(scenery(1, 3))
    reduced = upsample(frames, "stvun-s", scale=2)
    assert reduced.shape == (5, 64, 96, 3)
    whole = upsample(frames, "stvun-s", scale=4)
    area = whole.reshape(5, 64, 2, 96, 2, 3).mean((2, 4))
    assert np.abs(reduced - area).mean() < 1
    for got, frame in zip(open_video(job.output), reduced, strict=False):
        assert np.abs(got.astype(int) - frame).max() <= 1


def test_own_weights_of_four_make_two_as_those_that_come_with_stvt_do() -> None:
    weights = {"stvun-s": SHIPPED / "stvun-s.safetensors"}
    frames = np.stack(scenery(1, 2))
    ours = upsample(frames, "stvun-s", scale=2)
    np.testing.assert_array_equal(upsample(frames, "stvun-s", scale=2, weights=weights), ours)
    with pytest.raises(MethodError, match="not of this network"):
        upsample(frames, "stvun-m", scale=2, weights={"stvun-m": weights["stvun-s"]})


@pytest.mark.parametrize("preview", [False, True])
def test_weights_that_no_part_of_the_method_takes_are_refused(
    tmp_path: Path, preview: bool
) -> None:
    weights = {"stvun-s": SHIPPED / "stvun-s.safetensors"}
    source = video(tmp_path / "in.mp4", scenery(1, 2))
    job = job_of(source, tmp_path / "out.mp4", preview=preview)
    settings = Settings(scale=4, phase=1.5, weights=weights)
    with pytest.raises(MethodError, match="--weights stvun-s=...: no method of this run"):
        upsample_file(job, settings, lambda *_: None, lambda _: None)
    taken = replace(job, method="stvun-s")
    assert upsample_file(taken, settings, lambda *_: None, lambda _: None).outputs == 4


def test_a_scale_that_the_method_has_is_taken_as_it_is() -> None:
    """And one that is asked for by no method's name is not reached by four times the work."""
    assert choose_method("bicubic", Settings(scale=3), new=False).scale == 3
    assert choose_method("edvr-m", Settings(scale=2, untrained=True), new=False).scale == 4
    assert choose_method("fisr", Settings(scale=2, untrained=True), new=True).scale == 2
    assert preferred_method(Settings(scale=2)) == "bicubic+flow"
    with pytest.raises(MethodError, match="fisr enlarges by 2 only, not by 3"):
        choose_method("fisr", Settings(scale=3, untrained=True), new=True)


def test_the_reduction_lets_no_stripes_through() -> None:
    """Stripes of one pixel are a mean grey at half the size, and a slope stays where it was."""
    stripes = torch.tensor([0.0, 1.0]).repeat(3, 32, 16)
    reduced = resized(stripes, (16, 16))
    assert (reduced[..., 3:-3] - 0.5).abs().max() < 0.02
    slope = torch.linspace(0, 1, 32).expand(3, 32, 32)
    middle = slope.reshape(3, 16, 2, 16, 2).mean((2, 4))
    torch.testing.assert_close(resized(slope, (16, 16))[..., 4:-4], middle[..., 4:-4])


def test_a_method_of_a_file_in_a_folder_with_a_plus_enlarges(tmp_path: Path) -> None:
    folder = tmp_path / "c++"
    folder.mkdir()
    (folder / "net.py").write_text(
        "class Twice:\n"
        "    before, after, spatial = 0, 0, True\n"
        "    def __init__(self, settings): pass\n"
        "    def __call__(self, window, times):\n"
        "        return window.repeat_interleave(2, -1).repeat_interleave(2, -2)\n"
    )
    frames = np.stack(scenery(1, 3))
    larger = upsample(frames, f"{folder / 'net.py'}:Twice+flow", scale=2)
    np.testing.assert_array_equal(larger[::2], frames.repeat(2, 1).repeat(2, 2))
