"""Checkpoints: a damaged one is passed over, one that cannot be read stops the run, none is deleted."""

import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from stvt import baselines
from stvt.core.errors import UsageError
from stvt.training import checkpoints
from stvt.training.loop import train
from stvt.training.weights import write_weights

from .runs import quiet, tiny


def test_a_torn_checkpoint_is_passed_over_with_a_word(data: Path, tmp_path: Path) -> None:
    recipe = tiny()
    whole = train(recipe, data, tmp_path / "whole", say=quiet)
    train(recipe, data, tmp_path / "torn", pause=lambda step: step == 5, say=quiet)
    newest = checkpoints.list_checkpoints(tmp_path / "torn" / "checkpoints")[-1]
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    said: list[str] = []
    again = train(recipe, data, tmp_path / "torn", say=said.append)
    assert any("step-00000005.pt is damaged" in line for line in said)
    assert again.weights.read_bytes() == whole.weights.read_bytes()
    assert newest.exists(), "what is damaged is kept, too"


def three_checkpoints(folder: Path) -> list[Path]:
    steps = (10, 20, 30)
    return [checkpoints.save(folder, k, {"step": k, "x": torch.ones(1000)}) for k in steps]


def test_a_flipped_bit_of_a_checkpoint_is_damage(tmp_path: Path) -> None:
    newest = three_checkpoints(tmp_path)[-1]
    content = bytearray(newest.read_bytes())
    content[content.index(torch.ones(1000).numpy().tobytes()) + 2000] ^= 4
    newest.write_bytes(content)
    said: list[str] = []
    state = checkpoints.load_newest(tmp_path, said.append)
    assert state is not None
    assert state["step"] == 20
    assert "step-00000030.pt is damaged (the checksum of" in said[0]
    assert newest.read_bytes() == content


@pytest.mark.parametrize("error", [PermissionError(13, "no"), OSError(5, "I/O"), MemoryError()])
@pytest.mark.parametrize("where", ["zipfile.ZipFile.testzip", "torch.load"])
def test_a_checkpoint_that_cannot_be_read_today_stops_the_run_and_all_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, where: str
) -> None:
    files = three_checkpoints(tmp_path)
    before = [file.read_bytes() for file in files]

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(where, fail)
    with pytest.raises(UsageError, match=r"step-00000030.pt: cannot be read .*nothing was deleted"):
        checkpoints.load_newest(tmp_path, quiet)
    assert [file.read_bytes() for file in files] == before


def test_an_error_of_the_disk_is_no_damage_though_zipfile_calls_it_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = three_checkpoints(tmp_path)

    def fail(_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("zipfile._EndRecData", fail)
    with pytest.raises(UsageError, match=r"cannot be read \(Input/output error\)"):
        checkpoints.load_newest(tmp_path, quiet)
    assert checkpoints.list_checkpoints(tmp_path) == files


def test_where_every_checkpoint_is_damaged_nothing_starts_at_0(data: Path, tmp_path: Path) -> None:
    recipe = tiny()
    out = tmp_path / "run"
    train(recipe, data, out, pause=lambda step: step == 4, say=quiet)
    files = checkpoints.list_checkpoints(out / "checkpoints")
    assert len(files) == 2
    for file in files:
        file.write_bytes(file.read_bytes()[:-100])
    log = (out / "loss.csv").read_bytes()
    with pytest.raises(UsageError, match="every checkpoint is damaged"):
        train(recipe, data, out, say=quiet)
    assert checkpoints.list_checkpoints(out / "checkpoints") == files
    assert (out / "loss.csv").read_bytes() == log


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="becomes another user")
def test_a_folder_of_checkpoints_that_cannot_be_listed_is_not_an_empty_one(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    three_checkpoints(folder)
    folder.chmod(0o700)
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(PermissionError):
            checkpoints.load_newest(folder, quiet)
    finally:
        os.seteuid(0)


def test_a_damaged_checkpoint_of_a_later_step_takes_no_place_of_the_three_kept(
    tmp_path: Path,
) -> None:
    three_checkpoints(tmp_path)
    for step in (1, 2):
        assert checkpoints.save(tmp_path, step, {"step": step}).exists()


def test_checkpoints_of_each_n_steps_stay_and_give_their_averaged_weights(
    data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    recipe = tiny(steps=10, save_every=1, validate_every=10, average=0.9)
    train(recipe, data, out, keep_every=4, pause=lambda step: step == 5, say=quiet)
    train(recipe, data, out, keep_every=4, say=quiet)
    kept = {int(file.stem[5:]): file for file in checkpoints.list_checkpoints(out / "checkpoints")}
    assert list(kept) == [4, 8, 9, 10]
    trained = load_file(out / "weights" / "stvun-s-last.safetensors")
    network, _ = baselines.load_network("stvun-s", kept[10])
    state = network.state_dict()
    assert all(torch.equal(state[name], one) for name, one in trained.items())


def test_what_is_kept_must_be_saved(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--keep-every 3: is no multiple of --save-every 2"):
        train(tiny(), data, tmp_path / "run", keep_every=3, say=quiet)
    assert not (tmp_path / "run").exists()


class Full:
    """A limit of the size of files, which the system refuses to pass as it does on a full disk."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __enter__(self) -> None:
        resource = pytest.importorskip("resource")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        self.before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.before[1]))

    def __exit__(self, *_: object) -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)


@pytest.mark.parametrize("kind", ["checkpoint", "weights"])
def test_what_does_not_fit_is_one_line_and_leaves_nothing_half(tmp_path: Path, kind: str) -> None:
    large = {"x": torch.zeros(1_000_000)}
    with Full(1_000_000), pytest.raises(UsageError, match="cannot be written [(]file too large"):
        if kind == "weights":
            write_weights(tmp_path / "w.safetensors", large, "")
        else:
            checkpoints.save(tmp_path, 1, large)
    assert list(tmp_path.iterdir()) == []


def test_weights_can_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    write_weights(tmp_path / "w.safetensors", {"x": torch.zeros(3)}, "")
    (tmp_path / "plain").touch()
    modes = {file.stat().st_mode for file in tmp_path.iterdir()}
    assert len(modes) == 1
