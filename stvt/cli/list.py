"""`stvt list`: the methods, data sets or metrics there are."""

from __future__ import annotations

import argparse
from pathlib import Path
from textwrap import shorten
from typing import Any

from stvt.cli import options
from stvt.cli.output import table

Row = dict[str, object]


def add(command: Any) -> None:
    command.add_argument("what", choices=["methods", "datasets", "metrics"], help="which of them")
    options.add_root(command)


def run(args: argparse.Namespace) -> int:
    args.facts = rows(args.what, args.root)
    table(args.facts)
    return 0


def rows(what: str, root: Path) -> list[Row]:
    """One row each of `what`: methods, datasets (also those prepared under `root`) or metrics."""
    return {"methods": _methods, "datasets": lambda: _datasets(root), "metrics": _metrics}[what]()


def _methods() -> list[Row]:
    from stvt import baselines

    listed: list[Row] = [
        {
            "method": name,
            "kind": entry.kind,
            "scales": " ".join(map(str, entry.scales)),
            "weights": _weights(name) if entry.networks else "none",
            "what it is": entry.summary,
        }
        for name, entry in baselines.METHODS.items()
    ]
    listed += [
        {"method": name, "kind": "installed", "weights": "its own", "what it is": point.value}
        for name, point in baselines.installed().items()
    ]
    return listed + [
        {"method": name, "kind": "composition", "what it is": f"the same as {spec}"}
        for name, spec in baselines.ALIASES.items()
    ]


def _weights(name: str) -> str:
    from stvt.baselines import SHIPPED

    return "come with stvt" if (SHIPPED / f"{name}.safetensors").is_file() else "needed"


def _datasets(root: Path) -> list[Row]:
    from stvt import datasets
    from stvt.core.errors import StvtError
    from stvt.datasets import FILE as MANIFEST

    known: dict[str, Row] = {
        name: {
            "data set": name,
            "scenes": recipe.number,
            "from": "itself" if recipe.render else "fetched" if recipe.file else "by hand",
            "licence": shorten(recipe.licence, 60, placeholder=" ..."),
        }
        for name, recipe in datasets.DATASETS.items()
    }
    for manifest in sorted(root.glob(f"*/{MANIFEST}")):
        name = manifest.parent.name
        row = known.setdefault(name, {"data set": name})
        try:
            if datasets.is_training(manifest.parent):
                clips = datasets.load_training(name, root).clips
                row |= {"prepared": f"{len(clips)} clips to train on"}
            else:
                prepared = datasets.load(name, root)
                row |= {"prepared": " ".join(prepared.degradations), "scenes": len(prepared.scenes)}
        except StvtError:
            row["prepared"] = "not wholly"
    return [{"prepared": "", **row} for row in known.values()]


def _metrics() -> list[Row]:
    from stvt import metrics

    listed: list[Row] = [
        {
            "metric": name,
            "unit": metric.unit,
            "better": "higher" if metric.higher_is_better else "lower",
            "of": "sequence" if metric.input == "sequence" else " ".join(metric.channels),
            "what it is": metric.summary,
        }
        for name, metric in metrics.METRICS.items()
    ]
    return listed + [
        {"metric": name, "what it is": f"installed: {point.value}"}
        for name, point in metrics.installed().items()
    ]
