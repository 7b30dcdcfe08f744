"""A user's own method: apart from others, its networks found, its values checked, ends caught."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from stvt import load_method
from stvt.baselines.errors import CustomMethodError, MethodError
from stvt.baselines.factory import build
from stvt.baselines.method import Method, Scene, Settings

SETTINGS = Settings()
SCENE = Scene("set", "scene", 3, 2, 16, 16)
METHOD = """
{top}
import torch
class M:
    {fields}
    def __init__(self):
        {init}
    def __call__(self, window, times):
        {call}
        x = torch.nn.functional.interpolate(torch.stack([window[0]] * (1 + len(times))), scale_factor=4)
        return {result}
"""


def write(file: Path, **parts: str) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    defaults = {"top": "", "fields": "pass", "init": "pass", "call": "pass", "result": "x"}
    file.write_text(METHOD.format(**defaults | parts))
    return f"{file}:M"


def output(method: Method) -> torch.Tensor:
    method.begin(SCENE)
    frames = [torch.full((3, 4, 4), 0.25)] * 2
    return next(frame for _, frame in method.stream(frames, [0.5]))


@pytest.mark.parametrize("where", ["top", "init", "call"])
def test_neighbours_of_one_name_are_told_apart(tmp_path: Path, where: str) -> None:
    methods = []
    for folder, value in (("A", 0.5), ("B", 0.75)):
        spec = write(
            tmp_path / folder / "m.py",
            **{where: "import neighbour_net; torch = __import__('torch')"},
            result="x * 0 + __import__('neighbour_net').VALUE",
        )
        (tmp_path / folder / "neighbour_net.py").write_text(f"VALUE = {value}")
        methods.append(build(spec, SETTINGS))
    assert [float(output(m).mean()) for m in (*methods, *methods)] == [0.5, 0.75, 0.5, 0.75]
    assert "neighbour_net" not in sys.modules and str(tmp_path / "A") not in sys.path
    before = methods[0].fingerprint
    (tmp_path / "A" / "neighbour_net.py").write_text("VALUE = 0.125")
    again = build(f"{tmp_path / 'A' / 'm.py'}:M", SETTINGS)
    assert again.fingerprint != before and float(output(again).mean()) == 0.125


def test_the_fingerprint_covers_the_files_that_a_class_names(tmp_path: Path) -> None:
    spec = write(tmp_path / "m.py", fields='fingerprint = ["net.pth"]')
    (tmp_path / "net.pth").write_bytes(b"1")
    before = build(spec, SETTINGS).fingerprint
    (tmp_path / "net.pth").write_bytes(b"2")
    assert build(spec, SETTINGS).fingerprint != before


def test_the_fingerprint_covers_the_files_of_a_folder_that_a_class_names(tmp_path: Path) -> None:
    spec = write(tmp_path / "m.py", fields='fingerprint = ["weights"]')
    (tmp_path / "weights" / "deep").mkdir(parents=True)
    (tmp_path / "weights" / "deep" / "net.pth").write_bytes(b"1")
    before = build(spec, SETTINGS).fingerprint
    assert build(spec, SETTINGS).fingerprint == before
    (tmp_path / "weights" / "deep" / "net.pth").write_bytes(b"2")
    assert build(spec, SETTINGS).fingerprint != before


@pytest.mark.parametrize(
    "parts",
    [
        {"init": "self.a = type('W', (), {})(); self.a.net = Net()", "result": "self.a.net(x)"},
        {"init": "self.a = {'nets': [Net()]}", "result": "self.a['nets'][0](x)"},
        {"init": "net = Net(); self.run = lambda x: net(x)", "result": "self.run(x)"},
        {"result": "GLOBAL(x)"},
    ],
    ids=["wrapper", "list", "closure", "global"],
)
def test_networks_anywhere_evaluate_and_count(tmp_path: Path, parts: dict[str, str]) -> None:
    top = (
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.weight = torch.nn.Parameter(torch.ones(5)); self.drop = torch.nn.Dropout(0.5)\n"
        "    def forward(self, x): return self.drop(x)\n"
    )
    top += "GLOBAL = Net()\n" if "GLOBAL" in parts["result"] else ""
    method = build(write(tmp_path / "m.py", top=top, **parts), SETTINGS)
    assert sum(p.numel() for net in method.networks() for p in net.parameters()) == 5
    assert torch.equal(output(method), torch.full((3, 16, 16), 0.25))


def test_a_network_of_the_first_call_evaluates_too(tmp_path: Path) -> None:
    call = "net = torch.nn.Sequential(torch.nn.Dropout(0.5))"
    method = build(write(tmp_path / "m.py", call=call, result="net(x)"), SETTINGS)
    assert torch.equal(output(method), torch.full((3, 16, 16), 0.25))


@pytest.mark.parametrize("result", ["255 * x", "2 * x - 1"])
def test_values_beyond_0_to_1_are_warned_of(tmp_path: Path, result: str) -> None:
    method = build(write(tmp_path / "m.py", result=result), SETTINGS)
    output(method)
    assert len(method.warnings) == 1 and "0..255 or -1..1" in method.warnings[0]


@pytest.mark.parametrize("where", ["top", "init", "call"])
@pytest.mark.parametrize(
    "code,said",
    [
        ("import sys; sys.exit(0)", "ends the process"),
        ("import os; os._exit(0)", "ends the process"),
        ("import os; os.chdir('/')", "changes the working folder"),
        ("raise BaseException('odd')", "BaseException: odd"),
    ],
)
def test_nothing_ends_the_process(tmp_path: Path, where: str, code: str, said: str) -> None:
    spec = write(tmp_path / "own.py", **{where: code})
    folder = Path.cwd()
    for _ in range(2):
        with pytest.raises(CustomMethodError, match=said) as caught:
            output(build(spec, SETTINGS))
        assert "\n" not in str(caught.value) and Path.cwd() == folder


def test_slots_are_fine_and_a_wrong_support_is_said(tmp_path: Path) -> None:
    slots = build(write(tmp_path / "a.py", fields="__slots__ = ()"), SETTINGS)
    assert output(slots).shape == (3, 16, 16)
    wrong = write(tmp_path / "b.py", fields="def support(self, t, times): return 0")
    with pytest.raises(CustomMethodError, match="support.t, times. returned 0"):
        build(wrong, SETTINGS).support(0, [])
    half = write(tmp_path / "c.py", fields="scale = 2.5")
    with pytest.raises(CustomMethodError, match=r"scale is 2\.5, not a whole number from 1 on"):
        build(half, SETTINGS)


@pytest.mark.parametrize("spec", ["edvr-s", "e=edvr-s", "edvr-s+blend"])
def test_a_file_of_weights_goes_to_the_only_network(tmp_path: Path, spec: str) -> None:
    with pytest.raises(MethodError, match="there is no such file"):
        load_method(spec, tmp_path / "none.pth")
    with pytest.raises(MethodError, match="did you mean edvr-s"):
        load_method(spec, {"edvr_s": tmp_path / "none.pth"})
    with pytest.raises(MethodError, match="say whose"):
        load_method("bicubic+blend", tmp_path / "none.pth")


STREAM = """
from stvt.baselines.method import Method
import torch

class M(Method):
    def support(self, t, times):
        return 0, 1
    def fingerprint_of(self, scene):
        return scene.name
    def stream(self, frames, times, is_wanted):
        for k, frame in enumerate(frames):
            x = frame.repeat_interleave(4, 1).repeat_interleave(4, 2)
            yield {output}
"""


@pytest.mark.parametrize(
    "output,said",
    [
        ("k, x[None]", r"returned shape \(1, 3, 16, 16\), not \(3, 16, 16\): 4 times larger"),
        ("k, (255 * x).byte()", r"returned torch.uint8, not floats in \[0, 1\]"),
        ("k, x.numpy()", "returned ndarray, not a Tensor"),
        ("k, x / 0", "returned values that are not finite"),
        ("x", r"stream gave Tensor, not \(time, frame\)"),
        ("k + 0.2, x", r"stream gave a frame of time 0.2; asked for is each k, k \+ 0.5"),
        ("0, x", "stream gave the frame of time 0 after that of 0"),
    ],
)
def test_what_a_method_with_a_stream_of_its_own_gives_is_checked(
    tmp_path: Path, output: str, said: str
) -> None:
    (tmp_path / "m.py").write_text(STREAM.format(output=output))
    method = build(f"{tmp_path / 'm.py'}:M", SETTINGS)
    with pytest.raises(CustomMethodError, match=said):
        list(method.stream([torch.ones(3, 4, 4)] * 2, [0.5]))


def test_a_stream_beyond_0_to_1_is_warned_of_and_its_scale_is_the_runs(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text(STREAM.format(output="k, 2 * x - 1"))
    method = build(f"{file}:M", SETTINGS, larger=True)
    method.begin(SCENE)
    assert method.scale == 4 and [k for k, _ in method.stream([torch.zeros(3, 4, 4)] * 2, [])] == [
        0,
        1,
    ]
    assert len(method.warnings) == 1 and "values from -1 to -1" in method.warnings[0]


def test_a_fingerprint_of_a_scene_holds_the_code_too(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text(STREAM.format(output="k, x"))
    before = build(f"{file}:M", SETTINGS).fingerprint_of(SCENE)
    file.write_text(STREAM.format(output="k, x / 2"))
    after = build(f"{file}:M", SETTINGS).fingerprint_of(SCENE)
    assert before != after and before.endswith(" scene") and after.endswith(" scene")
    assert build(f"{file}:M+blend", SETTINGS).fingerprint_of(SCENE) == after
