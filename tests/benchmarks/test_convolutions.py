"""The comparison of convolutions with other engines."""

import pytest

from tests.benchmarks import convolutions


def test_every_engine_that_is_installed_computes_the_same_trunk(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for precision, limit in (("fp32", 1e-5), ("bf16", 0.05)):
        measured = convolutions.measure(16, 24, 32, precision, rounds=1)
        assert {"PyTorch", "stvt"} <= set(measured)
        assert all(error < limit and len(laps) == 1 for laps, error in measured.values())
    convolutions.main(
        ["--size", "32x24", "--widths", "16", "--rounds", "1", "--precisions", "fp32"]
    )
    assert "of PyTorch" in capsys.readouterr().out
