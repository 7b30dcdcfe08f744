"""Interrupted jobs: resumed, killed, of a full disk, two at once; an output is whole or absent."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from stvt.baselines.errors import MethodError
from stvt.baselines.method import Settings
from stvt.core.errors import UsageError
from stvt.datasets import write_frame
from stvt.datasets.video.reader import open_video
from stvt.upsampling.job import UpsampleJob
from stvt.upsampling.video import upsample_file

from .clips import carry_out, job_of, scenery, video


def break_off(job: UpsampleJob, frames: int) -> None:
    """Interrupts a run after so many frames."""

    def stop(done: int, total: int | None, what: str) -> None:
        if done == frames:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upsample_file(job, Settings(scale=2, phase=0.5), stop, lambda _: None)


def test_an_interrupted_run_goes_on_and_ends_in_the_same_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stvt.upsampling.encoder.SEGMENT_FRAMES", 5)
    source = video(tmp_path / "in.mp4", scenery(1, 12))
    carry_out(job_of(source, tmp_path / "whole.mp4"))
    job = job_of(source, tmp_path / "out.mp4")

    break_off(job, 10)
    assert not job.output.exists() and job.parts.is_dir()
    with pytest.raises(UsageError, match="go on with --resume"):
        carry_out(job)
    with pytest.raises(UsageError, match="other options"):
        carry_out(replace(job, resume=True, factor=3))
    made = carry_out(replace(job, resume=True))
    assert made.outputs == 24 and not job.parts.exists()
    # Not byte by byte: the encoder may choose otherwise within the quality that was asked for.
    whole = open_video(tmp_path / "whole.mp4")
    for got, frame in zip(open_video(job.output), whole, strict=True):
        assert np.abs(got.astype(float) - frame).mean() < 1
    with pytest.raises(UsageError, match="is there already"):
        carry_out(job)


@pytest.mark.parametrize("name", ["out", "out.mkv"])
def test_the_output_of_a_link_is_where_it_points(name: str, tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 2))
    (tmp_path / "disk").mkdir()
    real, link = tmp_path / "disk" / name, tmp_path / name
    link.symlink_to(real)
    if name == "out":
        real.mkdir()
    carry_out(job_of(source, link))
    assert len(list(real.iterdir() if real.is_dir() else open_video(real))) == 4
    carry_out(job_of(source, link, overwrite=True, factor=1, method="bicubic"))
    assert link.is_symlink() and [file.name for file in real.parent.iterdir()] == [name]
    assert len(list(real.iterdir() if real.is_dir() else open_video(real))) == 2


def test_the_folder_one_is_in_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 2))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(UsageError, match="^.: is the folder you are in, which is not replaced"):
        carry_out(job_of(source, Path()))
    assert list(tmp_path.glob("**/*.parts")) == []


def test_half_a_frame_of_a_killed_run_does_not_come_into_the_folder(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 4))
    job = job_of(source, tmp_path / "out")

    break_off(job, 3)
    half = job.parts / "frames" / ".00000005.png.stvt-4711-0123abcd.tmp"
    half.write_bytes(b"\x89PNG")
    carry_out(replace(job, resume=True))
    assert sorted(file.name for file in job.output.iterdir()) == [f"{k:08d}.png" for k in range(8)]


def test_a_frame_that_fails_is_named_and_what_was_done_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: object, window: Tensor, times: Sequence[float]) -> Tensor:
        if float(window[0].mean()) > 0.5:
            raise MethodError("cannot")
        return window[:1].expand(1 + len(times), -1, -1, -1)

    monkeypatch.setattr("stvt.baselines.classical.temporal.Blend.__call__", fails)
    frames = [np.full((16, 16, 3), 20 * k, np.uint8) for k in range(10)]
    source = video(tmp_path / "in.mp4", frames)
    job = job_of(source, tmp_path / "out.mp4", method="blend", cuts=False)
    with pytest.raises(UsageError, match=r"frame [789]: cannot; what was done is kept"):
        carry_out(job, scale=1)
    assert not job.output.exists() and len(list((job.parts / "segments").iterdir())) == 1


def test_a_folder_whose_frames_were_written_anew_is_another_source(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for k, frame in enumerate(scenery(1, 6)):
        write_frame(folder / f"{k}.png", frame)
    # Its parts come to lie in the folder itself, whose own time that changes.
    job = job_of(folder, folder / "out", lossless=False, cuts=False)

    break_off(job, 3)
    (folder / "notes.txt").write_text("no frame")
    assert carry_out(replace(job, resume=True)).outputs == 12
    job = replace(job, output=folder / "again")
    break_off(job, 3)
    content = (folder / "5.png").read_bytes()
    with (folder / "0.png").open("r+b") as file:  # under its name, so the folder does not change
        file.write(content)
        file.truncate()
    with pytest.raises(UsageError, match="begun with other source"):
        carry_out(replace(job, resume=True))


KILLED = """
import os, signal, sys
from pathlib import Path
from stvt.baselines.method import Settings
from stvt.upsampling import encoder, sinks, video
from stvt.upsampling.job import UpsampleJob

encoder.SEGMENT_FRAMES = 5
source, output, last = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

class Writer(sinks.VideoSink):
    def write(self, picture):
        super().write(picture)
        if self.done + (self._count if self._container else 0) == last:
            die()

video.VideoSink = Writer
if last == 0:
    os.replace = die
if last == -1:
    sinks.mux_segments = die
job = UpsampleJob(source, output, "bicubic+flow", lossless=True, resume=True)
video.upsample_file(job, Settings(scale=2, phase=0.5), lambda *_: None, lambda _: None)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL")
def test_killed_again_and_again_it_ends_in_the_same_frames(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 12), sound=1.2)
    carry_out(job_of(source, tmp_path / "calm.mp4", method="bicubic+flow"))
    output = tmp_path / "out.mp4"
    # Outputs done; 0: all, the last piece without its name; -1: while they are joined.
    for last in (1, 6, 9, 15, 24, 0, -1):
        command = [sys.executable, "-c", KILLED, str(source), str(output), str(last)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        assert not output.exists()
        whole = sum(1 for file in (tmp_path / "out.mp4.parts/segments").glob("*-*.mkv"))
        assert whole == (last // 5 if last > 0 else 4 - last)
    carry_out(job_of(source, output, method="bicubic+flow", resume=True))
    for got, frame in zip(open_video(output), open_video(tmp_path / "calm.mp4"), strict=True):
        np.testing.assert_array_equal(got, frame)
    assert not (tmp_path / "out.mp4.parts").exists()


def test_a_second_job_with_the_same_output_is_refused(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 12))
    job = job_of(source, tmp_path / "out.mp4", resume=True)
    refusals: list[str] = []

    def second(done: int, total: int | None, what: str) -> None:
        if done == 3:
            with pytest.raises(UsageError, match="is being written by another process") as caught:
                carry_out(job)
            refusals.append(str(caught.value))

    result = upsample_file(job, Settings(scale=2, phase=0.5), second, lambda _: None)
    assert len(refusals) == 1
    assert result.outputs == len(list(open_video(job.output))) == 24


@pytest.mark.parametrize("name", ["out.mp4", "out"])
def test_what_came_to_be_at_the_output_meanwhile_is_not_replaced(tmp_path: Path, name: str) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 6))
    job = job_of(source, tmp_path / name, lossless=False)
    precious = job.output if job.to_video else job.output / "thesis.txt"

    def write(done: int, total: int | None, what: str) -> None:
        if done == 3:
            precious.parent.mkdir(exist_ok=True)
            precious.write_text("precious")

    with pytest.raises(UsageError, match="is there already"):
        upsample_file(job, Settings(scale=2, phase=0.5), write, lambda _: None)
    assert precious.read_text() == "precious"
    precious.unlink()
    assert carry_out(replace(job, resume=True)).outputs == 12


@pytest.mark.parametrize("fault", [None, OSError(28, "No space left on device", "whole.mp4")])
def test_what_comes_or_fails_while_the_whole_is_joined_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: OSError | None
) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 6))
    job = job_of(source, tmp_path / "out.mp4")

    def join(folder: Path, output: Path, *_: object) -> list[str]:
        output.write_text("half")
        if fault:
            raise fault
        job.output.write_text("precious")
        return []

    with monkeypatch.context() as patched:
        patched.setattr("stvt.upsampling.sinks.mux_segments", join)
        line = "whole.mp4: cannot be written: no space left" if fault else "is there already"
        with pytest.raises(UsageError, match=f"{line}.*--resume goes on there"):
            carry_out(job)
    assert sorted(file.name for file in job.parts.iterdir()) == ["job.json", "segments"]
    if not fault:
        assert job.output.read_text() == "precious"
        job.output.unlink()
    assert carry_out(replace(job, resume=True)).outputs == 12


def test_a_full_disk_is_one_line_and_whole_segments_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr("stvt.upsampling.encoder.SEGMENT_FRAMES", 4)
    noise = np.random.default_rng(0).integers(0, 256, (12, 32, 48, 3), np.uint8)
    source = video(tmp_path / "in.mp4", list(noise))
    job = job_of(source, tmp_path / "out.mp4", cuts=False)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def limit(done: int, total: int | None, what: str) -> None:
        """From the second segment on files cannot be larger, as on a full disk."""
        if done == 4:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))

    try:
        with pytest.raises(
            UsageError, match=r"cannot be written \(file too large\); what was done"
        ):
            upsample_file(job, Settings(scale=2, phase=0.5), limit, lambda _: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert not job.output.exists()
    assert [file.name for file in (job.parts / "segments").iterdir()] == ["000000000-4.mkv"]
    assert carry_out(replace(job, resume=True)).outputs == 24


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_a_damaged_record_of_the_parts_is_one_line(tmp_path: Path, content: str) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 6))
    job = job_of(source, tmp_path / "out.mp4", resume=True)
    job.parts.mkdir()
    (job.parts / "job.json").write_text(content)
    with pytest.raises(UsageError, match="begin anew with --overwrite$"):
        carry_out(job)
    assert carry_out(replace(job, resume=False, overwrite=True)).outputs == 12
