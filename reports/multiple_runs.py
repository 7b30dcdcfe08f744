"""Several runs as one: methods that were scored on other days, machines or by other people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from .comparison import same_metrics, same_protocol
from .run_info import RunInfo

if TYPE_CHECKING:
    from pandas import DataFrame


def join_runs(runs: Mapping[str, tuple[DataFrame, RunInfo]]) -> tuple[DataFrame, RunInfo]:
    """The scores of all runs, and one description, as `run_table` takes them.

    runs: name -> scores and description. A method that several have is called "METHOD (NAME)".
    Raises ReportError, which names the parts, where the runs' protocols, data or metrics differ;
    the version of stvt may.
    """
    import pandas as pd

    first = next(iter(runs.values()))
    times = Counter(method for _, info in runs.values() for method in info.methods)
    tables, joined = [], replace(first[1], datasets={}, methods={}, failures=[], warnings=[])
    for name, run in runs.items():
        scores, info = run
        # With all runs before it: two may have a data set, or a metric, that the first has not.
        same_protocol((first[0], joined), run)
        same_metrics(joined, info, joined.measures.keys() & info.measures.keys())
        labels = {m: f"{m} ({name})" if times[m] > 1 else m for m in info.methods}
        tables.append(
            scores.assign(
                method=scores["method"].map(lambda m, labels=labels: labels.get(m, m)),
                signature=first[1].signature,
            )
        )
        for dataset, about in info.datasets.items():
            known = joined.datasets.setdefault(dataset, about)
            scenes = list(dict.fromkeys([*known.scenes, *about.scenes]))
            lacks = known.lacks if len(known.scenes) >= len(about.scenes) else about.lacks
            joined.datasets[dataset] = replace(known, scenes=scenes, lacks=lacks)
        joined.methods.update({labels[m]: about for m, about in info.methods.items()})
        joined.failures.extend(
            replace(one, method=labels.get(one.method, one.method)) for one in info.failures
        )
        joined.warnings.extend(line for line in info.warnings if line not in joined.warnings)
        joined = replace(
            joined,
            metrics=list(dict.fromkeys([*joined.metrics, *info.metrics])),
            measures={**info.measures, **joined.measures},
        )
    return pd.concat(tables, ignore_index=True), joined
