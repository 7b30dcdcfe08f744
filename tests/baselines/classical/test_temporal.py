"""`repeat`, `blend` and `flow` on motions whose outcome is known."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from stvt.baselines.classical.flow_interpolation import Array, Flow
from stvt.baselines.classical.temporal import Blend, Repeat
from stvt.baselines.method import WindowMethod

NOISE = np.random.default_rng(0).standard_normal((300, 300, 3))
COARSE_TO_FINE = np.sum(
    [s * ndimage.gaussian_filter(NOISE, (s, s, 0)) for s in (1.5, 4, 10, 25)], axis=0
)
TEXTURE = ((COARSE_TO_FINE - COARSE_TO_FINE.min()) / np.ptp(COARSE_TO_FINE)).astype(np.float32)


def view(dx: float, dy: float = 0) -> Tensor:
    """96 x 128 pixels of the texture, which has moved by so much."""
    shifted = ndimage.shift(TEXTURE, (dy, dx, 0), order=3)
    return torch.from_numpy(np.ascontiguousarray(shifted[80:176, 80:208])).permute(2, 0, 1)


def decibels(made: Tensor, truth: Tensor, border: int = 0) -> float:
    inner = slice(border, -border or None)
    mse = ((made - truth)[:, inner, inner] ** 2).mean()
    return float(-10 * mse.log10())


def test_repeat_holds_the_earlier_frame() -> None:
    frame = torch.rand(3, 4, 5)
    made = Repeat()(frame[None], [0.25, 0.75])
    assert torch.equal(made, torch.stack([frame, frame, frame]))


def test_blend_weighs_by_nearness_in_time() -> None:
    first, second = torch.zeros(3, 4, 5), torch.ones(3, 4, 5)
    made = Blend()(torch.stack([first, second]), [0.25, 0.5])
    torch.testing.assert_close(made[:, 0, 0, 0], torch.tensor([0, 0.25, 0.5]))


@pytest.mark.parametrize("t", [0.25, 0.5, 0.8])
def test_flow_follows_a_pan(t: float) -> None:
    first, second, truth = view(0), view(7, -3), view(7 * t, -3 * t)
    made = Flow()(torch.stack([first, second]), [t])
    assert torch.equal(made[0], first)
    plain = Blend()(torch.stack([first, second]), [t])[1]
    assert decibels(made[1], truth, border=8) > decibels(plain, truth, border=8) + 8


def test_flow_finds_the_motion_itself() -> None:
    frames = [np.ascontiguousarray(view(dx).permute(1, 2, 0).numpy()) for dx in (0, 6)]
    motion = Flow().motion(frames[0], frames[1])
    assert np.median(abs(motion - (6, 0))[16:-16, 16:-16]) < 0.1


def test_flow_minds_what_an_object_covers_and_uncovers() -> None:
    def scene(x: int) -> Tensor:
        frame = view(0)
        patch = torch.from_numpy(np.ascontiguousarray(TEXTURE[:64, :64][::-1]))
        frame[:, 16:80, x : x + 64] = 0.5 * patch.permute(2, 0, 1) + 0.5
        return frame

    pair, truth = torch.stack([scene(24), scene(36)]), scene(30)
    made, plain = Flow()(pair, [0.5])[1], Blend()(pair, [0.5])[1]
    assert decibels(made, truth) > decibels(plain, truth) + 3
    # Behind and before the object, where only one of the two frames shows the background.
    for columns in (slice(20, 30), slice(94, 104)):
        rows = slice(24, 72)
        assert decibels(made[:, rows, columns], truth[:, rows, columns]) > decibels(
            plain[:, rows, columns], truth[:, rows, columns]
        )


def test_flow_goes_over_into_the_blend_where_frames_have_nothing_in_common() -> None:
    noise = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    made, plain = Flow()(noise, [0.5])[1], Blend()(noise, [0.5])[1]
    assert torch.isfinite(made).all()
    assert (made - plain).abs().mean() < (noise[0] - plain).abs().mean()


def test_flow_of_several_times_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    method, calls = Flow(), 0
    motion = method.motion

    def counted(first: Array, second: Array) -> Array:
        nonlocal calls
        calls += 1
        return motion(first, second)

    monkeypatch.setattr(method, "motion", counted)
    pair = torch.stack([view(0), view(5)])
    together = method(pair, [0.25, 0.5, 0.75])
    assert calls == 2
    for t, made in zip([0.25, 0.5, 0.75], together[1:], strict=True):
        assert torch.equal(made, method(pair, [t])[1])


@pytest.mark.parametrize("height,width", [(1, 1), (2, 9), (31, 200), (200, 7), (65, 63)])
def test_flow_works_on_frames_that_dis_refuses(height: int, width: int) -> None:
    pair = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1))
    made = Flow()(pair, [0.5])
    assert made.shape == (2, 3, height, width)
    assert torch.isfinite(made).all() and made.min() >= 0 and made.max() <= 1


@pytest.mark.parametrize("method,new", [(Repeat(), (0, 0)), (Blend(), (0, 1)), (Flow(), (0, 1))])
def test_frames_that_exist_read_only_themselves(method: WindowMethod, new: tuple[int, int]) -> None:
    assert method.support(0, [0.5]) == (0, 0)
    assert method.support(0.5, [0.5]) == new
