"""One unit of work: the scores of one scene by one method."""

from __future__ import annotations

import random
import time as clock
import traceback
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stvt import baselines, datasets, metrics
from stvt.baselines import (
    Method,
    PrecomputedFrames,
    Scene,
    Settings,
    is_custom,
    is_out_of_memory,
    read_precomputed,
    stream_in_tiles,
    tile_in_use,
)
from stvt.core.errors import StvtError
from stvt.core.files import write_json
from stvt.core.formatting import plain
from stvt.core.safe_names import file_name
from stvt.datasets import authors_finish, authors_low_resolution, read_frame, write_frame
from stvt.evaluation import store, thumbnails
from stvt.evaluation.protocol import Position, Protocol
from stvt.evaluation.threads import ordered_pool, prefetch

if TYPE_CHECKING:
    from stvt.datasets import PreparedScene
    from stvt.metrics import Metric

Frame = NDArray[np.uint8]
THREADS = 4  # that score, at most: each holds some frames


@dataclass(frozen=True)
class Unit:
    """A unit of work: all that is needed to score one scene by one method, in any process.

    prepared: the scene; told: what a method is told of it; moving: whether the report's players keep copies of its frames.
    method: as on the command line; label: its name in tables.
    fingerprint: of the method's weights and code; failure: why it could not be built, if so.
    key:    whatever the outputs depend on. What a record with the same key has of the metrics is
            not made again.
    """

    run: Path
    dataset: str
    prepared: PreparedScene
    told: Scene
    moving: bool
    method: str
    label: str
    settings: Settings
    protocol: Protocol
    signature: str
    positions: tuple[Position, ...]
    metrics: tuple[Metric, ...]
    save_frames: bool
    fingerprint: str
    key: str
    failure: str = ""

    @property
    def scene(self) -> str:
        return self.prepared.name

    @property
    def file(self) -> Path:
        return store.unit_file(self.run, self.dataset, self.scene, self.label)

    @property
    def shown(self) -> Position:
        """The output that the report shows: the one in the middle."""
        return self.positions[len(self.positions) // 2]

    def missing_metrics(self, record: dict[str, Any]) -> tuple[Metric, ...]:
        """Those of its metrics that a record lacks, or has by another definition."""
        has = record.get("metrics", {}) if self.is_of(record) else {}
        return tuple(one for one in self.metrics if has.get(one.name) != one.definition)

    def is_of(self, record: dict[str, Any]) -> bool:
        """Whether a record has scores that this unit would make again, metrics aside."""
        return record.get("key") == self.key and "scores" in record

    def record(self, **more: object) -> dict[str, Any]:
        """The record of the unit, with `more`: its scores or its failure."""
        return {
            "key": self.key,
            "dataset": self.dataset,
            "scene": self.scene,
            "method": self.label,
            "signature": self.signature,
            **more,
        }


@dataclass
class Cost:
    """Seconds of a unit by the wall clock, those in which its method computed, and those of the
    processor in all threads."""

    passed: float = 0.0
    computed: float = 0.0
    processor: float = 0.0


def score(unit: Unit, on_frame: Callable[[], None] | None = None) -> dict[str, Any]:
    """Scores the unit and keeps the record, which is also returned, with `spent`.

    A failure is a record too, with its reason in one line: it must not stop the other units.
    spent: what `Cost` holds, which is not kept: a unit's record is the same each time.
    on_frame: called after each scored frame.
    """
    cost = Cost()
    try:
        if unit.failure:
            raise baselines.MethodError(unit.failure)
        if not unit.positions:
            raise datasets.DatasetError(
                "the scene is too short: no frame of it has the whole window of every method; "
                "leave the scene out or give --ends replicate"
            )
        record = unit.record(**_scored(unit, on_frame, cost))
    except (StvtError, OSError) as error:
        record = unit.record(failure=plain(str(error)).removeprefix(f"{unit.label}: "))
    except MemoryError as error:
        record = unit.record(failure=f"out of memory {error}".strip())
    # A method may be anybody's code: whatever it raises is this unit's failure, not the run's.
    except Exception as error:  # noqa: BLE001
        reason = plain(f"{type(error).__name__}: {error}")
        if is_out_of_memory(error):
            reason = f"out of memory; try --tile auto or --precision bf16 ({reason})"
        record = unit.record(failure=reason, traceback=traceback.format_exc())
    write_json(unit.file, record)
    return record | {"spent": vars(cost)}


def _scored(unit: Unit, on_frame: Callable[[], None] | None, cost: Cost) -> dict[str, Any]:
    begun, processor = clock.perf_counter(), clock.process_time()
    scene = unit.prepared
    seed(f"{unit.dataset}/{unit.scene}")  # for a method that draws numbers
    if is_custom(unit.method):  # it may carry something from one scene to the next
        method = baselines.build(unit.method, unit.settings)
    else:
        method = _method(unit.method, unit.settings, unit.fingerprint)
    computed = method.seconds
    protocol = unit.protocol
    method.begin(unit.told)
    judge = _Judge(unit, scene, thumbnails.middle_positions(unit.positions) if unit.moving else ())
    if isinstance(method, PrecomputedFrames):
        judge.observer = method.observe
    scores: list[list[object]] = []

    def done(rows: list[list[object]]) -> None:
        scores.extend(rows)
        if on_frame:
            on_frame()

    # Frames are read ahead, and truths read, scores made and pictures written by other threads,
    # while this one computes.
    with (
        closing(prefetch(_inputs(scene, protocol, unit.settings.device))) as inputs,
        ordered_pool(done, min(torch.get_num_threads(), THREADS)) as submit,
    ):
        for position, restored in _restored(unit, method, inputs, judge):
            submit(partial(judge, position, restored))
    if isinstance(method, PrecomputedFrames):
        method.check_shift(lambda index: read_frame(scene.gt_path(index)))
    warnings = [warning for stage in method.stages for warning in stage.warnings]
    if protocol.tile == "auto" and (side := tile_in_use(method)):
        warnings.append(f"{unit.label}: in tiles of {side} pixels, for memory ran out")
    fps = None if scene.fps is None else str(scene.fps)
    cost.passed, cost.computed = clock.perf_counter() - begun, method.seconds - computed
    cost.processor = clock.process_time() - processor
    about = {"weights": method.weights, "fps": fps, "warnings": warnings}
    earlier = store.read_unit(unit.run, unit.dataset, unit.scene, unit.label)
    defined = {one.name: one.definition for one in unit.metrics}
    previous = earlier if unit.is_of(earlier) else {}
    return about | store.with_earlier(previous, scores, defined, judge.failed)


def _restored(
    unit: Unit,
    method: Method,
    inputs: Iterator[Tensor],
    judge: _Judge,
) -> Iterator[tuple[Position, Callable[[], Frame]]]:
    """Each wanted output as the method makes it, and a function that gives it as it is scored.

    Raises MethodError after the last if the method left some out.
    """
    wanted = {position.frame: position for position in unit.positions}
    if isinstance(method, PrecomputedFrames) and method.scene is not None:
        # Straight from their files, and in the threads that score.
        method.check([*wanted], method.scene)
        for frame, position in wanted.items():
            yield position, partial(_read_restored, method, frame, judge)
        return
    protocol = unit.protocol

    def needed(time: float) -> bool:
        return _frame_at(time, protocol) in wanted

    if protocol.tile == "auto":
        outputs = stream_in_tiles(method, inputs, protocol.times, needed)
    else:
        outputs = method.stream(inputs, protocol.times, needed)
    for time, large in outputs:
        frame = _frame_at(time, protocol)
        if frame not in wanted:
            continue
        position = wanted.pop(frame)
        # Before the method goes on: it may use the memory of `large` again.
        finished = judge.finished(large)
        yield position, lambda finished=finished: finished  # type: ignore[misc]
        if not wanted:
            break
    if wanted:
        raise baselines.MethodError(
            f"{unit.label}: made no frame {min(wanted)} of '{unit.scene}' "
            f"({len(wanted)} of {len(unit.positions)} are missing)"
        )


def _read_restored(method: PrecomputedFrames, frame: int, judge: _Judge) -> Frame:
    return judge.checked(read_precomputed(method.files[frame], method.name))


class _Judge:
    """Scores single frames of a unit, and keeps pictures of those that are to be kept.

    moving: the positions of which the report's players keep a copy.
    observer:    told of each frame's index, the frame and the truth, if set.
    """

    def __init__(self, unit: Unit, scene: PreparedScene, moving: Sequence[Position]) -> None:
        self.unit, self.scene, self.moving = unit, scene, moving
        self.measures = {
            one.name: (_measure(one, unit.settings.device), _channel(one, unit.protocol))
            for one in unit.metrics
        }
        self.failed: dict[str, str] = {}  # a user's metric -> why
        self.size = _scored_size(scene, unit.protocol)
        self.clip = unit.run / "clips" / unit.dataset / unit.scene
        self.observer: Callable[[int, Frame, Frame], None] | None = None
        if moving:
            thumbnails.remove_copies(self.clip, unit.label)

    def __call__(self, position: Position, restored: Callable[[], Frame]) -> list[list[object]]:
        """One row a metric: frame, time, metric, channel, value. From any thread."""
        height, width = self.size
        protocol = self.unit.protocol
        frame = restored()
        truth = read_frame(self.scene.gt_path(position.frame))[:height, :width]
        rows: list[list[object]] = []
        for name, (measure, channel) in self.measures.items():
            if name in self.failed:
                continue
            try:
                value = measure(frame, truth, channel, protocol.crop_border)
            except metrics.MetricError as error:
                if name in metrics.METRICS:
                    raise
                # One's own metric must not cost the scores of the others.
                self.failed.setdefault(name, f"frame {position.frame}: {plain(str(error))}")
                continue
            number = round(value, 6) if np.isfinite(value) else str(value)
            rows.append([position.frame, position.t, name, channel, number])
        _keep_frames(self.unit, self.scene, position, frame, truth)
        if self.observer:
            self.observer(position.frame, frame, truth)
        if position in self.moving:
            low = _low(self.scene, protocol, position.k)
            thumbnails.write_copies(self.clip, self.unit.label, position.frame, truth, frame, low)
        return rows

    def finished(self, large: Tensor) -> Frame:
        """A method's output as it is scored: 8 bits, of the truth's size."""
        height, width = self.size
        if self.unit.protocol.inputs == "authors":
            frame = authors_finish(2 * large.float().cpu().numpy() - 1, height, width)
            return frame[:height, :width]  # for an odd size there is one row or column more
        return self.checked(levels(large))

    def checked(self, frame: Frame) -> Frame:
        """The frame, if it is of the truth's size."""
        height, width = self.size
        if frame.shape[:2] != (height, width):
            raise baselines.MethodError(
                f"made a frame of {frame.shape[1]}x{frame.shape[0]} where the truth is "
                f"{width}x{height}"
            )
        return frame


def seed(text: str) -> None:
    """Seeds all common generators of random numbers with a text."""
    number = zlib.crc32(text.encode())
    torch.manual_seed(number)
    np.random.seed(number)  # that of a user's code
    random.seed(number)


@cache
def _method(spec: str, settings: Settings, fingerprint: str) -> Method:
    """Built once in a process: reading a network's weights takes longer than a short scene."""
    return baselines.build(spec, settings)


@cache
def _measure(metric: Metric, device: str) -> metrics.Measure:
    return metric.open(device, baselines.published_network)


def _channel(metric: Metric, protocol: Protocol) -> str:
    """The protocol's channel, or the first that the metric is defined for."""
    return protocol.channel if protocol.channel in metric.channels else metric.channels[0]


def _frame_at(time: float, protocol: Protocol) -> int:
    return round(time * protocol.time_step)


def _inputs(scene: PreparedScene, protocol: Protocol, device: str) -> Iterator[Tensor]:
    """The scene's input frames as a method takes them: (3, h, w), RGB in [0, 1]."""
    for k in range((scene.frames - 1) // protocol.time_step + 1):
        yield _input(scene, protocol, device, k)


def _input(scene: PreparedScene, protocol: Protocol, device: str, k: int) -> Tensor:
    index = k * protocol.time_step
    if protocol.inputs == "authors":
        low = authors_low_resolution(read_frame(scene.gt_path(index)))
        return torch.from_numpy((low + 1) / 2).to(device, torch.float32)
    stored = read_frame(scene.lr_path(index, protocol.low_folder))
    return torch.from_numpy(stored).to(device).permute(2, 0, 1).to(torch.float32) / 255


def _low(scene: PreparedScene, protocol: Protocol, k: int) -> Frame:
    """An input frame as it is shown."""
    if protocol.inputs == "authors":
        return levels(_input(scene, protocol, "cpu", k))
    return read_frame(scene.lr_path(k * protocol.time_step, protocol.low_folder))


def _scored_size(scene: PreparedScene, protocol: Protocol) -> tuple[int, int]:
    """Height and width of the part of the true frames that the inputs show."""
    if protocol.inputs == "authors":
        return scene.height, scene.width
    return scene.gt_size(protocol.low_folder)


def levels(frame: Tensor) -> Frame:
    """(3, h, w) in [0, 1] as 8 bits, (h, w, 3), rounded."""
    # Halves up, also those that float arithmetic left a hair below: enlarging 8-bit frames makes
    # many, and which way they fall must not depend on the machine.
    shifted = (frame.float() * 255).add_(0.5).add_(1e-4).clamp_(0, 255)
    return shifted.to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()


def _keep_frames(
    unit: Unit, scene: PreparedScene, position: Position, restored: Frame, truth: Frame
) -> None:
    """Writes the frames asked for, and those that the report shows."""
    files: dict[Path, Frame] = {}
    if unit.save_frames:
        folder = unit.run / "frames" / file_name(unit.label) / unit.dataset / unit.scene
        files[folder / f"{position.frame:08d}.png"] = restored
    if position == unit.shown:
        picture = store.picture_file(unit.run, unit.dataset, unit.scene, unit.label)
        files[picture] = restored
        files[picture.parents[1] / "truth.png"] = truth
        files[picture.parents[1] / "input.png"] = _low(scene, unit.protocol, position.k)
    for file, frame in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_frame(file, frame)
