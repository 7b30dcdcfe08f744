"""`stvt.upsample`: arrays and tensors in memory."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stvt.baselines.classical.temporal import Blend
from stvt.core.errors import UsageError
from stvt.upsampling.frames import upsample

from .clips import scenery


def test_the_default_method_needs_no_weights_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path))
    clip = np.stack(scenery(1, 3))
    np.testing.assert_array_equal(upsample(clip, scale=2), upsample(clip, "bicubic+flow", scale=2))


def test_an_output_that_is_no_number_is_an_error_and_no_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def overflowed(self: Blend, window: Tensor, times: Sequence[float]) -> Tensor:
        return torch.full((1 + len(times), *window.shape[1:]), torch.inf)

    monkeypatch.setattr(Blend, "__call__", overflowed)
    with pytest.raises(UsageError, match="not finite"):
        upsample(np.stack(scenery(1, 3)), "bicubic+blend", scale=2)


def test_tensors_and_arrays_give_the_same() -> None:
    clip = np.stack(scenery(1, 3))
    tensor = torch.from_numpy(clip).permute(0, 3, 1, 2).float() / 255
    made = upsample(tensor, "bicubic+blend", scale=3, times=[0.25, 0.5])
    assert made.shape == (7, 3, 96, 144)
    rounded = (made * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    whole = upsample(clip, "bicubic+blend", scale=3, times=[0.25, 0.5])
    assert np.abs(rounded.astype(int) - whole).max() <= 1
    with pytest.raises(ValueError, match="rise"):
        upsample(clip, times=[0.5, 0.25])


def test_what_is_returned_is_of_the_kind_that_was_given() -> None:
    clip = np.stack(scenery(1, 3))
    whole = upsample(clip, "bicubic+blend", scale=2)
    floats = upsample(clip / 255, "bicubic+blend", scale=2)
    assert floats.dtype == np.float32 and floats.shape == whole.shape == (5, 64, 96, 3)
    assert np.abs(floats * 255 - whole).max() <= 0.51
    tensor = upsample(torch.from_numpy(clip).permute(0, 3, 1, 2), "bicubic+blend", scale=2)
    assert tensor.dtype == torch.uint8
    np.testing.assert_array_equal(tensor.permute(0, 2, 3, 1).numpy(), whole)
    wrong: Any
    for wrong, says in (
        (clip.astype(np.float32), "in [0, 1], not from"),
        (clip[..., :2], "(H, W, 3)"),
        (clip.astype(np.int64), "not int64"),
        (torch.from_numpy(clip), "(n, 3, h, w)"),
    ):
        with pytest.raises(ValueError, match=re.escape(says)):
            upsample(wrong, "bicubic+blend")
    for scale in (0.5, 0, -1, 5, float("nan")):
        with pytest.raises(ValueError, match="a scale is from 1 to 4"):
            upsample(clip, "bicubic+blend", scale=scale)
