"""What a GPU is to be asked in a short lease, in pieces that resume: truth, speed, training, a page.

    python -P tests/benchmarks/gpu_session.py --out session --root data [--minutes 9]
    python -P tests/benchmarks/gpu_session.py --out session --device cpu --tiny    # the dry run

Each piece keeps its rows in OUT/pieces; the same command goes on with those that are missing or
failed, and stops before the minutes are over. OUT/report.md is written anew each time. Vid4 is read
from --root if it is prepared there, the training set "photographs" is made there if it is not.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import time as clock
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tabulate import tabulate
from torch import Tensor, nn

import stvt
from stvt import baselines
from stvt.baselines import Precision
from stvt.baselines.acceleration.swap import accelerate
from stvt.baselines.dain.fast import SWAPS as DAIN_SWAPS
from stvt.baselines.edvr.fast import SWAPS as EDVR_SWAPS
from stvt.baselines.stvun.fast import SWAPS as STVUN_SWAPS
from stvt.cli import options
from stvt.cli.options import positive
from stvt.core.files import read_json, write_json, write_text
from stvt.datasets import write_frame
from stvt.datasets.build.synthetic_set import prepare_photographs
from stvt.device import device_name, usable_device
from stvt.profiling.flops import device_of
from stvt.profiling.stream import FormName, compare, parts_table, stream_table
from stvt.profiling.synthetic import available_method, moving_scene
from stvt.profiling.timing import ceilings, measure
from stvt.training.loop import train, weights_file
from stvt.training.recipe import preset_recipe
from tests.benchmarks import precision as precision_bench
from tests.golden_cases import error, filled, load_case, tensors

Rows = list[dict[str, Any]]

LIMITS = {torch.float64: 1e-4, torch.float32: 1e-3}  # of the error of golden cases
NETWORKS = {  # name -> golden case, fast classes
    "stvun": ("three_times_32x32", STVUN_SWAPS),
    "edvr_m": ("five_32x48", EDVR_SWAPS),
    "edvr_l": ("seven_24x32", EDVR_SWAPS),
    "basicvsr": ("odd_33x45", None),
    "dain": ("quarters_64x128", DAIN_SWAPS),
}
SPATIAL = ("edvr", "edvr-s", "basicvsr")
PAPER_VID4 = "26.49 dB, 0.8231"  # STVUN's, of the paper
ONE = ["--limit", "1"]  # interval of `stvt evaluate` in the dry run
LONGEST = 150  # seconds of a piece that cannot pause
RESERVE = 20  # seconds at the end of a session for a checkpoint and the page


@dataclass(frozen=True)
class Session:
    """tiny: sizes of the dry run. deadline: of `time.monotonic`, when no piece may begin any more."""

    out: Path
    root: Path
    device: str
    tiny: bool
    deadline: float
    steps: int

    @property
    def on_gpu(self) -> bool:
        return self.device.startswith("cuda")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the outputs that are timed."""
        return (64, 64) if self.tiny else (540, 960)

    @property
    def test_set(self) -> str:
        return "tiny" if self.tiny else "vid4"


def golden(session: Session, name: str) -> Rows:
    """The error of a golden case on the device: plain, with channels last, and accelerated."""
    case_name, swaps = NETWORKS[name]
    case, rows = load_case(name, case_name), []
    for dtype, limit in LIMITS.items():
        for form in ("plain", "channels last", "accelerated"):
            network = baselines.network(name).eval()
            network.load_state_dict(tensors(filled(name)))
            network.to(session.device, dtype)
            if form != "plain":
                network.to(memory_format=torch.channels_last)
            if form == "accelerated":
                accelerate(network, swaps)
            frames = torch.from_numpy(case["frames"]).to(session.device, dtype)
            with torch.inference_mode():
                outputs = _golden_outputs(name, network, frames, case)
            worst = max(error(value, case, output) for output, value in outputs.items())
            row = {"network": name, "type": str(dtype)[6:], "form": form, "error": f"{worst:.1e}"}
            rows.append(row | {"passes": worst < limit})
    return rows


def _golden_outputs(
    name: str, network: nn.Module, frames: Tensor, case: dict[str, Any]
) -> dict[str, Tensor]:
    if name == "stvun":
        made = network(frames[None], case["times"].tolist())[0]
        return {"out_space": made[0], "out_times": made[1:]}
    if name == "dain":
        return {"out": network(*frames[:, None], torch.from_numpy(case["times"]).to(frames))[0]}
    step = int(case.get("step", 1))
    return {"out": network(frames[None])[0][..., ::step, ::step]}


def quality(session: Session, kind: Precision) -> Rows:
    """What a faster arithmetic costs on the test set: at most 0.01 dB."""
    _make_test_set(session)
    compared = precision_bench.measure(
        "stvun-s", session.test_set, session.root, kind, device=session.device, frames=2
    )
    passes = abs(float(np.mean([one.difference for one in compared]))) <= 0.01
    return [{"precision": kind, **row, "passes": passes} for row in precision_bench.table(compared)]


def speed(session: Session, name: str, times: int, precision: Precision) -> Rows:
    """The forms of a method side by side, and their share of the measured product rate."""
    method = available_method(name, session.device, precision)
    forms: tuple[FormName, ...] = ("published", "stream")
    if session.on_gpu and precision == "bf16" and times == 1:
        forms = ("published", "stream", "compiled", "graphs")
    moments = tuple((k + 1) / (times + 1) for k in range(times))
    products, copying = ceilings(device_of(method), precision, rounds=2 if session.tiny else 20)
    rounds = 1 if session.tiny else 5
    compared = compare(
        name, method, *session.size, moments, forms=forms, rounds=rounds, precision=precision
    )
    share = parts_table(compared, products, copying)[-1]["% of products"]
    rows = [{"precision": precision, **row} for row in stream_table(compared)]
    rows[-1]["% of products"] = share  # of the last form
    return rows


def paper_measure(session: Session, name: str, precision: Precision) -> Rows:
    """One jointly upsampled frame; the paper: 0.30 s on a Titan X."""
    method = available_method(name, session.device, precision)
    few: dict[str, Any] = {"warm_up": 1, "min_repeats": 1, "max_repeats": 1} if session.tiny else {}
    time = 0.0 if name in SPATIAL else 0.5
    timing = measure(method, *session.size, time, precision=precision, **few)
    row: dict[str, Any] = {"method": name, "precision": precision, "frames": timing.n}
    for key in ("p10", "median", "p90"):
        row[f"{key} ms"] = round(1e3 * (getattr(timing, key) or 0), 2)
    memory = timing.peak_memory_bytes
    return [row | {"peak MiB": memory and memory >> 20, "out of memory": timing.out_of_memory}]


def end_to_end(session: Session, command: str) -> Rows:
    """`stvt evaluate` or `stvt upsample` as a user runs them, start-up included."""
    method = "stvun-s" if session.tiny else "stvun"
    count = 4 if session.tiny else 60
    common = ["--device", session.device, "--precision", "bf16"]
    if method != "stvun-s":
        common.append("--untrained")  # its weights are not to be had; they cost the same
    work = session.out / "work"
    if command == "upsample":
        height, width = session.size
        _write_scene(work / "frames", count, height // 4, width // 4)
        output = [str(work / "frames"), str(work / "upsampled.mp4"), "--overwrite", "--fps", "24"]
        arguments = [*output, "--method", method]
    else:
        _make_test_set(session)
        data = [
            "--datasets",
            session.test_set,
            "--root",
            str(session.root),
            *(ONE if session.tiny else []),
        ]
        arguments = [*data, "--methods", method, "--out", str(work / "run"), "--metrics", "psnr"]
    with _utilization(session) as busy:
        begun = clock.perf_counter()
        text = _stvt(command, *arguments, *common)
        seconds = clock.perf_counter() - begun
    row: dict[str, Any] = {"command": command, "method": method, "seconds": round(seconds, 1)}
    if command == "upsample":
        row["frames/s"] = round(2 * count / seconds, 2)
    row["GPU busy %"] = round(float(np.mean(busy)), 1) if busy else None
    return [row | {"last line": text.strip().splitlines()[-1]}]


def _stvt(*arguments: str) -> str:
    """What the command prints."""
    command = [sys.executable, "-P", "-m", "stvt", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"stvt {arguments[0]}: {ran.stderr.strip()[-500:]}")
    return ran.stdout


@contextmanager
def _utilization(session: Session) -> Iterator[list[float]]:
    """Percentages of time in which the GPU computed, five a second, filled in at the end."""
    busy: list[float] = []
    if not session.on_gpu:
        yield busy
        return
    query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    with subprocess.Popen([*query, "-lms", "200"], stdout=subprocess.PIPE, text=True) as watch:
        try:
            yield busy
        finally:
            watch.terminate()
            for line in watch.communicate()[0].splitlines():
                with suppress(ValueError):
                    busy.append(float(line))


def training(session: Session, network: str, stage: str) -> Rows | None:
    """A stage of training, as far as the session's minutes go; None while steps are left."""
    if not (session.root / "photographs" / "manifest.json").exists():
        small: dict[str, Any] = {"clips": 2, "frames": 16, "side": 96} if session.tiny else {}
        prepare_photographs(session.root, **small)
    values: dict[str, Any] = {"network": network, "data": ("photographs",), "steps": session.steps}
    if session.tiny:
        values |= {"batch": 1, "log_every": 1, "save_every": 1, "validate_windows": 1}
    else:
        values |= {"precision": "bf16", "log_every": 50, "save_every": 500, "average": 0.999}
    recipe = preset_recipe("smoke" if session.tiny else "paper", stage, **values)
    out, before = (session.out / "training" / f"{network}-{one}" for one in (stage, "space"))
    result = train(
        recipe,
        session.root,
        out,
        initial=[before] if stage == "joint" else [],
        device=session.device,
        workers=0 if session.tiny else 12,
        pause=lambda step: clock.monotonic() > session.deadline,
    )
    print(f"{network}, {stage}: {result.steps} steps", flush=True)
    if result.steps < recipe.steps:
        return None
    with (out / "loss.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    return [{"network": network, "stage": stage, "batch": recipe.batch, **last}]


def scores(session: Session, network: str, stage: str) -> Rows:
    """The test set by what was trained here."""
    _make_test_set(session)
    recipe = preset_recipe("paper", stage, network=network, data=("photographs",))
    weights = weights_file(session.out / "training" / f"{network}-{stage}", recipe, "last")
    rule = ["--protocol", "space", "--degradation", "BD"] if stage == "space" else []
    arguments = ["--datasets", session.test_set, "--root", str(session.root), "--methods", network]
    arguments += ["--weights", f"{network}={weights}", "--device", session.device]
    arguments += [*rule, *(ONE if session.tiny else [])]
    text = _stvt("evaluate", *arguments, "--out", str(session.out / "scores" / network))
    row = {"network": network, "set": session.test_set, "scores": text.strip()}
    return [row | {"paper's STVUN": PAPER_VID4}]


def _make_test_set(session: Session) -> None:
    """In the dry run, a scene of a moving picture in place of Vid4."""
    if not session.tiny or (session.root / "tiny" / "manifest.json").exists():
        return
    source = session.out / "work" / "source" / "scene"
    _write_scene(source, 17, 64, 64)
    stvt.prepare("tiny", source.parent, root=session.root)


def _write_scene(folder: Path, count: int, height: int, width: int) -> None:
    for k, frame in enumerate(moving_scene(count, height, width)):
        picture = (255 * frame).round().byte().permute(1, 2, 0).contiguous().numpy()
        write_frame(folder / f"{k:08d}.png", picture)


def pieces(session: Session) -> dict[str, Callable[[], Rows | None]]:
    """Name -> function, in order."""
    tiny, named = session.tiny, dict[str, Callable[[], Rows | None]]()
    methods = ["stvun-s", "edvr-s"] if tiny else ["stvun", "edvr", "dain", "basicvsr"]
    networks = ["edvr_m"] if tiny else list(NETWORKS)
    trained = ["edvr-s"] if tiny else ["stvun", "edvr"]
    for name in networks:
        named[f"truth {name}"] = partial(golden, session, name)
    kinds: list[Precision] = ["bf16", "fp16"]
    for kind in kinds[: 1 if tiny else 2]:
        named[f"truth stvun-s {kind}"] = partial(quality, session, kind)
    precisions: list[Precision] = ["bf16", "fp32"]
    for precision in precisions[: 1 if tiny else 2]:
        for name in methods:
            for times in (1,) if tiny or name in SPATIAL else (1, 3):
                key = f"speed {name} N={times} {precision}"
                named[key] = partial(speed, session, name, times, precision)
            named[f"paper {name} {precision}"] = partial(paper_measure, session, name, precision)
    for command in ("evaluate", "upsample"):
        named[f"whole {command}"] = partial(end_to_end, session, command)
    for network in trained:
        stages = ("space",) if tiny or network == "edvr" else ("space", "joint")
        for stage in stages:
            named[f"training {network} {stage}"] = partial(training, session, network, stage)
        named[f"scores {network}"] = partial(scores, session, network, stages[-1])
    return named


def run(session: Session) -> list[str]:
    """Runs what is missing or failed, as far as the minutes go; returns the pieces that are left."""
    left = []
    for name, piece in pieces(session).items():
        file = _file(session, name)
        if file.exists() and not any("failed" in row for row in read_json(file)):
            continue
        left.append(name)
        longest = 0 if session.tiny or name.startswith("training") else LONGEST
        if clock.monotonic() + longest > session.deadline:
            continue
        begun = clock.monotonic()
        try:
            rows = piece()
            if rows is not None:
                left.pop()
        except Exception as problem:  # noqa: BLE001  # a lease is short: the other pieces go on
            traceback.print_exc()
            rows = [{"piece": name, "failed": f"{type(problem).__name__}: {problem}"[:500]}]
        if rows is not None:
            write_json(file, rows)
        print(f"{name}: {clock.monotonic() - begun:.1f} s", flush=True)
        if session.on_gpu:
            torch.cuda.empty_cache()
    return left


def _file(session: Session, name: str) -> Path:
    return session.out / "pieces" / f"{name}.json"


def report(session: Session, left: list[str]) -> str:
    """The page, in Markdown: one table for rows of the same kind and columns."""
    tables: dict[tuple[str, ...], Rows] = {}
    for name in pieces(session):
        if _file(session, name).exists():
            for row in read_json(_file(session, name)):
                tables.setdefault((name.split()[0], *row), []).append(row)
    about = f"{device_name(session.device)}, driver {_driver()}, torch {torch.__version__}"
    parts = [
        f"# A session on {about}",
        f"stvt {stvt.__version__}; left: {', '.join(left) or 'none'}",
    ]
    for (kind, *_), rows in tables.items():
        table = tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True)
        parts.append(f"## {kind.capitalize()}\n\n{table}")
    return "\n\n".join(parts) + "\n"


def _driver() -> str:
    with suppress(OSError):
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        return subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()
    return "none"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_root(parser)
    options.add_out(parser, "FOLDER", Path("session"))
    options.add_device(parser)
    parser.add_argument("--minutes", type=float, default=9, help="(default: 9)")
    parser.add_argument("--steps", type=positive, help="of each training (default: 10000)")
    parser.add_argument("--tiny", action="store_true", help="sizes of a dry run")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1 if args.tiny else torch.get_num_threads())
    session = Session(
        out=args.out,
        root=args.root,
        device=usable_device(args.device),
        tiny=args.tiny,
        deadline=clock.monotonic() + 60 * args.minutes - (0 if args.tiny else RESERVE),
        steps=args.steps or (1 if args.tiny else 10_000),
    )
    left = run(session)
    write_text(args.out / "report.md", report(session, left))
    print(f"{args.out / 'report.md'}; left: {', '.join(left) or 'none'}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
