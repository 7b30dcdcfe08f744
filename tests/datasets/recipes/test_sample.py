"""The built-in set: that it moves as a video does, and stays the same."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.cli.main import main
from stvt.datasets import load
from stvt.datasets.recipes.sample import FRAMES, HEIGHT, SAMPLE, WIDTH, _straight, _turned, render

Floats = NDArray[np.float64]


@pytest.mark.parametrize("scene", SAMPLE.scenes)
def test_frames_are_of_one_size_and_come_out_the_same_again(scene: str) -> None:
    frame = render(scene, FRAMES - 1)
    assert frame.shape == (HEIGHT, WIDTH, 3)
    assert frame.dtype == np.uint8
    np.testing.assert_array_equal(frame, render(scene, FRAMES - 1))


def _shift(first: Floats, second: Floats) -> tuple[float, float]:
    """How far right and down the content moved, to a fraction of a pixel, by phase correlation."""
    import cv2

    window = cv2.createHanningWindow(first.shape[::-1], cv2.CV_64F)
    (x, y), _ = cv2.phaseCorrelate(first, second, window)
    return x, y


def test_the_pan_moves_by_as_many_pixels_a_frame_as_it_says() -> None:
    first, second = (render("pan", t).mean(axis=2) for t in (3, 4))
    x, y = _shift(first, second)
    assert x == pytest.approx(-(9.87 + 0.143 * 7), abs=0.2)
    assert y == pytest.approx(6.31 - 0.087 * 7, abs=0.2)


def test_the_cup_moves_by_many_pixels_and_hides_the_gravel() -> None:
    red = [
        np.argwhere((f[..., 0] > 120) & (f[..., 1] < 60)).mean(axis=0)
        for f in (render("crossing", t) for t in (9, 10, 18, 19))
    ]
    assert 7 < red[1][1] - red[0][1] < 9
    assert 6.5 < red[3][1] - red[2][1] < 8.5


def test_the_drift_is_slow_and_the_tiles_repeat() -> None:
    before, after = (render("drift", t).mean(axis=2) for t in (14, 15))
    assert np.hypot(*_shift(before, after)) < 1.5
    wall = render("tiles", 14).mean(axis=2)  # which turns by less than a tenth of a degree there
    centred = wall - wall.mean()
    period = np.fft.irfft2(np.abs(np.fft.rfft2(centred)) ** 2)
    beside = period[0, 45:60].max() / period[0, 0]
    assert beside > 0.4, "a tile is 52 pixels wide"


def test_print_is_sharp_lines_over_a_photograph() -> None:
    """Bright strokes, and a ruling whose lines are 6 pixels apart."""
    frame = render("print", 0).astype(float)
    assert (frame.min(axis=2) > 200).mean() > 0.01
    columns = frame[70:150, 20:30].mean(axis=(1, 2))
    spectrum = np.abs(np.fft.rfft(columns - columns.mean()))
    assert 80 / (1 + spectrum[1:].argmax()) == pytest.approx(8.3 / 1.27, abs=1)


def test_what_is_finer_than_the_frame_can_hold_does_not_alias() -> None:
    stripes = np.zeros((600, 800, 3))
    stripes[:, ::2] = 255
    for view in (
        _straight(stripes, 400.3, 300.1, 2.4),
        _turned(stripes, 400.3, 300.1, 2.4, 5.0),
    ):
        assert np.abs(view - 127.5).max() < 6


def test_turning_by_nothing_is_no_turn() -> None:
    photograph = np.random.default_rng(0).uniform(0, 255, (500, 600, 3))
    np.testing.assert_allclose(
        _turned(photograph, 300.2, 250.7, 1.6, 0.0),
        _straight(photograph, 300.2, 250.7, 1.6),
        atol=1e-9,
    )


def test_only_the_scenes_that_are_asked_for_are_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["prepare", "sample", "--root", str(tmp_path), "--scenes"]
    assert main([*command, "drift,no"]) == 2
    assert "expected scene no, found crossing, drift" in capsys.readouterr().err
    assert main([*command, "drift"]) == 0
    assert "sample: 1 scenes prepared" in capsys.readouterr().out
    missing = load("sample", tmp_path).missing
    assert missing and missing.share == "1 of 5 scenes, as chosen"
