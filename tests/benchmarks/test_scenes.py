"""The benchmark of many scenes, on a few."""

from tests.benchmarks.scenes import measure


def test_the_scenes_are_scored_and_found_again() -> None:
    scored, nothing = measure(3)
    assert scored > 0 and nothing >= 0
