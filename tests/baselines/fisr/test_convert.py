from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from stvt.baselines.errors import MethodError
from stvt.baselines.fisr import convert as fisr_convert
from stvt.baselines.fisr.convert import convert, from_tensorflow, tensorflow_names
from stvt.baselines.weights.load import load_weights
from stvt.baselines.weights.read import read_state
from stvt.baselines.weights.tensorflow_checkpoint import MAGIC, TensorFlowCheckpoint, crc32c
from tests.builders.tensorflow_checkpoints import Small, block, field, varint, write_checkpoint
from tests.golden_cases import Arrays, fill, load_facts, load_state

PREFIX = "model-7"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Arrays:
    """Variables of a flow network that is small for the duration of a test."""
    monkeypatch.setitem(fisr_convert.NETWORKS, "fisr_pwcnet", Small)
    shapes = {key: list(shape) for key, (_, shape) in tensorflow_names("fisr_pwcnet").items()}
    return fill(shapes, 1.4, "tf")


Write = Callable[[Arrays], Path]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """written(values): a checkpoint with these variables and Adam's; returns its folder."""

    def write(values: Arrays) -> Path:
        folder = tmp_path / "checkpoint of mine"
        folder.mkdir(exist_ok=True)
        slots = {f"{name}/Adam": np.ones_like(value) for name, value in values.items()}
        write_checkpoint(folder / PREFIX, values | slots | {"Variable": np.array(7, np.int32)})
        (folder / "checkpoint").write_text(f'model_checkpoint_path: "/home/them/{PREFIX}"\n')
        return folder

    return write


@pytest.mark.parametrize(
    ("data", "checksum"),  # of RFC 3720, appendix B.4
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(reversed(range(32))), 0x113FDB5C),
        (b"", 0),
    ],
)
def test_checksums_are_those_of_the_standard(data: bytes, checksum: int) -> None:
    assert crc32c(data) == checksum


@pytest.mark.parametrize("length", [1, 15, 16, 17, 255, 4096, 100_003])
def test_checksums_of_pieces_are_put_together_rightly(length: int) -> None:
    data = np.random.default_rng(length).bytes(length)
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    assert crc32c(data) == state ^ 0xFFFFFFFF


def test_a_checkpoint_that_tensorflow_wrote_is_read(shared: Path) -> None:
    folder = shared / "golden" / "fisr" / "checkpoint"
    state, gain = load_state("fisr"), load_facts("fisr")["gain"]
    checkpoint = TensorFlowCheckpoint(folder)
    ours = {name: state[name] for name in checkpoint.entries if name in state}
    assert len(ours) == 48 and len(checkpoint.entries) == 48 * 3 + 3
    for name, value in fill(ours, gain, "tf").items():
        assert np.array_equal(checkpoint.read(name), value)
    assert checkpoint.read("Variable") == 122_000
    for name in checkpoint.entries:
        checkpoint.read(name)  # every checksum is right
    for path in ("FISRnet-122000", "FISRnet-122000.index", "FISRnet-122000.data-00000-of-00001"):
        assert TensorFlowCheckpoint(folder / path).entries == checkpoint.entries


def test_a_checkpoint_of_a_part_of_the_network_is_refused(shared: Path, tmp_path: Path) -> None:
    folder = shared / "golden" / "fisr" / "checkpoint"
    with pytest.raises(MethodError, match="228 of 276 are missing: FISRnet/level_1/enc") as refused:
        convert("fisr", folder, tmp_path / "out.safetensors")
    assert "\n" not in str(refused.value) and not list(tmp_path.iterdir())
    with pytest.raises(MethodError, match="holds fisr; type `stvt weights convert fisr "):
        convert("fisr_pwcnet", folder, tmp_path / "out.safetensors")


@pytest.mark.parametrize("name", ["fisr", "fisr_pwcnet"])
def test_the_variables_are_the_published_ones_in_their_order(name: str) -> None:
    variables = {key: list(shape) for key, (_, shape) in tensorflow_names(name).items()}
    assert list(variables.items()) == list(load_state(name).items())


def test_the_weights_of_a_checkpoint_load_into_the_network(
    small: Arrays, written: Write, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "out.safetensors"
    assert convert("fisr_pwcnet", written(small), out) == out
    assert list(out.parent.iterdir()) == [out]
    network = Small()
    sha256 = load_weights(network, read_state(out, "fisr_pwcnet"), out, "fisr_pwcnet")
    assert sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    loaded, expected = network.state_dict(), from_tensorflow("fisr_pwcnet", small)
    assert list(loaded) == list(expected) and len(loaded) == len(small)
    assert all(torch.equal(loaded[key], value) for key, value in expected.items())
    kernel = small["pwcnet/featpyr/conv1a/kernel"]
    assert np.array_equal(loaded["conv1a.weight"].numpy()[1, 2], kernel[:, :, 2, 1])
    kernel = small["pwcnet/upsample/up_flow6/kernel"]
    assert np.array_equal(loaded["up_flow6.weight"].numpy()[2, 1], kernel[:, :, 1, 2])


def test_converting_twice_gives_the_same_bytes(
    small: Arrays, written: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path / "home"))
    folder = written(small)
    first = convert("fisr_pwcnet", folder)
    assert first == tmp_path / "home" / "weights" / "fisr_pwcnet.safetensors"
    second = convert("fisr_pwcnet", str(folder / PREFIX), str(tmp_path / "b"))
    assert first.read_bytes() == second.read_bytes()
    assert set(safetensors.torch.load_file(first)) == set(Small().state_dict())


def refusal(folder: Path, out: Path) -> str:
    """The one line with which a checkpoint is refused; nothing is written then."""
    with pytest.raises(MethodError) as refused:
        convert("fisr_pwcnet", folder, out)
    assert "\n" not in str(refused.value) and not list(out.parent.glob("*out*"))
    return str(refused.value)


def test_damaged_files_are_refused_in_one_line(
    small: Arrays, written: Write, tmp_path: Path
) -> None:
    out = tmp_path / "out.safetensors"
    folder = written(small)
    data, index = folder / f"{PREFIX}.data-00000-of-00001", folder / f"{PREFIX}.index"
    whole = data.read_bytes(), index.read_bytes()

    data.write_bytes(whole[0][:100])
    assert "is cut short" in refusal(folder, out)
    name = "pwcnet/featpyr/conv1a/kernel"
    place = TensorFlowCheckpoint(folder).entries[name].offset
    data.write_bytes(whole[0][:place] + bytes([whole[0][place] ^ 1]) + whole[0][place + 1 :])
    assert f"the checksum of {name} is wrong" in refusal(folder, out)
    data.unlink()
    assert "model-7.data-00000-of-00001 is missing" in refusal(folder, out)
    data.write_bytes(whole[0])
    for broken in (b"", whole[1][:-1], b"<html>", whole[1][:-48] + b"\xff" * 40 + whole[1][-8:]):
        index.write_bytes(broken)
        assert "is damaged or no index of a checkpoint" in refusal(folder, out)
    index.unlink()
    assert "model-7.index is missing" in refusal(folder, out)


def test_no_byte_of_an_index_changes_unnoticed(small: Arrays, written: Write) -> None:
    folder = written(small)
    index = folder / f"{PREFIX}.index"
    whole, entries = index.read_bytes(), TensorFlowCheckpoint(folder).entries
    for place in range(0, len(whole), 7):
        index.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        try:
            assert TensorFlowCheckpoint(folder).entries == entries
            assert place >= len(whole) - 48  # in the footer some bytes count for nothing
        except MethodError as error:
            assert "\n" not in str(error)


def write_index(folder: Path, table: bytes, handles: list[tuple[int, int]]) -> None:
    """An index of data blocks that are named by their offset and size."""
    named = {b"%06d" % k: varint(offset) + varint(size) for k, (offset, size) in enumerate(handles)}
    last = block(named)
    footer = varint(0) + varint(0) + varint(len(table)) + varint(len(last) - 5)
    (folder / f"{PREFIX}.index").write_bytes(table + last + footer.ljust(40, b"\0") + MAGIC)


def test_a_short_index_is_not_read_for_minutes(written: Write, small: Arrays) -> None:
    """Bytes that are named again and again would be read once for each name."""
    folder = written(small)
    table = block({b"a": bytes(100_000)})
    write_index(folder, table, [(0, len(table) - 5)] * 20_000)
    with pytest.raises(MethodError, match="its blocks overlap"):
        TensorFlowCheckpoint(folder)
    table = block({b"a" * 150_000 + b"%05d" % k: b"" for k in range(20)})
    write_index(folder, table, [(0, len(table) - 5)])
    with pytest.raises(MethodError, match="a name has more than 4096 bytes"):
        TensorFlowCheckpoint(folder)
    table = block({b"a": field(1, 1) + field(2, field(2, field(1, 1 << 62)) * 9999)})
    write_index(folder, table, [(0, len(table) - 5)])
    with pytest.raises(MethodError, match="more than 16 dimensions"):
        TensorFlowCheckpoint(folder)
    with (folder / f"{PREFIX}.index").open("r+b") as index:
        index.truncate(1 << 40)  # sparse: it takes no room on the disk
    with pytest.raises(MethodError, match="more than 4 MiB"):
        TensorFlowCheckpoint(folder)


@pytest.mark.parametrize("offset", [1 << 63, (1 << 64) - 1, 1 << 40])
def test_a_place_beyond_the_data_is_said(
    small: Arrays, written: Write, tmp_path: Path, offset: int
) -> None:
    folder = written(small)
    name = "pwcnet/featpyr/conv1a/bias"
    shape = field(2, field(2, field(1, 4)))
    entry = field(1, 1) + shape + field(4, offset) + field(5, 16)
    table = block({name.encode(): entry})
    write_index(folder, table, [(0, len(table) - 5)])
    with pytest.raises(MethodError, match="is cut short"):
        TensorFlowCheckpoint(folder).read(name)


def test_whole_numbers_are_no_weights(small: Arrays, written: Write, tmp_path: Path) -> None:
    bias = "pwcnet/featpyr/conv1a/bias"
    whole = written(small | {bias: np.ones(4, np.int32)})
    assert f"{bias} holds no floating-point numbers" in refusal(whole, tmp_path / "out")


@pytest.mark.parametrize("prefix", ["a\0b", "..", "x/..", "a\x1b[31m"])
def test_a_folder_that_names_no_file_is_said(
    small: Arrays, written: Write, tmp_path: Path, prefix: str
) -> None:
    folder = written(small)
    (folder / "checkpoint").write_text(f'model_checkpoint_path: "{prefix}"\n')
    assert "names no checkpoint" in refusal(folder, tmp_path / "out")


def test_weights_that_do_not_fit_are_refused_in_one_line(
    small: Arrays, written: Write, tmp_path: Path
) -> None:
    out = tmp_path / "out.safetensors"
    bias = "pwcnet/featpyr/conv1a/bias"
    assert f"{bias} is 5, not 4" in refusal(written(small | {bias: np.ones(5, np.float32)}), out)
    infinite = small | {bias: np.full(4, np.inf, np.float32)}
    assert "infinite or undefined numbers, in conv1a.bias" in refusal(written(infinite), out)
    short = {name: value for name, value in small.items() if name != bias}
    assert f"1 of 8 are missing: {bias}" in refusal(written(short), out)
    with pytest.raises(MethodError, match="1 of 8 are missing"):
        from_tensorflow("fisr_pwcnet", short)
    with pytest.raises(MethodError, match="is 5, not 4"):
        from_tensorflow("fisr_pwcnet", small | {bias: np.ones(5, np.float32)})
    with pytest.raises(MethodError, match="there are fisr, fisr_pwcnet"):
        convert("edvr", tmp_path)


def test_the_folder_says_which_checkpoint_is_meant(
    small: Arrays, written: Write, tmp_path: Path
) -> None:
    folder = written(small)
    (folder / "checkpoint").unlink()
    assert TensorFlowCheckpoint(folder).prefix == folder / PREFIX  # the only one
    shutil.copy(folder / f"{PREFIX}.index", folder / "model-8.index")
    with pytest.raises(MethodError, match="2 checkpoints; name one"):
        TensorFlowCheckpoint(folder)
    (folder / "checkpoint").write_text("nothing")
    with pytest.raises(MethodError, match="names no checkpoint"):
        TensorFlowCheckpoint(folder)
    with pytest.raises(MethodError, match="holds no checkpoint"):
        TensorFlowCheckpoint(tmp_path)


def test_a_place_that_cannot_be_written_is_said(
    small: Arrays, written: Write, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MethodError, match="cannot write"):
        convert("fisr_pwcnet", written(small), tmp_path / "file" / "out.safetensors")
