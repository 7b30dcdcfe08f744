"""Pieces of video, and what came with the source, as one file."""

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

from ..errors import DatasetError
from .encoder import REFUSED, Encoding, container_format, pieces, writable
from .encoder_color import Look
from .probe import open_container

Timed = tuple[Fraction, Any]  # a packet and its time of decoding

# Written anew by every muxer.
NOT_KEPT = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")
# What phones write. mp4 and mov hold it beside `FREE` keys alone, which fewer players show; so only
# where there is any.
PHONES = ("com.", "make", "model")
FREE = "+use_metadata_tags"


@dataclass(frozen=True)
class Company:
    """What comes along from the source: sound, subtitles, chapters, and when.

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


def join(
    folder: Path,
    output: Path,
    encoding: Encoding,
    look: Look,
    rate: Fraction,
    company: Company | None = None,
) -> list[str]:
    """Write the pieces of a folder, and their company, as `output`; returns notes on what is not.

    Frame n is shown at exactly n / rate after the first; nothing is coded again.
    Raises DatasetError if a piece is not of this encoding, or the container refuses the video.
    """
    try:
        return _joined(folder, output, encoding, look, rate, company)
    except av.ArgumentError as error:
        kind = container_format(output)
        why = f"{kind} refuses what should go into it ({error.strerror})"
        if company is None or not company.sound:
            raise DatasetError(f"{output.name}: {why}; the pieces in {folder} play") from error
        alone = join(folder, output, encoding, look, rate, replace(company, sound=False))
        kept = [note for note in alone if not note.startswith(("sound", "subtitles"))]
        return [*kept, f"sound and subtitles left out: {why}; .mkv may hold them"]


def _joined(
    folder: Path,
    output: Path,
    encoding: Encoding,
    look: Look,
    rate: Fraction,
    company: Company | None,
) -> list[str]:
    whole = pieces(folder)
    notes: list[str] = []
    orders = [_order(file, rate) for _, _, file in whole]
    delay = max(place - shown for order in orders for place, shown in enumerate(order))
    options = {"fflags": "+bitexact"}
    source = open_container(company.source) if company is not None else None
    told = _told(source.metadata) if source is not None else {}
    kind = container_format(output)
    if kind in ("mp4", "mov"):
        phone = any(key.lower().startswith(PHONES) for key in told)
        options["movflags"] = "+faststart" + (FREE if phone else "")
    with writable(output, kind, options) as container:
        container.metadata.update(told)
        first = open_container(whole[0][2])
        stream: Any = container.add_stream_from_template(first.streams.video[0], opaque=True)
        stream.time_base = 1 / rate
        stream.codec_context.framerate = rate
        stream.codec_context.sample_aspect_ratio = look.aspect
        if encoding.encoder == "libx265" and container.format.name in ("mp4", "mov"):
            stream.codec_context.codec_tag = "hvc1"  # the one that Apple's players know
        begin = 0
        packets: list[Iterable[Timed]] = []
        if company is not None and source is not None:
            _describe(stream, source, company)
            opening = company.start if company.opening is None else company.opening
            begin = math.ceil((company.start - opening) * rate)
            zero = company.start - begin / rate
            packets.append(_company(source, container, company, zero, notes))
        files = [file for _, _, file in whole]
        video = _video(files, orders, stream, rate, begin, delay)
        for _, packet in heapq.merge(video, *packets, key=lambda timed: timed[0]):
            container.mux(packet)
        first.close()
        if source is not None:
            source.close()
    with open_container(output) as made:
        there = {key.lower() for key in made.metadata}
    # "title-eng" repeats "title".
    if lost := [key for key in told if key.lower() not in there and key[:-4] not in told]:
        notes.append(f"metadata left out: {', '.join(lost)}; .mkv holds them")
    return notes


def _told(metadata: dict[str, str]) -> dict[str, str]:
    """What a file says of itself, without what is about the file alone."""
    return {key: value for key, value in metadata.items() if key.lower() not in NOT_KEPT}


def _describe(stream: Any, source: InputContainer, company: Company) -> None:
    """What the source says of its picture: its language, its title, when it was made."""
    if company.picture is None:
        return
    said = _told(source.streams[company.picture].metadata)
    stream.metadata.update({k: v for k, v in said.items() if k.lower() != "vendor_id"})


def _order(file: Path, rate: Fraction) -> list[int]:
    """The number of the frame that each packet of a piece holds, as they are stored."""
    with open_container(file) as container:
        stamps = [
            packet.pts * Fraction(packet.time_base)
            for packet in container.demux(container.streams.video[0])
            if packet.size and packet.pts is not None and packet.time_base is not None
        ]
    order = [round(stamp * rate) for stamp in stamps]
    if sorted(order) != list(range(len(order))):
        raise DatasetError(f"{file}: is damaged; delete it and go on with --resume")
    return order


def _video(
    files: list[Path], orders: list[list[int]], stream: Any, rate: Fraction, begin: int, delay: int
) -> Iterator[Timed]:
    tick = 1 / rate
    extradata: bytes | None = None
    shown, stored = begin, begin
    for file, order in zip(files, orders, strict=True):
        with open_container(file) as container:
            own = bytes(container.streams.video[0].codec_context.extradata or b"")
            if extradata not in (None, own):
                raise DatasetError(f"{file}: is not coded as those before it; delete its folder")
            extradata = own
            coded = (p for p in container.demux(container.streams.video[0]) if p.size)
            for packet, place in zip(coded, order, strict=True):
                packet.stream, packet.time_base = stream, tick
                packet.pts, packet.dts, packet.duration = shown + place, stored - delay, 1
                yield (stored - delay) * tick, packet
                stored += 1
        shown += len(order)


def _company(
    source: InputContainer,
    container: OutputContainer,
    company: Company,
    zero: Fraction,
    notes: list[str],
) -> Iterator[Timed]:
    """Takes over streams of the source; gives their packets, their times from `zero`."""
    if others := [one for one in source.streams if one.type in ("data", "attachment")]:
        listed = ", ".join(str(one.index) for one in others)
        notes.append(f"what is no picture, sound or subtitle left out (streams {listed})")
    streams: dict[int, Any] = {}
    for stream in chain(source.streams.audio, source.streams.subtitles):
        what = "sound" if stream.type == "audio" else "subtitles"
        if not company.sound:
            notes.append(f"{what} (stream {stream.index}) left out: they would not keep time")
            continue
        name = stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"
        kind = container.format.name
        try:
            if name in REFUSED.get(kind, ()):
                raise ValueError(name)
            copy = container.add_stream_from_template(stream, opaque=True)
        except (ValueError, av.FFmpegError):
            other = ".mp4" if kind == "matroska" else ".mkv"
            notes.append(
                f"{what} (stream {stream.index}, {name}) left out: {kind} cannot hold them; "
                f"{other} may"
            )
            continue
        copy.metadata.update({k: v for k, v in stream.metadata.items() if k.lower() != "encoder"})
        copy.disposition = stream.disposition
        streams[stream.index] = copy
    if company.sound and (chapters := source.chapters()):
        container.set_chapters(_shifted(chapters, zero, company.end))
    return _packets(source, streams, company, zero)


def _packets(
    source: InputContainer, streams: dict[int, Any], company: Company, zero: Fraction
) -> Iterator[Timed]:
    if not streams:
        return
    run_up = Fraction(0 if company.opening is None else 1, 5)
    latest: dict[int, int] = {}
    try:
        for packet in source.demux([source.streams[index] for index in streams]):
            if not packet.size or packet.pts is None or packet.time_base is None:
                continue
            tick = Fraction(packet.time_base)
            at = packet.pts * tick
            lasts = Fraction(packet.duration or 0) * tick
            if packet.stream.type == "subtitle" and at < zero < at + lasts:
                # One that is on the screen when the part begins.
                packet.duration = round((at + lasts - zero) / tick)
                packet.pts = packet.dts = math.ceil(zero / tick)
                at = packet.pts * tick
            # A little sound before the first is its decoder's run-up.
            if at < zero - run_up or (company.end is not None and at >= company.end):
                continue
            copy = streams[packet.stream.index]
            shift = round(zero / tick)
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            # Times of decoding that stand still or run back are refused by every container.
            index = packet.stream.index
            packet.dts = max(packet.dts, latest.get(index, packet.dts - 1) + 1)
            packet.pts = max(packet.pts, packet.dts)
            latest[index] = packet.dts
            packet.stream = copy
            yield packet.dts * tick, packet
    except av.FFmpegError:
        return  # a damaged end; the picture's own reading has said so


def _shifted(chapters: list[Any], zero: Fraction, end: Fraction | None) -> list[Any]:
    """The chapters that lie in what is taken, in its time."""
    kept = []
    for chapter in chapters:
        tick = Fraction(chapter["time_base"])
        if end is not None and chapter["start"] * tick >= end or chapter["end"] * tick <= zero:
            continue
        shift = round(zero / tick)
        kept.append(
            {**chapter, "start": max(chapter["start"] - shift, 0), "end": chapter["end"] - shift}
        )
    return kept
