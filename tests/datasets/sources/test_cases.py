"""Pictures, archives and folders of public bug reports: `shared/cases`, where it is there.

Each kind has a small generated input in a test of its own; these are the inputs as they were.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stvt.cli.main import main
from stvt.datasets.frames import read_frame

COLUMNS = (0, 8, 16, 31)


def case(shared: Path, name: str) -> Path:
    folder = shared / "cases" / name
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return folder


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tiff_16bit_planar", [(0, 255, 78), (66, 189, 78), (132, 123, 78), (255, 0, 78)]),
        ("tiff_white_is_zero", [(255,) * 3, (189,) * 3, (123,) * 3, (0,) * 3]),
        ("rgba_png_hidden_colours", [(0, 0, 0)] * 4),
        ("icc_profile_lost", [(230, 79, 56)] * 4),
    ],
)
def test_the_true_frames_have_the_colours_of_the_source(
    name: str, expected: list[tuple[int, ...]], shared: Path, tmp_path: Path
) -> None:
    folder = case(shared, f"video/{name}")
    assert main(["prepare", "set1", "--root", str(tmp_path), "--source", str(folder / "in")]) == 0
    frame = read_frame(next(tmp_path.glob("set1/GT/*/00000000.png")))
    assert [tuple(frame[0, column]) for column in COLUMNS] == expected


def test_sixteen_bits_of_pgm_are_read(shared: Path) -> None:
    file = case(shared, "video/pgm_16bit") / "in" / "0.pgm"
    with Image.open(file) as image:
        expected = np.rint(np.array(image) / 257)
    np.testing.assert_array_equal(read_frame(file)[..., 0], expected)


@pytest.mark.parametrize(
    ("name", "source", "code", "scenes", "said"),
    [
        ("video/videos_ignored", "in", 0, 7, ""),
        ("video/timestamp_names", "in", 0, 1, "time stamps"),
        ("video/jfif_frames", "in", 0, 1, ""),
        ("video/backslash_zip", "in.zip", 0, 1, ""),
        ("video/nested_zip", "in.zip", 2, 0, "it holds inner.zip: unpack that"),
        ("video/nested_zip", "in2.zip", 0, 1, "it holds inner.zip: unpack that"),
        ("video/webp_animated", "in.webp", 2, 0, "animated WebP"),
        ("video/rgba_png_hidden_colours", "in", 0, 1, "alpha: composited over black"),
        ("video/icc_profile_lost", "in", 0, 1, "converted to sRGB"),
        ("attack/png-starts-ghostscript", "frames", 2, 0, "cannot be read as a picture"),
    ],
)
def test_a_source_is_taken_or_refused_with_what_to_do(
    *,
    name: str,
    source: str,
    code: int,
    scenes: int,
    said: str,
    shared: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = case(shared, name) / source
    if not given.exists():
        pytest.skip(f"no {given}")
    assert main(["prepare", "set1", "--root", str(tmp_path), "--source", str(given)]) == code
    assert len(list(tmp_path.glob("set1/GT/*"))) == scenes
    assert said in "".join(capsys.readouterr())
