"""Rates and time stamps of video files."""

import numbers
from fractions import Fraction
from pathlib import Path

import av
import pytest

from stvt.datasets.errors import DatasetError
from stvt.datasets.video.probe import as_fraction
from stvt.datasets.video.timestamps import checked_rate, measured_rate, read_timestamps


def test_steady_rates_are_told_from_jitter_and_real_variation() -> None:
    ms = [Fraction(round(1000 * k * 1001 / 30000), 1000) for k in range(90)]
    assert measured_rate(ms) == (Fraction(30000, 1001), True)
    dropped = [stamp for k, stamp in enumerate(ms) if k != 40]
    assert measured_rate(dropped) == (Fraction(30000, 1001), False)
    few = [k * Fraction(1001, 48000) for k in range(12)]
    assert measured_rate(few, Fraction(48000, 1001)) == (Fraction(48000, 1001), True)
    assert measured_rate(ms, Fraction(1000)) == (Fraction(30000, 1001), True)
    odd = [Fraction(k * 13, 200) for k in range(30)]
    assert measured_rate(odd) == (Fraction(200, 13), True)


def test_rates_are_read_as_people_write_them() -> None:
    assert checked_rate("29.97") == Fraction(30000, 1001) and checked_rate("25") == 25
    for text in ("0", "fast", "1/0", "5000"):
        with pytest.raises(DatasetError):
            checked_rate(text)


def test_a_file_tells_which_packets_it_shows(shared: Path) -> None:
    clips = shared / "data" / "clips"
    for name, frames, steady in (
        ("roadtrip_vp9_10bit.webm", 72, True),  # 80 packets, 8 of frames that are never shown
        ("discard_first_keyframe.mp4", 25, True),
        ("unordered_pts.avi", 164, True),
        ("vfr_1080p_indoor.mp4", 72, False),
    ):
        when = read_timestamps(clips / name, 0)
        assert (when.frames, when.constant_rate) == (frames, steady), name


def test_a_short_clip_by_a_clock_of_one_tick_a_frame_has_the_rate_of_that_clock() -> None:
    stamps = [k * Fraction(2, 25) for k in range(12)]
    assert measured_rate(stamps, Fraction(25, 2), Fraction(2, 25)) == (Fraction(25, 2), True)


def test_a_rate_in_whole_nanoseconds_is_known() -> None:
    rate = Fraction(60000, 1001)
    stamps = [Fraction(round(1000 * k / rate) + 17, 1000) for k in range(24)]
    header = Fraction(19001, 317)  # what FFmpeg makes of 16683333 ns
    assert measured_rate(stamps, header, Fraction(1, 1000)) == (rate, True)


class UnsetRational:
    """As PyAV 19 has it: false, of a denominator that is not 0, or that is."""

    numerator, denominator = 0, 1

    def __bool__(self) -> bool:
        return False


def test_rationals_of_pyav_are_exact_fractions_whether_it_is_18_or_19() -> None:
    numbers.Rational.register(UnsetRational)
    for unset in (None, UnsetRational()):
        assert as_fraction(unset) == 0
    for given in (Fraction(30000, 1001), getattr(av, "AVRational", Fraction)(30000, 1001)):
        exact = as_fraction(given)
        assert type(exact) is Fraction
        assert str(exact) == "30000/1001"
