"""Scores, a row a frame and metric: checked, and stored as CSV."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stvt.core.files import reading
from stvt.core.formatting import csv_text, from_csv_text

from .errors import ReportError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

COLUMNS = (
    "dataset",
    "scene",
    "method",
    "frame",
    "time",
    "kind",
    "metric",
    "channel",
    "value",
    "weights",
    "signature",
)
TEXT = ("dataset", "scene", "method", "kind", "metric", "channel", "weights", "signature")
ORDER = ("dataset", "scene", "method", "frame", "time", "metric", "channel")
WHOLE_SCENE = -1  # the frame of a score of a whole scene; its kind is "scene", its time undefined
LARGEST = 1e100  # of a score; no metric gives more, and no plot could show it
VMAF = ("vmaf", "vmaf-neg", "vmaf-v1", "vmaf-v1-hfr")
METRIC_ORDER = ("psnr", "ssim", "lpips", "lpips-vgg", "dists", "tlpips", "tof", "ewarp", *VMAF)


def read_scores(file: Path) -> DataFrame:
    """The rows of a scores.csv; scenes called 001 or NA keep their names."""
    import pandas as pd

    if not file.is_file():
        raise ReportError(f"{file}: no scores there; run `stvt evaluate` first")
    text = dict.fromkeys(TEXT, str)
    empty = {column: [""] for column in ("frame", "time", "value")}
    with reading(file, ReportError):
        rows = pd.read_csv(file, dtype=text, keep_default_na=False, na_values=empty)
        if "frame" in rows:
            rows["frame"] = rows["frame"].fillna(WHOLE_SCENE)
        for column in set(TEXT).intersection(rows.columns):
            rows[column] = _mapped(rows[column], from_csv_text)
        return checked(rows)


def _mapped(column: Series[str], convert: Callable[[str], str]) -> Series[str]:
    return column.map({text: convert(text) for text in column.unique()})


def write_scores(scores: DataFrame, file: Path) -> None:
    """One row a frame and metric, in a fixed order and with six decimals; identical frames: inf.

    A score of a whole scene has neither frame nor time.
    """
    rows = checked(scores)
    rows["frame"] = ["" if frame == WHOLE_SCENE else str(frame) for frame in rows["frame"]]
    rows["value"] = ["" if math.isnan(value) else f"{value:.6f}" for value in rows["value"]]
    rows["time"] = ["" if math.isnan(time) else f"{time:.6g}" for time in rows["time"]]
    for column in TEXT:
        rows[column] = _mapped(rows[column], csv_text)
    file.write_text(rows.to_csv(index=False, lineterminator="\n"), encoding="utf-8")


def checked(scores: DataFrame) -> DataFrame:
    """A copy of the rows in a fixed order, with the columns' types, none of them twice.

    Raises ReportError when a column is missing, a frame was scored twice, or a method's rows
    come from several weights.
    """
    missing = [column for column in COLUMNS if column not in scores.columns]
    if missing:
        raise ReportError(f"the scores have no column {', '.join(missing)}")
    rows = scores.loc[:, list(COLUMNS)].copy()
    for column in TEXT:
        rows[column] = rows[column].fillna("").astype(str)
    rows["frame"] = rows["frame"].astype(int)
    rows["time"] = rows["time"].astype(float)
    rows["value"] = rows["value"].astype(float)
    rows = rows.sort_values(list(ORDER), kind="stable", ignore_index=True)
    absurd = rows[np.isfinite(rows["value"]) & (rows["value"].abs() > LARGEST)]
    if len(absurd):
        raise ReportError(
            f"{absurd.iloc[0].scene}: a score of {absurd.iloc[0].value:g}; run it again"
        )
    twice = rows[rows.duplicated([column for column in ORDER if column != "time"])]
    if len(twice):
        first = twice.iloc[0]
        raise ReportError(
            f"{first.dataset}/{first.scene}: frame {first.frame} of {first.method} has two values "
            f"of {first.metric}; make the run again in an empty folder"
        )
    for method, weights in rows.groupby("method")["weights"].unique().items():
        if len(weights) > 1:
            raise ReportError(
                f"{method}: its scores come from several weights "
                f"({', '.join(w or 'none' for w in weights)}); evaluate it under one name for each"
            )
    return rows


def of_frames(scores: DataFrame) -> DataFrame:
    """The rows of single frames: without the scores of whole scenes."""
    return scores[scores["kind"] != "scene"]


def one_signature(scores: DataFrame, stated: str = "") -> str:
    """The signature that all rows share.

    Raises ReportError naming the parts that differ: scores of two protocols share no table.
    """
    signatures = sorted({str(s) for s in scores["signature"].unique()} | ({stated} - {""}))
    if len(signatures) > 1:
        differing = [
            f"{key} is {' or '.join(dict.fromkeys(values))}"
            for key, values in differing_parts(signatures).items()
        ]
        raise ReportError(
            f"scores of {len(signatures)} protocols share no table: {', '.join(differing)}; "
            "make a report of each"
        )
    return signatures[0] if signatures else ""


def differing_parts(signatures: Sequence[str]) -> dict[str, list[str]]:
    """The parts in which signatures differ, and what each of them says there."""
    parts = [signature_parts(signature) for signature in signatures]
    keys = dict.fromkeys(key for part in parts for key in part)
    values_of = {key: [part.get(key, "not given") for part in parts] for key in keys}
    return {key: values for key, values in values_of.items() if len(set(values)) > 1}


def signature_parts(signature: str) -> dict[str, str]:
    """What a signature says, by its keys."""
    parts = {}
    for place, part in enumerate(signature.split("|"), start=1):
        key, colon, value = part.partition(":")
        parts[key if colon else f"part {place}"] = value if colon else part
    return parts


def metric_order(metric: str) -> tuple[int, str]:
    """The place of a metric in all tables: those of `METRIC_ORDER`, then others by name."""
    known = metric in METRIC_ORDER
    return (METRIC_ORDER.index(metric) if known else len(METRIC_ORDER)), metric


def decimals(metric: str) -> int:
    """How many decimals papers print of a metric."""
    return 2 if metric in ("psnr", *VMAF) else 4
