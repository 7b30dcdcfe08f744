"""The scores of one scene by one method: the method computes, other threads read, judge and write."""

from __future__ import annotations

import random
import time as clock
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stvt import baselines, datasets
from stvt.baselines import Method, PrecomputedFrames, Settings
from stvt.core.custom_code import forget_state
from stvt.core.errors import StvtError
from stvt.core.files import write_json
from stvt.core.formatting import plain
from stvt.evaluation import store, thumbnails
from stvt.evaluation.frames import Frame, inputs
from stvt.evaluation.judge import Judge, Judged
from stvt.evaluation.protocol import Position, Protocol, positions, with_options
from stvt.evaluation.threads import ordered_pool, prefetch
from stvt.evaluation.unit import Unit

ALL_FRAMES = {"ends": "replicate", "common_frames": "on"}
THREADS = 4  # that score, at most: each holds some frames


def score(unit: Unit, on_frame: Callable[[], None] | None = None) -> dict[str, Any]:
    """Scores the unit and keeps the record, which is also returned, with `spent`.

    A failure is a record too, with its reason in one line: it must not stop the other units.
    spent: seconds that passed by the wall clock, in which its method computed, and of the processor
    in all threads; they are not kept: a unit's record is the same each time.
    on_frame: called after each scored frame.
    """
    spent = dict.fromkeys(("passed", "computed", "processor"), 0.0)
    try:
        if unit.failure:
            raise baselines.MethodError(unit.failure)
        if not unit.positions:
            others = positions(unit.prepared.frames, with_options(unit.protocol, **ALL_FRAMES))
            raise datasets.DatasetError(
                "the scene is too short: no frame of it has the whole window of every method; "
                "leave the scene out or give --ends replicate"
                if others
                else "the scene is too short: it has none of the frames that are scored; leave it out"
            )
        record = unit.record(**_scored(unit, on_frame, spent))
    except (StvtError, OSError) as error:
        record = unit.record(failure=plain(str(error)).removeprefix(f"{unit.label}: "))
    except MemoryError as error:
        record = unit.record(failure=f"out of memory {error}".strip())
    # A method may be anybody's code: whatever it raises is this unit's failure, not the run's.
    except Exception as error:  # noqa: BLE001
        reason = plain(f"{type(error).__name__}: {error}")
        if baselines.is_out_of_memory(error):
            reason = f"out of memory; try --tile auto or --precision bf16 ({reason})"
        record = unit.record(failure=reason, traceback=traceback.format_exc())
    write_json(unit.file, record)
    return record | {"spent": spent}


def _scored(
    unit: Unit, on_frame: Callable[[], None] | None, spent: dict[str, float]
) -> dict[str, Any]:
    begun, processor = clock.perf_counter(), clock.process_time()
    scene = unit.prepared
    seed(f"{unit.dataset}/{unit.scene}")  # for a method that draws numbers
    if baselines.is_custom(unit.method):  # it may carry something from one scene to the next
        forget_state()
        method = baselines.build(unit.method, unit.settings)
    else:
        method = _method(unit.method, unit.settings, unit.fingerprint)
    computed = method.seconds
    protocol = unit.protocol
    method.begin(unit.told)
    judge = Judge(unit, thumbnails.middle_positions(unit.positions) if unit.moving else ())
    if isinstance(method, PrecomputedFrames):
        judge.observer = method.observe
    scores: list[list[object]] = []

    def done(judged: Judged) -> None:
        scores.extend(judged.rows)
        if judge.sequences:
            follow(partial(judge.follow, judged))
        if on_frame:
            on_frame()

    with closing(judge):
        # Frames are read ahead, and truths read, scores made and pictures written by other threads,
        # while this one computes; one more takes the frames in their order, for metrics of sequences.
        with (
            ordered_pool(lambda _: None) as follow,
            closing(prefetch(inputs(scene, protocol, unit.settings.device))) as frames,
            ordered_pool(done, min(torch.get_num_threads(), THREADS)) as submit,
        ):
            for position, restored in _restored(unit, method, frames, judge):
                submit(partial(judge, position, restored))
        scores += judge.sequence_rows()
    if isinstance(method, PrecomputedFrames):
        method.check_shift(lambda index: datasets.read_frame(scene.gt_path(index)))
        method.warn_of_reading()
    warnings = [warning for stage in method.stages for warning in stage.warnings]
    if protocol.tile == "auto" and (side := baselines.tile_in_use(method)):
        warnings.append(f"{unit.label}: in tiles of {side} pixels, for memory ran out")
    fps = None if scene.fps is None else str(scene.fps)
    spent |= {
        "passed": clock.perf_counter() - begun,
        "computed": method.seconds - computed,
        "processor": clock.process_time() - processor,
    }
    about = {"weights": method.weights, "fps": fps, "warnings": warnings}
    earlier = store.read_unit(unit.run, unit.dataset, unit.scene, unit.label)
    defined = {one.name: one.definition for one in unit.metrics}
    previous = earlier if unit.is_of(earlier) else {}
    return about | store.with_earlier(previous, scores, defined, judge.failed)


def _restored(
    unit: Unit,
    method: Method,
    inputs: Iterator[Tensor],
    judge: Judge,
) -> Iterator[tuple[Position, Callable[[], Frame]]]:
    """Each wanted output as the method makes it, and a function that gives it as it is scored.

    Raises MethodError after the last if the method left some out.
    """
    wanted = {position.frame: position for position in unit.positions}
    if isinstance(method, PrecomputedFrames) and method.scene is not None:
        # Straight from their files, and in the threads that score.
        method.check([*wanted], method.scene)
        for frame, position in wanted.items():
            yield position, partial(judge.read_restored, method, frame)
        return
    protocol = unit.protocol

    def needed(time: float) -> bool:
        return _frame_at(time, protocol) in wanted

    if protocol.tile == "auto":
        outputs = baselines.stream_in_tiles(method, inputs, protocol.times, needed)
    else:
        outputs = method.stream(inputs, protocol.times, needed)
    for time, large in outputs:
        frame = _frame_at(time, protocol)
        if frame not in wanted:
            continue
        position = wanted.pop(frame)
        if not large.isfinite().all():  # as in fp16 beyond 65504; 8 bits would be any colour
            raise baselines.MethodError(f"frame {frame} has values that are no finite numbers")
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


def _frame_at(time: float, protocol: Protocol) -> int:
    return round(time * protocol.time_step)
