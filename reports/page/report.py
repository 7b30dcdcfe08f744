"""`report.md`, `report.html` and all that they show: tables, plots and pictures of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..figures.crops import scene_picture
from ..figures.per_frame import frame_plots
from ..figures.quality_speed import runtime_plot
from ..scores import Averages, Facts, averages, checked, one_signature, write_scores
from ..tables.escape import code, file_name, markdown
from ..tables.run_tables import UNTRAINED, runtime_grid, scene_grid, summary_grid
from ..tables.table import as_latex, as_markdown
from .html_page import html_page
from .protocol_words import protocol_in_words
from .scene_data import Clips

if TYPE_CHECKING:
    from pandas import DataFrame

Pictures = Mapping[str, Mapping[str, Mapping[str, Any]]]

FIGURES = "figures"
PICTURES_A_DATASET = 40
FAILURES_LISTED = 200
STANDALONE = r"""\documentclass{article}
\usepackage[a4paper,landscape,margin=15mm]{geometry}
\usepackage{booktabs}
\begin{document}
\input{table1}
\end{document}
"""


def write_report(
    scores: DataFrame,
    facts: Facts,
    pictures: Pictures,
    folder: Path,
    clips: Clips | None = None,
) -> Path:
    """Writes scores.csv, table1.md, table1.tex, figures/, report.md and report.html into `folder`.

    scores:   one row a frame and metric, with the columns of `COLUMNS`.
    facts:    of the run: "version", "protocol", "signature", "datasets", "methods", "failures",
              "warnings", "command", "device"; any of them may be missing.
    pictures: data set -> scene -> {"frame", "truth", "input", "methods": {name: path}}.
    clips:    the moving pictures of report.html: data set -> scene -> {"truth": {frame: path},
              "input": {frame: path}, "methods": {name: {frame: path}}, "errors": {name: {frame:
              path}}, "error_shown": the error in levels that is white there, "fps": of all frames
              of the scene, or None}; all files JPEG or WebP.
    Returns the path of report.md. The same input gives the same bytes.

    Raises ReportError for scores of several protocols or weights; nothing is written then.
    """
    rows = checked(scores)
    signature = one_signature(rows, str(facts.get("signature") or ""))
    facts = {**facts, "signature": signature}
    means = averages(rows, facts)
    figures = folder / FIGURES
    figures.mkdir(parents=True, exist_ok=True)
    for old in figures.glob("*-*.*"):  # of an earlier report here, maybe with other scenes
        if old.name.startswith(("frames-", "scene-", "quality-")):
            old.unlink()
    write_scores(rows, folder / "scores.csv")
    summary = summary_grid(means, facts)
    _write(folder / "table1.md", as_markdown(summary))
    _write(folder / "table1.tex", as_latex(summary))
    _write(folder / "table1_standalone.tex", STANDALONE)
    sections = [
        _head(means, facts),
        "## Quality and cost\n\n" + as_markdown(summary),
        *_by_kind(rows, facts),
        _runtime(means, facts, figures),
        _scenes(means, facts),
        _frames(rows, means, figures),
        _pictures(rows, means, pictures, figures),
        _failures(facts),
        _provenance(facts, means),
    ]
    page = folder / "report.md"
    _write(page, "\n".join(section.rstrip() + "\n" for section in sections if section))
    _write(folder / "report.html", html_page(rows, means, facts, clips or {}, folder))
    return page


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")


def _head(means: Averages, facts: Facts) -> str:
    lines = ["# Space-time video upsampling: report of a run", ""]
    lines += [protocol_in_words(facts.get("protocol") or {}), ""]
    if facts.get("signature"):
        lines += [f"Signature: {code(facts['signature'])}", ""]
    if means.untrained:
        named = ", ".join(f"**{markdown(m)}**" for m in means.methods if m in means.untrained)
        lines += [f"> {named}: {UNTRAINED}", ""]
    if not means.methods:
        lines += ["No method was scored.", ""]
    trouble = len(facts.get("failures", ()))
    if trouble:
        lines += [f"**{trouble} of the run's units failed**; see [Failures](#failures).", ""]
    for warning in facts.get("warnings", ()):
        lines.append(f"- Warning: {markdown(warning)}")
    lines += [
        "",
        "[scores.csv](scores.csv) has one row a frame and metric; the main table is also in "
        + "[table1.md](table1.md) and, for LaTeX with booktabs, [table1.tex](table1.tex).",
    ]
    return "\n".join(lines) + "\n"


def _by_kind(rows: DataFrame, facts: Facts) -> list[str]:
    """The main table again for new and for existing frames alone, where both were scored."""
    if rows["kind"].nunique() < 2:
        return []
    bare = {**facts, "protocol": {}}
    parts = []
    for kind in ("new", "existing"):
        chosen = rows[rows["kind"] == kind]
        grid = summary_grid(averages(chosen, bare), bare)
        grid.header = grid.header[:-2]
        grid.rows = [row[:-2] for row in grid.rows]
        grid.notes = [note for note in grid.notes if "left out" in note or "equal" in note]
        parts.append(f"### {kind.capitalize()} frames only\n\n{as_markdown(grid)}")
    return parts


def _runtime(means: Averages, facts: Facts, figures: Path) -> str:
    files, left_out = runtime_plot(means, facts, figures)
    text = "## Running time\n\n" + as_markdown(runtime_grid(facts)) + "\n"
    if not files:
        return text + "Nothing was timed; `stvt evaluate --runtime` does.\n"
    text += _image("quality against running time", files) + "\n"
    if left_out:
        text += "\nNot drawn: " + "; ".join(markdown(reason) for reason in left_out) + ".\n"
    return text


def _scenes(means: Averages, facts: Facts) -> str:
    parts = ["## Scenes\n"] if means.columns else []
    for column in means.columns:
        grid = scene_grid(means, facts, column)
        parts.append(f"### {markdown(column[0])}\n\n{as_markdown(grid)}")
    return "\n".join(parts)


def _frames(rows: DataFrame, means: Averages, figures: Path) -> str:
    parts = ["## Frame by frame\n"]
    for column in means.columns:
        files, left_out = frame_plots(rows, means, column, figures)
        parts += [_image(f"{column[0]}, frame by frame", page) + "\n" for page in files]
        if left_out:
            parts.append(f"{markdown(column[0])}: {left_out} scores.csv holds all.\n")
    return "\n".join(parts) if len(parts) > 1 else ""


def _pictures(rows: DataFrame, means: Averages, pictures: Pictures, figures: Path) -> str:
    parts = ["## Pictures\n"]
    for dataset, scenes in pictures.items():
        for scene in list(scenes)[:PICTURES_A_DATASET]:
            shown = scenes[scene]
            stem = f"scene-{file_name(dataset)}-{file_name(scene)}"
            file = figures / f"{stem}.png"
            psnr = psnr_of_frame(rows, dataset, scene, int(shown["frame"]))
            title = f"{dataset}, {scene}, frame {shown['frame']}"
            lost = scene_picture(shown, title, file, means.methods, means.untrained, psnr)
            if file.exists():
                parts.append(f"{markdown(title)}\n\n{_image(title, [file])}\n")
            parts += [f"- {markdown(reason)}" for reason in lost]
        if len(scenes) > PICTURES_A_DATASET:
            parts.append(
                f"The first {PICTURES_A_DATASET} of {len(scenes)} scenes of {markdown(dataset)} "
                "are shown.\n"
            )
    return "\n".join(parts) if len(parts) > 1 else ""


def psnr_of_frame(rows: DataFrame, dataset: str, scene: str, frame: int) -> dict[str, float]:
    """method -> PSNR of that frame, as far as it was scored."""
    chosen = rows[
        (rows["frame"] == frame)
        & (rows["metric"] == "psnr")
        & (rows["scene"] == scene)
        & (rows["dataset"] == dataset)
    ]
    return {
        str(method): float(value)
        for method, value in zip(chosen["method"], chosen["value"], strict=True)
        if not math.isnan(value)
    }


def _failures(facts: Facts) -> str:
    failures: Sequence[Mapping[str, str]] = list(facts.get("failures", ()))
    if not failures:
        return ""
    lines = [
        "## Failures",
        "",
        "| data set | scene | method | reason |",
        "| --- | --- | --- | --- |",
    ]
    for failure in failures[:FAILURES_LISTED]:
        cells = [failure[key] for key in ("dataset", "scene", "method", "reason")]
        lines.append("| " + " | ".join(map(markdown, cells)) + " |")
    if len(failures) > FAILURES_LISTED:
        lines += ["", f"{len(failures) - FAILURES_LISTED} more are not listed."]
    return "\n".join(lines) + "\n"


def _provenance(facts: Facts, means: Averages) -> str:
    lines = ["## Provenance", ""]
    for label, key in (("stvt", "version"), ("command", "command"), ("device", "device")):
        if facts.get(key):
            value = facts[key]
            text = value if isinstance(value, str) else " ".join(map(str, value))
            lines.append(f"- {label}: {code(text)}")
    for dataset, known in facts.get("datasets", {}).items():
        lines.append(
            f"- data set {markdown(dataset)}: {len(means.scenes[dataset])} scenes, manifest sha256 "
            f"{code(known.get('manifest_sha256') or 'not given')}"
        )
    for method, known in facts.get("methods", {}).items():
        weights = str(known.get("weights") or "")
        lines.append(
            f"- method {markdown(method)}: {f'weights {code(weights)}' if weights else 'no weights'}"
        )
    return "\n".join(lines) + "\n"


def _image(title: str, files: Sequence[Path]) -> str:
    """The PNG, with links to the same in other formats."""
    first, *others = [f"{FIGURES}/{file.name}" for file in files]
    links = ", ".join(f"[{other.rsplit('.', 1)[1].upper()}]({other})" for other in others)
    return f"![{markdown(title)}]({first})" + (f"\n\n{links}" if links else "")
