"""Units over processes: none is lost when a process dies, and a deadly one is given up."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stvt.core.errors import UsageError
from stvt.evaluation.processes import TRIES, run_units

# A unit here is an expression and the work is `eval`: both reach a new process as they are.
DEADLY = "__import__('os').kill(__import__('os').getpid(), 9)"


@pytest.mark.parametrize("workers", [1, 2])
def test_every_unit_comes_back_with_its_result(workers: int) -> None:
    units = [f"{number} ** 2" for number in range(5)]
    assert dict(run_units(eval, units, workers)) == {unit: eval(unit) for unit in units}


def test_a_unit_whose_process_died_is_done_by_another(tmp_path: Path) -> None:
    marker = tmp_path / "died"
    once = f"(open({str(marker)!r}, 'x') and {DEADLY}) if not {_exists(marker)} else 'done'"
    units = [once, *(f"{number} + 1" for number in range(6))]
    assert dict(run_units(eval, units, 2)) == {once: "done", **{u: eval(u) for u in units[1:]}}


def test_a_unit_that_always_kills_its_process_is_given_up_and_the_others_are_done(
    tmp_path: Path,
) -> None:
    counted = tmp_path / "tries"
    counting = f"(lambda f: (f.write('x'), f.close(), {DEADLY}))(open({str(counted)!r}, 'a'))"
    assert dict(run_units(eval, [counting, "1", "2"], 2)) == {counting: None, "1": 1, "2": 2}
    assert counted.read_text() == "x" * TRIES


def test_what_a_unit_raises_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        list(run_units(eval, ["1 / 0", "2"], 2))


def test_a_cluster_that_does_not_answer_is_named() -> None:
    with pytest.raises(UsageError, match="tcp://127.0.0.1:9"):
        list(run_units(eval, ["1"], cluster="tcp://127.0.0.1:9"))


@pytest.mark.slow
def test_a_scheduler_that_dies_at_work_is_told(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    file = tmp_path / "scheduler.json"
    options = ["--scheduler-file", str(file), "--host", "127.0.0.1", "--no-dashboard"]

    def begin(what: str, *more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *options, *more]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    begun = [begin("scheduler", "--port", "0")]
    try:
        while not file.exists():
            assert begun[0].poll() is None
            time.sleep(0.02)
        begun.append(begin("worker", "--no-nanny", "--nthreads", "1"))
        address = json.loads(file.read_text())["address"]
        units = ["1", f"__import__('os').kill({begun[0].pid}, 9)", "2"]
        with pytest.raises(UsageError, match="is gone"):
            list(run_units(eval, units, cluster=address))
    finally:
        for process in begun:
            process.kill()
            process.wait()


def _exists(file: Path) -> str:
    return f"__import__('os').path.exists({str(file)!r})"


def test_a_system_without_shared_memory_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("stvt.evaluation.processes.ProcessPoolExecutor", refuse)
    with pytest.raises(UsageError, match="/dev/shm"):
        list(run_units(eval, ["1", "2"], 2))
    assert list(run_units(eval, ["1"], 1)) == [("1", 1)]
