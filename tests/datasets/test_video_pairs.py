"""Windows and their truth for training loops of one's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from stvt.datasets import DatasetError, VideoPairs, prepare, prepare_photographs, read_frame

Clip = Callable[..., list[NDArray[np.uint8]]]


@pytest.fixture(scope="module")
def root(
    tmp_path_factory: pytest.TempPathFactory, moving_square: Clip, write_clip: Callable[..., Path]
) -> Path:
    """A test set of 6 frames of 24 x 32, and a training set."""
    root = tmp_path_factory.mktemp("data")
    write_clip(root / "source" / "squares", moving_square(6))
    prepare("squares", root, source=root / "source")
    prepare_photographs(root, clips=3, frames=16, side=96)
    return root


def test_a_test_set_gives_each_interval_with_its_truth(root: Path) -> None:
    pairs = VideoPairs.from_test_set("squares", root)
    assert len(pairs) == 2, "frames 0, 2 and 4 are input; nothing follows the last"
    pair = pairs[1]
    assert pair["inputs"].tolist() == [0, 0, 0, 2, 4, 4, 4] and pair["outputs"].tolist() == [2, 3]
    assert pair["lq"].shape == (7, 3, 6, 8) and pair["gt"].shape == (2, 3, 24, 32)
    assert pair["name"] == "squares" and pair["gt"].dtype == torch.float32
    truth = read_frame(root / "squares" / "GT" / "squares" / "00000003.png")
    assert np.array_equal((pair["gt"][1] * 255).round().numpy(), truth.transpose(2, 0, 1))
    small = read_frame(root / "squares" / "BDx4" / "squares" / "00000004.png")
    assert np.array_equal((pair["lq"][4] * 255).round().numpy(), small.transpose(2, 0, 1))


def test_without_new_frames_every_frame_is_one(root: Path) -> None:
    pairs = VideoPairs.from_test_set("squares", root, frames=3, between=0)
    assert [pair["outputs"].tolist() for pair in (pairs[0], pairs[5])] == [[0], [5]]
    assert len(pairs) == 6 and pairs[5]["inputs"].tolist() == [4, 5, 5]


def test_a_training_set_gives_crops_that_a_loader_stacks(root: Path) -> None:
    pairs = VideoPairs.from_training_set("photographs", root, length=4, patch=64)
    batch = next(iter(DataLoader(pairs, batch_size=4)))
    assert batch["lq"].shape == (4, 7, 3, 16, 16) and batch["gt"].shape == (4, 2, 3, 64, 64)
    assert 0 <= batch["lq"].min() and batch["lq"].max() <= 1
    assert torch.equal(pairs[2]["gt"], batch["gt"][2]), "an item is the same each time"
    assert not torch.equal(pairs[1]["gt"], pairs[2]["gt"])


def test_the_low_resolution_crop_is_that_of_the_truth(root: Path) -> None:
    pair = VideoPairs.from_training_set("photographs", root, length=1, patch=64, augment=False)[0]
    mean = torch.nn.functional.avg_pool2d(pair["gt"][:1], 4)
    enlarged = torch.nn.functional.avg_pool2d(pair["lq"][3:4], 1)
    assert (mean - enlarged).abs().mean() < 0.05
    assert (mean - enlarged.flip(-1)).abs().mean() > 2 * (mean - enlarged).abs().mean()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda root: VideoPairs.from_test_set("squares", root, frames=4), "odd number"),
        (lambda root: VideoPairs.from_test_set("squares", root, degradation="BI"), "no BIx4"),
        (lambda root: VideoPairs.from_test_set("photographs", root), "photographs"),
        (
            lambda root: VideoPairs.from_training_set("photographs", root, length=1, patch=512),
            "smaller patch",
        ),
    ],
)
def test_what_cannot_be_had_is_said(root: Path, ask: Callable[[Path], object], said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        ask(root)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"between": -1}, "7 frames with -1 moments between two are no window"),
        ({"frames": 0}, "0 frames with 1 moments"),
        ({"patch": 0}, "a patch of 0 is no multiple of 4"),
        ({"split": "test"}, "no split 'test'; there are train and validation"),
    ],
)
def test_settings_that_give_no_window_are_refused(
    wrong: dict[str, Any], said: str, root: Path
) -> None:
    with pytest.raises(DatasetError, match=said):
        VideoPairs.from_training_set("photographs", root, length=1, **{"patch": 64, **wrong})


def test_a_degradation_may_be_typed_in_small_letters_for_both_kinds_of_sets(root: Path) -> None:
    assert len(VideoPairs.from_test_set("squares", root, degradation="bd")) == 2
    assert VideoPairs.from_training_set("photographs", root, length=1, patch=64, degradation="bd")
    with pytest.raises(DatasetError, match="no degradation 'XX' at scale 4"):
        VideoPairs.from_test_set("squares", root, degradation="XX")
