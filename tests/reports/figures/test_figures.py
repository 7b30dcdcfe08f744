"""Figures on demand: crops, error maps, x-t slices, flow colours, confidence maps and videos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from stvt import baselines, datasets
from stvt.baselines import SHIPPED
from stvt.cli.main import build_parser
from stvt.core.errors import UsageError
from stvt.core.files import write_json
from stvt.core.safe_names import file_name
from stvt.evaluation import figures, thumbnails
from stvt.evaluation import store as results
from stvt.evaluation.report import read_info
from stvt.reports import ReportError
from stvt.reports.figures.confidence import confidence_figure
from stvt.reports.figures.error_maps import error_map
from stvt.reports.figures.flow import flow_colours, flow_figure, wheel
from stvt.reports.figures.videos import scene_videos
from stvt.reports.figures.xt_slices import time_slice
from stvt.training.weights import write_weights

NAME = "a_<b>"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of one scene of five frames by one method, whose third frame is shown."""
    truth = np.random.default_rng(0).integers(0, 200, (48, 64, 3), np.uint8)
    facts = {
        "protocol": {"time_step": 2, "degradation": "BD", "scale": 4},
        "signature": "s:1",
        "datasets": {"d": {"scenes": ["s"]}},
        "methods": {NAME: {"weights": ""}},
        "shown": {"d": {"s": 2}},
    }
    write_json(tmp_path / "run.json", facts)
    scores = [[frame, 0.5, "psnr", "rgb", 20.0 + frame] for frame in range(5)]
    unit = {
        "key": "k",
        "dataset": "d",
        "scene": "s",
        "method": NAME,
        "signature": "s:1",
        "weights": "",
        "fps": "25",
    }
    write_json(results.unit_file(tmp_path, "d", "s", NAME), {**unit, "scores": scores})
    clip = tmp_path / "clips" / "d" / "s"
    for frame in range(5):
        thumbnails.write_copies(clip, NAME, frame, truth, truth // 2 + frame, truth[::4, ::4])
    picture = results.picture_file(tmp_path, "d", "s", NAME)
    picture.parent.mkdir(parents=True)
    Image.fromarray(truth // 2).save(picture)
    Image.fromarray(truth).save(picture.parents[1] / "truth.png")
    Image.fromarray(truth[::4, ::4]).save(picture.parents[1] / "input.png")
    return tmp_path


def test_a_crop_by_hand_is_enlarged_and_makes_three_figures_in_three_formats(run: Path) -> None:
    files = figures.crop_figures(run, ["d/s:2:40,32,16,12"])
    kinds = {"crop-d-s-2-40-32-16-12", "errors-d-s-2", "slices-d-s-2-38"}
    formats = ("png", "pdf", "svg")
    assert {file.name for file in files} == {f"{k}.{format}" for k in kinds for format in formats}
    with Image.open(results.picture_file(run, "d", "s", NAME)) as image:
        wanted = {tuple(map(int, p)) for p in np.asarray(image)[32:44, 40:56].reshape(-1, 3)}
    with Image.open(run / "report" / "figures" / "crop-d-s-2-40-32-16-12.png") as image:
        assert wanted <= {tuple(map(int, p)) for p in np.asarray(image).reshape(-1, 3)}


def test_two_crops_of_a_frame_have_x_t_slices_of_their_own(run: Path) -> None:
    files = figures.crop_figures(run, ["d/s:2:40,32,16,12", "d/s:2:0,0,16,12"])
    assert {file.stem for file in files if file.stem.startswith("slices")} == {
        "slices-d-s-2-38",
        "slices-d-s-2-6",
    }


def test_several_times_and_crops_of_a_scene_make_one_figure(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (truth,) = (run / "pictures").rglob("truth.png")
    prepared = run / "data" / "d" / "GT" / "s"
    kept = run / "frames" / file_name(NAME) / "d" / "s"
    for folder in (prepared, kept):
        folder.mkdir(parents=True)
    for frame in (1, 3):
        Image.new("RGB", (64, 48), (10 * frame, 200, 7)).save(kept / f"{frame:08d}.png")
        Image.open(truth).save(prepared / f"{frame:08d}.png")

    class Scene:
        gt_path = staticmethod(lambda frame: prepared / f"{frame:08d}.png")
        lr_path = staticmethod(lambda frame, folder: prepared / f"{frame:08d}.png")

    loaded = SimpleNamespace(scenes={"s": Scene})
    monkeypatch.setattr(datasets, "load", lambda name, root: loaded)
    files = figures.crop_figures(run, ["s:1-3:40,32,16,12", "s:2:40,32,16,12:0,0,16,12"])
    stems = ["strip-d-s-1-3-40-32-16-12", "strip-d-s-2-40-32-16-12-0-0-16-12"]
    formats = ("png", "pdf", "svg")
    assert [file.name for file in files] == [f"{s}.{format}" for s in stems for format in formats]
    with Image.open(files[0]) as image:
        shown = {tuple(map(int, p)) for p in np.asarray(image.convert("RGB")).reshape(-1, 3)}
    assert {(10, 200, 7), (30, 200, 7)} <= shown


@pytest.mark.parametrize(
    ("crop", "words"),
    [
        ("s:2:8,4,16", "not of the form"),
        ("t:2:0,0,8,8", "no scene of the run"),
        ("s:4:0,0,8,8", "frame 2 was.*--save-frames"),
        ("s:5:0,0,8,8", "scored no frame 5 of 's'; it scored 0, 1, 2, 3, 4"),
        ("s:1-3:0,0,8,8", "frame 1 of 's' was not kept"),
        ("s:3-2:0,0,8,8", "backwards"),
        ("s:2:0,0,8,8:60,0,8,8", "ends at 68,8"),
        ("s:2:60,0,8,8", "ends at 68,8, outside of the frame of 64x48"),
        ("s:2:0,0,0,8", "0x8"),
    ],
)
def test_a_crop_that_cannot_be_is_said(run: Path, crop: str, words: str) -> None:
    with pytest.raises((UsageError, ReportError), match=words):
        figures.crop_figures(run, [crop])


def test_an_error_map_is_the_mean_absolute_error_of_the_channels() -> None:
    truth = np.full((2, 2, 3), 100, np.uint8)
    restored = truth.copy()
    restored[0, 1] = (130, 100, 70)
    np.testing.assert_allclose(error_map(restored, truth), [[0, 20], [0, 0]])


def test_a_slice_has_a_row_of_each_frame() -> None:
    frames = [np.full((10, 4, 3), 10 * n, np.uint8) for n in range(3)]
    frames[1][7] = 99
    cut = time_slice(frames, 0.75)
    assert cut.shape == (3, 4, 3) and cut[:, 0, 0].tolist() == [0, 99, 20]


def test_flow_colours_are_white_at_rest_and_opposite_for_opposite_motion() -> None:
    flow = np.zeros((2, 1, 3), np.float32)
    flow[0, 0] = (0, 2, -2)
    still, right, left = flow_colours(flow)[0].astype(int)
    assert still.tolist() == [255, 255, 255]
    assert right.tolist() == [255, 0, 0] and left.tolist() == [0, 255, 255]
    half = flow_colours(flow, fastest=4)[0, 1].tolist()
    assert half == [255, 128, 128]
    assert wheel(51)[0, 0].tolist() == [255, 255, 255]


def test_confidence_is_of_the_shipped_weights_and_tells_files_of_one_name_apart(
    tmp_path: Path, write_clip: Any, moving_square: Any
) -> None:
    clip = write_clip(tmp_path / "clip", moving_square(3, 16, 16))
    window, maps = figures.confidence_maps(clip, device="cpu")
    assert len(window) == 7 and list(maps) == ["stvun-s"] and maps["stvun-s"].shape[:2] == (4, 7)
    files = [tmp_path / run / "weights" / "stvun-s-last.safetensors" for run in "ab"]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_bytes((SHIPPED / "stvun-s.safetensors").read_bytes())
    _, maps = figures.confidence_maps(clip, [str(file) for file in files], device="cpu")
    assert list(maps) == [f"{run}/weights/stvun-s-last" for run in "ab"]
    with pytest.raises(UsageError, match="NAME=FILE"):
        figures.confidence_maps(clip, [f"x={file}" for file in files], device="cpu")
    with pytest.raises(UsageError, match="bicubic has no confidence"):
        figures.confidence_maps(clip, method="bicubic", device="cpu")


def test_confidence_needs_no_flow_network_and_takes_a_checkpoints_averaged_weights(
    tmp_path: Path, write_clip: Any, moving_square: Any
) -> None:
    """Weights of stage space, and `step-N.pt` of that stage with random flow and an average."""
    clip = write_clip(tmp_path / "clip", moving_square(3, 16, 16))
    name = "stvun-s-unaligned"
    network = baselines.network(name)
    whole = network.state_dict()
    space = {key: one for key, one in whole.items() if not key.startswith(("pwcnet.", "mask."))}
    exported, checkpoint = tmp_path / "last.safetensors", tmp_path / "step-00000004.pt"
    write_weights(exported, space, "")
    raw = {f"network.{key}": torch.zeros_like(one) for key, one in whole.items()}
    average = {f"module.network.{key}": one for key, one in whole.items()}
    average["n_averaged"] = torch.tensor(4)
    untrained = sorted(whole.keys() - space.keys())
    torch.save({"step": 4, "untrained": untrained, "network": raw, "average": average}, checkpoint)
    files = [str(exported), str(checkpoint)]
    _, maps = figures.confidence_maps(clip, files, method=name, device="cpu")
    first, second = maps.values()
    assert np.array_equal(first, second) and first.std() > 0


@pytest.mark.slow  # STVUN is built
def test_confidence_is_of_the_method_that_each_file_is_of(
    tmp_path: Path, write_clip: Any, moving_square: Any
) -> None:
    clip = write_clip(tmp_path / "clip", moving_square(3, 16, 16))
    write_weights(
        full := tmp_path / "full.safetensors", baselines.network("stvun").state_dict(), ""
    )
    small = SHIPPED / "stvun-s.safetensors"
    _, maps = figures.confidence_maps(clip, [f"a={full}", f"b={small}"], device="cpu")
    assert list(maps) == ["a", "b"] and all(one.shape[1] == 7 for one in maps.values())
    (tmp_path / "none.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(baselines.MethodError, match=r"none\.safetensors is damaged"):
        figures.confidence_maps(clip, [str(tmp_path / "none.safetensors")], device="cpu")


@pytest.mark.slow  # STVUN is built
def test_the_commands_make_figures_of_any_frames(
    tmp_path: Path, write_clip: Any, moving_square: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_clip(tmp_path / "clip", moving_square(4, 64, 64))
    parser = build_parser()
    first, second, *_ = sorted(folder.iterdir())
    lines = [["flow", str(first), str(second)]]
    lines += [["confidence", str(folder), "--untrained", "--method", "stvun"]]
    for line in lines:
        args = parser.parse_args([*line, "--out", str(tmp_path / "out" / line[0])])
        assert args.run(args) == 0
    made = capsys.readouterr().out.split()
    assert len(made) == 6 and all(Path(file).is_file() for file in made)
    args = parser.parse_args(["confidence", str(folder), "--frame", "9"])
    with pytest.raises(UsageError, match="frames 0 to 3"):
        args.run(args)


def test_figures_of_flow_and_confidence_are_files_the_same_twice(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    flow = generator.normal(size=(2, 12, 16)).astype(np.float32)
    window = [generator.integers(0, 256, (12, 16, 3), np.uint8) for _ in range(3)]
    maps = {NAME: generator.random((1, 3, 12, 16), np.float32)}
    made = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        files = flow_figure(flow, folder / "flow")
        files += confidence_figure(window, maps, folder / "scores")
        made.append({file.name: file.read_bytes() for file in files})
    assert made[0] == made[1] and len(made[0]) == 6


def test_videos_show_all_views_at_real_speed_and_slowed_down(run: Path) -> None:
    real, slow = figures.videos(run)
    seconds = []
    for file in (real, slow):
        with av.open(str(file)) as container:
            (stream,) = container.streams.video
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
            assert stream.average_rate is not None
            seconds.append(len(frames) / float(stream.average_rate))
            assert len({frame.shape for frame in frames}) == 1
            assert frames[0].shape[0] % 2 == frames[0].shape[1] % 2 == 0
    assert seconds == [pytest.approx(3.0), pytest.approx(5 / 25 * 8)]


def test_a_video_skips_frames_that_a_view_lacks_and_none_is_made_of_nothing(run: Path) -> None:
    scores = {("d", "s", NAME)}
    clip = thumbnails.find_clips(run, read_info(run), scores)["d"]["s"]
    clip = replace(clip, methods={NAME: {}})
    assert scene_videos(clip, "d", "s", [NAME], run / "out") == []
    assert not (run / "out").exists()


def test_the_videos_of_no_two_scenes_share_a_file(run: Path) -> None:
    clip = thumbnails.find_clips(run, read_info(run), {("d", "s", NAME)})["d"]["s"]
    files = [
        file
        for scene in ("s", "s-slow", "slow-s")
        for file in scene_videos(clip, "d", scene, [NAME], run / "out")
    ]
    assert len(set(files)) == len(files) == 6


def test_a_run_without_moving_pictures_says_so(tmp_path: Path) -> None:
    facts = {"signature": "", "datasets": {}, "methods": {}, "shown": {}}
    write_json(tmp_path / "run.json", facts)
    with pytest.raises(UsageError, match="no moving pictures"):
        list(figures.videos(tmp_path))
