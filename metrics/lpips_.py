"""LPIPS, the learned perceptual distance (Zhang et al., CVPR 2018), through the `lpips` package.

The package brings the weights of the distance itself. Its backbone, AlexNet trained on ImageNet,
is a file of 233 MB that it would fetch without asking; here that file is looked for first.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import lpips
import numpy as np
import torch
from torch import Tensor

from stvt.core.download import Expected, fetch
from stvt.core.errors import StvtError
from stvt.core.files import sha256_of

from .errors import MetricError
from .preprocess import Frame, cropped

BACKBONE = "alexnet-owt-7be5be79.pth"
BACKBONE_URL = f"https://download.pytorch.org/models/{BACKBONE}"
SHA256_START = "7be5be79"  # the eight digits in the name
SMALLEST = 31  # the last layer of AlexNet has no pixel for less


class Perceptual:
    """The distance of two frames as a callable: 0 for equal ones, higher is less alike.

    Raises MetricError when built if the backbone is nowhere and cannot be fetched.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self.network = _network(backbone_file()).to(device)

    @torch.inference_mode()
    def __call__(
        self, restored: Frame, truth: Frame, channel: str = "rgb", crop_border: int = 0
    ) -> float:
        """Both are uint8 RGB, (H, W, 3); the network sees them in [-1, 1].

        Raises ValueError if the frames do not fit each other or `channel` is not "rgb",
        MetricError if less than 31x31 remains.
        """
        if channel != "rgb":
            raise ValueError(f"lpips: channel is {channel!r}, it is defined for 'rgb' only")
        restored, truth = cropped("lpips", restored, truth, crop_border, smallest=SMALLEST)
        return float(self.network(self._tensor(restored), self._tensor(truth)))

    def _tensor(self, frame: Frame) -> Tensor:
        pixels = torch.from_numpy(np.ascontiguousarray(frame)).to(self.device)
        return pixels.permute(2, 0, 1).unsqueeze(0).float() / 127.5 - 1


def backbone_file() -> Path:
    """The file of AlexNet's weights: found on disk, else fetched into `weights_folder()`.

    Raises MetricError, saying where to put it, if it is neither there nor to be had.
    """
    places = [Path(torch.hub.get_dir()) / "checkpoints", weights_folder()]
    for place in places:
        if (place / BACKBONE).is_file():
            return place / BACKBONE
    target = weights_folder() / BACKBONE
    try:
        fetch([BACKBONE_URL], target, Expected(sha256=SHA256_START))
    except StvtError as error:
        raise MetricError(
            f"lpips: its backbone {BACKBONE} is not in {' or '.join(map(str, places))} and cannot "
            f"be fetched ({error}); download it from {BACKBONE_URL} and put it in {places[1]}"
        ) from error
    return target


def weights_folder() -> Path:
    """Where weights are kept: $STVT_HOME/weights, by default ~/.cache/stvt/weights."""
    home = Path(os.path.expanduser(os.environ.get("STVT_HOME") or "~/.cache/stvt"))
    if home.parts[:1] == ("~",):
        raise MetricError("this user has no home folder; set STVT_HOME to a folder of your choice")
    return home / "weights"


def _network(backbone: Path) -> Any:
    """LPIPS with AlexNet, version 0.1, its backbone read from a file."""
    if not sha256_of(backbone).startswith(SHA256_START):
        warnings.warn(
            f"lpips: {backbone} is not the published backbone (its sha256 is another), "
            "so the distances are not LPIPS'",
            stacklevel=3,
        )
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls torchvision by names that are going out of use
        package: Any = lpips
        network = package.LPIPS(net="alex", version="0.1", pnet_rand=True, verbose=False)
    try:
        state = torch.load(backbone, map_location="cpu", weights_only=True)
        for part in ("slice1", "slice2", "slice3", "slice4", "slice5"):
            for number, layer in network.net.get_submodule(part).named_children():
                prefix = f"features.{number}."  # the layers keep their numbers of AlexNet
                own = {key: state[prefix + key] for key in layer.state_dict()}
                layer.load_state_dict(own)
    except Exception as error:  # torch.load of a file that is none raises nearly anything
        reason = " ".join(str(error).split())[:200]
        raise MetricError(
            f"lpips: {backbone} does not hold AlexNet's weights ({reason}); "
            f"replace it by {BACKBONE_URL}"
        ) from error
    return network.eval().requires_grad_(False)
