"""Methods as ONNX graphs: what ONNX Runtime computes of them is what PyTorch computes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import stvt
from stvt.baselines import MethodError, WindowMethod
from stvt.baselines.ops.correlation import _by_rows, correlation
from stvt.cli.main import main

runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


def run(file: Path, frames: Tensor) -> tuple[Tensor, dict[str, str]]:
    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (outputs,) = session.run(["outputs"], {"frames": frames.numpy()})
    return torch.from_numpy(outputs), session.get_modelmeta().custom_metadata_map


def test_edvr_s_is_exported_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "edvr.onnx"
    assert main(["export", "edvr-s", str(out), "--size", "20x16"]) == 0
    assert "edvr-s for 20x16" in capsys.readouterr().out
    method = stvt.load_method("edvr-s", device="cpu")
    assert isinstance(method, WindowMethod)
    frames = torch.rand(method.before + 1 + method.after, 3, 16, 20)
    outputs, about = run(out, frames)
    assert outputs.shape == (1, 3, 64, 80) and about["stvt.weights"] == method.weights
    assert about["stvt.times"] == ""
    torch.testing.assert_close(outputs, method(frames, []), rtol=0, atol=1e-4)


@pytest.mark.slow  # half a minute: 7,000 operators
def test_stvun_s_is_exported_with_its_new_frames_at_any_size(tmp_path: Path) -> None:
    method = stvt.load_method("stvun-s", device="cpu")
    assert isinstance(method, WindowMethod)
    out = stvt.export(method, "onnx", size=(17, 24), out=tmp_path / "a.onnx", times=(0.25, 0.5))
    frames = torch.rand(7, 3, 17, 24)
    outputs, about = run(out, frames)
    assert outputs.shape == (3, 3, 68, 96) and about["stvt.times"] == "0.25, 0.5"
    torch.testing.assert_close(outputs, method(frames, [0.25, 0.5]), rtol=0, atol=1e-3)


@pytest.mark.slow
def test_basicvsr_is_exported_for_a_sequence(tmp_path: Path) -> None:
    out = stvt.export("basicvsr", size=(16, 20), out=tmp_path / "a.onnx", frames=3, untrained=True)
    frames = torch.rand(3, 3, 16, 20)
    outputs, _ = run(out, frames)
    method = stvt.load_method("basicvsr", device="cpu", untrained=True)
    expected = torch.stack([frame for _, frame in method.stream(frames, [])])
    assert outputs.shape == (3, 3, 64, 80)
    torch.testing.assert_close(outputs, expected, rtol=0, atol=1e-3)


def test_the_cost_volume_of_an_export_is_the_same() -> None:
    first, second = torch.rand(2, 2, 5, 9, 14, dtype=torch.float64)
    torch.testing.assert_close(_by_rows(first, second), correlation(first, second))


@pytest.mark.parametrize("name", ["bicubic", "nearest", "bilinear", "lanczos"])
@pytest.mark.parametrize("size", [(17, 33), (1, 161)])
def test_a_resampling_kernel_is_exported(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    out = stvt.export(name, size=size, out=tmp_path / "a.onnx", scale=3)
    method = stvt.load_method(name, scale=3, device="cpu")
    assert isinstance(method, WindowMethod)
    frame = torch.rand(1, 3, *size)
    outputs, _ = run(out, frame)
    torch.testing.assert_close(outputs, method(frame, []), rtol=0, atol=1e-5)


class OutsideTorch(WindowMethod):
    """A method whose outputs a trace would take for constants."""

    name = "outside"
    scale = 1

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        return window * float(window.mean()) + torch.from_numpy(np.flip(window.numpy()).copy())


class WithoutOnnx(WindowMethod):
    """A method with an operator that ONNX lacks."""

    name = "without-onnx"
    scale = 1

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        return window.mT.mT


@pytest.mark.parametrize("method", ["bicubic+flow", WithoutOnnx(), OutsideTorch()])
def test_what_cannot_be_exported_is_one_line_and_leaves_no_file(
    method: str | WindowMethod, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MethodError, match="to ONNX") as caught:
        stvt.export(method, size=(8, 8), out=tmp_path / "a.onnx")
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


def test_without_the_extra_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert main(["export", "edvr-s", str(tmp_path / "a.onnx"), "--size", "16x16"]) == 2
    said = capsys.readouterr().err
    assert "pip install 'stvt[onnx]'" in said and len(said.splitlines()) == 1


def test_a_number_of_frames_is_of_a_sequence_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--size", "16x16", "--frames", "3"]
    assert main(["export", "edvr-s", str(tmp_path / "a.onnx"), *options]) == 2
    assert "leave --frames out" in capsys.readouterr().err


@pytest.mark.parametrize("times", ["0", "0.5,1", "nan", ""])
def test_times_lie_between_0_and_1(times: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["export", "edvr-s", "a.onnx", "--size", "16x16", "--times", times])
    assert "is no list of times between 0 and 1" in capsys.readouterr().err
