"""Frames as files: order, every kind of picture, and writing that is whole or not at all."""

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stvt.datasets.errors import DatasetError
from stvt.datasets.frames import (
    encode_png,
    frame_files,
    numbering_fault,
    read_frame,
    write_frame,
)

Frame = NDArray[np.uint8]


@pytest.fixture
def picture() -> Frame:
    return np.random.default_rng(3).integers(0, 256, (13, 17, 3), np.uint8)


def test_files_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("f10.png", "f9.png", "f1.PNG", ".f2.png", "notes.txt"):
        (tmp_path / name).touch()
    assert [file.name for file in frame_files(tmp_path)] == ["f1.PNG", "f9.png", "f10.png"]


@pytest.mark.parametrize(
    ("numbers", "fault"),
    [
        ([0, 1, 2, 3], None),
        ([7, 8, 9], None),
        ([0, 2, 4, 6], None),
        ([0, 2], "frame number 1 is missing (0.png is followed by 2.png)"),
        ([0, 1, 2, 5], "frame numbers 3 to 4 are missing (2.png is followed by 5.png)"),
    ],
)
def test_a_missing_number_is_found(numbers: list[int], fault: str | None) -> None:
    assert numbering_fault([Path(f"{number}.png") for number in numbers]) == fault


def test_a_number_that_two_files_have_is_found() -> None:
    files = [Path(name) for name in ("im1.png", "im2.png", "im02.png", "im3.png")]
    assert numbering_fault(files) == "frame number 2 is there twice (im02.png and im2.png)"


def test_two_sequences_in_one_folder_are_a_fault() -> None:
    masks = [Path(f"im{n}{part}.png") for n in range(1, 8) for part in ("", "_mask")]
    eyes = [Path(f"{eye}_{n:03d}.png") for eye in ("left", "right") for n in range(4)]
    for files, names in ((masks, "im1.png and im1_mask.png"), (eyes, "left_000.png and right_000")):
        fault = numbering_fault(files)
        assert fault is not None and fault.startswith(f"two sequences, as {names}")
    # A picture beside them, and names whose earlier digits are a time or a part, are none.
    clocks = [Path(f"12-00-0{second}_{n:02d}.png") for second in range(3) for n in range(25)]
    assert numbering_fault(clocks) is None
    assert numbering_fault([*masks[::2], Path("im1_mask.png"), Path("cover.png")]) is None


def test_names_without_a_pattern_have_no_missing_numbers() -> None:
    assert numbering_fault([Path("autumn.png"), Path("spring.png")]) is None


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "webp", "ppm"])
def test_every_lossless_kind_of_picture_reads_as_it_was(
    kind: str, picture: Frame, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"lossless": True} if kind == "webp" else {}
    Image.fromarray(picture).save(tmp_path / f"a.{kind}", **options)
    np.testing.assert_array_equal(read_frame(tmp_path / f"a.{kind}"), picture)


def test_a_jpeg_reads_nearly_as_it_was(tmp_path: Path) -> None:
    grey = np.full((16, 16, 3), 77, np.uint8)
    Image.fromarray(grey).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_frame(tmp_path / "a.jpg").astype(int) - 77).max() <= 1


def test_grey_and_palette_become_rgb(picture: Frame, tmp_path: Path) -> None:
    Image.fromarray(picture[..., 0]).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_frame(tmp_path / "grey.png"), picture[..., [0, 0, 0]])

    few = picture // 128 * 255
    Image.fromarray(few).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_frame(tmp_path / "palette.png"), few)


@pytest.mark.parametrize("kind", ["png", "tiff"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_become_eight_by_rounding(kind: str, channels: int, tmp_path: Path) -> None:
    deep = (
        np.arange(0, 65536, 37)[: 24 * 24 * 3].astype(np.uint16).reshape(24, 24, 3)[..., :channels]
    )
    cv2.imwrite(str(tmp_path / f"a.{kind}"), deep[..., ::-1] if channels == 3 else deep)
    nearest = np.rint(deep / 65535 * 255).astype(np.uint8)
    expected = np.broadcast_to(nearest, (24, 24, 3))
    np.testing.assert_array_equal(read_frame(tmp_path / f"a.{kind}"), expected)


def test_a_photograph_is_read_the_way_up_that_it_is_shown(picture: Frame, tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned clockwise by a quarter
    Image.fromarray(picture).save(tmp_path / "a.png", exif=turned)
    np.testing.assert_array_equal(read_frame(tmp_path / "a.png"), np.rot90(picture, -1))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _broken() -> dict[str, bytes]:
    whole = encode_png(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8))
    altered = bytearray(whole)
    altered[len(whole) // 2] ^= 1
    header = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 8, 2, 0, 0, 0))
    jpeg = BytesIO()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(jpeg, "JPEG")
    return {
        "cut off": whole[: len(whole) // 2],
        "altered": bytes(altered),
        "without pixels": header + _chunk(b"IEND", b""),
        "of no use": header + _chunk(b"IDAT", b"no zlib") + _chunk(b"IEND", b""),
        "text": b"this is a text file\n",
        "empty": b"",
        "a cut JPEG": jpeg.getvalue()[:300],
    }


@pytest.mark.parametrize("what", _broken())
def test_a_broken_picture_ends_in_one_line_with_its_name(what: str, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(_broken()[what])
    with pytest.raises(DatasetError, match=r"bad\.png: .+") as raised:
        read_frame(tmp_path / "bad.png")
    assert "\n" not in str(raised.value)


def test_a_picture_of_floats_or_of_several_pages_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "floats.tiff")
    pages: Any = [Image.new("RGB", (4, 4), c) for c in ("red", "blue")]
    pages[0].save(tmp_path / "pages.tiff", save_all=True, append_images=pages[1:])
    with pytest.raises(DatasetError, match="more than 16 bits"):
        read_frame(tmp_path / "floats.tiff")
    with pytest.raises(DatasetError, match="several pictures"):
        read_frame(tmp_path / "pages.tiff")


def test_a_file_that_is_not_there_or_a_folder_ends_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no such file"):
        read_frame(tmp_path / "none.png")
    with pytest.raises(DatasetError, match="cannot be read: is a directory"):
        read_frame(tmp_path)


def test_a_file_that_may_not_be_read_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Path) -> bytes:  # as for root no file refuses
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(DatasetError, match=r"a\.png: cannot be read: permission denied"):
        read_frame(tmp_path / "a.png")


def test_what_is_written_is_read_back_and_nothing_else_is_left(
    picture: Frame, tmp_path: Path
) -> None:
    write_frame(tmp_path / "a.png", picture)
    np.testing.assert_array_equal(read_frame(tmp_path / "a.png"), picture)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == encode_png(picture)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    picture: Frame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_frame(tmp_path / "a.png", picture)
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        write_frame(tmp_path / "a.png", picture[:4])
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    np.testing.assert_array_equal(read_frame(tmp_path / "a.png"), picture)


def test_what_is_no_frame_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="uint8"):
        encode_png(np.zeros((4, 4, 3)))  # type: ignore[arg-type]
