"""`stvt doctor`: what is here."""

from pathlib import Path

import pytest
import torch

from stvt import doctor
from stvt.cli.main import main


@pytest.fixture(autouse=True)
def nothing_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path / "home"))


def run(arguments: list[str]) -> int:
    return main(["doctor", *arguments])


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
    monkeypatch.setattr(doctor, "missing_tools", lambda: ["no yt-dlp here", "no runtime here"])
    assert run(["--root", str(tmp_path)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "training sets" in line]
    assert [line.split(None, 2)[2] for line in lines] == ["no yt-dlp here", "no runtime here"]


def test_tiles_end_in_one_line_that_says_where_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["doctor", "tiles", "--method", "stvun"])
    said = capsys.readouterr().err
    assert end.value.code == 2 and "tests/benchmarks/seams.py" in said
    assert len(said.splitlines()) == 1


def test_torch_is_asked_of_devices_only_where_there_may_be_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "may_have_gpu", lambda: False)
    assert doctor.devices() == [("cuda", "none: no driver of a GPU is here")]
    monkeypatch.setattr(doctor, "may_have_gpu", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert doctor.devices() == [("cuda", "none that torch can use")]


def test_a_gpu_is_known_by_the_files_of_its_driver(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(doctor, "DRIVERS", (str(tmp_path / "version"),))
    assert not doctor.may_have_gpu()
    (tmp_path / "version").touch()
    assert doctor.may_have_gpu()
