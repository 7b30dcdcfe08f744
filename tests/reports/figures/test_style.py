"""Styles of methods, captions that are never cut, and real text in PDF and SVG."""

import itertools
import re
from pathlib import Path

import numpy as np
import pandas
import pytest
from matplotlib.figure import Figure
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from stvt.reports import Crop, FrameFiles, scene_picture, strip_figure, training_curves
from stvt.reports.averages import averages
from stvt.reports.figures.quality_speed import runtime_plot
from stvt.reports.figures.style import COLOURS, method_colour, method_styles, wrapped
from stvt.reports.figures.training_curves import UNITS
from stvt.reports.scores import checked
from tests.builders.reports import example_info, example_scores

COMPARED = [  # together in the documentation and in papers
    "edvr+dain dain+edvr fisr stvun bicubic+flow bicubic+blend",
    "stvun-s edvr-s+flow flow+edvr-s bicubic+flow bicubic+blend bilinear+repeat",
    "stvun stvun-wo-efst stvun-wo-d stvun-w-af bicubic+flow",
    "stvun zsm rstt-s rstt-m rstt-l edvr+rife basicvsr+rife bicubic+flow",
    "stvun stvun-s stvun-m bicubic+flow edvr+dain edvr-s+flow zsm",
    "bicubic+repeat bicubic+blend bicubic+flow nearest+repeat bilinear+blend lanczos+flow",
    "stvun edvr-m+flow edvr+flow edvr-s+flow basicvsr+flow bicubic+flow",
]
# What the three kinds of colour-blind eyes make of linear RGB: Machado et al., 2009, severity 1.
EYES = {
    "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritan": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
LONG = "a-method-of-mine-with-a-very-long-name+interpolation_by_another"


@pytest.mark.parametrize("methods", COMPARED)
def test_methods_that_are_often_compared_differ_in_colour(methods: str) -> None:
    names = methods.split()
    assert len({method_colour(name) for name in names}) == len(names)


def test_a_method_keeps_its_colour_in_every_run() -> None:
    for run in COMPARED:
        for order in (run.split(), run.split()[::-1], ["mine", *run.split()]):
            styles = method_styles(order)
            assert all(style.colour == method_colour(name) for name, style in styles.items())


def test_no_two_methods_of_a_run_share_colour_and_marker() -> None:
    names = [name for run in COMPARED for name in run.split()] + [str(n) for n in range(300)]
    styles = method_styles(list(dict.fromkeys(names)))
    assert len({(s.colour, s.marker) for s in styles.values()}) == len(styles)
    assert len({s.marker for s in method_styles([str(n) for n in range(11)]).values()}) == 11


@pytest.mark.parametrize("eyes", EYES)
def test_colour_blind_readers_tell_the_colours_apart(eyes: str) -> None:
    rgb = np.array([[int(one[i : i + 2], 16) / 255 for i in (1, 3, 5)] for one in COLOURS])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = (linear @ np.array(EYES[eyes]).T).clip(0, 1)
    seen = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = rgb2lab(seen)
    pairs = itertools.combinations(lab, 2)
    assert min(deltaE_ciede2000(a, b) for a, b in pairs) > 10  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("text", [LONG, "x" * 80, "", "two words", "Größe+✓", "-+-"])
def test_a_caption_is_broken_but_never_cut(text: str) -> None:
    lines = wrapped(text, 0.6, 7)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def text_of(svg: Path) -> str:
    """All text of an SVG in its order, without the breaks of lines."""
    return "".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg.read_text()))


def test_crops_have_whole_names_as_text_in_pdf_and_svg(tmp_path: Path) -> None:
    truth = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    names = [LONG, "bicubic+flow", "stvun-s"]
    for name in ("truth", *names):
        Image.fromarray(truth // 2).save(tmp_path / f"{name}.png")
    frame = FrameFiles(1, tmp_path / "truth.png", None, {m: tmp_path / f"{m}.png" for m in names})
    crop, psnr = Crop(8, 8, 32, 24), dict.fromkeys(names, 21.5)
    formats = ("pdf", "svg")
    scene_picture(frame, "t", tmp_path / "a.png", names, frozenset(), psnr, crop, formats)
    strip_figure([frame], [crop], "t", tmp_path / "b", names, [psnr])
    for stem in "ab":
        words = text_of(tmp_path / f"{stem}.svg")
        assert all(name in words for name in ("truth", "21.50", *names))
        assert b"/FontFile2" in (tmp_path / f"{stem}.pdf").read_bytes()  # TrueType, embedded


def test_quality_and_speed_names_every_method_with_its_true_size(tmp_path: Path) -> None:
    names = [LONG, "b", "c"]
    info = example_info(names)
    rows = checked(example_scores(names, ["s"], untrained=["c"]))
    files, left_out = runtime_plot(averages(rows, info), tmp_path)
    words = text_of(files[2])
    assert all(name in words for name in names) and not left_out
    assert "Pareto front" in words and "untrained, time only" in words and "rea:" not in words


@pytest.mark.parametrize("loss", UNITS)
def test_no_word_of_training_curves_is_cut_off(
    loss: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(
        "stvt.reports.figures.training_curves.save", lambda figure, *_: drawn.append(figure)
    )
    lines = pandas.DataFrame({"step": [1, 2]}).assign(flow=0.1, space=0.2, between=0.3)
    training_curves(lines, "loss", "stvun-s, stage joint", tmp_path / "loss", loss=loss)
    (figure,) = drawn
    figure.draw_without_rendering()
    label = figure.axes[0].yaxis.label.get_window_extent()
    assert figure.bbox.y0 <= label.y0 and label.y1 <= figure.bbox.y1


def test_training_curves_have_title_units_and_the_baseline(tmp_path: Path) -> None:
    steps = range(1, 101)
    loss = pandas.DataFrame({"step": steps, "space": [1 / n for n in steps], "rate": 1e-4})
    scores = pandas.DataFrame({"step": [50, 100], "existing": [20.0, 22.0], "new": [18.0, 19.0]})
    training_curves(loss, "loss", "stvun-s, stage joint", tmp_path / "loss")
    files = training_curves(
        scores, "validation", "title", tmp_path / "scores", "bicubic+flow", {"new": 18.5}
    )
    assert [file.name for file in files] == ["scores.png", "scores.svg"]
    words = text_of(tmp_path / "loss.svg")
    assert "stvun-s, stage joint" in words and "levels of 255" in words and "smoothed" in words
    training_curves(loss, "loss", "squares", tmp_path / "squares", loss="mse")
    words = text_of(tmp_path / "squares.svg")
    assert "mean squared" in words and "levels" not in words
    words = text_of(tmp_path / "scores.svg")
    assert "PSNR of RGB (dB)" in words and "new, bicubic+flow: 18.50 dB" in words
