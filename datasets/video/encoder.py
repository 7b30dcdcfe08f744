"""Pictures to video, in pieces: what is done outlives the process, and memory stays flat."""

from __future__ import annotations

import os
import re
import time as clock
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from ..errors import DatasetError
from .color import Pixels
from .encoder_color import RGB_FORMS, Look, ToFrame

ENCODERS = {
    "h264": "libx264",
    "hevc": "libx265",
    "h265": "libx265",
    "av1": "libsvtav1",
    "vp9": "libvpx-vp9",
    "prores": "prores_ks",
}
CRF = {"libx264": 16, "libx265": 18, "libsvtav1": 20, "libvpx-vp9": 20}
WORST_CRF = {"libx264": 51, "libx265": 51, "libsvtav1": 63, "libvpx-vp9": 63}
LOSSLESS = {
    "libx264": {"qp": "0"},
    "libx264rgb": {"qp": "0"},
    "libx265": {"x265-params": "log-level=error:lossless=1"},
    "libvpx-vp9": {"lossless": "1"},
    "ffv1": {},
}
OWN = {  # options that an encoder always gets
    "ffv1": {"level": "3", "g": "1", "slicecrc": "1"},
    "libx265": {"x265-params": "log-level=error"},
    "libvpx-vp9": {"b": "0", "row-mt": "1", "deadline": "good", "cpu-used": "2"},
}
ANY_SIZE = ("ffv1", "libvpx-vp9")  # whose coarse chroma need not divide the picture
SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".nut")

# Codecs that a container is said to hold, and refuses when its header is written.
REFUSED = {"mov": ("vp9", "av1", "opus", "flac", "truehd")}
OWN_ASPECT = ("libx264", "libx264rgb", "libx265")  # whose frames say the shape of their pixels

X265_LEAST = 64  # libx265 (4.1) writes beyond its memory with smaller pictures

PIECE_FRAMES = 250  # a piece begins with a key frame, and encoders set one every 250 anyway
PIECE_SECONDS = 120.0  # no more than so much work is lost to a power cut
NAME = re.compile(r"(\d+)-(\d+)\.mkv")


@dataclass(frozen=True)
class Encoding:
    """An encoder, its settings, and what a viewer should be told of them."""

    encoder: str
    form: str
    options: dict[str, str] = field(default_factory=dict)
    note: str = ""


def encoding(
    output: Path,
    bits: int = 8,
    codec: str | None = None,
    crf: float | None = None,
    form: str | None = None,
    lossless: bool = False,
) -> Encoding:
    """How to write frames of so many bits into the file of that name.

    codec:    h264 (the default; vp9 for .webm), hevc, av1, vp9, ffv1, prores, or any encoder of
              this FFmpeg. ffv1 is always lossless.
    crf:      constant quality, lower is better; 16 for h264.
    form:     pixel format; 4:2:0 of 8 bits, of 10 if the source has more than 8. Lossless: RGB.

    Raises DatasetError for what does not go together.
    """
    suffix = output.suffix.lower()
    if suffix not in SUFFIXES:
        raise DatasetError(f"{output}: no kind of video to write; take {', '.join(SUFFIXES)}")
    codec = codec or ("vp9" if suffix == ".webm" else "h264")
    name = ENCODERS.get(codec, codec)
    if name == "libx264" and lossless and (form in RGB_FORMS or (form is None and bits <= 8)):
        name = "libx264rgb"
    try:
        encoder = av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        raise DatasetError(
            f"--codec {codec}: there is no such encoder here; take {', '.join(ENCODERS)} or ffv1"
        ) from None
    if encoder.type != "video":
        raise DatasetError(f"--codec {codec}: encodes no video")
    _check_held(output, codec, encoder.canonical_name)
    if lossless and name not in LOSSLESS:
        raise DatasetError(f"--lossless: {codec} cannot be; take h264, hevc, vp9 or ffv1")
    if crf is not None and (lossless or name not in CRF):
        why = "with --lossless it means nothing" if lossless else f"{codec} has no such setting"
        raise DatasetError(f"--crf: {why}")
    if crf is not None and not 0 <= crf <= WORST_CRF[name]:
        raise DatasetError(f"--crf {crf:g}: {codec} takes 0 (best) to {WORST_CRF[name]}")
    known = [one.name for one in encoder.video_formats or []]
    note = ""
    if form is None:
        form, depth = _usual(known, bits, exact=lossless or name == "ffv1")
        if depth < min(bits, 10):
            note = f"the source has {bits} bits, {codec} writes {depth}"
    elif known and form not in known:
        raise DatasetError(f"--pixel-format {form}: {codec} takes {', '.join(known)}")
    ToFrame(form, Look())
    quality = {}
    if lossless:
        quality = LOSSLESS[name]
    elif name in CRF:
        quality = {"crf": f"{crf if crf is not None else CRF[name]:g}"}
    return Encoding(name, form, OWN.get(name, {}) | quality, note)


def _check_held(output: Path, codec: str, name: str) -> None:
    form = container_format(output)
    with av.open(os.devnull, "w", format=form) as container:
        if name not in container.supported_codecs or name in REFUSED.get(form, ()):
            held = " (it holds vp9 and av1)" if output.suffix.lower() == ".webm" else ""
            other = "take h264" if form == "matroska" else "try .mkv"
            raise DatasetError(f"{output}: this kind of file cannot hold {codec}{held}; {other}")


def writable(path: Path, form: str, options: dict[str, str]) -> OutputContainer:
    """A file opened for writing, of the kind that FFmpeg calls `form`.

    By its absolute path: FFmpeg reads "a:b.mp4" as a protocol.
    """
    return av.open(os.path.abspath(path), "w", format=form, options=options)


def container_format(output: Path) -> str:
    """What FFmpeg calls the kind of file of that name.

    For .m4v it would choose its "ipod", which holds little.
    """
    suffix = output.suffix.lower()
    return {".mkv": "matroska", ".m4v": "mp4"}.get(suffix, suffix[1:])


def _usual(known: list[str], bits: int, exact: bool) -> tuple[str, int]:
    """The pixel format and its bits: as deep as the source, as far as the encoder goes.

    exact: without loss of colour, RGB if it can be.
    """
    chroma = ["yuv420p", "yuv422p", "yuv444p"]
    if exact:
        chroma.reverse()
    plain = ["rgb24", "bgr0", "gbrp", *chroma] if exact else chroma
    deep = ["gbrp", *chroma] if exact else chroma
    for depth in [depth for depth in (16, 14, 12, 10) if depth <= max(bits, 10) and bits > 8]:
        for form in deep:
            if f"{form}{depth}le" in known:
                return f"{form}{depth}le", depth
    for form in plain:
        if form in known:
            return form, 8
    ten = [f"{form}10le" for form in deep if f"{form}10le" in known]
    return (ten[0], 10) if ten else ("yuv420p", 8)


def video_stream(
    container: OutputContainer,
    encoding: Encoding,
    look: Look,
    size: tuple[int, int],
    rate: Fraction,
) -> VideoStream:
    """A stream of (height, width) pictures that `encoding` is set up for."""
    options = dict(encoding.options)
    if encoding.form.startswith("yuv"):
        options["chroma_sample_location"] = "left"
    stream: Any = container.add_stream(encoding.encoder, rate=rate, options=options)
    stream.height, stream.width = size
    stream.pix_fmt = encoding.form
    context = stream.codec_context
    context.time_base = 1 / rate
    to_frame = ToFrame(encoding.form, look)
    context.colorspace, context.color_range = to_frame.matrix, 2 if to_frame.full else 1
    context.color_primaries, context.color_trc = look.primaries, look.transfer
    context.sample_aspect_ratio = look.aspect
    return stream  # type: ignore[no-any-return]


def loses_aspect(output: Path, encoding: Encoding) -> bool:
    """Whether a file of that name does not say the shape of the pixels, nor the coded frames do."""
    kept = container_format(output) in ("mp4", "mov") or encoding.encoder in OWN_ASPECT
    return not kept


class Pieces:
    """A folder of pieces of one video, written one after another; each plays for itself.

    A piece gets its name, `FIRST-COUNT.mkv`, when it is whole. What a killed process leaves is
    whole pieces; `done` says how many frames they hold from the first, and writing goes on there.
    """

    def __init__(self, folder: Path, encoding: Encoding, look: Look, rate: Fraction) -> None:
        self.folder, self.encoding, self.look, self.rate = folder, encoding, look, rate
        folder.mkdir(parents=True, exist_ok=True)
        self.done = sum(count for _, count, _ in pieces(folder))
        self.size = (0, 0)
        # Of its encoder's own ten lines a run: errors alone.
        os.environ.setdefault("SVT_LOG", "1")
        self._to_frame = ToFrame(encoding.form, look)
        self._container: OutputContainer | None = None
        self._count, self._begun = 0, 0.0

    @property
    def _temporary(self) -> Path:
        return self.folder / "unfinished.mkv"

    def write(self, picture: Pixels) -> None:
        """Add a picture, (H, W, 3), uint8 or floats in [0, 1]."""
        padded = even(picture, self.encoding)
        if self._container is None:
            self.size = padded.shape[0], padded.shape[1]
            if self.encoding.encoder == "libx265" and min(self.size) < X265_LEAST:
                raise DatasetError(
                    f"hevc: pictures of less than {X265_LEAST} pixels crash its encoder; take h264"
                )
            self._container = writable(self._temporary, "matroska", {"fflags": "+bitexact"})
            self._stream = video_stream(
                self._container, self.encoding, self.look, self.size, self.rate
            )
            self._count, self._begun = 0, clock.monotonic()
        frame = self._to_frame(padded)
        frame.pts, frame.time_base = self._count, 1 / self.rate
        try:
            self._container.mux(self._stream.encode(frame))
        except av.FFmpegError as error:
            if not self._count:  # there is nothing to finish
                self._container.close()
                self._container = None
            raise DatasetError(
                f"{self.encoding.encoder} refuses {padded.shape[1]}x{padded.shape[0]} pixels of "
                f"{self.encoding.form}: {(error.strerror or str(error)).lower()}"
            ) from None
        self._count += 1
        if self._count >= PIECE_FRAMES or clock.monotonic() - self._begun > PIECE_SECONDS:
            self.close()

    def close(self) -> None:
        """Make what was written a whole piece."""
        if self._container is None:
            return
        self._container.mux(self._stream.encode())
        self._container.close()
        self._container = None
        self._temporary.replace(self.folder / f"{self.done:09d}-{self._count}.mkv")
        self.done += self._count


def pieces(folder: Path) -> list[tuple[int, int, Path]]:
    """The whole pieces that follow each other from frame 0: first frame, number, file."""
    found = []
    for file in folder.iterdir():
        if match := NAME.fullmatch(file.name):
            found.append((int(match[1]), int(match[2]), file))
    joined: list[tuple[int, int, Path]] = []
    following = 0
    for first, count, file in sorted(found):
        if first == following:
            joined.append((first, count, file))
            following += count
    return joined


def even(picture: Pixels, encoding: Encoding) -> Pixels:
    """The picture, its last column or row repeated where the encoder's chroma needs an even size."""
    across, down = ToFrame(encoding.form, Look()).spacing
    right, below = -picture.shape[1] % across, -picture.shape[0] % down
    if encoding.encoder in ANY_SIZE or not (right or below):
        return picture
    padded: Any = np.pad(picture, ((0, below), (0, right), (0, 0)), "edge")
    return padded  # type: ignore[no-any-return]
