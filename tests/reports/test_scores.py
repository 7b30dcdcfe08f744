"""Scores that tables and plots can be made of."""

import pytest

from stvt.reports import ReportError
from stvt.reports.scores import checked
from tests.builders.reports import example_scores


def test_a_score_that_no_plot_could_show_is_one_line_and_a_large_one_is_kept() -> None:
    scores = example_scores(["a"], ["s"])
    scores.loc[0, "value"] = 1e12  # as a metric of one's own may give
    assert checked(scores)["value"].max() == 1e12
    scores.loc[0, "value"] = 1e308
    with pytest.raises(ReportError, match=r"s: a score of 1e\+308") as caught:
        checked(scores)
    assert "\n" not in str(caught.value)
