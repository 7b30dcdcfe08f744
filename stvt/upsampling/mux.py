"""Muxer: segments of video and the other streams of the source, as one file; nothing is coded again."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer

from stvt.core.errors import UsageError
from stvt.datasets import Restarts, as_fraction
from stvt.upsampling.encoder import (
    UNSUPPORTED,
    SegmentWriter,
    can_hold,
    container_format,
    list_segments,
    open_input,
    open_output,
)
from stvt.upsampling.riff_sound import declared_stream, put_names_right, wave_format

Timed = tuple[Fraction, Any]  # a packet and its time of decoding

# Written anew by every muxer.
MUXER_KEYS = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")
# What phones write. mp4 and mov hold it only with `ANY_KEYS`, whose keys fewer players show; so only
# where there is any.
PHONES = ("com.", "make", "model")
ANY_KEYS = "+use_metadata_tags"


@dataclass(frozen=True)
class SourceStreams:
    """The other streams of the source that are copied: sound, subtitles, chapters, and from when.

    opening: time of the source that becomes time 0 of the file; None where its beginning is cut
             off, so that the first frame is at 0 and no sound is from before it.
    start:   time of the source that the first frame shows.
    end:     of what is taken, None for all.
    sound:   whether sound, subtitles and chapters come along; only metadata does otherwise.
    picture: the number of the stream that the frames are of.
    """

    source: Path
    opening: Fraction | None
    start: Fraction
    end: Fraction | None
    sound: bool = True
    picture: int | None = None


def mux_segments(
    writer: SegmentWriter, output: Path, streams: SourceStreams | None = None
) -> list[str]:
    """Write the segments of a writer and the source's streams as `output`; returns notes on what is left out.

    Frame n is shown at exactly n / rate after the first; nothing is coded again.
    Raises UsageError if segments are not coded alike, or the container refuses the video.
    """
    try:
        return _mux(writer, output, streams)
    except av.ArgumentError as error:
        kind = container_format(output)
        why = f"{kind} refuses what should go into it ({error.strerror})"
        if streams is None or not streams.sound:
            raise UsageError(
                f"{output.name}: {why}; the segments in {writer.folder} play"
            ) from error
        alone = mux_segments(writer, output, replace(streams, sound=False))
        others = [note for note in alone if not note.startswith(("sound", "subtitles", "chapters"))]
        return [*others, f"sound and subtitles left out: {why}; .mkv may hold them"]


def _mux(writer: SegmentWriter, output: Path, streams: SourceStreams | None) -> list[str]:
    rate = writer.rate
    segments = [file for _, _, file in list_segments(writer.folder)]
    notes: list[str] = []
    by_tag: list[bool] = []
    orders = [_order(file, rate) for file in segments]
    delay = max(place - shown for order in orders for place, shown in enumerate(order))
    options = {"fflags": "+bitexact"}
    source = open_input(streams.source) if streams is not None else None
    metadata = _global_metadata(source.metadata) if source is not None else {}
    kind = container_format(output)
    if kind in ("mp4", "mov"):
        phone = any(key.lower().startswith(PHONES) for key in metadata)
        options["movflags"] = "+faststart" + (ANY_KEYS if phone else "")
    with open_output(output, kind, options) as container:
        container.metadata.update(metadata)
        first = open_input(segments[0])
        stream: Any = container.add_stream_from_template(first.streams.video[0], opaque=True)
        stream.time_base = 1 / rate
        stream.codec_context.framerate = rate
        stream.codec_context.sample_aspect_ratio = writer.vui.aspect
        if writer.settings.encoder == "libx265" and container.format.name in ("mp4", "mov"):
            stream.codec_context.codec_tag = "hvc1"  # the one that Apple's players know
        begin = 0
        packets: list[Iterable[Timed]] = []
        if streams is not None and source is not None:
            if streams.picture is not None:  # its language, its title, when it was made
                of_picture = _global_metadata(source.streams[streams.picture].metadata)
                of_picture = {k: v for k, v in of_picture.items() if k.lower() != "vendor_id"}
                stream.metadata.update(of_picture)
            opening = streams.start if streams.opening is None else streams.opening
            begin = math.ceil((streams.start - opening) * rate)
            zero = streams.start - begin / rate
            packets.append(_copy_streams(source, container, streams, zero, notes, by_tag))
        video = _video_packets(segments, orders, stream, rate, begin, delay)
        for _, packet in heapq.merge(video, *packets, key=lambda timed: timed[0]):
            container.mux(packet)
        first.close()
        if source is not None:
            source.close()
    if any(by_tag):
        put_names_right(output, by_tag)
    with open_input(output) as result:
        there = {key.lower() for key in result.metadata}
    # "title-eng" repeats "title".
    if lost := [key for key in metadata if key.lower() not in there and key[:-4] not in metadata]:
        notes.append(f"metadata left out: {', '.join(lost)}; .mkv holds them")
    return notes


def _global_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """The metadata of a file, without what is about its container alone."""
    return {key: value for key, value in metadata.items() if key.lower() not in MUXER_KEYS}


def _order(file: Path, rate: Fraction) -> list[int]:
    """The number of the frame that each packet of a segment holds, in the order of decoding."""
    with open_input(file) as container:
        stamps = [
            packet.pts * as_fraction(packet.time_base)
            for packet in container.demux(container.streams.video[0])
            if packet.size and packet.pts is not None and packet.time_base
        ]
    order = [round(stamp * rate) for stamp in stamps]
    if sorted(order) != list(range(len(order))):
        raise UsageError(f"{file}: is damaged; delete it and go on with --resume")
    return order


def _video_packets(
    files: list[Path], orders: list[list[int]], stream: Any, rate: Fraction, begin: int, delay: int
) -> Iterator[Timed]:
    tick = 1 / rate
    extradata: bytes | None = None
    shown, stored = begin, begin
    for file, order in zip(files, orders, strict=True):
        with open_input(file) as container:
            own = bytes(container.streams.video[0].codec_context.extradata or b"")
            if extradata not in (None, own):
                raise UsageError(f"{file}: is not coded as those before it; delete its folder")
            extradata = own
            coded = (p for p in container.demux(container.streams.video[0]) if p.size)
            for packet, place in zip(coded, order, strict=True):
                packet.stream, packet.time_base = stream, tick
                packet.pts, packet.dts, packet.duration = shown + place, stored - delay, 1
                yield (stored - delay) * tick, packet
                stored += 1
        shown += len(order)


def _copy_streams(
    source: InputContainer,
    container: OutputContainer,
    streams: SourceStreams,
    zero: Fraction,
    notes: list[str],
    by_tag: list[bool],
) -> Iterator[Timed]:
    """Adds copies of the source's streams; returns their packets, with times from `zero`.

    by_tag: what `riff_sound.put_names_right` needs to know.
    """
    others = [one for one in source.streams if one.type in ("data", "attachment")]
    if container.format.name == "matroska" and streams.sound:  # fonts of subtitles, above all
        for one in source.streams.attachments:
            mime = one.mimetype or "application/octet-stream"
            container.add_attachment(one.name or f"stream-{one.index}", mime, one.data)
        others = [one for one in others if one.type != "attachment"]
    if others:
        listed = ", ".join(str(one.index) for one in others)
        notes.append(f"what is no picture, sound or subtitle left out (streams {listed})")
    copies: dict[int, Any] = {}
    for stream in chain(source.streams.audio, source.streams.subtitles):
        what = "sound" if stream.type == "audio" else "subtitles"
        if not streams.sound:
            notes.append(f"{what} (stream {stream.index}) left out: they would not keep time")
            continue
        name = stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"
        kind = container.format.name
        wave = None if stream.type != "audio" or can_hold("matroska", name) else wave_format(stream)
        template: Any = declared_stream(wave) if wave and kind == "matroska" else stream
        try:
            if name in UNSUPPORTED.get(kind, ()):
                raise ValueError(name)
            copy = container.add_stream_from_template(template, opaque=True)
        except (ValueError, av.FFmpegError):
            suffix, other = (".mp4", "mp4") if kind == "matroska" else (".mkv", "matroska")
            way = f"; {suffix} may" if can_hold(other, name) or (wave and kind != other) else ""
            notes.append(
                f"{what} (stream {stream.index}, {name}) left out: {kind} cannot hold it{way}"
            )
            continue
        if template is not stream:
            copy.time_base = stream.time_base
        if template is not stream or name == "truehd":
            by_tag.append(template is not stream)
        copy.metadata.update({k: v for k, v in stream.metadata.items() if k.lower() != "encoder"})
        copy.disposition = stream.disposition
        copies[stream.index] = copy
    if (chapters := source.chapters()) and streams.sound:
        container.set_chapters(_shifted(chapters, zero, streams.end))
    elif chapters:
        notes.append("chapters left out: they would not keep time")
    return _source_packets(source, copies, streams, zero)


def _source_packets(
    source: InputContainer, copies: dict[int, Any], streams: SourceStreams, zero: Fraction
) -> Iterator[Timed]:
    if not copies:
        return
    run_up = Fraction(0 if streams.opening is None else 1, 5)
    latest: dict[int, int] = {}
    # The picture goes on without a gap where time stamps begin anew, and takes the sound along.
    restarts = Restarts(streams.picture)
    read = {*copies, *([] if streams.picture is None else [streams.picture])}
    try:
        for packet in source.demux([source.streams[index] for index in sorted(read)]):
            if not packet.size or not packet.time_base:
                continue
            tick = as_fraction(packet.time_base)
            index = packet.stream.index
            moved = restarts.shift(index, packet.dts, packet.duration, tick)
            if packet.pts is None or index not in copies:
                continue
            packet.pts += moved
            packet.dts = None if packet.dts is None else packet.dts + moved
            at = packet.pts * tick
            lasts = Fraction(packet.duration or 0) * tick
            if packet.stream.type == "subtitle" and at < zero < at + lasts:
                # One that is on the screen when the part begins.
                packet.duration = round((at + lasts - zero) / tick)
                packet.pts = packet.dts = math.ceil(zero / tick)
                at = packet.pts * tick
            # A little sound before the first is its decoder's run-up.
            if at < zero - run_up or (streams.end is not None and at >= streams.end):
                continue
            if packet.stream.type == "subtitle" and streams.end is not None:  # nor after the part
                packet.duration = min(packet.duration or 0, math.ceil((streams.end - at) / tick))
            copy = copies[packet.stream.index]
            shift = round(zero / tick)
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            # Times of decoding that stand still or run back, by the container's clock, are refused.
            step = math.ceil((as_fraction(copy.time_base) or tick) / tick)
            packet.dts = max(packet.dts, latest.get(index, packet.dts - step) + step)
            packet.pts = max(packet.pts, packet.dts)
            latest[index] = packet.dts
            packet.stream = copy
            yield packet.dts * tick, packet
    except av.FFmpegError:
        return  # a damaged end; the picture's own reading has said so


def _shifted(chapters: list[Any], zero: Fraction, end: Fraction | None) -> list[Any]:
    """The chapters that lie in what is taken, in its time."""
    notes = []
    for chapter in chapters:
        tick = as_fraction(chapter["time_base"])
        if end is not None and chapter["start"] * tick >= end or chapter["end"] * tick <= zero:
            continue
        shift = round(zero / tick)
        # One that goes on after the part would make a file of .mp4 as long as itself.
        last = chapter["end"] if end is None else min(chapter["end"], round(end / tick))
        notes.append({**chapter, "start": max(chapter["start"] - shift, 0), "end": last - shift})
    return notes
