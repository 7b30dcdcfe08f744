from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file
from torch import Tensor, nn

from stvt.baselines.errors import MethodError
from stvt.baselines.method import Settings
from stvt.baselines.registry import network
from stvt.baselines.stvun import published_names
from stvt.baselines.weights.detect import detect
from stvt.baselines.weights.load import initialise, load_network, load_weights, ready_network
from stvt.baselines.weights.read import read_state
from stvt.baselines.weights.store import SHIPPED, find_weights, home


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.up = nn.ConvTranspose2d(8, 2, 4)


def trained() -> dict[str, Tensor]:
    module = Tiny()
    initialise(module, seed=7)
    return module.state_dict()


def other(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: torch.zeros_like(value) for key, value in state.items()}


def loaded(module: nn.Module, file: Path, optional_keys: str = "") -> str:
    state = read_state(file, "tiny")
    return load_weights(module, state, file, "tiny", optional_keys=optional_keys)


def message(caught: pytest.ExceptionInfo[MethodError]) -> str:
    text = str(caught.value)
    assert "\n" not in text
    return text


def refusal(file: Path) -> str:
    with pytest.raises(MethodError) as caught:
        loaded(Tiny(), file)
    assert str(file) in message(caught)
    return message(caught)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"params": state},
        lambda state: {"params": {"other": torch.zeros(1)}, "params_ema": state},
        lambda state: {"module." + key: value for key, value in state.items()},
        lambda state: {"generator": state, "discriminator": {"w": torch.zeros(1)}},
        lambda state: {
            "meta": {"iter": 1},
            "state_dict": {"step_counter": torch.zeros(1)}
            | {"generator." + key: value for key, value in state.items()},
        },
        lambda state: {"model": {"module.generator." + key: state[key] for key in state}},
        lambda state: {"_orig_mod.module." + key: value for key, value in state.items()},
        lambda state: (
            {"n_averaged": torch.tensor(3)} | {"module." + key: state[key] for key in state}
        ),
        lambda state: {
            "pytorch-lightning_version": "2.2",
            "state_dict": {"loss.weight": torch.zeros(3)}
            | {"model." + key: state[key] for key in state},
        },
        lambda state: {"net": state, "epoch": 1},
        lambda state: {"state_dict": other(state), "state_dict_ema": state},
        lambda state: {"model": other(state), "model_ema": state},
        lambda state: {"model": other(state), "ema": state},
        lambda state: {"net_g": other(state), "net_d": other(state), "net_g_ema": state},
        lambda state: {"model": other(state), "EMA": {"module": state, "decay": 0.9}},
        lambda state: {"weights": state, "rng": torch.get_rng_state()},
        lambda state: {"state_dict": state, "ema": {"decay": 0.9}, "params_ema": None},
        lambda state: {
            "module": state,
            "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": []},
        },
        lambda state: {
            "state_dict": {"generator." + key: value for key, value in other(state).items()}
            | {"generator_ema." + key: value for key, value in state.items()}
        },
    ],
    ids=[
        "bare",
        "state_dict",
        "params",
        "ema",
        "module",
        "generator",
        "mmagic",
        "nested",
        "compiled",
        "averaged",
        "lightning",
        "net",
        "state_dict_ema",
        "model_ema",
        "model and ema",
        "BasicSR's training",
        "ema and module",
        "another name",
        "an ema without weights",
        "DeepSpeed",
        "generator_ema",
    ],
)
def test_the_common_wrappings_are_taken_off(tmp_path: Path, wrap: Any) -> None:
    torch.save(wrap(trained()), file := tmp_path / "tiny.pth")
    module = Tiny()
    assert loaded(module, file) == hashlib.sha256(file.read_bytes()).hexdigest()
    for key, value in module.state_dict().items():
        assert torch.equal(value, trained()[key]), key


def test_of_several_networks_none_is_taken(tmp_path: Path) -> None:
    torch.save({"net_a": trained(), "net_b": other(trained())}, file := tmp_path / "tiny.pth")
    assert "several networks (net_a, net_b)" in refusal(file)


def test_a_prefix_of_all_names_is_taken_off(tmp_path: Path) -> None:
    """As of a network that is a part of somebody else's."""
    own = network("edvr-s").state_dict()
    save_file({f"restorer.edvr.{key}": value for key, value in own.items()}, tmp_path / "net.pth")
    assert load_network("edvr-s", tmp_path / "net.pth")[1]
    assert detect(read_state(tmp_path / "net.pth", "net")) == "edvr-s"


def test_safetensors_and_the_old_format_of_torch_are_read(tmp_path: Path) -> None:
    save_file(trained(), tmp_path / "a.safetensors")
    torch.save(trained(), tmp_path / "b.pth", _use_new_zipfile_serialization=False)
    for file in sorted(tmp_path.iterdir()):
        module = Tiny()
        loaded(module, file)
        assert torch.equal(module.first.weight, trained()["first.weight"])


def test_half_precision_files_load_into_single_precision(tmp_path: Path) -> None:
    torch.save({k: v.half() for k, v in trained().items()}, file := tmp_path / "tiny.pth")
    module = Tiny()
    loaded(module, file)
    assert module.first.weight.dtype == torch.float32


def test_keys_and_shapes_that_do_not_match_are_named(tmp_path: Path) -> None:
    state = trained()
    state["first.kernel"] = state.pop("first.weight")
    state["up.weight"] = torch.zeros(8, 2, 3, 3)
    torch.save(state, file := tmp_path / "tiny.pth")
    text = refusal(file)
    assert "1 missing: first.weight" in text
    assert "1 unexpected: first.kernel" in text
    assert "1 of another shape: up.weight 8x2x3x3 in place of 8x2x4x4" in text


def test_of_many_keys_the_first_are_named_and_all_counted(tmp_path: Path) -> None:
    torch.save({f"x{k}": torch.zeros(1) for k in range(40)}, file := tmp_path / "tiny.pth")
    assert "40 unexpected: x0, x1, x2 ..." in refusal(file)


def test_a_refused_file_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    state = trained()
    del state["up.bias"]
    torch.save(state, file := tmp_path / "tiny.pth")
    module = Tiny()
    before = module.first.weight.clone()
    with pytest.raises(MethodError):
        loaded(module, file)
    assert torch.equal(module.first.weight, before)
    loaded(module, file, r"^up\.bias$")
    assert torch.equal(module.first.weight, trained()["first.weight"])


def test_the_old_name_of_the_early_fusion_is_known(tmp_path: Path) -> None:
    old = {"efst.cconv.weight": torch.zeros(2), "efst.ff.tAtt0.bias": torch.zeros(1)}
    assert list(published_names(old)) == ["efst.early_fusion.weight", "efst.ff.tAtt0.bias"]


def test_what_is_no_file_of_weights_is_said(tmp_path: Path) -> None:
    def made(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    torch.save(trained(), whole := tmp_path / "whole.pth")
    save_file(trained(), safe := tmp_path / "whole.safetensors")
    assert "web page" in refusal(made("page.pth", b"\n<!DOCTYPE html><html><body>Quota exceeded"))
    assert "git lfs" in refusal(made("lfs.pth", b"version https://git-lfs.github.com/spec/v1\n"))
    assert "empty" in refusal(made("empty.pth", b""))
    assert "damaged" in refusal(made("noise.pth", os.urandom(5000)))
    assert "damaged" in refusal(made("text.pth", b"hello"))
    assert "damaged" in refusal(made("cut.pth", whole.read_bytes()[:-900]))
    assert "damaged" in refusal(made("cut.safetensors", safe.read_bytes()[:-900]))
    assert "no weights by name but a list" in refusal(saved(tmp_path / "list.pth", [1, 2]))
    assert "no weights by name but nothing" in refusal(saved(tmp_path / "none.pth", {}))
    assert "'epoch' is a int" in refusal(saved(tmp_path / "plain.pth", {"epoch": 3}))
    assert "cannot be read" in refusal(tmp_path)


def saved(file: Path, content: object) -> Path:
    torch.save(content, file)
    return file


class Trap:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    sprung = Trap(tmp_path / "sprung")
    for old in (True, False):
        file = tmp_path / f"{old}.pth"
        torch.save(
            {"state_dict": trained(), "hook": sprung}, file, _use_new_zipfile_serialization=not old
        )
        assert "would run code" in refusal(file)
    assert not sprung.folder.exists()


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    state = trained()
    state["up.bias"] = torch.tensor([1.0, float("nan")])
    torch.save(state, file := tmp_path / "tiny.pth")
    assert "undefined numbers, in up.bias" in refusal(file)


def test_the_folder_of_weights_is_named_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STVT_HOME", raising=False)
    assert home() == Path.home() / ".cache" / "stvt"
    monkeypatch.setenv("STVT_HOME", str(tmp_path))
    (tmp_path / "weights").mkdir()
    with pytest.raises(MethodError) as caught:
        find_weights("stvun", Settings())
    assert "1fORa8I8iKpzHEin67wW06armoB3MxvTT" in message(caught)
    assert str(tmp_path / "weights" / "STVUN.pth") in message(caught)
    assert "--weights stvun=FILE" in message(caught) and "--untrained" in message(caught)
    with pytest.raises(MethodError, match="none were published.*stvun-wo-d.safetensors"):
        find_weights("stvun-wo-d", Settings())
    for file in ("stvun.safetensors", "STVUN.pth"):
        (tmp_path / "weights" / file).touch()
        assert find_weights("stvun", Settings()) == tmp_path / "weights" / file


def test_a_file_that_is_named_goes_first(tmp_path: Path) -> None:
    file = saved(tmp_path / "mine.pth", trained())
    settings = Settings(weights={"tiny": file})
    assert find_weights("tiny", settings) == file
    with pytest.raises(MethodError, match="no such file"):
        find_weights("tiny", Settings(weights={"tiny": tmp_path / "gone.pth"}))
    _, label = ready_network("edvr-s", Settings(untrained=True))
    assert label == "untrained"
    named = {"edvr-s": SHIPPED / "edvr-s.safetensors"}
    _, label = ready_network("edvr-s", Settings(untrained=True, weights=named))
    assert len(label) == 64


def test_untrained_networks_are_the_same_everywhere() -> None:
    one, other, third = Tiny(), Tiny(), Tiny()
    initialise(one)
    initialise(other)
    initialise(third, seed=1)
    assert torch.equal(one.first.weight, other.first.weight)
    assert not torch.equal(one.first.weight, third.first.weight)
    state = one.state_dict()
    assert not state["first.bias"].any() and (state["norm.weight"] == 1).all()
    assert one.first.weight.std().item() == pytest.approx((2 / 27) ** 0.5, rel=0.15)
    assert one.first.weight[0, 0, 0].tolist() == pytest.approx(
        [-0.5584561825, 0.1295139194, 0.0138987107], rel=1e-5
    )


def test_a_program_and_a_zip_are_named_as_what_they_are(tmp_path: Path) -> None:
    torch.save(trained(), plain := tmp_path / "plain.pth")
    with zipfile.ZipFile(tmp_path / "zipped.pth", "w") as archive:
        archive.write(plain, "plain.pth")
    assert "is a zip archive of plain.pth; unpack it" in refusal(tmp_path / "zipped.pth")
    torch.jit.script(nn.Conv2d(3, 8, 3)).save(tmp_path / "script.pt")  # type: ignore[no-untyped-call]
    assert "is a TorchScript program" in refusal(tmp_path / "script.pt")


def test_a_flipped_bit_of_a_zipped_checkpoint_is_found(tmp_path: Path) -> None:
    torch.save(trained(), file := tmp_path / "net.pth")
    content = bytearray(file.read_bytes())
    values = trained()["up.weight"].numpy().tobytes()
    content[content.index(values) + len(values) // 2] ^= 1
    file.write_bytes(content)
    assert "Bad CRC-32" in refusal(file)


def test_a_dictionary_that_contains_itself_is_refused(tmp_path: Path) -> None:
    itself: dict[str, Any] = {}
    itself["params"] = {"model": itself}
    assert "itself" in refusal(saved(tmp_path / "net.pth", itself))


PLAIN: dict[str, Callable[[Tensor], Any]] = {
    "fp8": lambda tensor: tensor.to(torch.float8_e4m3fn),
    "meta": lambda tensor: tensor.to("meta"),
    "quantised": lambda tensor: torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8),
    "sparse": lambda tensor: tensor.to_sparse(),
    "bool": lambda tensor: tensor.bool(),
    "int32": lambda tensor: tensor.int(),
    "uint8": lambda tensor: tensor.byte(),
    "complex": lambda tensor: tensor.to(torch.complex64),
    "number": lambda tensor: 3.0,
    "too large for float32": lambda tensor: tensor.double() * 1e300,
    "expanded": lambda tensor: torch.zeros(1).expand(10**12),
}


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_tensors_that_are_no_plain_weights_are_refused(tmp_path: Path, kind: str) -> None:
    state: dict[str, Any] = trained()
    state["up.weight"] = PLAIN[kind](state["up.weight"])
    text = refusal(saved(tmp_path / "net.pth", state))
    assert "up.weight" in text or kind == "expanded"


@pytest.mark.parametrize("dtype", [torch.float8_e5m2, torch.bool, torch.int64, torch.uint16])
def test_types_of_safetensors_that_are_no_weights_are_refused(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    state = trained()
    state["up.weight"] = torch.zeros(8, 2, 4, 4).to(dtype)
    file = tmp_path / "net.safetensors"
    if dtype == torch.uint16:  # which older versions read, and save of NumPy's arrays alone
        save_arrays({key: value.numpy() for key, value in state.items()}, file)
    else:
        save_file(state, file)
    assert "up.weight" in refusal(file)


def test_a_zip_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path: Path) -> None:
    torch.save(trained(), plain := tmp_path / "plain.pth")
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(tmp_path / "bomb.pth", "w") as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info))
        new.writestr("plain/data/99", bytes(80 << 20), zipfile.ZIP_DEFLATED)
    assert "packed so small" in refusal(tmp_path / "bomb.pth")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_packed_without_a_bound_is_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.pth", "w", method) as archive:
        archive.writestr("a/data.pkl", bytes(1000))
    assert "unusual way" in refusal(tmp_path / "a.pth")


def test_a_deep_header_is_refused(tmp_path: Path) -> None:
    header = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert "damaged" in refusal(tmp_path / "a.safetensors")


def test_names_from_a_file_cannot_command_the_terminal(tmp_path: Path) -> None:
    text = refusal(saved(tmp_path / "a.pth", {"\x1b[31m" + "x" * 9999: torch.zeros(1)}))
    assert "\x1b" not in text and len(text) < 1000


@pytest.mark.parametrize("name", ["edvr-m", "stvun", "pwcnet", "dain", "fisr", "lpips"])
def test_names_and_shapes_of_no_network_are_one_line(name: str, tmp_path: Path) -> None:
    """Those that a network's form is read from, with shapes that make no sense."""
    for value in (torch.zeros(()), torch.zeros(0, 0), torch.zeros(1 << 20, 1)):
        state = dict.fromkeys(
            [
                "conv_l2_1.weight",
                "fusion.feat_fusion.weight",
                "pcd_align.cas_dcnpack.conv_offset.weight",
                "conv_last.weight",
                "efst.early_fusion.weight",
                "decoder.rconv1.weight",
                "netExtractor.a.b.c",
                "netExtractor.netSix.99.weight",
                "netRefiner.0.x.weight",
            ],
            value,
        )
        file = saved(tmp_path / "a.pth", state)
        with pytest.raises(MethodError) as caught:
            load_network(name, file)
        assert str(file) in message(caught)
        assert detect(read_state(file, name)) is None


def test_an_archive_whose_two_records_of_a_size_differ_is_read_rightly_or_refused(
    tmp_path: Path,
) -> None:
    """torch takes the one, and leaves memory as it was where the other says more.

    Python refuses the file from 3.13 on, and from later releases of 3.11 and 3.12.
    """
    torch.save(trained(), file := tmp_path / "net.pth")
    content = bytearray(file.read_bytes())
    entry = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    while b"data/" not in content[entry + 46 : entry + 60]:
        entry = content.index(b"PK\x01\x02", entry + 1)
    content[entry + 23] = 127  # the size when packed
    file.write_bytes(content)
    module = Tiny()
    try:
        loaded(module, file)
    except MethodError as refused:
        assert "net.pth is damaged" in str(refused)
    else:
        assert all(torch.equal(value, trained()[key]) for key, value in module.state_dict().items())
