"""What can be written after --methods, and what is said when it cannot be built."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch

import stvt.baselines
from stvt.baselines import (
    ALIASES,
    METHODS,
    NETWORKS,
    MethodError,
    build,
    network,
    parse_methods,
    registry,
    with_absolute_paths,
)
from stvt.baselines.cascade import Cascade
from stvt.baselines.method import Method, Settings
from stvt.baselines.precomputed import PrecomputedFrames

SETTINGS = Settings()

CUSTOM = """
import torch
import torch.nn.functional as F

class Mine:
    before, after = 0, 1

    def __call__(self, window, times):
        pair = torch.stack([window[0], *((1 - t) * window[0] + t * window[1] for t in times)])
        return F.interpolate(pair, scale_factor=4, mode="bicubic")

class ByScale(Mine):
    def __init__(self, settings):
        self.scale = settings.scale
        self.network = torch.nn.Linear(2, 2)

class Middle(Mine):
    scale = 1

    def __call__(self, window, times):
        return torch.stack([window[0]] * (1 + len(times)))

class Wrong(Mine):
    def __call__(self, window, times):
        return RESULT

class Raises(Mine):
    def __call__(self, window, times):
        return window.reshape(7)

class NeedsMore(Mine):
    def __init__(self):
        raise OSError("no such\\nthing")

class NoCall:
    pass

class Odd(Mine):
    scale = "four"
"""


def stream(method: Method, frames: int = 3) -> list[tuple[float, torch.Tensor]]:
    return list(method.stream([torch.rand(3, 4, 5)] * frames, [0.5]))


@pytest.fixture
def custom_file(tmp_path: Path) -> Path:
    file = tmp_path / "net.py"
    file.write_text(CUSTOM)
    return file


def test_a_list_is_split_and_each_method_taken_once() -> None:
    assert parse_methods("a, b+c,mine=frames:/x/y,a") == ["a", "b+c", "mine=frames:/x/y"]
    assert parse_methods(["a,b", "c"]) == ["a", "b", "c"]


@pytest.mark.parametrize("text", ["", "a,,b", "a,"])
def test_an_empty_name_is_an_error(text: str) -> None:
    with pytest.raises(MethodError, match="a name is missing"):
        parse_methods(text)


def test_one_name_for_two_methods_is_an_error() -> None:
    with pytest.raises(MethodError, match="'x' is the name of both 'x=a' and 'x=b'"):
        parse_methods("x=a,x=b")


def test_names_compose_and_may_be_renamed() -> None:
    assert build("bicubic", SETTINGS).name == "bicubic"
    assert build("bicubic+blend", SETTINGS).name == "bicubic+blend"
    renamed = build("ours=blend + bicubic", SETTINGS)
    assert isinstance(renamed, Cascade)
    assert renamed.name == "ours"
    assert [stage.name for stage in renamed.stages] == ["blend", "bicubic"]
    assert build("ours=bicubic", SETTINGS).name == "ours"


def test_the_papers_cascades_have_names() -> None:
    assert ALIASES == {"v2f": "edvr+dain", "f2v": "dain+edvr"}


def test_the_handoff_dtype_reaches_the_cascade() -> None:
    method = build("bicubic+blend", Settings(handoff_dtype="uint8"))
    assert isinstance(method, Cascade) and method.handoff_dtype == "uint8"


@pytest.mark.parametrize(
    "spec,said",
    [
        ("bicubik+blend", "no method is called 'bicubik'; did you mean bicubic"),
        ("qqqq", "`stvt list methods` names all"),
        ("", "no method is called ''"),
        ("bicubic+", "no method is called ''"),
        ("bicubic+bilinear", "both methods are spatial"),
        ("blend+flow", "both methods are temporal"),
        ("bicubic+blend+flow", "a composition is of two methods"),
        ("stvun+blend", "stvun does both in one"),
        ("v2f+blend", "v2f stands for edvr\\+dain"),
        ("frames:/x", "needs a name before it, as in mine=frames:/x"),
        ("mine=frames:/no/such", "there is no folder /no/such"),
        ("/no/such.py:Mine", "there is no such file"),
    ],
)
def test_what_cannot_be_built_is_said_in_one_line(spec: str, said: str) -> None:
    with pytest.raises(MethodError, match=said) as caught:
        build(spec, SETTINGS)
    assert "\n" not in str(caught.value)


def test_a_method_that_lacks_a_half_is_refused_where_both_are_needed() -> None:
    with pytest.raises(MethodError, match="bicubic makes no new frames; write bicubic\\+blend"):
        build("bicubic", SETTINGS, new=True)
    with pytest.raises(MethodError, match="blend makes no larger frames; write bicubic\\+blend"):
        build("blend", SETTINGS, larger=True)
    assert build("bicubic", SETTINGS, larger=True).scale == 4


def test_a_scale_that_a_method_does_not_offer_is_said() -> None:
    with pytest.raises(MethodError, match="edvr enlarges by 4 only, not by 2"):
        build("edvr", Settings(scale=2, untrained=True))
    with pytest.raises(MethodError, match="fisr enlarges by 2 only, not by 4"):
        build("fisr", Settings(untrained=True))


def test_a_folder_of_frames_is_a_method(tmp_path: Path) -> None:
    method = build(f"mine=frames:{tmp_path}", SETTINGS, larger=True, new=True)
    assert isinstance(method, PrecomputedFrames) and method.name == "mine"


def test_a_class_of_the_users_own_runs(custom_file: Path) -> None:
    method = build(f"mine={custom_file}:Mine", SETTINGS, larger=True, new=True)
    assert (method.name, method.scale, method.support(0.5, [0.5])) == ("mine", 4, (0, 1))
    assert [tuple(frame.shape) for _, frame in stream(method)] == [(3, 16, 20)] * 5
    assert build(f"{custom_file}:ByScale", Settings(scale=2)).scale == 2
    assert len(build(f"{custom_file}:ByScale", SETTINGS).networks()) == 1


def test_a_class_of_the_users_own_composes(custom_file: Path) -> None:
    assert len(stream(build(f"{custom_file}:Mine+blend", SETTINGS))) == 5
    assert len(stream(build(f"bicubic+{custom_file}:Middle", SETTINGS))) == 5


def test_a_plus_in_a_folders_name_is_no_composition(custom_file: Path) -> None:
    folder = custom_file.parent / "a+b"
    folder.mkdir()
    assert build(f"x={custom_file.rename(folder / 'net.py')}:Mine", SETTINGS).name == "x"


def test_a_plus_in_the_working_folder_splits_no_path(
    custom_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = custom_file.parent / "c++"
    folder.mkdir()
    custom_file = custom_file.rename(folder / "net.py")
    monkeypatch.chdir(folder)
    spec = with_absolute_paths("m=bicubic+net.py:Middle")  # as other processes are given it
    assert spec == f"m=bicubic+{custom_file}:Middle"
    assert [one.scale for one in build(spec, SETTINGS).stages] == [4, 1]
    assert [one.scale for one in build(f"{custom_file}:Mine + blend", SETTINGS).stages] == [4, 1]


def test_a_class_that_makes_no_new_frames_may_say_so(custom_file: Path) -> None:
    spatial = CUSTOM.replace("class Mine:", "class Mine:\n    spatial = True")
    custom_file.write_text(
        spatial.replace(", *((1 - t) * window[0] + t * window[1] for t in times)", "")
    )
    spec = f"{custom_file}:Mine"
    assert [time for time, _ in stream(build(spec, SETTINGS))] == [0, 1, 2]
    assert len(stream(build(f"{spec}+blend", SETTINGS))) == 5
    with pytest.raises(MethodError, match="Mine makes no new frames; write .*Mine.blend"):
        build(spec, SETTINGS, new=True)


@pytest.mark.parametrize(
    "result,said",
    [
        ("[1]", "mine returned list, not a Tensor"),
        ("torch.zeros(2, 3, 4, 5)", r"mine returned shape \(2, 3, 4, 5\), not \(2, 3, 16, 20\)"),
        ("torch.zeros(2, 3, 16, 20).byte()", "mine returned torch.uint8, not floats"),
        ("torch.full((2, 3, 16, 20), torch.nan)", "mine returned values that are not finite"),
    ],
)
def test_a_wrong_result_is_said_with_the_methods_name(
    custom_file: Path, result: str, said: str
) -> None:
    custom_file.write_text(CUSTOM.replace("RESULT", result))
    with pytest.raises(MethodError, match=said):
        stream(build(f"mine={custom_file}:Wrong", SETTINGS))


def test_an_exception_is_told_with_its_file_and_line(custom_file: Path) -> None:
    line = 1 + CUSTOM.split("\n").index("        return window.reshape(7)")
    with pytest.raises(MethodError, match=f"mine: RuntimeError: .*{custom_file}:{line}") as caught:
        stream(build(f"mine={custom_file}:Raises", SETTINGS))
    assert isinstance(caught.value.__cause__, RuntimeError)
    with pytest.raises(MethodError, match=f"NeedsMore: OSError: no such thing .*{custom_file}:"):
        build(f"{custom_file}:NeedsMore", SETTINGS)


@pytest.mark.parametrize(
    "name,said",
    [
        ("Gone", "defines no 'Gone'"),
        ("NoCall", "has no __call__"),
        ("Odd", "scale is 'four', not a whole number"),
        ("CUSTOM", "defines no 'CUSTOM'"),
    ],
)
def test_a_class_that_is_no_method_is_said(custom_file: Path, name: str, said: str) -> None:
    with pytest.raises(MethodError, match=said):
        build(f"{custom_file}:{name}", SETTINGS)


@pytest.mark.parametrize("code,said", [("x = ", "SyntaxError"), ("import nowhere", "nowhere")])
def test_a_file_that_does_not_run_is_said(tmp_path: Path, code: str, said: str) -> None:
    file = tmp_path / "net.py"
    file.write_text(code)
    with pytest.raises(MethodError, match=f"{said}.*net.py:1"):
        build(f"{file}:Mine", SETTINGS)


def test_installed_packages_add_methods(custom_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(custom_file.parent)
    points = {
        "theirs": EntryPoint("theirs", "net:Mine", "stvt.methods"),
        "bound": EntryPoint("bound", "bound:mine", "stvt.methods"),  # neither class nor function
        "broken": EntryPoint("broken", "nowhere:Mine", "stvt.methods"),
    }
    bound = "from functools import partial\nfrom net import Mine\nmine = partial(Mine)\n"
    (custom_file.parent / "bound.py").write_text(bound)
    monkeypatch.setattr(registry, "installed", lambda: points)
    assert len(stream(build("theirs", SETTINGS))) == 5
    assert len(stream(build("bound", SETTINGS))) == 5
    before = [build(name, SETTINGS).fingerprint for name in ("theirs", "bound")]
    for file in ("net.py", "bound.py"):
        with (custom_file.parent / file).open("a") as opened:
            opened.write("# changed")
    after = [build(name, SETTINGS).fingerprint for name in ("theirs", "bound")]
    assert all(one != other for one, other in zip(before, after, strict=True))
    with pytest.raises(MethodError, match="broken .nowhere:Mine.: ModuleNotFoundError"):
        build("broken", SETTINGS)
    with pytest.raises(MethodError, match="did you mean theirs"):
        build("their", SETTINGS)


def test_a_network_that_does_not_exist_is_said() -> None:
    with pytest.raises(
        MethodError, match="no network is called 'x'; there are stvun, stvun-wo-efst"
    ):
        network("x")


def test_a_network_comes_ready_to_evaluate() -> None:
    net = network("pwcnet")
    assert not net.training
    assert {(p.dtype, p.device.type) for p in net.parameters()} == {(torch.float32, "cpu")}


def test_the_networks_are_those_of_the_papers_and_what_they_build_on() -> None:
    names = dict.fromkeys(spec.name for spec in NETWORKS.values())
    space = ["stvun", "edvr", "basicvsr", "spynet", "dain", "rife", "zsm", "rstt", "fisr"]
    built_on = ["fisr_pwcnet", "pwcnet", "lpips", "lpips-vgg", "dists"]
    assert list(names) == [*space, *built_on]
    assert set(METHODS) >= {"bicubic", "stvun-s", "stvun-s-wo-efst", "edvr-m", "dain", "fisr"}


@pytest.mark.parametrize(
    "command", ["list methods", "list datasets", "list metrics", "weights list"]
)
def test_listing_needs_no_torch(command: str) -> None:
    code = f"import sys; from stvt.cli.main import main; main({command.split()}); "
    code += "sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


def test_the_doors_function_is_not_hidden_by_a_module_of_its_name() -> None:
    assert stvt.baselines.build is build and callable(build)
