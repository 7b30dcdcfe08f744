"""The cases of trainings that went wrong, kept beside the real data: each ends in one line now."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FULL = r"stvt train: \S+{}: cannot be written \(no space left on device\); .*\nrc=2\n"
EXPECTED = {
    "train_checkpoint_deleted": r"before:\n(.*\n)*after:\n(?=(.*\n)*.*step-00000004)(.*\n)*.*08\.pt",
    "train_disk_full": FULL.format(r"step-\d+\.pt") + r"(.*\n)*" + FULL.format("safetensors"),
    "train_options_unchecked": r"(== .*\nstvt train: .*(expected|is not) .*\nrc=2\n){10}"
    r"== --clip 1, for comparison\n.*best in validation.*\nrc=0\n",
    "train_validation_too_short": r"(stvt train: the clips of trshort held back .*\nrc=2\n(ls.*\n)?)"
    r"{2}",
    "train_worker_dies": r"(.*\n)*stvt train: a process that makes windows was killed(.*\n)*"
    r"rc 2 killed True\n(== .*\nstvt train: .*calendar_000000\.npy: is damaged.*\nrc=2\n){2}",
}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the cases work: small sets are made in it once."""
    return tmp_path_factory.mktemp("cases")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="mounts, and becomes another user")
@pytest.mark.parametrize("case", EXPECTED)
def test_a_case_ends_as_it_should(shared: Path, work: Path, case: str) -> None:
    script = shared / "cases" / "evaluation" / case / "run.sh"
    if not script.exists():
        pytest.skip(f"no {script}")
    root = str(Path(__file__).parents[2])
    command = f"{sys.executable} -P -m stvt"
    env = {**os.environ, "W": str(work), "PY": sys.executable, "STVT": command, "PYTHONPATH": root}
    for folder in (work, *work.parents[:2]):
        folder.chmod(0o755)
    ended = subprocess.run(
        ["bash", str(script)], check=False, env=env, capture_output=True, text=True
    )
    if "mount" in ended.stderr:
        pytest.skip(ended.stderr)
    assert "Traceback" not in ended.stdout + ended.stderr
    assert re.search(EXPECTED[case], ended.stdout), ended.stdout
