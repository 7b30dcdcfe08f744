"""PWC-Net's published weights as those of STVUN's flow network."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ..flow_networks.pwcnet import PWCNet

UNREAD = "deconv2."  # a layer of PWC-Net, of which only its decoder at full size would read


def convert_pwcnet(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """PWC-Net's weights for RGB in [-1, 1] enlarged by 4, and a flow in pixels of before that.

    Published ones are for BGR in [0, 1], and give twentieths of a pixel of what they see. The
    finest flow is the sum of two layers' outputs, which nothing else reads.
    """
    first, converted = "conv1a.0", dict(state)
    colours = state[f"{first}.weight"]
    converted[f"{first}.weight"] = colours.flip(1) / 2
    converted[f"{first}.bias"] = state[f"{first}.bias"] + colours.sum((1, 2, 3)) / 2
    for last in ("predict_flow2", "dc_conv7"):
        for kind in ("weight", "bias"):
            converted[f"{last}.{kind}"] = state[f"{last}.{kind}"] * (20 / PWCNet.enlarge)
    return {key: one for key, one in converted.items() if not key.startswith(UNREAD)}
