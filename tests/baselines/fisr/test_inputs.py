"""What FISR and its flow network are fed, and the tiles that it works in."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stvt.baselines.fisr.inputs import (
    doubled,
    halved,
    remapped,
    rgb_from_yuv,
    yuv_from_rgb,
)
from stvt.baselines.fisr.network import MULTIPLE, enlarge_from_corner
from stvt.baselines.tiling.box import Box
from tests.golden_cases import error, load_case


def double(array: Any) -> Tensor:
    return torch.from_numpy(array).double()


def test_the_colours_are_the_published_ones() -> None:
    case = load_case("fisr", "color")
    assert error(rgb_from_yuv(double(case["yuv"])), case, "rgb") < 1e-4
    assert error(yuv_from_rgb(double(case["rgb_in"])), case, "yuv_out") < 1e-4
    yuv = (255 * double(case["prediction"]).clamp(0, 1)).floor()
    assert np.array_equal(yuv.numpy(), case["png_yuv"])
    assert np.array_equal(rgb_from_yuv(yuv).floor().numpy(), case["png_rgb"])


def test_greys_keep_their_lightness_there_and_back() -> None:
    grey = torch.arange(256.0).expand(3, 1, 256)
    torch.testing.assert_close(rgb_from_yuv(yuv_from_rgb(grey)), grey, atol=1e-3, rtol=0)


def test_frames_are_warped_as_published() -> None:
    case = load_case("fisr", "warp")
    image, flow = double(case["image"])[None], double(case["flow"])[None]
    assert error(remapped(image, flow)[0], case, "warped") < 1e-4


def test_images_and_flows_are_resized_as_published() -> None:
    case = load_case("fisr", "image_resize")
    assert error(doubled(double(case["image"])), case, "doubled") < 1e-4
    assert error(halved(double(case["flow"])), case, "halved") < 1e-4


def test_features_are_resized_and_shuffled_as_in_tensorflow() -> None:
    case = load_case("fisr", "legacy_resize")
    x = double(case["x"])[None]
    for factor in (2, 4):
        assert error(enlarge_from_corner(x, factor)[0], case, f"bilinear_x{factor}") < 1e-4
    assert error(x[0, :, ::2, ::2], case, "bicubic_half") < 1e-4
    assert error(x[0, :, ::4, ::4], case, "bicubic_quarter") < 1e-4
    assert error(nn.functional.max_pool2d(x, 2)[0], case, "max_pool") < 1e-4
    case = load_case("fisr", "depth_to_space")
    ours = double(case["x"]).view(4, 4, 3, 5).transpose(0, 1).flatten(0, 1)
    assert error(nn.functional.pixel_shuffle(ours, 2), case, "shuffled") < 1e-4


def test_the_tiles_are_the_published_ones() -> None:
    case = load_case("fisr", "tiling")
    for (height, width, down, across, row, column), bounds in zip(
        case["tile"].tolist(), case["bounds"].tolist(), strict=True
    ):
        height, width = height - height % (32 * down), width - width % (32 * across)
        whole = Box(0, height, 0, width)
        pieces = whole.pieces(height // down, width // across)
        made = [(piece.expand(MULTIPLE, whole), piece) for piece in pieces]
        assert len(made) == down * across
        fed, kept = made[row * across + column]
        edges = [fed.top, fed.bottom, fed.left, fed.right]
        assert [*edges, *(2 * e for e in (kept.top, kept.bottom, kept.left, kept.right))] == bounds
