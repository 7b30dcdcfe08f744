"""What comes along from the source: sound, subtitles, metadata, and what is said to be left out."""

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from stvt.datasets.video.reader import open_video
from stvt.datasets.video.timestamps import read_timestamps
from stvt.upsampling.sources import Part

from .clips import carry_out, job_of, scenery, video


def test_sound_and_title_come_along_unless_motion_is_slowed(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 12), sound=1.2)
    carry_out(job_of(source, tmp_path / "out.mp4"))
    slowed = carry_out(job_of(source, tmp_path / "slow.mp4", slow=True))
    part = job_of(source, tmp_path / "part.mp4", part=Part(Fraction(2, 10), Fraction(8, 10)))
    assert carry_out(part).outputs == 12
    sounds, seconds = [], []
    for name in ("in", "out", "slow", "part"):
        with av.open(str(tmp_path / f"{name}.mp4")) as container:
            assert container.metadata["title"] == "a title"
            packets = [p for p in container.demux(audio=0) if p.size] if name != "slow" else []
            sounds.append(len(packets))
            seconds.append(float(read_timestamps(tmp_path / f"{name}.mp4", 0).seconds))
    assert sounds[0] == sounds[1] > 40 and sounds[2] == 0 and 20 < sounds[3] < 30
    assert seconds == pytest.approx([1.2, 1.2, 2.4, 0.6])
    assert any("left out" in note for note in slowed.notes)


def test_sound_that_outlasts_the_picture_is_kept_as_far_as_was_asked_for(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 6), sound=3)
    for end, seconds in ((None, 3.0), (Fraction(2), 2.0), (Fraction(2, 5), 0.4)):
        carry_out(job_of(source, tmp_path / "out.mp4", part=Part(end=end), overwrite=True))
        with av.open(str(tmp_path / "out.mp4")) as container:
            packets = [packet for packet in container.demux(audio=0) if packet.size]
        assert len(packets) * 1024 / 44100 == pytest.approx(seconds, abs=0.06)


@pytest.mark.parametrize("known", [True, False])
def test_sound_that_the_container_refuses_is_left_out_and_the_picture_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    source = video(tmp_path / "in.mkv", scenery(1, 6), sound=0.6, voice="libopus")
    if not known:  # what no table foresees is found out when all frames are made
        monkeypatch.setattr("stvt.upsampling.mux.UNSUPPORTED", {})
    made = carry_out(job_of(source, tmp_path / "out.mov"))
    assert len(list(open_video(tmp_path / "out.mov"))) == 12
    assert any("sound" in note and "left out" in note for note in made.notes)
    assert len(made.notes) == 1


def test_what_is_lost_or_added_is_said(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 2), aspect=2)
    for name, codec, says in (
        ("out.mkv", "ffv1", "aspect ratio 2 is lost: .mkv keeps none for ffv1"),
        ("out.mkv", None, ""),
        ("out.mp4", None, ""),
    ):
        odd = job_of(source, tmp_path / name, codec=codec, lossless=False, overwrite=True)
        made = carry_out(replace(odd, part=Part(crop=(31, 21, 0, 0))), scale=1)
        assert any(says in note for note in made.notes) and ("lost" in str(made.notes)) == bool(
            says
        )
        assert any("31x21 is odd" in note for note in made.notes) == (codec is None)


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_sound_of_joined_transport_streams_is_kept(tmp_path: Path, name: str) -> None:
    """Time stamps begin anew, and sound that outlasts its picture meets that of the next."""
    once = video(tmp_path / "once.ts", scenery(1, 10), sound=1.1)
    source = tmp_path / "in.ts"
    source.write_bytes(2 * once.read_bytes())
    made = carry_out(job_of(source, tmp_path / name, lossless=False))
    assert made.outputs == 40 and not any("left out" in note for note in made.notes)
    packets = []
    for file in (once, tmp_path / name):
        with av.open(str(file)) as container:
            packets.append(sum(bool(packet.size) for packet in container.demux(audio=0)))
    assert packets[1] == 2 * packets[0]


def tagged_video(path: Path, says: dict[str, str]) -> Path:
    """A video that says so of itself, and that its picture is French."""
    plain = video(path.with_name("plain.mp4"), scenery(1, 4))
    with av.open(str(plain)) as before, av.open(str(path), "w") as source:
        source.metadata.update(says)
        stream = source.add_stream_from_template(before.streams.video[0], opaque=True)
        stream.metadata["language"] = "fra"
        for packet in before.demux(video=0):
            if packet.size:
                packet.stream = stream
                source.mux(packet)
    return path


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
def test_what_a_phone_wrote_comes_along(tmp_path: Path, name: str) -> None:
    said = {"title": "a title", "com.android.version": "10", "location": "+48.3896+011.0470/"}
    source = tagged_video(tmp_path / "in.mkv", said)
    made = carry_out(job_of(source, tmp_path / name, lossless=False))
    with av.open(str(tmp_path / name)) as container:
        kept = {key.lower(): value for key, value in container.metadata.items()}
        assert said.items() <= kept.items()
        assert container.streams.video[0].metadata["language"] == "fra"
    assert not any("metadata" in note for note in made.notes)


def test_metadata_that_the_container_does_not_know_is_named(tmp_path: Path) -> None:
    source = tagged_video(tmp_path / "in.mkv", {"title": "a title", "mood": "blue"})
    made = carry_out(job_of(source, tmp_path / "out.mp4"))
    assert any(
        re.search(r"metadata left out: mood; \.mkv", note, re.IGNORECASE) for note in made.notes
    )


def test_a_subtitle_that_is_on_when_a_part_begins_is_there(shared: Path, tmp_path: Path) -> None:
    """The second of this file is shown from 4.26 to 8.35 s, after one from 0.21 s."""
    source = shared / "data" / "clips" / "nasa_two_video_streams.mp4"
    part = Part(Fraction(5), Fraction(9), (32, 32, 0, 0))
    carry_out(job_of(source, tmp_path / "out.mp4", part=part, factor=1, method=None), scale=1)
    with av.open(str(tmp_path / "out.mp4")) as container:
        packets = [one for one in container.demux(subtitles=0) if one.size > 2]
    shown = [
        (float(one.pts * one.time_base), float(one.duration * one.time_base))
        for one in packets
        if one.pts is not None and one.duration is not None and one.time_base is not None
    ]
    assert shown[0] == pytest.approx((0, 3.35), abs=0.05)
    assert shown[1][0] == pytest.approx(3.35, abs=0.05) and len(shown) == 2


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
@pytest.mark.parametrize("codec", ["wmav2", "adpcm_ms", "adpcm_ima_wav", "pcm_alaw", "pcm_mulaw"])
def test_sound_that_matroska_holds_by_its_riff_tag_is_copied(
    tmp_path: Path, codec: str, name: str
) -> None:
    source = tmp_path / "in.avi"
    with av.open(str(source), "w") as file:
        picture: Any = file.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = 48, 32, "yuv420p"
        voice: Any = file.add_stream(codec, rate=8000, layout="mono")
        voice.bit_rate = 32000
        voice.codec_context.open()
        for frame in scenery(1, 10):
            file.mux(picture.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(picture.encode())
        tone = (9000 * np.sin(np.arange(8000) / 5)).astype(np.int16)[None]
        resampler = av.AudioResampler(voice.format, "mono", 8000, voice.frame_size or 1024)
        whole = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        whole.sample_rate, whole.pts = 8000, 0
        for piece in [*resampler.resample(whole), *resampler.resample(None)]:
            file.mux(voice.encode(piece))
        file.mux(voice.encode())
    result = carry_out(job_of(source, tmp_path / name, lossless=False), scale=1)
    before = packets(source)
    if name == "out.mp4":
        assert f"sound (stream 1, {codec}) left out: mp4 cannot hold it; .mkv may" in result.notes
        return
    after = packets(tmp_path / name)
    assert after[0] == codec and after[1:] == before[1:] and len(after[2]) > 4000


def packets(path: Path) -> tuple[str, list[bytes], bytes]:
    """The codec of the sound, its packets, and what they decode to."""
    with av.open(str(path)) as file:
        name = file.streams.audio[0].codec_context.codec.canonical_name
        data = [bytes(packet) for packet in file.demux(audio=0) if packet.size]
    with av.open(str(path)) as file:
        frames = b"".join(frame.to_ndarray().tobytes() for frame in file.decode(audio=0))
    return name, data, frames


SUBTITLE = "1\n00:00:00,200 --> 00:00:50,000\nlong\n"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_no_chapter_or_subtitle_outlasts_the_part_that_is_taken(
    tmp_path: Path, suffix: str
) -> None:
    (tmp_path / "a.srt").write_text(SUBTITLE)
    video(tmp_path / "plain.mp4", scenery(1, 12))
    source = tmp_path / "in.mkv"
    with (
        av.open(str(tmp_path / "plain.mp4")) as picture,
        av.open(str(tmp_path / "a.srt")) as text,
        av.open(str(source), "w") as output,
    ):
        streams = [picture.streams.video[0], text.streams.subtitles[0]]
        copies = [output.add_stream_from_template(one) for one in streams]
        millisecond = Fraction(1, 1000)
        spans = ((0, 400, "a"), (400, 60_000, "b"))
        output.set_chapters(
            [
                {"id": k, "start": a, "end": b, "time_base": millisecond, "metadata": {"title": t}}
                for k, (a, b, t) in enumerate(spans)
            ]
        )
        for one, copy, file in zip(streams, copies, (picture, text), strict=True):
            for packet in file.demux(one):
                if packet.size:
                    packet.stream = copy
                    output.mux(packet)
    job = job_of(source, tmp_path / f"out{suffix}", part=Part(Fraction(1, 10), Fraction(6, 10)))
    carry_out(job)
    with av.open(str(job.output)) as container:
        assert container.duration == pytest.approx(500_000, abs=2000)
        chapters: list[Any] = list(container.chapters())
        ends = [float(one["end"] * one["time_base"]) for one in chapters]
        assert ends == pytest.approx([0.3, 0.5])
        lines: list[Any] = [
            p for one in container.streams.subtitles for p in container.demux(one) if p.size
        ]
        held = [(float(p.pts * p.time_base), float(p.duration * p.time_base)) for p in lines]
    assert held == ([(0.1, 0.4)] if suffix == ".mkv" else [])
    slow = carry_out(replace(job, output=tmp_path / f"slow{suffix}", slow=True))
    assert "chapters left out: they would not keep time" in slow.notes
