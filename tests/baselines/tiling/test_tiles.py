"""Tiles of any size join without a gap, and a given memory says how large they may be."""

from typing import Any

import pytest
import torch
from torch import Tensor

from stvt.baselines import MethodError, build
from stvt.baselines.method import Method, Settings
from stvt.baselines.tiling.box import Box
from stvt.baselines.tiling.memory import NEEDS, parse_size, tile_within, written
from stvt.baselines.tiling.tiles import Cut, Tiles, by_tiles, seen_ahead

GIB = 1 << 30


@pytest.mark.parametrize("side", [1, 3, 4, 100])
@pytest.mark.parametrize("margin", [0, 2])
@pytest.mark.parametrize("scale", [1, 2])
def test_tiles_of_any_size_make_up_the_frame(side: int, margin: int, scale: int) -> None:
    frame = torch.rand(3, 7, 10)

    def enlarged(part: Tensor) -> Tensor:
        return part.repeat_interleave(scale, -1).repeat_interleave(scale, -2)

    def compute(around: Box, kept: Box) -> Tensor:
        return kept.times(scale).cut(enlarged(around.cut(frame)))

    made = torch.full((3, 7 * scale, 10 * scale), torch.nan)
    whole = Box.whole(frame)
    assert torch.equal(by_tiles(made, whole, whole, Cut(side, margin), compute), enlarged(frame))


def test_a_margin_as_wide_as_what_a_pixel_depends_on_leaves_no_seam() -> None:
    frame = torch.rand(1, 1, 20, 30, dtype=torch.float64)
    kernel = torch.rand(1, 1, 5, 5, dtype=torch.float64)

    def blurred(part: Tensor) -> Tensor:
        return torch.conv2d(part, kernel, padding=2)

    def error(margin: int) -> float:
        whole, made = Box.whole(frame), torch.empty_like(frame)
        by_tiles(
            made,
            whole,
            whole,
            Cut(8, margin),
            lambda around, kept: kept.cut(blurred(around.cut(frame))),
        )
        return float((made - blurred(frame)).abs().max())

    assert error(2) < 1e-12 < error(1)


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GiB", 4 << 30), ("4 gib", 4 << 30), ("0.5G", 500_000_000), ("8MB", 8_000_000), ("9", 9)],
)
def test_a_size_of_memory_is_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "4 apples", "GiB", "-1GB", "0", "4GiBB"])
def test_what_is_no_size_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(MethodError, match="4GiB or 800MB") as error:
        parse_size(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("network", "height", "width"),
    [
        ("stvun", 270, 480),
        ("edvr", 270, 480),
        ("edvr-m", 270, 480),
        ("dain", 1080, 1920),
        ("dain", 270, 480),
        ("fisr", 540, 960),
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_every_network_makes_1080_lines_within_four_gibibytes(
    network: str, height: int, width: int, alone: bool
) -> None:
    tile = tile_within(network, 4 * GIB, height, width, alone=alone)
    need = NEEDS[network]
    if tile is None:
        assert need.of_frame(height, width) <= 4 * GIB
    else:
        assert tile >= need.least
        assert need.of_tiles(tile, height, width) <= (4 if alone else 3.2) * GIB


@pytest.mark.parametrize("network", NEEDS)
def test_more_memory_never_makes_smaller_tiles(network: str) -> None:
    sides = [tile_within(network, memory * GIB, 540, 960) or 10_000 for memory in (3, 4, 6, 8, 64)]
    assert sides == sorted(sides) and sides[-1] == 10_000


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("network", NEEDS)
def test_too_little_memory_is_an_error_that_names_enough(network: str, alone: bool) -> None:
    with pytest.raises(MethodError, match="at least") as error:
        tile_within(network, 100 << 20, 540, 960, alone=alone)
    enough = str(error.value).split("it takes ")[1].split(" at")[0]
    assert tile_within(network, parse_size(enough), 540, 960, alone=alone)
    assert "\n" not in str(error.value)


def test_a_tile_is_smaller_than_the_frame_or_there_is_none() -> None:
    for network, need in NEEDS.items():
        for alone in (True, False):
            assert tile_within(network, GIB << 4, 40, need.least, alone=alone) is None
            for memory in range(2, 40):
                try:
                    side = tile_within(network, memory << 28, 270, 480, alone=alone)
                except MethodError:
                    continue
                assert side is None or side < 480


# Peaks in MiB, weights included, the largest with one or three times between two frames, by tests/benchmarks/memory.py: in docs/performance.md too.
@pytest.mark.parametrize(
    ("network", "width", "height", "tile", "half", "peak"),
    [
        ("stvun", 64, 48, 0, False, 296),
        ("stvun", 120, 68, 0, False, 590),
        ("stvun", 240, 136, 0, False, 1415),
        ("stvun", 240, 136, 96, False, 920),
        ("stvun", 120, 68, 0, True, 429),
        ("stvun", 240, 136, 0, True, 823),
        ("stvun-w-af", 120, 68, 0, False, 666),
        ("edvr", 64, 48, 0, False, 276),
        ("edvr", 120, 68, 0, False, 462),
        ("edvr", 240, 136, 0, False, 1216),
        ("edvr", 240, 136, 96, False, 601),
        ("edvr", 120, 68, 0, True, 315),
        ("edvr-m", 64, 48, 0, False, 138),
        ("edvr-m", 120, 68, 0, False, 258),
        ("edvr-m", 240, 136, 0, False, 642),
        ("edvr-m", 120, 68, 0, True, 132),
        ("dain", 192, 192, 0, False, 706),
        ("dain", 480, 270, 0, False, 1541),
        ("dain", 480, 270, 64, False, 818),
        ("dain", 1920, 1080, 256, False, 2868),
        ("dain", 192, 192, 64, True, 337),
        ("fisr", 128, 96, 0, False, 386),
        ("fisr", 240, 136, 0, False, 564),
        ("fisr", 240, 136, 128, False, 547),
        ("fisr", 480, 270, 128, False, 1059),
        ("fisr", 240, 136, 0, True, 403),
    ],
)
def test_no_measured_peak_lies_above_what_is_reckoned_with(
    network: str, width: int, height: int, tile: int, half: bool, peak: int
) -> None:
    need = NEEDS[network].in_half_precision() if half else NEEDS[network]
    reckoned = need.of_tiles(tile, height, width) if tile else need.of_frame(height, width)
    assert reckoned >= peak << 20


def test_half_precision_needs_no_smaller_tiles() -> None:
    exact = tile_within("stvun", 2 * GIB, 270, 480) or 0
    assert (tile_within("stvun", 2 * GIB, 270, 480, half=True) or 0) > exact


def test_sizes_are_written_rounded_up_so_that_they_suffice() -> None:
    for size in (1, 5 << 20, (5 << 20) + 1, (1 << 30) + 1, 3_333_333_333):
        assert parse_size(written(size)) >= size


def test_the_smaller_of_tile_and_memory_counts_and_a_frame_that_fits_is_whole() -> None:
    small = Settings(tile=100, memory=2 * GIB)
    assert Tiles("stvun", small).side(270, 480) == 100
    assert Tiles("stvun", small).side(100, 90) is None
    by_memory = Tiles("stvun", Settings(tile=400, memory=GIB)).side(270, 480)
    assert by_memory is not None and by_memory < 400
    assert Tiles("stvun", Settings(memory=64 * GIB)).side(270, 480) is None
    assert Tiles("stvun", Settings()).side(2000, 2000) is None


def test_looking_ahead_loses_no_frame() -> None:
    frames = [torch.rand(3, 2, 2) for _ in range(3)]
    first, rest = seen_ahead(iter(frames))
    assert first is frames[0] and list(rest) == frames
    first, rest = seen_ahead([])
    assert first is None and list(rest) == []


@pytest.mark.parametrize("spec", ["edvr-m", "edvr-m+blend"])
def test_methods_obey_the_memory_that_they_are_given(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = list(torch.rand(2, 3, 30, 40))
    asked: list[dict[str, Any]] = []

    def told(network: str, memory: int, height: int, width: int, **how: Any) -> int | None:
        asked.append({"network": network, "memory": memory, **how})
        return 32 if network == "edvr-m" else None

    monkeypatch.setattr("stvt.baselines.tiling.tiles.tile_within", told)
    limited = outputs(build(spec, Settings(untrained=True, memory=GIB)), frames)
    assert {one["memory"] for one in asked} == {GIB}
    assert {one["alone"] for one in asked} == {spec == "edvr-m"}
    assert all(frame.shape == (3, 120, 160) for frame in limited.values())
    if spec == "edvr-m":
        tiled = outputs(build(spec, Settings(untrained=True, tile=32)), frames)
        assert all(torch.equal(limited[t], tiled[t]) for t in tiled)
        whole = outputs(build(spec, Settings(untrained=True)), frames)
        assert any(not torch.equal(limited[t], whole[t]) for t in whole)


def test_a_frame_too_large_for_the_memory_is_an_error_of_one_line() -> None:
    method = build("dain", Settings(untrained=True, memory=500 << 20))
    with pytest.raises(MethodError, match="500MiB is too little for frames of 512x512"):
        outputs(method, list(torch.rand(2, 3, 512, 512)))


def outputs(method: Method, frames: list[Tensor]) -> dict[float, Tensor]:
    spatial = method.name == "edvr-m"
    return dict(method.stream(frames, [] if spatial else [0.5], {0.0, 0.5}.__contains__))
