"""How visible the seams of tiles are."""

from pathlib import Path

import pytest
import torch

from stvt.baselines import MethodError
from tests.benchmarks.seams import _near_and_far, main, seams


@pytest.fixture(autouse=True)
def nothing_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path / "home"))


def test_tiles_are_measured_and_untrained_weights_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["--method", "edvr-m", "--tile", "16,64", "--size", "24x20"])
    small, large = capsys.readouterr().out.splitlines()[-2:]
    assert "untrained" in small and "in register" in small and "equal" not in small
    assert "equal" in large


def test_errors_are_larger_near_the_seams() -> None:
    (found,) = seams("edvr-m", 32, 24, 64, "cpu")
    assert found.kept == 16 and found.time == 0
    assert found.near is not None and found.far is not None
    assert found.near > found.far > 0 and found.largest > found.mean > 0
    assert 10 < found.psnr < 100


def test_only_networks_have_tiles() -> None:
    with pytest.raises(MethodError, match="bicubic: no network"):
        seams("bicubic", 32, 24, 24, "cpu")


@pytest.mark.slow
def test_fisr_is_covered_and_needs_both_its_files(tmp_path: Path) -> None:
    for file in (tmp_path / "home" / "weights" / "fisr.safetensors",):
        file.parent.mkdir(parents=True)
        file.touch()  # not enough: its flow network has none
    between = seams("fisr", 96, 20, 136, "cpu")
    assert [one.time for one in between] == [0, 0.5]
    for found in between:
        assert found.weights == "untrained" and found.kept == 32
        assert found.near is not None and found.far is not None and found.near > found.far > 0


@pytest.mark.slow
def test_dain_has_no_seams() -> None:
    # In single precision rounding, other on each processor, decides to which pixel a flow at the
    # border of two goes.
    (found,) = seams("dain", 48, 64, 64, "cpu", double=True)
    assert found.psnr > 200


def test_the_seams_lie_where_kept_parts_meet() -> None:
    error = torch.zeros(3, 40, 40)
    error[:, :, 20] = 1
    near, far = _near_and_far(error, 20)
    assert near is not None and near > 0 and far == 0
    near, far = _near_and_far(error, 100)
    assert near is None and far == pytest.approx(1 / 40)
