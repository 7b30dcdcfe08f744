"""The one reader of pictures: every layout right or refused, and nothing but pictures opened."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from stvt.core.errors import StvtError
from stvt.core.images import animated_webp, natural_key, picture_size, read_picture

H, W = 24, 32
Values = NDArray[Any]


def packed(values: Values, bits: int) -> bytes:
    """Rows of samples of so many bits, big-endian, each row filled up to bytes."""
    if bits in (8, 16):
        return values.astype(f"<u{bits // 8}").tobytes()
    rows = ("".join(format(int(v), f"0{bits}b") for v in np.ravel(row)) for row in values)
    return b"".join(
        int(row + "0" * (-len(row) % 8), 2).to_bytes(-(-len(row) // 8), "big") for row in rows
    )


def tiff(
    path: Path, values: Values, bits: int, photometric: int, planar: int = 1, **options: Any
) -> None:
    """A TIFF file of (H, W, C) values, written byte by byte."""
    samples, deflate = values.shape[2], options.get("deflate", False)
    layers = [values[..., c] for c in range(samples)] if planar == 2 else [values]
    rows = options.get("rows", H)
    strips = [packed(x[at : at + rows], bits) for x in layers for at in range(0, H, rows)]
    strips = [zlib.compress(strip) for strip in strips] if deflate else strips
    entries: list[tuple[int, int, list[int]]] = [
        *((256, 4, [W]), (257, 4, [H]), (258, 3, [bits] * samples)),
        *((259, 3, [8 if deflate else 1]), (262, 3, [photometric]), (273, 4, [0] * len(strips))),
        *((274, 3, [options.get("orientation", 1)]), (277, 3, [samples]), (278, 4, [rows])),
        *((279, 4, [len(strip) for strip in strips]), (284, 3, [planar])),
    ]
    if samples in (2, 4):
        entries.append((338, 3, [options.get("extra", 2)]))
    if sign := options.get("sign"):
        entries.append((339, 3, [sign] * samples))
    size = {3: 2, 4: 4}
    end, places = 10 + 12 * len(entries) + 4, {}
    for tag, kind, numbers in entries:
        if size[kind] * len(numbers) > 4:
            places[tag] = end
            end += size[kind] * len(numbers)
    offsets = []
    for strip in strips:
        offsets.append(end)
        end += len(strip)
    head, values_far = b"II*\0" + struct.pack("<IH", 8, len(entries)), b""
    for tag, kind, numbers in entries:
        numbers = offsets if tag == 273 else numbers
        raw = struct.pack(f"<{len(numbers)}{'HI'[kind - 3]}", *numbers)
        head += struct.pack("<HHI", tag, kind, len(numbers))
        head += struct.pack("<I", places[tag]) if tag in places else raw.ljust(4, b"\0")
        values_far += raw if tag in places else b""
    path.write_bytes(head + bytes(4) + values_far + b"".join(strips))


def layouts() -> Iterator[tuple[int, int, int, int, dict[str, Any]]]:
    for bits in (8, 10, 12, 14, 16):
        yield bits, 1, 0, 1, {}  # grey, white is zero
        yield bits, 1, 1, 1, {"rows": 7}
        yield bits, 3, 2, 1, {}
        yield bits, 3, 2, 2, {"rows": 7}
        yield bits, 3, 2, 2, {"deflate": True}
        yield bits, 1, 0, 1, {"deflate": True, "orientation": 6}
        yield bits, 4, 2, 2, {}


@pytest.mark.parametrize(("bits", "samples", "photometric", "planar", "options"), list(layouts()))
def test_tiff_of_every_layout_is_read_rightly(
    bits: int, samples: int, photometric: int, planar: int, options: dict[str, Any], tmp_path: Path
) -> None:
    most = 2**bits - 1
    values = np.random.default_rng(bits).integers(0, most + 1, (H, W, samples))
    tiff(tmp_path / "a.tif", values, bits, photometric, planar, **options)
    expected = np.rint(values / most * 255).astype(int)
    if photometric == 0:
        expected = 255 - expected
    if samples == 1:
        expected = np.repeat(expected, 3, axis=2)
    if samples == 4:
        expected = (expected[..., :3] * expected[..., 3:] + 127) // 255
    if options.get("orientation") == 6:
        expected = np.rot90(expected, -1)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif"), expected)
    assert picture_size(tmp_path / "a.tif") == expected.shape[:2]


@pytest.mark.parametrize(
    ("bits", "samples", "photometric", "options"),
    [
        (9, 1, 1, {}),
        (13, 3, 2, {}),
        (16, 1, 1, {"sign": 2}),
        (16, 1, 3, {}),  # palette
        (16, 4, 5, {}),  # CMYK
        (16, 4, 2, {"extra": 1}),  # alpha multiplied in
        (16, 2, 1, {}),
    ],
)
def test_tiff_that_cannot_be_read_rightly_is_refused(
    bits: int, samples: int, photometric: int, options: dict[str, Any], tmp_path: Path
) -> None:
    values = np.random.default_rng(0).integers(0, 2**bits, (H, W, samples))
    tiff(tmp_path / "a.tif", values, bits, photometric, **options)
    with pytest.raises(StvtError, match=r"a\.tif: .* make it PNG") as raised:
        read_picture(tmp_path / "a.tif")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_alpha_is_composited_over_black_and_said(mode: str, tmp_path: Path) -> None:
    colours = np.full((H, W, 4), (0, 200, 0, 0), np.uint8)
    colours[4:8] = (100, 200, 50, 255)
    colours[8:12] = (100, 200, 50, 128)
    image = Image.fromarray(colours)
    if mode == "LA":
        image.convert("LA").save(tmp_path / "a.png")
        grey = np.array(image.convert("LA"))[..., :1].repeat(3, axis=2)
        colours[..., :3] = grey
    elif mode == "RGBA":
        image.save(tmp_path / "a.png")
    else:  # one colour is transparent
        colours[..., 3] = np.where((colours[..., :3] == (0, 200, 0)).all(axis=2), 0, 255)
        flat = Image.fromarray(np.ascontiguousarray(colours[..., :3]))
        flat = flat.convert("P", palette=Image.Palette.ADAPTIVE) if mode == "P" else flat
        key: Any = flat.getpixel((0, 0))
        flat.save(tmp_path / "a.png", transparency=key)
    notes: set[str] = set()
    expected = (colours[..., :3].astype(int) * colours[..., 3:] + 127) // 255
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png", notes=notes), expected)
    assert notes == {"alpha: composited over black"}


def test_alpha_of_sixteen_bits_is_composited_too(tmp_path: Path) -> None:
    deep = np.zeros((4, 4, 4), np.uint16)
    deep[..., 1], deep[:2, :, 3] = 65535, 65535
    cv2.imwrite(str(tmp_path / "a.png"), deep)
    expected = np.zeros((4, 4, 3), np.uint8)
    expected[:2, :, 1] = 255
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), expected)


def test_a_transparent_colour_of_sixteen_bits_becomes_black(tmp_path: Path) -> None:
    values = (np.arange(16) * 4369).reshape(4, 4).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), values)
    data = (tmp_path / "a.png").read_bytes()
    key = struct.pack(">I", 2) + b"tRNS" + struct.pack(">H", 4369 * 5)
    key += struct.pack(">I", zlib.crc32(key[4:]))
    at = data.index(b"IDAT") - 4
    (tmp_path / "a.png").write_bytes(data[:at] + key + data[at:])
    expected = (np.arange(16) * 17).reshape(4, 4)
    expected[1, 1] = 0
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png")[..., 0], expected)


def test_opaque_alpha_changes_nothing_and_is_not_said(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (H, W, 4), np.uint8)
    picture[..., 3] = 255
    Image.fromarray(picture).save(tmp_path / "a.png")
    notes: set[str] = set()
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png", notes=notes), picture[..., :3])
    assert notes == set()


@pytest.mark.parametrize("most", [255, 1023, 4095, 65535])
@pytest.mark.parametrize("channels", [1, 3])
def test_pgm_and_ppm_of_every_depth_are_scaled(most: int, channels: int, tmp_path: Path) -> None:
    values = np.random.default_rng(most).integers(0, most + 1, (H, W, channels))
    kind = ">u2" if most > 255 else "u1"
    head = f"P{5 if channels == 1 else 6}\n{W} {H}\n{most}\n".encode()
    (tmp_path / "a.pgm").write_bytes(head + values.astype(kind).tobytes())
    expected = np.broadcast_to(np.rint(values / most * 255), (H, W, 3))
    np.testing.assert_allclose(read_picture(tmp_path / "a.pgm"), expected, atol=0.5 * (most > 255))


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """The sRGB profile with the primaries of red and blue exchanged."""
    data = srgb_profile()
    return data.replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ")


@pytest.mark.parametrize("deep", [False, True])
def test_an_icc_profile_is_applied_and_said(deep: bool, tmp_path: Path) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (H, W, 3), np.uint8)
    profile = swapped_profile()
    if deep:
        cv2.imwrite(str(tmp_path / "b.png"), picture[..., ::-1].astype(np.uint16) * 257)
        data = (tmp_path / "b.png").read_bytes()
        chunk = b"iCCPx\0\0" + zlib.compress(profile)
        chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    else:
        Image.fromarray(picture).save(tmp_path / "a.png", icc_profile=profile)
    notes: set[str] = set()
    read = read_picture(tmp_path / "a.png", notes=notes)
    assert np.abs(read.astype(int) - picture[..., ::-1]).max() <= 2
    assert len(notes) == 1
    assert "converted to sRGB" in notes.pop()


def test_a_profile_of_srgb_changes_nothing_and_a_broken_one_is_said(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (H, W, 3), np.uint8)
    for profile, said in ((srgb_profile(), 0), (b"no profile at all", 1)):
        Image.fromarray(picture).save(tmp_path / "a.png", icc_profile=profile)
        notes: set[str] = set()
        np.testing.assert_array_equal(read_picture(tmp_path / "a.png", notes=notes), picture)
        assert len(notes) == said


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "PostScript"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "AVIF"),
        (b"v/1\x01\x02\0\0\0", "OpenEXR"),
        (b"SDPX" + bytes(2048), "DPX"),
    ],
)
def test_content_of_another_kind_starts_no_other_program(
    suffix: str, content: bytes, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    file = tmp_path / f"a.{suffix}"
    file.write_bytes(content)
    for function in (read_picture, picture_size):
        with pytest.raises(StvtError, match=f"cannot be read as a picture: it is .*{what}"):
            function(file)
    assert not (tmp_path / "started").exists()


def test_an_animation_is_told_from_a_still_webp(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (W, H), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "still.webp")
    frames[0].save(tmp_path / "moving.webp", save_all=True, append_images=frames[1:])
    assert not animated_webp(tmp_path / "still.webp")
    assert animated_webp(tmp_path / "moving.webp")
    with pytest.raises(StvtError, match="several pictures"):
        read_picture(tmp_path / "moving.webp")


def test_a_turned_photograph_has_the_size_that_it_is_shown_in(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    data = io.BytesIO()
    Image.new("RGB", (W, H)).save(data, "JPEG", exif=turned)
    (tmp_path / "a.jfif").write_bytes(data.getvalue())
    assert picture_size(tmp_path / "a.jfif") == (W, H)
    assert read_picture(tmp_path / "a.jfif").shape == (W, H, 3)


def test_unix_seconds_sort_by_their_value() -> None:
    names = ["1305031102.2.png", "1305031102.175304.png", "1305031101.9.png"]
    assert sorted(names, key=natural_key) == [names[2], names[1], names[0]]
