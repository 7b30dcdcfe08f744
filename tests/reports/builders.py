"""Descriptions of runs for tests: only what a test is about has to be said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pandas import DataFrame

from stvt.reports import RunInfo, run_table


def run_info(facts: Mapping[str, Any] = {}, **changes: Any) -> RunInfo:
    """As a run.json of these facts would give it; data sets without a list of scenes have none."""
    about = {"signature": "", "methods": {}, "datasets": {}, **facts, **changes}
    about["datasets"] = {
        name: {"scenes": [], **dataset} for name, dataset in about["datasets"].items()
    }
    return RunInfo.read(about, "run.json")


def table(scores: DataFrame, facts: Mapping[str, Any], *args: Any, **options: Any) -> str:
    """`run_table` of a run of these facts."""
    return run_table(scores, run_info(facts), *args, **options)
