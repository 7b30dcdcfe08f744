"""LPIPS with a backbone of the right layout and made-up values; and what is said without one."""

import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lpips
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from stvt.core.download import fetch
from stvt.core.errors import DownloadError
from stvt.metrics import METRICS, MetricError
from stvt.metrics import lpips_ as perceptual
from stvt.metrics.lpips_ import BACKBONE, BACKBONE_URL, Perceptual
from tests.lying_server import Act, Server, serving

FEATURES = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}


def made_up_backbone() -> dict[str, torch.Tensor]:
    """AlexNet's layout without its classifier, which LPIPS does not use and which is 95 % of it."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for number, (after, before, side) in FEATURES.items():
        values = torch.randn(after, before, side, side, generator=generator)
        state[f"features.{number}.weight"] = values / (before * side * side) ** 0.5
        state[f"features.{number}.bias"] = torch.randn(after, generator=generator) / 10
    return state


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty places for weights, and no network."""

    def refuse(*_: object, **__: object) -> None:
        raise DownloadError("no network in tests")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("STVT_HOME", str(tmp_path / "stvt"))
    monkeypatch.setattr(perceptual, "fetch", refuse)
    return tmp_path


def put(folder: Path) -> Path:
    folder.mkdir(parents=True)
    torch.save(made_up_backbone(), folder / BACKBONE)
    return folder / BACKBONE


def frame(seed: int, height: int = 40, width: int = 52) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def measure(homes: Path) -> Any:
    put(homes / "stvt" / "weights")
    with pytest.warns(UserWarning, match="not the published backbone"):
        return METRICS["lpips"].open("cpu")


def test_without_its_backbone_one_line_says_which_file_goes_where(homes: Path) -> None:
    with pytest.raises(MetricError) as caught:
        METRICS["lpips"].open("cpu")
    message = str(caught.value)
    assert "\n" not in message
    assert BACKBONE_URL in message
    assert f"put it in {homes / 'stvt' / 'weights'}" in message
    assert "no network in tests" in message
    assert not (homes / "stvt").exists()


@pytest.mark.parametrize("place", ["torch/hub/checkpoints", "stvt/weights"])
def test_the_backbone_is_found_on_disk(homes: Path, place: str) -> None:
    file = put(homes / place)
    assert perceptual.backbone_file() == file


@pytest.fixture
def served(homes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The backbone's address leads to a server of a few bytes."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(perceptual, "fetch", fetch)
    with serving(b"backbone") as server:
        monkeypatch.setattr(perceptual, "BACKBONE_URL", server.url(BACKBONE))
        yield server


def test_a_file_that_came_wrong_is_thrown_away(homes: Path, served: Server) -> None:
    with pytest.raises(MetricError, match="its sha256 is"):
        perceptual.backbone_file()
    served.url(BACKBONE, Act(content=b"<html>quota exceeded</html>"))
    with pytest.raises(MetricError, match="a web page"):
        perceptual.backbone_file()
    assert list((homes / "stvt" / "weights").iterdir()) == []


def test_a_file_that_came_right_is_kept(
    homes: Path, served: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perceptual, "SHA256_START", hashlib.sha256(b"backbone").hexdigest()[:8])
    assert perceptual.backbone_file().read_bytes() == b"backbone"
    assert [file.name for file in (homes / "stvt" / "weights").iterdir()] == [BACKBONE]


def test_equal_frames_have_no_distance_and_the_rest_have(measure: Any) -> None:
    assert measure(frame(1), frame(1), "rgb", 0) == 0
    assert measure(frame(1), frame(2), "rgb", 0) > 0.01


def test_the_distance_is_that_of_the_package_with_this_backbone(measure: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package: Any = lpips
        network = package.LPIPS(net="alex", version="0.1", pnet_rand=True, verbose=False)
    state = made_up_backbone()
    for name, value in network.net.named_parameters():
        value.data.copy_(state["features." + name.split(".", 1)[1]])
    pair = [torch.from_numpy(frame(s)).permute(2, 0, 1)[None] / 127.5 - 1 for s in (1, 2)]
    expected = network(*pair).item()
    assert measure(frame(1), frame(2), "rgb", 0) == pytest.approx(expected, rel=1e-6)


def test_it_is_the_same_each_time_and_leaves_the_random_state_alone(homes: Path) -> None:
    put(homes / "stvt" / "weights")
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    with pytest.warns(UserWarning):
        distances = [Perceptual()(frame(1), frame(2), "rgb", 2) for _ in range(2)]
    assert distances[0] == distances[1]
    torch.testing.assert_close(torch.rand(4), expected)


def test_luma_has_no_lpips(measure: Any) -> None:
    with pytest.raises(ValueError, match="'rgb' only"):
        measure(frame(1), frame(2), "y", 0)


def test_31_pixels_are_enough_and_30_are_not(measure: Any) -> None:
    assert measure(frame(1, 31, 31), frame(2, 31, 31), "rgb", 0) > 0
    with pytest.raises(MetricError, match="at least 31x31"):
        measure(frame(1, 30, 40), frame(2, 30, 40), "rgb", 0)


@pytest.mark.parametrize("content", [b"", b"<html>", "state"])
def test_a_file_that_is_not_the_backbone_is_one_clear_line(homes: Path, content: Any) -> None:
    file = put(homes / "stvt" / "weights")
    if content == "state":
        torch.save({"features.0.weight": torch.zeros(1)}, file)
    else:
        file.write_bytes(content)
    with pytest.warns(UserWarning), pytest.raises(MetricError, match="AlexNet's weights") as caught:
        METRICS["lpips"].open("cpu")
    assert "\n" not in str(caught.value)
