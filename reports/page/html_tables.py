"""The tables of report.html, which stand there without its script too."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..figures.style import looks
from ..formatting import NOTHING, count, name, number, seconds
from ..scores import LOWER_IS_BETTER, Averages, Column, Facts, Mean, decimals
from ..tables.escape import markup

LISTED = 200  # failures and warnings


def summary_table(means: Averages, facts: Facts) -> str:
    """Methods x (data set, metric), parameters and time; every column sorts."""
    several = len({channel for _, channel in means.columns}) > 1
    measured = [(column, m) for column in means.columns for m in means.metrics[column]]
    heads = [_head("method", "text")]
    for (dataset, channel), metric in measured:
        of = f" {name(channel)}" if several else ""
        arrow = "↓" if metric in LOWER_IS_BETTER else "↑"
        label = f"{markup(dataset)}<br>{markup(name(metric))}{markup(of)}&nbsp;{arrow}"
        heads.append(_head(label, "low" if metric in LOWER_IS_BETTER else "high"))
    heads += [_head("parameters", "low"), _head("time a&nbsp;frame", "low")]
    ranks = {(column, metric): _ranks(means, column, metric) for column, metric in measured}
    rows = []
    for method in means.methods:
        known = facts.get("methods", {}).get(method, {})
        cells = [_method_cell(means, method)]
        for column, metric in measured:
            mean = means.mean(column, method, metric)
            rank = ranks[column, metric].get(method)
            cells.append(_quality(mean, metric, rank, method in means.untrained))
        parameters = known.get("parameters")
        cells.append(_cell(count(parameters), parameters))
        median = (known.get("runtime") or {}).get("median")
        cells.append(_cell(seconds(median), median))
        rows.append("<tr>" + "".join(cells) + "</tr>")
    notes = ["Best in bold, second underlined.", *_timing_notes(facts)]
    if means.untrained:
        notes.append("Untrained: on seeded random weights, for running time; no quality is given.")
    return _table("summary", heads, rows, "sortable") + f'<p class="note">{" ".join(notes)}</p>'


def scene_table(means: Averages, column: Column, shown: Mapping[tuple[str, str], int]) -> str:
    """Scenes x methods of one data set, in the metric that leads.

    shown: the places of the scenes that the page's player knows, which link to it.
    """
    dataset, _ = column
    metric = means.metrics[column][0]
    better = "low" if metric in LOWER_IS_BETTER else "high"
    heads = [_head("scene", "text"), *(_head(markup(m), better) for m in means.methods)]
    rows = []
    for scene in means.scenes[dataset]:
        place = shown.get((dataset, scene))
        text = markup(scene)
        link = (
            text if place is None else f'<a href="#scene-{place}" data-scene="{place}">{text}</a>'
        )
        cells = [f'<th scope="row">{link}</th>']
        ranks = _ranks(means, column, metric, scene)
        for method in means.methods:
            mean = means.mean(column, method, metric, scene)
            cells.append(_quality(mean, metric, ranks.get(method), method in means.untrained))
        rows.append("<tr>" + "".join(cells) + "</tr>")
    return _table("", heads, rows, "sortable")


def failure_table(facts: Facts) -> str:
    """The failed units and the warnings of the run, nothing where there are none."""
    parts = []
    failures: Sequence[Mapping[str, str]] = list(facts.get("failures", ()))
    if failures:
        keys = ("dataset", "scene", "method", "reason")
        rows = [
            "<tr>" + "".join(f"<td>{markup(failure[key])}</td>" for key in keys) + "</tr>"
            for failure in failures[:LISTED]
        ]
        heads = [f'<th scope="col">{text}</th>' for text in ("data set", "scene", "method", "why")]
        parts.append(_table("", heads, rows, "left") + _more(failures))
    warnings = list(facts.get("warnings", ()))
    if warnings:
        lines = "".join(f"<li>{markup(line)}</li>" for line in warnings[:LISTED])
        parts.append(f"<p>Warnings:</p><ul>{lines}</ul>{_more(warnings)}")
    return "".join(parts)


def provenance_table(facts: Facts) -> str:
    """Everything that is known of the run, a line each; what has many lines is folded."""
    left = {k: v for k, v in facts.items() if k not in ("failures", "warnings", "shown")}
    groups = {key: value for key, value in left.items() if isinstance(value, Mapping) and value}
    parts = [_facts({key: value for key, value in left.items() if key not in groups})]
    for key, value in groups.items():
        parts.append(f"<details><summary>{markup(key)}</summary>{_facts(value)}</details>")
    return "".join(parts) if left else ""


def _facts(value: Mapping[str, Any]) -> str:
    rows = [
        f'<tr><th scope="row">{markup(key)}</th><td><code>{markup(text)}</code></td></tr>'
        for key, text in _flat(value)
    ]
    return _table("", [], rows, "left facts")


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for inner, held in value.items():
            yield from _flat(held, f"{key} · {inner}" if key else str(inner))
    elif isinstance(value, (list, tuple)):
        yield key, ", ".join(map(str, value)) if len(value) <= 400 else f"{len(value)} entries"
    else:
        yield key, "–" if value in (None, "", {}) else str(value)


def _more(entries: Sequence[object]) -> str:
    left = len(entries) - LISTED
    return f"<p>{left} more are not listed.</p>" if left > 0 else ""


def _table(id: str, heads: Sequence[str], rows: Sequence[str], kind: str) -> str:
    head = f"<thead><tr>{''.join(heads)}</tr></thead>" if heads else ""
    mark = f' id="{id}"' if id else ""
    return (
        f'<div class="wide"><table{mark} class="{kind}">{head}'
        f"<tbody>\n{chr(10).join(rows)}\n</tbody></table></div>"
    )


def _head(label: str, better: str) -> str:
    """A column's head; `label` is HTML. better: high or low is what a first click puts on top."""
    return f'<th scope="col" data-better="{better}">{label}</th>'


def _method_cell(means: Averages, method: str) -> str:
    colour = looks(means.methods)[method].colour
    swatch = f'<i class="swatch" data-colour="{colour}"></i>'
    tag = ' <span class="tag">untrained</span>' if method in means.untrained else ""
    return f'<th scope="row">{swatch}{markup(method)}{tag}</th>'


def _quality(mean: Mean, metric: str, rank: int | None, untrained: bool) -> str:
    if untrained or math.isnan(mean.value):
        return _cell(NOTHING, None)
    text = number(metric, mean.value)
    if rank is not None:
        text = {0: f"<b>{text}</b>", 1: f"<u>{text}</u>"}.get(rank, text)
    if not mean.complete:
        of = f"{mean.scenes} of {mean.of} scenes" if mean.of > 1 else "some frames"
        text += f' <span class="tag">{of}</span>'
    return _cell(text, mean.value)


def _cell(text: str, value: float | None) -> str:
    kept = "" if value is None or math.isnan(value) else f' data-value="{value!r}"'
    return f"<td{kept}>{text}</td>"


def _ranks(
    means: Averages, column: Column, metric: str, scene: str | None = None
) -> dict[str, int]:
    """0 for the best and 1 for the second as printed; nobody without a rival over equal scenes."""
    values = {
        method: round(mean.value, decimals(metric))
        for method in means.methods
        if method not in means.untrained
        and (mean := means.mean(column, method, metric, scene)).comparable
    }
    if len(values) < 2:
        return {}
    order = sorted(set(values.values()), reverse=metric not in LOWER_IS_BETTER)
    return {method: order.index(value) for method, value in values.items()}


def _timing_notes(facts: Facts) -> list[str]:
    timed = [known.get("runtime") for known in facts.get("methods", {}).values()]
    notes = [
        f"Time: median of one {markup(t.get('width', '?'))}×{markup(t.get('height', '?'))} frame "
        f"on {markup(t.get('device', 'an unnamed device'))}, {markup(t.get('precision', ''))}."
        for t in timed
        if t and t.get("median") is not None
    ]
    return list(dict.fromkeys(notes))
