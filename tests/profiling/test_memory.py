"""What `stvt bench model` says of memory: the peak of each method, and the bytes that parts move."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stvt.cli.main import main
from stvt.profiling.breakdown import Cost
from stvt.profiling.memory import Case, peak_here
from stvt.profiling.stream import Comparison, Form, Part, parts_table
from stvt.profiling.timing import ceilings
from tests.builders.counting import operations_and_bytes_of

ASK = "THP_MEM_ALLOC_ENABLE"
HUGE, MAPPED = (
    Path("/sys/kernel/mm/transparent_hugepage/enabled"),
    Path("/proc/self/smaps_rollup"),
)


def test_an_operator_reads_its_inputs_and_writes_its_result_and_a_view_moves_nothing() -> None:
    a, b = torch.ones(2, 10, 10)

    def run() -> None:
        made = (a + b).flatten()[5:]
        made.mul_(2)
        torch.empty(1000)

    assert operations_and_bytes_of(run) == (0, 4 * (300 + 95 + 95))
    assert operations_and_bytes_of(lambda: a @ b) == (1000, 4 * 300)


def test_bytes_are_compared_with_those_copied_in_the_same_run() -> None:
    part = Part([Cost(0.5, 0.5)], 1e9, 4e9)
    form = Form("stream", part, {"all of it": part})
    made = Comparison("one", "", 1, 1, (), 1, 1.0, "", "fp32", True, [form], 0.0)
    row, whole = parts_table(made, 1e10, copying=16e9)
    assert row["% of products"] == 20 and row["% of copying"] == whole["% of copying"] == 50
    assert "% of copying" not in parts_table(made, 1e10)[0]
    assert min(ceilings(torch.device("cpu"), "bf16", rounds=1)) > 0


def with_stvt(program: str, asked: str | None = None) -> str:
    """What a program says after the command line ran, told of huge pages or not."""
    environment = {key: value for key, value in os.environ.items() if key != ASK}
    if asked:
        environment[ASK] = asked
    start = "import os; from stvt.cli.main import main; main(['list', 'metrics'])"
    command = [sys.executable, "-c", f"{start}; {program}"]
    ran = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return ran.stdout.splitlines()[-1]


@pytest.mark.parametrize(("asked", "kept"), [(None, "1"), ("0", "0")])
def test_huge_pages_are_asked_for_unless_the_user_says_otherwise(
    asked: str | None, kept: str
) -> None:
    assert with_stvt(f"print(os.environ['{ASK}'])", asked) == kept


@pytest.mark.skipif(
    not HUGE.exists() or not MAPPED.exists() or "[never]" in HUGE.read_text(),
    reason="the system gives no huge pages, or does not say",
)
def test_where_the_system_has_huge_pages_tensors_lie_in_them() -> None:
    told = with_stvt(
        "import torch; kept = torch.empty(32 << 20).fill_(1); "
        f"print([l.split()[1] for l in open('{MAPPED}') if l.startswith('AnonHugePages')][0])"
    )
    assert int(told) > 16 << 10  # KiB, of 128 MiB


def test_the_peak_is_of_a_stream_and_is_said_to_be_what_it_is() -> None:
    found, what = peak_here(Case("bicubic+blend", 64, 64, (0.5,), "cpu"))
    assert (found is None and "not known" in what) or (found is not None and found >= 0)


def test_several_sizes_are_measured_and_every_peak_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bench.json"
    arguments = [
        "bench",
        "model",
        "--methods",
        "bicubic+blend",
        "--size",
        "64x48,48x32",
        "--rounds",
        "1",
    ]
    assert main([*arguments, "--device", "cpu", "--out", str(file)]) == 0
    out = capsys.readouterr().out
    assert "64x48, fp32" in out and "48x32, fp32" in out and "peak MiB" in out
    first, second = json.loads(file.read_text())["methods"]
    assert (first["width"], second["width"]) == (64, 48)
    for told in (first, second):
        assert {"peak_memory_bytes", "memory_is"} <= told.keys()
        assert told["forms"]["stream"]["parts"]["the rest"]["bytes"] > 0
