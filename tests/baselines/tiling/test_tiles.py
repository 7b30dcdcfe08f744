"""Tiles of any size join without a gap."""

import pytest
import torch
from torch import Tensor

from stvt.baselines.method import Settings
from stvt.baselines.tiling.box import Box
from stvt.baselines.tiling.tiles import Cut, Tiles, by_tiles


@pytest.mark.parametrize("side", [1, 3, 4, 100])
@pytest.mark.parametrize("margin", [0, 2])
@pytest.mark.parametrize("scale", [1, 2])
def test_tiles_of_any_size_make_up_the_frame(side: int, margin: int, scale: int) -> None:
    frame = torch.rand(3, 7, 10)

    def enlarged(part: Tensor) -> Tensor:
        return part.repeat_interleave(scale, -1).repeat_interleave(scale, -2)

    def compute(around: Box) -> Tensor:
        return enlarged(around.cut(frame))

    output = by_tiles(Box.whole(frame), scale, Cut(side, margin), compute)
    assert torch.equal(output, enlarged(frame))


def test_a_margin_as_wide_as_what_a_pixel_depends_on_leaves_no_seam() -> None:
    frame = torch.rand(1, 1, 20, 30, dtype=torch.float64)
    kernel = torch.rand(1, 1, 5, 5, dtype=torch.float64)

    def blurred(part: Tensor) -> Tensor:
        return torch.conv2d(part, kernel, padding=2)

    def error(margin: int) -> float:
        cut = Cut(8, margin)
        output = by_tiles(Box.whole(frame), 1, cut, lambda around: blurred(around.cut(frame)))
        return float((output - blurred(frame)).abs().max())

    assert error(2) < 1e-12 < error(1)


def test_a_frame_no_larger_than_a_tile_is_whole() -> None:
    tiles = Tiles(Settings(tile=100))
    assert tiles.side(270, 480) == 100 and tiles.of(torch.empty(3, 270, 480)) == 100
    assert tiles.side(100, 90) is None
    assert Tiles(Settings()).side(2000, 2000) is None
    assert Tiles(Settings(tile="auto")).side(2000, 2000) is None  # until memory runs out
