"""tOF, the difference of motion (Chu et al., TecoGAN, TOG 2020), as TecoGAN's metrics.py has it."""

from __future__ import annotations

import cv2
import numpy as np

from .preprocess import Frame
from .sequence import SMALLEST_CENTRE, TemporalMeasure, centre

# pyramid scale, levels, window, iterations, neighbourhood, its sigma, flags: those of metrics.py.
FARNEBACK = (0.5, 3, 15, 3, 5, 1.2, 0)


class Tof(TemporalMeasure):
    """The mean length, in pixels, of the difference of two flows: of the restored and the true frames.

    Each is Farneback's, of 8-bit grey, from the frame before; the borders are left out (`centre`).
    """

    name, smallest = "tof", SMALLEST_CENTRE

    def add_pair(self, restored: Frame, truth: Frame) -> None:
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (restored, truth)]
        if self.values:
            flows = [
                cv2.calcOpticalFlowFarneback(before, now, None, *FARNEBACK)  # type: ignore[call-overload]
                for before, now in zip(self.before, grey, strict=True)
            ]
            difference = centre(flows[1] - flows[0])
            self.values.append(float(np.sqrt((difference**2).sum(2)).mean(dtype=np.float64)))
        else:
            self.values.append(None)
        self.before = grey
