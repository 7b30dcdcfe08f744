"""The weights that come with the package."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import stvt
from stvt.baselines.errors import MethodError
from stvt.baselines.method import Settings
from stvt.baselines.stvun.network import STVUN
from stvt.baselines.weights.store import SHIPPED, find_weights
from stvt.cli.main import main

LIMIT = 8_000_000  # bytes in all
SCORES = json.loads((SHIPPED / "scores.json").read_text())
FILES = sorted(SHIPPED.glob("*.safetensors"))


def test_shipped_weights_are_small_and_each_has_its_card() -> None:
    assert FILES
    assert sum(file.stat().st_size for file in FILES) <= LIMIT
    card = (SHIPPED / "README.md").read_text()
    for file in FILES:
        assert f"## {file.stem}" in card
    for word in ("Blender Foundation", "CC BY 3.0", "scikit-image", "Apache-2.0", "stvt train"):
        assert word in card


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_shipped_weights_load_by_default_and_enlarge(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path))
    assert find_weights(name, Settings()).parent == SHIPPED
    method = stvt.load_method(name, device="cpu")
    assert len(method.weights) == 64
    frames = [torch.full((3, 24, 20), level) for level in (0.4, 0.5, 0.6)]
    times = [0.5] if name.startswith("stvun") else []
    made = dict(method.stream(frames, times))
    assert [one.shape for one in made.values()] == [(3, 96, 80)] * (3 + 2 * len(times))
    for time, frame in made.items():
        middle = frame[:, 24:-24, 24:-24].mean().item()
        assert middle == pytest.approx(0.4 + 0.1 * time, abs=0.02), "halfway in brightness, too"


def test_the_shipped_flow_follows_fast_motion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skimage: Any = pytest.importorskip("skimage")
    monkeypatch.setenv("STVT_HOME", str(tmp_path))
    network = stvt.load_method("stvun-s", device="cpu").networks()[0]
    assert isinstance(network, STVUN)
    blurred = skimage.filters.gaussian(skimage.data.astronaut(), 1.6, channel_axis=-1)

    def small(x: int, y: int) -> torch.Tensor:
        part = blurred[y : y + 384 : 4, x : x + 384 : 4]
        return torch.from_numpy(2 * part - 1).float().permute(2, 0, 1)[None]

    first, second = small(40, 80), small(88, 56)
    with torch.inference_mode():
        there, back = network.flow(first, second), network.flow(second, first)
    for flow, sign in ((there, -1), (back, 1)):
        error = flow[0, :, 16:-16, 16:-16] - torch.tensor([12.0, -6.0])[:, None, None] * sign
        assert error.norm(dim=0).median() < 1, "12 to the left, 6 down, and back"


def test_another_file_goes_before_the_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path))
    mine = tmp_path / "weights" / "stvun-s.safetensors"
    mine.parent.mkdir()
    mine.write_bytes((SHIPPED / "stvun-s.safetensors").read_bytes())
    assert find_weights("stvun-s", Settings()) == mine


def test_another_scale_than_the_shipped_one_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path))
    with pytest.raises(MethodError, match="that come with stvt are for --scale 4"):
        find_weights("stvun-s", Settings(scale=2))


@pytest.mark.slow
def test_vid4_has_the_scores_of_the_card(
    shared: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path / "home"))
    root, scene = tmp_path / "data", "city"  # one scene: all four take some minutes
    source = shared / "data" / "vid4"
    part = ["--partial", "--scenes", scene]
    assert main(["prepare", "vid4", "--source", str(source), "--root", str(root), *part]) == 0
    methods = ("stvun-s", "edvr-s+flow")  # together: which frames count depends on the windows
    for frames in ("existing", "new"):
        scores = stvt.evaluate(
            "vid4", methods, root=root, out=tmp_path / frames, frames=frames, metrics=["psnr"]
        )
        for method in methods:
            rows = scores[(scores["scene"] == scene) & (scores["method"] == method)]
            expected = SCORES[method][frames][scene]
            assert rows["value"].mean() == pytest.approx(expected, abs=0.01), (method, frames)
