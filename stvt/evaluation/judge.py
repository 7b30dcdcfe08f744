"""Scores of a method's frames by all metrics: of each frame, and of the sequence that they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from torch import Tensor

from stvt import baselines, metrics
from stvt.core.formatting import plain
from stvt.core.safe_names import file_name
from stvt.datasets import authors_finish, read_frame, write_frame
from stvt.evaluation import store, thumbnails
from stvt.evaluation.frames import Frame, levels, low_frame, scored_size
from stvt.evaluation.protocol import Position
from stvt.reports import LARGEST, WHOLE_SCENE

if TYPE_CHECKING:
    from stvt.evaluation.unit import Unit
    from stvt.metrics import Metric


T = TypeVar("T")
Row = list[object]  # frame, time, metric, channel, value


@dataclass(frozen=True)
class Judged:
    """A frame with its scores."""

    rows: list[Row]
    position: Position
    restored: Frame
    truth: Frame


class Judge:
    """Scores the frames of a unit, and keeps pictures of those that are to be kept.

    moving: the positions of which the report's players keep a copy.
    observer: told of each frame's index, the frame and the truth, if set.
    failed: metrics -> why they have no scores. It costs the others nothing.
    """

    def __init__(self, unit: Unit, moving: Sequence[Position]) -> None:
        self.unit, self.scene, self.moving = unit, unit.prepared, moving
        chosen = unit.protocol.channel  # or the first that a metric is defined for
        self.channels = {
            one.name: chosen if chosen in one.channels else one.channels[0] for one in unit.metrics
        }
        self.failed: dict[str, str] = {}
        self.measures: dict[str, metrics.Measure] = {}
        self.sequences: dict[str, metrics.SequenceMeasure] = {}
        for one in unit.metrics:
            with self._alone(one.name, "the sequence"):
                opened = _open(one, unit.settings.device)
                if one.input == "frame":
                    self.measures[one.name] = opened
                else:
                    self.sequences[one.name] = opened()
        self.followed: list[Position] = []
        self.size = scored_size(self.scene, unit.protocol)
        self.clip = unit.run / "clips" / unit.dataset / unit.scene
        self.observer: Callable[[int, Frame, Frame], None] | None = None
        if moving:
            thumbnails.remove_copies(self.clip, unit.label)

    def __call__(self, position: Position, restored: Callable[[], Frame]) -> Judged:
        """Scores one frame by the metrics of frames. From any thread."""
        height, width = self.size
        protocol = self.unit.protocol
        frame = restored()
        truth = read_frame(self.scene.gt_path(position.frame))[:height, :width]
        rows: list[Row] = []
        for name, measure in self._working(self.measures):
            with self._alone(name, f"frame {position.frame}"):
                channel = self.channels[name]
                value = measure(frame, truth, channel, protocol.crop_border)
                rows.append([position.frame, position.t, name, channel, _stored(name, value)])
        self._keep(position, frame, truth)
        if self.observer:
            self.observer(position.frame, frame, truth)
        if position in self.moving:
            low = low_frame(self.scene, protocol, position.k)
            thumbnails.write_copies(self.clip, self.unit.label, position.frame, truth, frame, low)
        return Judged(rows, position, frame, truth)

    def _keep(self, position: Position, restored: Frame, truth: Frame) -> None:
        """Writes the frame if it is to be saved, and those that the report shows."""
        unit, files = self.unit, dict[Path, Frame]()
        if unit.save_frames:
            folder = unit.run / "frames" / file_name(unit.label) / unit.dataset / unit.scene
            files[folder / f"{position.frame:08d}.png"] = restored
        if position == unit.shown:
            picture = store.picture_file(unit.run, unit.dataset, unit.scene, unit.label)
            files[picture] = restored
            files[picture.parents[1] / "truth.png"] = truth
            files[picture.parents[1] / "input.png"] = low_frame(
                self.scene, unit.protocol, position.k
            )
        for file, frame in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            write_frame(file, frame)

    def follow(self, judged: Judged) -> None:
        """Gives a frame to the metrics of sequences: one at a time, in the order of time."""
        frame = judged.position.frame
        if self.followed and frame <= self.followed[-1].frame:
            raise baselines.MethodError(
                f"made frame {frame} after frame {self.followed[-1].frame}; a method makes its frames "
                "in the order of time"
            )
        self.followed.append(judged.position)
        for name, sequence in self._working(self.sequences):
            with self._alone(name, f"frame {frame}"):
                sequence.add(judged.restored, judged.truth, self.unit.protocol.crop_border)

    def sequence_rows(self) -> list[Row]:
        """The rows of the metrics of sequences, after the last frame."""
        rows: list[Row] = []
        for name, sequence in self._working(self.sequences):
            with self._alone(name, "the sequence"):
                scores, channel = sequence.scores(), self.channels[name]
                if isinstance(scores, int | float):
                    rows.append([WHOLE_SCENE, 0.0, name, channel, _stored(name, scores)])
                    continue
                rows += [
                    [position.frame, position.t, name, channel, _stored(name, value)]
                    for position, value in zip(self.followed, scores, strict=True)
                    if value is not None
                ]
        return rows

    def close(self) -> None:
        """Ends what metrics of sequences started."""
        for sequence in self.sequences.values():
            sequence.close()

    def _working(self, measures: Mapping[str, T]) -> list[tuple[str, T]]:
        """Those that have not failed yet."""
        return [(name, one) for name, one in measures.items() if name not in self.failed]

    @contextmanager
    def _alone(self, name: str, where: str) -> Iterator[None]:
        """A metric that fails in this context costs only its own scores."""
        try:
            yield
        except metrics.MetricError as error:
            self.failed.setdefault(name, f"{where}: {plain(str(error))}")

    def finished(self, large: Tensor) -> Frame:
        """A method's output as it is scored: 8 bits, of the truth's size."""
        height, width = self.size
        if self.unit.protocol.inputs == "authors":
            frame = authors_finish(2 * large.float().cpu().numpy() - 1, height, width)
            return frame[:height, :width]  # for an odd size there is one row or column more
        return self.checked(levels(large))

    def read_restored(self, method: baselines.PrecomputedFrames, frame: int) -> Frame:
        """A precomputed frame, if it is of the truth's size."""
        return self.checked(method.read(frame))

    def checked(self, frame: Frame) -> Frame:
        """The frame, if it is of the truth's size."""
        height, width = self.size
        if frame.shape[:2] != (height, width):
            raise baselines.MethodError(
                f"made a frame of {frame.shape[1]}x{frame.shape[0]} where the truth is "
                f"{width}x{height}"
            )
        return frame


@cache
def _open(metric: Metric, device: str) -> Any:
    return metric.open(device, baselines.published_network)


def _stored(name: str, value: float) -> float | str:
    if LARGEST < abs(value) < np.inf:
        raise metrics.MetricError(f"{name} returned a number beyond {LARGEST:g}")
    return round(value, 6) if np.isfinite(value) else str(value)
