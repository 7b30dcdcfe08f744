"""The benchmark of many scenes, on a few."""

import pytest

from tests.benchmarks.scenes import measure


@pytest.mark.parametrize("methods", [0, 2])
def test_the_scenes_are_scored_and_found_again(methods: int) -> None:
    seconds = measure(3, methods)
    assert [*seconds] == ["scored", "nothing to do", "report"]
    assert all(spent > 0 for spent in seconds.values())
