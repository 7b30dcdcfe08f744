"""Training in processes of its own: ten kills, two processes, and everything once from data to scores."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import stvt
from stvt.datasets.build.synthetic_set import prepare_photographs
from stvt.training.loop import train
from stvt.training.recipe import preset_recipe

from .runs import rows

WORLD = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from stvt.training.loop import train
from stvt.training.recipe import preset_recipe
recipe = preset_recipe("smoke", "joint", data=("photographs",), steps=4, batch=4, log_every=1,
               save_every=4, validate_every=4, validate_windows=2, precision="fp32")
train(recipe, Path(sys.argv[1]), Path(sys.argv[2]), say=lambda line: None)
"""


@pytest.mark.slow
def test_two_processes_have_the_loss_curve_of_one_with_the_whole_batch(
    data: Path, tmp_path: Path
) -> None:
    script = tmp_path / "world.py"
    script.write_text(WORLD)
    arguments = [str(script), str(data)]
    alone = [sys.executable, *arguments, str(tmp_path / "one")]
    subprocess.run(alone, check=True, cwd=tmp_path)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    subprocess.run([*launcher, *arguments, str(tmp_path / "two")], check=True, cwd=tmp_path)
    one, two = rows(tmp_path / "one"), rows(tmp_path / "two")
    for kind in ("space", "between", "flow"):
        curves = [[float(line[kind]) for line in lines] for lines in (one, two)]
        assert curves[0] == pytest.approx(curves[1], abs=1e-5)


@pytest.mark.slow
def test_killed_at_ten_moments_and_continued_the_weights_are_the_same(
    data: Path, tmp_path: Path
) -> None:
    options = ["--stage", "space", "--preset", "smoke", "--data", "photographs", "--steps", "24"]
    options += ["--log-every", "1", "--save-every", "1", "--batch", "2", "--root", str(data)]
    command = [sys.executable, "-m", "stvt", "train", *options, "--out"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    quietly = {"env": env, "stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    subprocess.run([*command, str(tmp_path / "whole")], check=True, **quietly)  # type: ignore[call-overload]
    random = np.random.default_rng(7)
    for _ in range(10):
        process = subprocess.Popen([*command, str(tmp_path / "killed")], **quietly)  # type: ignore[call-overload]
        time.sleep(random.uniform(2.0, 7.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run([*command, str(tmp_path / "killed")], check=True, **quietly)  # type: ignore[call-overload]
    whole, killed = (
        load_file(tmp_path / run / "weights" / "stvun-s-last.safetensors")
        for run in ("whole", "killed")
    )
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    assert rows(tmp_path / "whole") == rows(tmp_path / "killed")


@pytest.mark.slow
def test_from_data_to_scores_by_the_smoke_preset(tmp_path: Path) -> None:
    """The three stages, the last stopped and continued, joined by `--initial`, and evaluated."""
    prepare_photographs(tmp_path / "data", clips=24, frames=16, side=96)
    files: list[Path] = []
    lines: list[str] = []
    for stage in ("flow", "space", "joint"):
        recipe = preset_recipe("smoke", stage, data=("photographs",))
        out = tmp_path / stage
        stops = [lambda step: step >= 12, lambda step: False] if stage == "joint" else [never]
        for pause in stops:
            result = train(
                recipe, tmp_path / "data", out, initial=files, pause=pause, say=lines.append
            )
        files.append(result.weights)
    assert "goes on after step 15" in lines
    stvt.prepare("sample", root=tmp_path / "data")
    scores = stvt.evaluate(
        ["sample"],
        ["stvun-s", "bicubic+blend"],
        root=tmp_path / "data",
        out=tmp_path / "evaluation",
        weights={"stvun-s": files[-1]},
        limit=1,
    )
    psnr = scores[scores["metric"] == "psnr"].groupby("method")["value"].mean()
    assert psnr["stvun-s"] > 15
    assert (tmp_path / "evaluation" / "report" / "report.html").exists()


def never(_: int) -> bool:
    return False
