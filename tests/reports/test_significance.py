"""Differences of two methods: their intervals, what they mean, and means by time."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stvt.reports import COLUMNS, Comparison, ReportError, RunInfo, run_table
from stvt.reports.averages import averages
from stvt.reports.significance import difference, interval
from tests.builders.reports import run_info

SIGNATURE = "scale:4|window:3+3|channel:rgb|stvt:0.1.0"


def scored(
    methods: Mapping[str, Mapping[str, Sequence[float]]],
    metric: str = "psnr",
    signature: str = SIGNATURE,
    weights: str = "",
    times: Sequence[float] = (0.5,),
) -> pd.DataFrame:
    """method -> scene -> the values of its frames."""
    return pd.DataFrame(
        [
            ("set", scene, method, frame, times[frame % len(times)], "new", metric, "rgb", value)
            + (weights, signature)
            for method, scenes in methods.items()
            for scene, values in scenes.items()
            for frame, value in enumerate(values)
        ],
        columns=list(COLUMNS),
    )


def info(*methods: str, **more: Any) -> RunInfo:
    return run_info({"methods": {m: {} for m in methods}, "datasets": {"set": {}}} | more)


def by_scene(scenes: Mapping[str, Mapping[int, float]]) -> pd.Series:
    rows = [(scene, n, value) for scene, of in scenes.items() for n, value in of.items()]
    table = pd.DataFrame(rows, columns=["scene", "frame", "value"])
    return table.set_index(["scene", "frame"])["value"].astype(float)


def scenes(*values: float) -> pd.Series:
    return by_scene({f"s{place}": {0: value} for place, value in enumerate(values)})


def test_the_interval_is_that_of_scipys_bootstrap() -> None:
    apart = np.random.default_rng(3).normal(0.1, 0.3, 20)
    low, high = interval(apart)
    theirs = stats.bootstrap(
        (apart,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.01)
    assert interval(apart) == (low, high)
    assert interval(apart, seed=1) != (low, high)


def test_the_interval_shifts_and_scales_with_the_differences() -> None:
    apart = np.random.default_rng(3).normal(0, 1, 12)
    low, high = interval(apart)
    assert interval(2 * apart + 5) == pytest.approx((2 * low + 5, 2 * high + 5))
    assert interval(-apart, seed=0) == pytest.approx((-high, -low), abs=0.05)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    held = 0
    for _ in range(100):
        low, high = interval(random.normal(1, 1, 30))
        held += low <= 1 <= high
    assert 86 <= held <= 100


def test_three_hundred_scenes_take_less_than_a_second() -> None:
    apart = np.random.default_rng(0).normal(0, 1, 300)
    began = time.perf_counter()
    interval(apart)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.5, 0.4, 0.6, 0.5, 0.4, 0.6), "better"),
        ((-0.5, -0.4, -0.6, -0.5, -0.4, -0.6), "worse"),
        ((-0.5, 0.6, -0.4, 0.6, -0.5, 0.5), "not significant"),
        ((0.001, 0.002, 0.001, 0.002, 0.001, 0.002), "same"),
        ((-1.0,), "worse"),
        ((), "not comparable"),
    ],
)
def test_what_a_difference_means(values: Sequence[float], verdict: str) -> None:
    before = scenes(*[20.0 for _ in values])
    after = scenes(*[20 + value for value in values])
    found = difference(before, after, "psnr")
    assert found.verdict == verdict
    assert found.scenes == len(values)
    if values:
        assert found.mean == pytest.approx(np.mean(values))
        assert found.b - found.a == pytest.approx(found.mean)


def test_lower_lpips_is_better() -> None:
    assert difference(scenes(0.5, 0.6), scenes(0.4, 0.5), "lpips").verdict == "better"


def test_a_mean_is_over_frames_and_then_over_scenes_both_have() -> None:
    before = {"long": {0: 20.0, 1: 20.0, 2: 20.0}, "short": {0: 30.0}, "cut": {0: 1.0, 1: 1.0}}
    after = {"long": {0: 21.0, 1: 21.0, 2: 21.0}, "short": {0: 33.0}, "cut": {0: 9.0}}
    found = difference(by_scene(before), by_scene(after), "psnr")
    assert (found.mean, found.scenes) == (2.0, 2)
    assert (found.lacking_a, found.lacking_b) == ((), ("cut",))
    assert "1 scenes lack scores of the second: cut." in found.notes()


def test_frames_equal_to_the_truth_do_not_spoil_the_mean() -> None:
    before = {"s": {0: math.inf, 1: 20.0}, "t": {0: math.inf}}
    after = {"s": {0: math.inf, 1: 21.0}, "t": {0: 40.0}}
    found = difference(by_scene(before), by_scene(after), "psnr")
    assert (found.mean, found.scenes, found.identical_a, found.identical_b) == (0.5, 1, 1, 0)
    exact = difference(scenes(math.inf), scenes(math.inf), "psnr")
    assert (exact.verdict, exact.mean) == ("same", 0.0)
    assert difference(scenes(math.inf), scenes(60.0), "psnr").verdict == "worse"


def test_each_two_methods_of_a_run_are_compared_but_not_untrained_ones() -> None:
    many = {f"s{n}": [20.0 + n] for n in range(8)}
    more = {scene: [value[0] + 1] for scene, value in many.items()}
    both = pd.concat([scored({"a": many, "b": more}), scored({"net": many}, weights="untrained")])
    text = run_table(both, info("a", "b", "net"), "markdown", by="difference")
    assert r"| b against a | \+1.00 | \+1.00 to +1.00 | 8 | yes, better |" in text
    assert "net against" not in text and text.count(" against ") == 1


def test_means_by_time_tell_the_positions_apart() -> None:
    saw = {"s": [30.0, 22.0, 20.0, 22.0] * 2, "t": [32.0, 24.0, 22.0, 24.0] * 2}
    made = scored({"a": saw, "b": saw}, times=(0.0, 0.25, 0.5, 0.75))
    text = run_table(made, info("a", "b"), "markdown", by="time")
    assert (
        "| method | t = 0 (existing), n 4 | t = 0.25, n 4 | t = 0.5, n 4 | t = 0.75, n 4 |" in text
    )
    assert "| a | **31.00** | **23.00** | **21.00** | **23.00** |" in text


def test_two_runs_are_compared_method_by_method() -> None:
    first = {f"s{n}": [20.0 + n] for n in range(6)}
    worse = {scene: [value[0] - 0.5] for scene, value in first.items()}
    before = scored({"a": first, "b": first, "gone": first})
    after = scored({"a": first, "b": worse}, signature=SIGNATURE.replace("0.1.0", "0.2.0"))
    found = Comparison((before, info("a", "b", "gone")), (after, info("a", "b")))
    assert [of.verdict for *_, of in found.differences] == ["same", "worse"]
    assert found.worse and found.verdict() == "worse: significantly worse in 1 of 2 comparisons"
    assert "Only the first run has gone." in found.table()
    same = Comparison((before, info("a")), (before, info("a")))
    assert not same.worse and same.verdict() == "the same"
    pair = Comparison((after, info("a", "b")), (after, info("a", "b")), methods=[("b", "a")])
    assert pair.verdict() == "not worse: significantly better in 1 of 1 comparisons"
    assert "a against b" in pair.table("markdown")


def test_scenes_lost_by_the_second_run_are_worse_whatever_the_rest() -> None:
    whole = {"s": [20.0], "t": [20.0]}
    found = Comparison((scored({"a": whole}), info("a")), (scored({"a": {"s": [25.0]}}), info("a")))
    assert found.worse and "without scores for scenes of the first in 1" in found.verdict()
    back = Comparison((scored({"a": {"s": [20.0]}}), info("a")), (scored({"a": whole}), info("a")))
    assert not back.worse


def test_a_metric_that_failed_everywhere_in_the_second_run_is_worse() -> None:
    values = {"s": [20.0], "t": [20.0]}
    psnr = scored({"a": values})
    both = pd.concat([psnr, psnr.assign(metric="mine")])
    first, second = info("a", metrics=["psnr", "mine"]), info("a", metrics=["psnr"])
    failed = Comparison((both, first), (psnr, first))
    assert failed.worse and [of.metric for *_, of in failed.differences] == ["psnr", "mine"]
    assert not Comparison((psnr, first), (both, first)).worse
    never_asked = Comparison((both, first), (psnr, second))
    assert never_asked.verdict() == "the same"
    assert "Only the first run has the metric mine." in never_asked.notes


def test_protocols_or_data_that_differ_are_refused_by_name() -> None:
    ours = scored({"a": {"s": [20.0]}})
    theirs = scored({"a": {"s": [20.0]}}, signature=SIGNATURE.replace("3+3", "0+1"))
    with pytest.raises(ReportError, match=r"window is 3\+3 or 0\+1; .*--ends replicate"):
        Comparison((ours, info("a")), (theirs, info("a")))
    assert Comparison((ours, info("a")), (theirs, info("a")), allow=["window"]).differences
    data = [
        info("a", datasets={"set": {"manifest_sha256": digest * 32}}) for digest in ("ab", "cd")
    ]
    with pytest.raises(ReportError, match="set: the frames of the two runs differ"):
        Comparison((ours, data[0]), (ours, data[1]))
    assert not Comparison((ours, data[0]), (ours, data[1]), allow=["data"]).worse


def test_what_two_runs_do_not_share_is_said() -> None:
    ours = scored({"a": {"s": [20.0]}})
    with pytest.raises(ReportError, match="the second run has no method 'z'; it has a"):
        Comparison((ours, info("a")), (ours, info("a")), methods=[("a", "z")])
    with pytest.raises(ReportError, match="no scores in common"):
        Comparison((ours, info("a")), (scored({"b": {"s": [1.0]}}), info("b")))
    with pytest.raises(ReportError, match="the first run has no metric 'lpips'; it has psnr"):
        Comparison((ours, info("a")), (ours, info("a")), metrics=["lpips"])
    with pytest.raises(ReportError, match="no metric 'PSNR'; did you mean psnr"):
        Comparison((ours, info("a")), (ours, info("a")), metrics=["PSNR"])
    random = scored({"a": {"s": [20.0]}}, weights="untrained")
    assert "Untrained: a." in Comparison((random, info("a")), (random, info("a"))).table()


def test_frames_that_equal_the_truth_rank_a_method_higher_in_marks_and_differences() -> None:
    values = {"a": {"s": [math.inf, math.inf, 26.0]}, "b": {"s": [34.0, 35.0, 26.0]}}
    ranks = averages(scored(values), info("a", "b")).ranks(("set", "rgb"), "psnr")
    assert (ranks["a"].place, ranks["b"].place) == (1, 2)
    a, b = (by_scene({"s": dict(enumerate(values[name]["s"]))}) for name in "ab")
    assert difference(a, b, "psnr").verdict == "worse"
    assert difference(b, a, "psnr").verdict == "better"
