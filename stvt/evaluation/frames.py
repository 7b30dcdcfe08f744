"""Frames of a scene as a protocol uses them: a method's inputs, and its outputs in 8 bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stvt.datasets import authors_low_resolution, read_frame
from stvt.evaluation.protocol import Protocol

if TYPE_CHECKING:
    from stvt.datasets import PreparedScene

Frame = NDArray[np.uint8]


def inputs(scene: PreparedScene, protocol: Protocol, device: str) -> Iterator[Tensor]:
    """The scene's input frames as a method takes them: (3, h, w), RGB in [0, 1]."""
    for k in range((scene.frames - 1) // protocol.time_step + 1):
        yield input_frame(scene, protocol, device, k)


def input_frame(scene: PreparedScene, protocol: Protocol, device: str, k: int) -> Tensor:
    index = k * protocol.time_step
    if protocol.inputs == "authors":
        low = authors_low_resolution(read_frame(scene.gt_path(index)))
        return torch.from_numpy((low + 1) / 2).to(device, torch.float32)
    stored = read_frame(scene.lr_path(index, protocol.low_folder))
    return torch.from_numpy(stored).to(device).permute(2, 0, 1).to(torch.float32) / 255


def low_frame(scene: PreparedScene, protocol: Protocol, k: int) -> Frame:
    """An input frame as it is shown."""
    if protocol.inputs == "authors":
        return levels(input_frame(scene, protocol, "cpu", k))
    return read_frame(scene.lr_path(k * protocol.time_step, protocol.low_folder))


def scored_size(scene: PreparedScene, protocol: Protocol) -> tuple[int, int]:
    """Height and width of the part of the true frames that the inputs show."""
    if protocol.inputs == "authors":
        return scene.height, scene.width
    return scene.gt_size(protocol.low_folder)


def levels(frame: Tensor) -> Frame:
    """(3, h, w) in [0, 1] as 8 bits, (h, w, 3), rounded."""
    # Halves up, also those that float arithmetic left a hair below: enlarging 8-bit frames makes
    # many, and which way they fall must not depend on the machine.
    shifted = (frame.float() * 255).add_(0.5).add_(1e-4).clamp_(0, 255)
    return shifted.to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
