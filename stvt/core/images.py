"""The one reader of pictures: files of every kind that the project reads, as uint8 RGB.

Pillow and OpenCV load when the first picture is read.
"""

from __future__ import annotations

import io
import os
import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import StvtError
from .files import reading, reason
from .tiff import deep_layers

if TYPE_CHECKING:
    from PIL.Image import Image

Frame = NDArray[np.uint8]
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff", ".webp"),
    *(".ppm", ".pgm", ".pnm", ".pbm", ".tga"),
)
# By content Pillow would start others, too: Ghostscript for PostScript in a file called .png.
_FORMATS = ("PNG", "JPEG", "BMP", "DIB", "TIFF", "WEBP", "PPM", "TGA", "GIF")
_PNG = b"\x89PNG\r\n\x1a\n"
_STARTS = (
    (re.compile(rb".{4}ftyp(avif|avis)", re.DOTALL), "an AVIF picture"),
    (re.compile(rb".{4}ftyp(hei|hev|mif)", re.DOTALL), "a HEIF picture"),
    (re.compile(rb"v/1\x01"), "an OpenEXR picture"),
    (re.compile(rb"SDPX|XPDS"), "a DPX picture"),
    (re.compile(rb"%!PS|\xc5\xd0\xd3\xc6"), "a PostScript file"),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "a TIFF picture of a layout that is not read"),
    (re.compile(rb"8BPS"), "a Photoshop file"),
    (re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"), "a JPEG 2000 picture"),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "), "a JPEG XL picture"),
)
_UPRIGHT = {  # EXIF's orientation -> how to turn (H, W, C)
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: np.rot90(a),
}
_ORIENTATION = 0x0112
_OVER_BLACK = "alpha: composited over black"


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key by which `2` comes before `10`, and Unix seconds by their value.

    >>> sorted(["f10.png", "f2.png", "f01.png"], key=natural_key)
    ['f01.png', 'f2.png', 'f10.png']
    """
    parts = re.split(r"(\d+)", nanoseconds(name))
    key = [(0, int(p), p) if p.isascii() and p.isdigit() else (1, 0, p.casefold()) for p in parts]
    return (*key, (1, 0, name))  # `A1` and `a1` too have an order that is always the same


def nanoseconds(name: str) -> str:
    """The name with the decimals of Unix seconds in it (ten digits and a point) brought to nine.

    >>> nanoseconds("1305031102.17.png")
    '1305031102.170000000.png'
    """
    return re.sub(r"(?<!\d)(\d{10}\.)(\d{1,9})(?!\d)", lambda m: m[1] + m[2].ljust(9, "0"), name)


def picture_files(folder: Path, error: type[StvtError] = StvtError) -> list[Path]:
    """The pictures of a folder in natural order; hidden files, other kinds and FIFOs are left out.

    Raises `error` if the folder cannot be listed.
    """
    try:
        entries = list(os.scandir(folder))
        names = [
            entry.name
            for entry in entries
            if entry.is_file(follow_symlinks=False)
            or (entry.is_symlink() and not os.path.isdir(entry))
        ]
    except OSError as fault:
        raise error(f"{folder}: cannot be listed: {reason(fault)}") from fault
    pictures = [n for n in names if not n.startswith(".") and Path(n).suffix.lower() in SUFFIXES]
    return [Path(folder) / name for name in sorted(pictures, key=natural_key)]


def other_files(folder: Path) -> str:
    """What a folder without pictures holds instead, to follow "holds no pictures".

    Raises OSError if it cannot be listed.
    """
    names = [entry.name for entry in os.scandir(folder) if not entry.is_dir()]
    return (
        f"; {kinds}" if (kinds := kinds_of(names)) else ""
    ) + f"; read are {', '.join(SUFFIXES)}"


def kinds_of(names: Iterable[str]) -> str:
    """The kinds of files that are not read, with how many there are of each; "" for none.

    >>> kinds_of(["0.exr", "1.EXR", "0.png", "a.bin", ".hidden.dpx"])
    '1 of .bin, 2 of .exr are of kinds that are not read'
    """
    visible = [name for name in names if not name.startswith(".")]
    counts = Counter(Path(name).suffix.lower() or "no suffix" for name in visible)
    counts = Counter({k: n for k, n in counts.items() if k not in SUFFIXES})
    kinds = [f"{number} of {kind}" for kind, number in sorted(counts.items())]
    if not kinds:
        return ""
    more = f" and {len(kinds) - 6} more kinds" if len(kinds) > 6 else ""
    verb = "is of a kind" if counts.total() == 1 else "are of kinds"
    return f"{', '.join(kinds[:6])}{more} {verb} that {'is' if verb[0] == 'i' else 'are'} not read"


def read_picture(
    path: Path, error: type[StvtError] = StvtError, notes: set[str] | None = None
) -> Frame:
    """The picture in a file: `decode` of its content."""
    with reading(path, error):
        data = Path(path).read_bytes()
    return decode(data, path, error, notes)


def read_deep_picture(
    path: Path, error: type[StvtError] = StvtError, notes: set[str] | None = None
) -> Frame | NDArray[np.float32]:
    """The picture in a file as `decode` gives it, but of 9 to 16 bits as float32 in [0, 1]."""
    with reading(path, error):
        data = Path(path).read_bytes()
    return _decode(data, path, error, set() if notes is None else notes, deep=True)


def picture_size(path: Path, error: type[StvtError] = StvtError) -> tuple[int, int]:
    """Height and width of the picture in a file, upright, by its header where that tells them."""
    from PIL import Image

    with suppress(*_faults()), Image.open(path, formats=_FORMATS) as image:
        if image.format != "TIFF":
            turned = image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
            return image.size if turned else image.size[::-1]
    height, width = read_picture(path, error).shape[:2]
    return height, width


def animated_webp(path: Path) -> bool:
    """Whether a file is a WebP animation, which FFmpeg cannot decode."""
    with reading(path), path.open("rb") as file:
        head = file.read(21)
    return (
        head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) == 21 and bool(head[20] & 2)
    )


def decode(
    data: bytes, path: Path, error: type[StvtError] = StvtError, notes: set[str] | None = None
) -> Frame:
    """The picture in the content of a file, uint8 RGB, (H, W, 3), the way up that viewers show it.

    Grey and palette pictures become RGB; 9 to 16 bits become 8 by rounding; alpha is composited
    over black, as that of video is; an ICC profile other than sRGB's is applied.

    path: for messages. notes: gets a line for alpha and for a profile.
    Raises `error` naming the file and the reason if it cannot be read whole, or not rightly.
    """
    return np.asarray(_decode(data, path, error, set() if notes is None else notes), np.uint8)


def _decode(
    data: bytes, path: Path, error: type[StvtError], notes: set[str], deep: bool = False
) -> Frame | NDArray[np.float32]:
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise error(f"{path}: cannot be read as a picture: the file is empty")
    png = data.startswith(_PNG)
    if png and (fault := _png_fault(data)):
        raise error(f"{path}: broken PNG: {fault}")
    try:
        if data[:4] in (b"II*\0", b"MM\0*") and (layers := deep_layers(data)):
            wide = np.dstack([_from_opencv(layer, path, error) for layer in layers.files])
            form = layers.bits, layers.inverted, layers.tags
            return _finished_deep(wide, *form, notes, deep)
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.format not in ("MPO", "JPEG") and getattr(image, "n_frames", 1) > 1:
                raise error(f"{path}: holds several pictures; give each its own file")
            facts = {_ORIENTATION: image.getexif().get(_ORIENTATION, 1)}
            facts |= {ICC: image.info.get("icc_profile")}
            if png and data[24] == 16:  # Pillow drops the lower half without rounding
                wide = _deep_png(data, image.info.get("transparency"), path, error)
                return _finished_deep(wide, 16, False, facts, notes, deep)
            if image.format == "PPM" and image.mode == "I":  # of 16 bits
                wide = np.array(image)[..., None]
                return _finished_deep(wide, 16, False, facts, notes, deep)
            depths = getattr(image, "tag_v2", {}).get(258, (8,))  # of a BigTIFF
            if image.mode in ("F", "I") or image.mode.startswith("I;") or max(depths) > 8:
                raise error(
                    f"{path}: holds values of more than 16 bits, or is a deep BigTIFF; make it PNG"
                )
            return _finished(image, notes)
    except UnidentifiedImageError as fault:
        what = next((name for start, name in _STARTS if start.match(data)), None)
        why = f"it is {what}; make it PNG" if what else "the content is none (is it a text file?)"
        raise error(f"{path}: cannot be read as a picture: {why}") from fault
    except _faults() as fault:
        reason = " ".join(str(fault).split()) or type(fault).__name__
        raise error(f"{path}: cannot be read as a picture: {reason}") from fault


ICC = 34675  # the tag of TIFF


@lru_cache
def _faults() -> tuple[type[Exception], ...]:
    """What Pillow and OpenCV raise for a file that is no picture."""
    import cv2
    from PIL import Image

    return (
        *(OSError, SyntaxError, ValueError, EOFError, TypeError, KeyError, IndexError),
        *(OverflowError, ZeroDivisionError, RuntimeError, MemoryError, struct.error, zlib.error),
        *(Image.DecompressionBombError, cv2.error),
    )


def _finished(image: Image, notes: set[str]) -> Frame:
    """A picture of 8 bits."""
    from PIL import ImageOps

    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        rgba = np.array(upright.convert("RGBA"))
        return _over_black(_to_srgb(rgba[..., :3], profile, notes), rgba[..., 3], notes)
    if profile and upright.mode == "CMYK":
        return _converted(upright, profile, notes)
    return _to_srgb(np.array(upright.convert("RGB")), profile, notes)


def _finished_deep(
    values: NDArray[Any],
    bits: int,
    inverted: bool,
    tags: dict[int, Any],
    notes: set[str],
    deep: bool,
) -> Frame | NDArray[np.float32]:
    """A picture of 9 to 16 bits, (H, W, C): 1 or 3 colours, with or without alpha.

    deep: as floats, unless an ICC profile has to be applied, which is done in 8 bits.
    """
    most = 2**bits - 1
    wide = values.astype(np.uint32) >> (16 - bits)  # OpenCV brings all to 16 bits by a shift
    wide = _UPRIGHT.get(int(tags.get(_ORIENTATION) or 1), np.asarray)(wide)
    colours = 3 if wide.shape[2] >= 3 else 1
    rgb, alpha = np.broadcast_to(wide[..., :colours], (*wide.shape[:2], 3)), wide[..., colours:]
    rgb = most - rgb if inverted else rgb
    profile = tags.get(ICC)
    if deep and not (profile and _transform(profile, "RGB")[0]):
        unit = rgb.astype(np.float32) / np.float32(most)
        if alpha.size and alpha.min() < most:
            notes.add(_OVER_BLACK)
            unit *= alpha.astype(np.float32) / np.float32(most)
        return np.ascontiguousarray(unit)

    def eight(values: NDArray[Any]) -> Frame:
        """In 8 bits; nearest, there are no ties."""
        return np.ascontiguousarray((values * 510 + most) // (2 * most), np.uint8)

    done = _to_srgb(eight(rgb), profile, notes)
    return _over_black(done, eight(alpha[..., 0]), notes) if alpha.size else done


def _from_opencv(data: bytes, path: Path, error: type[StvtError]) -> NDArray[Any]:
    """The values of a picture of 16 bits as they are stored, RGB or RGBA or one channel."""
    import cv2

    deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype != np.uint16:
        raise error(f"{path}: cannot be read as a picture of 8 or 16 bits; make it a PNG file")
    if deep.ndim == 2:
        return deep[..., None]
    return deep[..., [2, 1, 0, 3][: deep.shape[2]]]


def _deep_png(data: bytes, transparent: Any, path: Path, error: type[StvtError]) -> NDArray[Any]:
    """The values of a PNG of 16 bits; of a colour that is transparent OpenCV makes noise of all."""
    if transparent is None:
        return _from_opencv(data, path, error)
    at = data.index(b"tRNS") - 4
    (length,) = struct.unpack_from(">I", data, at)
    deep = _from_opencv(data[:at] + data[at + 12 + length :], path, error)
    opaque = np.any(deep != np.array(transparent, np.uint16), axis=2, keepdims=True)
    return np.concatenate([deep, opaque * np.uint16(65535)], axis=2)


def _over_black(rgb: Frame, alpha: Frame, notes: set[str]) -> Frame:
    if alpha.min() == 255:
        return rgb
    notes.add(_OVER_BLACK)
    wide = rgb.astype(np.uint16) * alpha[..., None].astype(np.uint16)
    return ((wide + 127) // 255).astype(np.uint8)


def _to_srgb(rgb: Frame, profile: bytes | None, notes: set[str]) -> Frame:
    from PIL import Image

    return _converted(Image.fromarray(rgb), profile, notes) if profile else rgb


def _converted(image: Image, profile: bytes, notes: set[str]) -> Frame:
    """A picture's colours in sRGB; as they are where the profile is sRGB's or of no use."""
    transform, name = _transform(profile, image.mode)
    if isinstance(transform, str):
        if transform:
            notes.add(f"ICC profile {transform}: the numbers are taken as sRGB")
        return np.array(image.convert("RGB"))
    notes.add(f"ICC profile {name}: converted to sRGB")
    grey = transform.input_mode == "L"  # of a grey picture, which is stored as RGB
    return np.array(transform.apply(image.getchannel(0) if grey else image))


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> tuple[Any, str]:
    """The transform to sRGB with the profile's name, or "" (none needed), or why there is none."""
    from PIL import Image, ImageCms

    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = " ".join(ImageCms.getProfileDescription(opened).split())[:60] or "without a name"
        space = opened.profile.xcolor_space.strip()
        grey = mode == "RGB" and space == "GRAY"
        srgb = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(
            *(opened, srgb, "L" if grey else mode, "RGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
        if mode == "RGB" and not grey:
            steps = np.linspace(0, 255, 18).astype(np.uint8)
            cube = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(18, -1, 3)
            changed = np.array(transform.apply(Image.fromarray(cube)))
            if np.abs(changed.astype(int) - cube).max() <= 2:  # sRGB, by whatever name
                return "", name
        return transform, name
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as fault:
        return f"cannot be applied ({' '.join(str(fault).split())[:60]})", ""


def _png_fault(data: bytes) -> str | None:
    """What is wrong with the chunks of a PNG file, or None.

    Decoders make a picture of a file that was cut off or altered, more or less; a truth frame
    must be what was written.
    """
    at = len(_PNG)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            break
        if (
            zlib.crc32(memoryview(data)[at + 4 : end - 4])
            != struct.unpack_from(">I", data, end - 4)[0]
        ):
            return f"checksum of the chunk at byte {at} does not agree"
        if kind == b"IEND":
            return None
        at = end
    return f"cut off after {len(data)} bytes"
