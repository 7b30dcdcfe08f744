"""A network is one folder and one line: its spec, registered, is all that any command needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle

import stvt
from stvt.baselines import Settings, WindowMethod, build, register
from stvt.baselines.losses import LossModule, mean_absolute_difference
from stvt.baselines.registry import METHODS, NETWORKS
from stvt.baselines.spec import NetworkSpec, Stage, Variant
from stvt.baselines.tiling.box import Box
from stvt.baselines.tiling.tiles import Cut, Tiles, by_tiles
from stvt.cli.main import main
from stvt.datasets.build.synthetic_set import prepare_photographs
from stvt.datasets.frames import write_frame
from stvt.profiling.breakdown import Breakdown
from stvt.profiling.flops import count, parameters
from stvt.profiling.timing import measure

MARGIN = 2  # low-resolution pixels that two convolutions of 3x3 see around


class Tiny(nn.Module):
    """Two frames mixed by time, and enlarged by two convolutions."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.last = nn.Conv2d(width, 48, 3, padding=1)

    def forward(self, frames: Tensor, times: Sequence[float]) -> Tensor:
        """(B, 1 + n, 3, 4h, 4w) from (B, 2, 3, h, w) and n times."""
        before, after = frames.unbind(1)
        mixed = torch.stack([(1 - t) * before + t * after for t in (0.0, *times)], 1).flatten(0, 1)
        detail = pixel_shuffle(self.last(self.first(mixed).relu()), 4)
        large = interpolate(mixed, scale_factor=4) + detail
        return large.view(len(frames), 1 + len(times), *large.shape[1:])


class TinyMethod(WindowMethod):
    scale = 4
    after = 1

    def __init__(self, network: Tiny, settings: Settings, name: str, weights: str = "") -> None:
        self.network, self.name, self.weights = network.to(settings.device), name, weights
        self.tiles = Tiles(settings)

    def networks(self) -> list[nn.Module]:
        return [self.network]

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        tile = self.tiles.of(window)
        if tile is None:
            return self.enlarged(window, times)

        def compute(around: Box) -> Tensor:
            return self.enlarged(around.cut(window), times)

        return by_tiles(Box.whole(window), 4, Cut(tile - 2 * MARGIN, MARGIN), compute)

    def enlarged(self, window: Tensor, times: Sequence[float]) -> Tensor:
        frames: Tensor = self.network(window[None], times)[0]
        return frames.clamp(0, 1)


class TinyLosses(LossModule):
    def __init__(self, network: Tiny, stage: Stage) -> None:
        super().__init__()
        self.network: Tiny = network

    def forward(
        self, small: Tensor, large: Tensor, between: Tensor, times: Sequence[float]
    ) -> dict[str, Tensor]:
        prediction = self.network(small[:, :2], times)
        return {
            "space": mean_absolute_difference(prediction[:, 0], large[:, 0]),
            "between": mean_absolute_difference(prediction[:, 1:], large[:, 1:]),
        }

    def predict(self, small: Tensor, times: Sequence[float]) -> dict[str, Tensor]:
        prediction = self.network(small[:, :2], times)
        return {"existing": prediction[:, :1], "new": prediction[:, 1:]}


def faint(network: Tiny) -> None:
    with torch.no_grad():
        network.last.weight.mul_(0.1)


SPEC = NetworkSpec(
    name="tiny",
    kind="space-time",
    scales=(4,),
    summary="two convolutions",
    network=Tiny,
    method=TinyMethod,
    variants={
        "tiny": Variant("two convolutions", stages=("joint",)),
        "tiny-wide": Variant("two wide ones", partial(dict, width=8), stages=("joint",)),
    },
    losses=TinyLosses,
    init_weights=faint,
    window=2,
    rename=lambda state: {key.replace("head.", "first."): one for key, one in state.items()},
    probe=lambda pattern, _: (pattern(1, 2, 3, 8, 8), [0.5]),
    profile={"features": ("first",), "enlarging": ("last",)},
)


@pytest.fixture(autouse=True)
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("STVT_HOME", str(tmp_path / "home"))
    register(SPEC)
    yield
    for name in SPEC.variants:
        del NETWORKS[name], METHODS[name]


def frames(number: int = 3, height: int = 10, width: int = 14) -> list[Tensor]:
    return list(torch.rand(number, 3, height, width, generator=torch.Generator().manual_seed(1)))


def test_it_is_listed_and_runs_untrained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "methods"]) == 0
    assert "two wide ones" in capsys.readouterr().out
    method = build("tiny-wide", Settings(untrained=True))
    assert (method.name, method.weights) == ("tiny-wide", "untrained")
    made = dict(method.stream(frames(), [0.5]))
    assert list(made) == [0, 0.5, 1, 1.5, 2] and made[0.5].shape == (3, 40, 56)


def test_it_works_in_tiles_to_the_same_result() -> None:
    whole, tiled = (build("tiny", Settings(untrained=True, tile=tile)) for tile in (None, 8))
    for (_, one), (_, other) in zip(
        whole.stream(frames(), [0.5]), tiled.stream(frames(), [0.5]), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_it_is_timed_counted_and_broken_down() -> None:
    method = build("tiny", Settings(untrained=True))
    timing = measure(method, 64, 64, warm_up=1, min_repeats=1, max_repeats=1)
    assert timing.n == 1 and timing.median is not None
    assert parameters(method) == 3 * 4 * 9 + 4 + 4 * 48 * 9 + 48
    # The new frame comes with the one in register: two images of 16x16 pixels.
    assert count(method, 64, 64).multiply_accumulates == 2 * 16 * 16 * (3 * 4 * 9 + 4 * 48 * 9)
    breakdown = Breakdown(method)
    with breakdown.measuring():
        breakdown.run(lambda: list(method.stream(frames(), [0.5])))
    assert set(breakdown.costs) == {"features", "enlarging", "the rest"}


def test_it_is_trained_saved_detected_verified_and_evaluated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "data"
    prepare_photographs(root, clips=6, frames=16, side=96)
    run = tmp_path / "run"
    command = ["train", "--preset", "smoke", "--stage", "joint", "--network", "tiny-wide"]
    command += ["--data", "photographs", "--root", str(root), "--out", str(run), "--device", "cpu"]
    command += ["--steps", "2", "--batch", "2", "--precision", "fp32"]
    assert main([*command, "--frames", "7"]) == 2
    assert "--frames 7: expected 2 or 3, the windows of tiny-wide" in capsys.readouterr().err
    assert main([*command, "--log-every", "1", "--save-every", "1", "--validate-windows", "1"]) == 0
    weights = run / "weights" / "tiny-wide-last.safetensors"
    assert weights.is_file()

    assert main(["weights", "add", str(weights)]) == 0
    assert main(["weights", "verify", "tiny-wide"]) == 0
    kept = tmp_path / "home" / "weights" / "tiny-wide.safetensors"
    assert f"tiny-wide: {kept}" in capsys.readouterr().out and kept.is_file()

    source = tmp_path / "source" / "scene"
    source.mkdir(parents=True)
    for index in range(5):
        frame = np.full((48, 64, 3), 40 * index, np.uint8)
        write_frame(source / f"{index:08d}.png", frame)
    stvt.prepare("steps", source.parent, root=root)
    scores = stvt.evaluate("steps", "tiny-wide", root=root, out=tmp_path / "scores")
    assert not scores.attrs["failures"]
    assert set(scores["method"]) == {"tiny-wide"} and scores["value"].notna().all()


def test_what_it_lacks_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "--preset", "smoke", "--stage", "space", "--network", "tiny"]
    command += ["--data", "photographs", "--root", str(tmp_path), "--out", str(tmp_path / "run")]
    assert main(command) == 2
    assert "tiny has no stage 'space'" in capsys.readouterr().err
    with pytest.raises(stvt.baselines.MethodError, match="tiny enlarges by 4 only, not by 2"):
        build("tiny", Settings(scale=2, untrained=True))
    with pytest.raises(stvt.baselines.MethodError, match="tiny: no weights here; none were pub"):
        build("tiny", Settings())


def test_a_name_that_is_taken_is_refused_and_changes_nothing() -> None:
    other = replace(SPEC, name="other", variants={"other": Variant(""), "edvr": Variant("")})
    before = NETWORKS["edvr"]
    with pytest.raises(ValueError, match="other: the name 'edvr' is taken"):
        register(other)
    assert "other" not in NETWORKS
    assert NETWORKS["edvr"] is before
