"""`stvt doctor`: what is here, and how visible the seams of tiles are."""

import argparse
from pathlib import Path

import pytest
import torch

from stvt import doctor
from stvt.baselines import MethodError
from stvt.cli import doctor as doctor_command


@pytest.fixture(autouse=True)
def nothing_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path / "home"))


def run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    doctor_command.add(parser.add_subparsers(dest="command", required=True))
    args = parser.parse_args(["doctor", *arguments])
    code: int = args.run(args)
    return code


def test_the_machine_is_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "vid4").mkdir()
    (tmp_path / "vid4" / "manifest.json").write_text("{}")
    weights = tmp_path / "home" / "weights"
    weights.mkdir(parents=True)
    (weights / "STVUN.pth").touch()
    assert run(["--root", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for expected in (
        torch.__version__.split("+")[0],
        "vid4",
        "STVUN.pth",
        str(weights),
        "Python",
        "processor",
    ):
        assert expected in printed
    assert "MISSING" not in printed


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "EXTRAS", {"no-such-package": "flying"})
    monkeypatch.setattr(doctor, "LIBRARIES", ("no-such-library",))
    found = dict(doctor.machine(tmp_path))
    assert found["no-such-package"] == "not installed; only for flying"
    assert found["no-such-library"] == "MISSING"
    assert found["weights"].endswith("none") and found["prepared sets"].endswith("none")


def test_what_transfer_of_videos_lacks_is_said_a_line_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "missing", lambda: ["no yt-dlp here", "no runtime here"])
    assert run(["--root", str(tmp_path)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "training sets" in line]
    assert [line.split(None, 2)[2] for line in lines] == ["no yt-dlp here", "no runtime here"]


def test_tiles_are_measured_and_untrained_weights_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["tiles", "--method", "edvr-m", "--tile", "16,64", "--size", "24x20"]) == 0
    printed = capsys.readouterr()
    small, large = printed.out.splitlines()[-2:]
    assert "untrained" in small and "in register" in small and "equal" not in small
    assert "equal" in large
    assert "edvr-m: no weights here" in printed.err


def test_errors_are_larger_near_the_seams() -> None:
    (found,) = doctor.seams("edvr-m", 32, 24, 64, "cpu")
    assert found.kept == 16 and found.time == 0
    assert found.near is not None and found.far is not None
    assert found.near > found.far > 0 and found.largest > found.mean > 0
    assert 10 < found.psnr < 100


def test_only_networks_have_tiles() -> None:
    with pytest.raises(MethodError, match="bicubic: no network"):
        doctor.seams("bicubic", 32, 24, 24, "cpu")


@pytest.mark.slow
def test_fisr_is_covered_and_needs_both_its_files(tmp_path: Path) -> None:
    for file in (tmp_path / "home" / "weights" / "fisr.safetensors",):
        file.parent.mkdir(parents=True)
        file.touch()  # not enough: its flow network has none
    between = doctor.seams("fisr", 96, 20, 136, "cpu")
    assert [one.time for one in between] == [0, 0.5]
    for found in between:
        assert found.weights == "untrained" and found.kept == 32
        assert found.near is not None and found.far is not None and found.near > found.far > 0


@pytest.mark.slow
def test_dain_has_no_seams() -> None:
    (found,) = doctor.seams("dain", 48, 64, 64, "cpu")
    # Rounding, other on each processor, decides to which pixel a flow at the border of two goes;
    # so single pixels may differ, up to 0.02 seen, but not a seam's length of them.
    assert found.psnr > 100


def test_the_seams_lie_where_kept_parts_meet() -> None:
    error = torch.zeros(3, 40, 40)
    error[:, :, 20] = 1
    near, far = doctor._near_and_far(error, 20)
    assert near is not None and near > 0 and far == 0
    near, far = doctor._near_and_far(error, 100)
    assert near is None and far == pytest.approx(1 / 40)
