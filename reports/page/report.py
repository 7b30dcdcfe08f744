"""The report of a run, as a folder: `report.md`, `report.html` and all that they show."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stvt.core.files import write_text

from ..averages import METHODS_DRAWN, Averages, averages
from ..figures.crops import scene_picture
from ..figures.per_frame import frame_plots
from ..figures.quality_speed import runtime_plot
from ..protocol import protocol_sentences
from ..run_info import Clips, FrameFiles, Pictures, RunInfo
from ..scores import checked, of_frames, one_signature, write_scores
from ..tables.paper_tables import main_table
from ..tables.render import as_latex, as_markdown, as_standalone
from ..tables.run_tables import UNTRAINED, cost_table, metric_table, scene_table, summary_table
from .html import html_page
from .scene_data import scene_file
from .templates import render

if TYPE_CHECKING:
    from markupsafe import Markup
    from pandas import DataFrame

FIGURES = "figures"
PICTURES_A_DATASET, SAMPLE = 40, 12  # if there are more scenes, so many of them are shown
FAILURES_LISTED = 200


def write_report(
    scores: DataFrame, info: RunInfo, pictures: Pictures, folder: Path, clips: Clips | None = None
) -> Path:
    """Writes scores.csv, table1.md, table1.tex, figures/, report.md and report.html into `folder`.

    scores:   one row a frame and metric, with the columns of `COLUMNS`.
    pictures: data set -> scene -> lossless files of one frame.
    clips:    data set -> scene -> the moving pictures of report.html, JPEG or WebP.
    Returns the path of report.md. The same input gives the same bytes.

    Raises ReportError for scores of several protocols or weights; nothing is written then.
    """
    rows = checked(scores)
    info = replace(info, signature=one_signature(rows, info.signature))
    means = averages(rows, info)
    figures = folder / FIGURES
    figures.mkdir(parents=True, exist_ok=True)
    for old in figures.glob("*-*.*"):  # of an earlier report here, maybe with other scenes
        if old.name.startswith(("frames-", "scene-", "quality-")):
            old.unlink()
    write_scores(rows, folder / "scores.csv")
    table = main_table(means)
    pages = {
        "table1.md": as_markdown(table),
        "table1.tex": as_latex(table),
        "table1_standalone.tex": as_standalone([table]),
        "report.md": _markdown(rows, means, pictures, figures),
        "report.html": html_page(rows, means, clips or {}, folder),
    }
    for name, text in pages.items():
        write_text(folder / name, text, sync=False)
    return folder / "report.md"


@dataclass(frozen=True)
class _Figure:
    """A PNG with its title, and links to the same in other formats."""

    title: str
    file: Markup
    links: Markup


def _figure(title: str, files: list[Path]) -> _Figure:
    from markupsafe import Markup

    first, *others = [f"{FIGURES}/{file.name}" for file in files]
    links = ", ".join(f"[{other.rsplit('.', 1)[1].upper()}]({other})" for other in others)
    return _Figure(title, Markup(first), Markup(links))


def _markdown(rows: DataFrame, means: Averages, pictures: Pictures, figures: Path) -> str:
    from markupsafe import Markup

    info = means.info
    cost_files, not_drawn = runtime_plot(means, figures)
    plots = [(c[0], *frame_plots(rows, means, c, figures)) for c in means.columns]
    return render(
        "report.md.j2",
        info=info,
        protocol=protocol_sentences(info.protocol),
        methods=means.methods,
        scenes=means.scenes,
        untrained=[method for method in means.methods if method in means.untrained],
        untrained_note=UNTRAINED,
        main_table=Markup(as_markdown(main_table(means))),
        kind_tables=list(_kind_tables(rows, info)),
        metric_table=Markup(as_markdown(metric_table(info))),
        cost_table=Markup(as_markdown(cost_table(info))),
        cost_figure=_figure("", cost_files) if cost_files else None,
        not_drawn=not_drawn,
        scene_tables=[
            (column[0], Markup(as_markdown(scene_table(means, column)))) for column in means.columns
        ],
        frame_figures=[
            _figure(f"{dataset}, frame by frame", page)
            for dataset, pages, _ in plots
            for page in pages
        ],
        frames_left_out=[(dataset, reason) for dataset, _, reason in plots if reason],
        pictures=list(_pictures(rows, means, pictures, figures)),
        pictures_left_out=[
            (dataset, SAMPLE, len(scenes))
            for dataset, scenes in pictures.items()
            if len(scenes) > PICTURES_A_DATASET
        ],
        listed=FAILURES_LISTED,
        methods_drawn=METHODS_DRAWN,
    )


def _kind_tables(rows: DataFrame, info: RunInfo) -> Iterator[tuple[str, Markup]]:
    """The main table for new and for existing frames alone, where both were scored."""
    from markupsafe import Markup

    rows = of_frames(rows)
    if rows["kind"].nunique() < 2:
        return
    for kind in ("new", "existing"):
        means = averages(rows[rows["kind"] == kind], info)
        table = summary_table(means)
        columns = [c.names[0] for c in table.columns[1:] if c.measured or c.key == "n"]
        table.remarks = [UNTRAINED] * bool(means.untrained)
        table = table.choose(columns)
        yield kind.capitalize(), Markup(as_markdown(table))


def _pictures(
    rows: DataFrame, means: Averages, pictures: Pictures, figures: Path
) -> Iterator[tuple[_Figure | None, list[str]]]:
    """The picture of each scene, and what could not be shown in it."""
    for dataset, scenes in pictures.items():
        first = SAMPLE if len(scenes) > PICTURES_A_DATASET else None
        drawn = means.leading(dataset)
        for scene in list(scenes)[:first]:
            all_files: FrameFiles = scenes[scene]
            methods = {m: file for m, file in all_files.methods.items() if m in drawn}
            files = replace(all_files, methods=methods)
            file = figures / scene_file(dataset, scene)
            psnr = psnr_of_frame(rows, dataset, scene, files.frame)
            title = f"{dataset}, {scene}, frame {files.frame}"
            missing = scene_picture(files, title, file, means.methods, means.untrained, psnr)
            yield (_figure(title, [file]) if file.exists() else None, missing)


def psnr_of_frame(rows: DataFrame, dataset: str, scene: str, frame: int) -> dict[str, float]:
    """method -> PSNR of that frame, as far as it was scored."""
    of_frame = rows[
        (rows["frame"] == frame)
        & (rows["metric"] == "psnr")
        & (rows["scene"] == scene)
        & (rows["dataset"] == dataset)
    ]
    return {
        str(method): float(value)
        for method, value in zip(of_frame["method"], of_frame["value"], strict=True)
        if not math.isnan(value)
    }
