"""Video encoder: its settings, and a writer of segments, so that what is done outlives the process."""

from __future__ import annotations

import os
import re
import time as clock
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer, OutputContainer

from stvt import datasets
from stvt.core.errors import UsageError
from stvt.core.files import reason
from stvt.datasets import Pixels
from stvt.upsampling.color import RGB_FORMATS, VUI, ToFrame

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
FIXED_OPTIONS = {  # that an encoder always gets
    "ffv1": {"level": "3", "g": "1", "slicecrc": "1"},
    "libx265": {"x265-params": "log-level=error"},
    "libvpx-vp9": {"b": "0", "row-mt": "1", "deadline": "good", "cpu-used": "2"},
}
# Whose frames say that luma is from 0 to 255; all others would be decoded as from 16 to 235.
FULL_RANGE = ("libx264", "libx264rgb", "libx265", "libsvtav1", "libvpx-vp9")
ANY_SIZE = ("ffv1", "libvpx-vp9")  # whose coarse chroma need not divide the picture
SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".nut")

# Codecs that a container is said to hold, and refuses when its header is written.
UNSUPPORTED = {"mov": ("vp9", "av1", "opus", "flac", "truehd")}
# Whose frames say the shape of their pixels.
ASPECT_IN_BITSTREAM = ("libx264", "libx264rgb", "libx265")

X265_LEAST = 64  # libx265 (4.1) writes beyond its memory with smaller pictures

SEGMENT_FRAMES = 250  # a segment begins with a key frame, and encoders set one every 250 anyway
SEGMENT_SECONDS = 120.0  # no more than so much work is lost to a power cut
NAME = re.compile(r"(\d+)-(\d+)\.mkv")


@dataclass(frozen=True)
class EncoderSettings:
    """An encoder of FFmpeg, its pixel format and options, and what a user should know of them."""

    encoder: str
    pixel_format: str
    options: dict[str, str] = field(default_factory=dict)
    note: str = ""


def encoder_settings(
    output: Path,
    bits: int = 8,
    codec: str | None = None,
    crf: float | None = None,
    pixel_format: str | None = None,
    lossless: bool = False,
) -> EncoderSettings:
    """The settings to encode frames of so many bits into the file of that name.

    codec:    h264 (the default; vp9 for .webm), hevc, av1, vp9, ffv1, prores, or any encoder of
              this FFmpeg. ffv1 is always lossless.
    crf:      constant quality, lower is better; 16 for h264.
    pixel_format: 4:2:0 of 8 bits, of 10 if the source has more than 8. Lossless: RGB.

    Raises UsageError for what does not go together.
    """
    suffix = output.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{output}: no kind of video to write; take {', '.join(SUFFIXES)}")
    codec = codec or ("vp9" if suffix == ".webm" else "h264")
    name = ENCODERS.get(codec, codec)
    is_rgb = pixel_format in RGB_FORMATS or (pixel_format is None and bits <= 8)
    if name == "libx264" and lossless and is_rgb:
        name = "libx264rgb"
    try:
        encoder = av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        raise UsageError(
            f"--codec {codec}: there is no such encoder here; take {', '.join(ENCODERS)} or ffv1"
        ) from None
    if encoder.type != "video":
        raise UsageError(f"--codec {codec}: encodes no video")
    if not can_hold(container := container_format(output), encoder.canonical_name):
        held = " (it holds vp9 and av1)" if suffix == ".webm" else ""
        other = "take h264" if container == "matroska" else "try .mkv"
        raise UsageError(f"{output}: this kind of file cannot hold {codec}{held}; {other}")
    if lossless and name not in LOSSLESS:
        raise UsageError(f"--lossless: {codec} cannot be; take h264, hevc, vp9 or ffv1")
    if crf is not None and (lossless or name not in CRF):
        why = "with --lossless it means nothing" if lossless else f"{codec} has no such setting"
        raise UsageError(f"--crf: {why}")
    if crf is not None and not 0 <= crf <= WORST_CRF[name]:
        raise UsageError(f"--crf {crf:g}: {codec} takes 0 (best) to {WORST_CRF[name]}")
    known = [one.name for one in encoder.video_formats or []]
    note = ""
    if pixel_format is None:
        pixel_format, depth = _default_format(known, bits, exact=lossless or name == "ffv1")
        if depth < min(bits, 10):
            note = f"the source has {bits} bits, {codec} writes {depth}"
    elif known and pixel_format not in known:
        raise UsageError(f"--pixel-format {pixel_format}: {codec} takes {', '.join(known)}")
    ToFrame(pixel_format, VUI())
    quality = {}
    if lossless:
        quality = LOSSLESS[name]
    elif name in CRF:
        quality = {"crf": f"{crf if crf is not None else CRF[name]:g}"}
    return EncoderSettings(name, pixel_format, FIXED_OPTIONS.get(name, {}) | quality, note)


def can_hold(format_: str, codec: str) -> bool:
    """Whether a codec can be written into FFmpeg's format `format_` here."""
    with av.open(os.devnull, "w", format=format_) as container:
        return codec in container.supported_codecs and codec not in UNSUPPORTED.get(format_, ())


def open_output(path: Path, format_: str, options: dict[str, str]) -> OutputContainer:
    """A container of FFmpeg's format `format_`, opened for writing.

    By its absolute path: FFmpeg reads "a:b.mp4" as a protocol.
    """
    return av.open(os.path.abspath(path), "w", format=format_, options=options)


def open_input(path: Path) -> InputContainer:
    """A container opened for reading. Raises UsageError if it cannot be."""
    try:
        return datasets.open_input(path)
    except av.FFmpegError as error:
        raise UsageError(f"{path}: cannot be opened ({error.strerror or error})") from error


def container_format(output: Path) -> str:
    """FFmpeg's name of the format of a file with that suffix.

    For .m4v it would choose its "ipod", which holds little.
    """
    suffix = output.suffix.lower()
    return {".mkv": "matroska", ".m4v": "mp4"}.get(suffix, suffix[1:])


def _default_format(known: list[str], bits: int, exact: bool) -> tuple[str, int]:
    """The pixel format and its bits: as deep as the source, as far as the encoder goes.

    exact: without loss of colour, RGB if it can be.
    """
    chroma = ["yuv420p", "yuv422p", "yuv444p"]
    deep = ["gbrp", *reversed(chroma)] if exact else chroma
    depths = [depth for depth in (16, 14, 12, 10) if depth <= max(bits, 10) and bits > 8]
    forms = [(f"{form}{depth}le", depth) for depth in depths for form in deep]
    forms += [(form, 8) for form in (["rgb24", "bgr0", *deep] if exact else deep)]
    forms += [(f"{form}10le", 10) for form in deep]
    return next((form for form in forms if form[0] in known), ("yuv420p", 8))


def loses_aspect(output: Path, settings: EncoderSettings) -> bool:
    """Whether neither a file of that name nor the coded frames say the shape of the pixels."""
    in_container = container_format(output) in ("mp4", "mov")
    return not in_container and settings.encoder not in ASPECT_IN_BITSTREAM


def loses_range(output: Path, settings: EncoderSettings) -> bool:
    """Whether neither a file of that name nor the coded frames say that luma is of full range."""
    in_container = settings.encoder == "ffv1" and container_format(output) == "matroska"
    return not in_container and settings.encoder not in FULL_RANGE


class SegmentWriter:
    """A folder of segments of one video, written one after another; each plays for itself.

    A segment gets its name, `FIRST-COUNT.mkv`, when it is whole. What a killed process leaves is
    whole segments; `done` says how many frames they hold from the first, and writing goes on there.
    """

    def __init__(self, folder: Path, settings: EncoderSettings, vui: VUI, rate: Fraction) -> None:
        self.folder, self.settings, self.vui, self.rate = folder, settings, vui, rate
        folder.mkdir(parents=True, exist_ok=True)
        self.done = sum(count for _, count, _ in list_segments(folder))
        self.size = (0, 0)
        # Of its encoder's own ten lines a run: errors alone.
        os.environ.setdefault("SVT_LOG", "1")
        self._temporary = folder / "unfinished.mkv"
        self._to_frame = ToFrame(settings.pixel_format, vui)
        self._container: OutputContainer | None = None
        self._count, self._begun = 0, 0.0

    def write(self, picture: Pixels) -> None:
        """Add a picture, (H, W, 3), uint8 or floats in [0, 1]."""
        padded = pad_to_even(picture, self.settings)
        if self._container is None:
            self.size = padded.shape[0], padded.shape[1]
            if self.settings.encoder == "libx265" and min(self.size) < X265_LEAST:
                raise UsageError(
                    f"hevc: pictures of less than {X265_LEAST} pixels crash its encoder; take h264"
                )
            self._container = open_output(self._temporary, "matroska", {"fflags": "+bitexact"})
            self._stream = self._new_stream(self._container)
            self._count, self._begun = 0, clock.monotonic()
        frame = self._to_frame(padded)
        frame.pts, frame.time_base = self._count, 1 / self.rate
        try:
            with nullcontext() if self._count else same_scheduling():
                packets = self._stream.encode(frame)
        except av.FFmpegError as error:
            if not self._count:  # there is nothing to finish
                self._discard()
            raise UsageError(
                f"{self.settings.encoder} refuses {padded.shape[1]}x{padded.shape[0]} pixels of "
                f"{self.settings.pixel_format}: {(error.strerror or str(error)).lower()}"
            ) from None
        with self._discarding():
            self._container.mux(packets)
        self._count += 1
        if self._count >= SEGMENT_FRAMES or clock.monotonic() - self._begun > SEGMENT_SECONDS:
            self.close()

    def _new_stream(self, container: OutputContainer) -> Any:
        options = dict(self.settings.options)
        if self.settings.pixel_format.startswith("yuv"):
            options["chroma_sample_location"] = "left"
        stream: Any = container.add_stream(self.settings.encoder, rate=self.rate, options=options)
        stream.height, stream.width = self.size
        stream.pix_fmt = self.settings.pixel_format
        context = stream.codec_context
        context.time_base = 1 / self.rate
        context.colorspace = self._to_frame.matrix
        context.color_range = 2 if self._to_frame.full else 1
        context.color_primaries, context.color_trc = self.vui.primaries, self.vui.transfer
        context.sample_aspect_ratio = self.vui.aspect
        return stream

    def close(self) -> None:
        """Make what was written a whole segment."""
        if self._container is None:
            return
        with self._discarding():
            self._container.mux(self._stream.encode())
            self._container.close()
        self._container = None
        self._temporary.replace(self.folder / f"{self.done:09d}-{self._count}.mkv")
        self.done += self._count

    @contextmanager
    def _discarding(self) -> Iterator[None]:
        """Discards the segment at hand where it cannot be written, as on a full disk."""
        try:
            yield
        except OSError as error:  # av.FFmpegError is one
            self._discard()
            raise UsageError(f"{self.folder}: cannot be written ({reason(error)})") from error

    def _discard(self) -> None:
        if self._container is not None:
            with suppress(OSError):
                self._container.close()
        self._container = None
        self._temporary.unlink(missing_ok=True)


@contextmanager
def same_scheduling() -> Iterator[None]:
    """Gives all threads of this process their scheduling policy back at the end.

    SVT-AV1 makes its own and its caller's real-time ones where root runs it, as in containers: they
    starve all else on the machine, for as long as the process lives.
    """
    threads = Path("/proc/self/task")
    if not threads.is_dir():
        yield
        return
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            for thread in threads.iterdir():
                with suppress(OSError):  # one that has just ended
                    os.sched_setscheduler(int(thread.name), policy, priority)


def list_segments(folder: Path) -> list[tuple[int, int, Path]]:
    """The whole segments that follow each other from frame 0: first frame, number, file."""
    matches = [(NAME.fullmatch(file.name), file) for file in folder.iterdir()]
    segments = sorted((int(match[1]), int(match[2]), file) for match, file in matches if match)
    consecutive: list[tuple[int, int, Path]] = []
    end = 0
    for first, count, file in segments:
        if first == end:
            consecutive.append((first, count, file))
            end += count
    return consecutive


def pad_to_even(picture: Pixels, settings: EncoderSettings) -> Pixels:
    """The picture, its last column or row repeated where the encoder's chroma needs an even size."""
    across, down = ToFrame(settings.pixel_format, VUI()).spacing
    right, below = -picture.shape[1] % across, -picture.shape[0] % down
    if settings.encoder in ANY_SIZE or not (right or below):
        return picture
    padded: Any = np.pad(picture, ((0, below), (0, right), (0, 0)), "edge")
    return padded  # type: ignore[no-any-return]
