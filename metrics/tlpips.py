"""tLPIPS, the difference of perceptual change (Chu et al., TecoGAN, TOG 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .feature_distance import image_tensor
from .preprocess import Frame
from .sequence import SMALLEST_CENTRE, TemporalMeasure, centre

if TYPE_CHECKING:
    from .lpips_ import Lpips


class TLpips(TemporalMeasure):
    """|LPIPS(b_t-1, b_t) - LPIPS(g_t-1, g_t)|, b the true frames, g the restored ones.

    As in TecoGAN's metrics.py (version 0.1, AlexNet, borders left out, see `centre`), but not times
    100, which its tables print.
    """

    name, smallest = "tlpips", SMALLEST_CENTRE

    def __init__(self, lpips: Lpips) -> None:
        super().__init__()
        self.lpips = lpips

    @torch.inference_mode()
    def add_pair(self, restored: Frame, truth: Frame) -> None:
        features = [
            self.lpips.features(image_tensor(centre(frame), self.lpips.like))
            for frame in (restored, truth)
        ]
        if self.values:
            change, true_change = (
                float(self.lpips.compare(before, now))
                for before, now in zip(self.before, features, strict=True)
            )
            self.values.append(abs(true_change - change))
        else:
            self.values.append(None)
        self.before = features
