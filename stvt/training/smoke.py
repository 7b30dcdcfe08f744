"""`stvt train --preset smoke`: the whole way once, so small that a test can wait for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stvt.datasets import prepare_photographs
from stvt.training.loop import Show, train
from stvt.training.recipe import plan_of

STAGES = ("flow", "space", "joint")
STOP = 12  # the step after which the joint stage is stopped, to be continued


def smoke(out: Path, show: Show, say: Callable[[str], None]) -> list[str]:
    """Makes a training set, trains the three stages, stops and continues, and evaluates.

    Returns lines to print.
    """
    from stvt.api import prepare
    from stvt.evaluation.run import evaluate

    root = out / "data"
    prepare_photographs(root, clips=24, frames=16, side=96, progress=show)
    made: list[Path] = []
    for stage in STAGES:
        plan = plan_of("smoke", stage, data=("photographs",))
        pauses = [lambda step: step >= STOP, lambda step: False] if stage == "joint" else [_never]
        for pause in pauses:
            trained = train(plan, root, out / stage, initial=made, pause=pause, show=show, say=say)
        made.append(trained.weights)
    prepare("sample", root=root, progress=show)
    scores = evaluate(
        ["sample"],
        ["stvun-s", "bicubic+blend"],
        root=root,
        out=out / "evaluation",
        weights={"stvun-s": made[-1]},
        progress=show,
        limit=1,
    )
    psnr = scores[scores["metric"] == "psnr"].groupby("method")["value"].mean()
    return [
        f"{made[-1]}: trained, stopped, continued",
        *(f"{method}: {value:.2f} dB" for method, value in psnr.items()),
        f"report: {out / 'evaluation' / 'report' / 'report.html'}",
    ]


def _never(_: int) -> bool:
    return False
