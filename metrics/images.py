"""Frames, batches and tensors as metrics take them in a user's own code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = Any  # a NumPy array or a torch tensor


def each_pair(
    metric: str,
    measure: Callable[[NDArray[Any], NDArray[Any]], float],
    restored: Images,
    truth: Images,
    data_range: float | None,
) -> float | NDArray[np.float64]:
    """`measure` of two images, or of each two of two batches as an array.

    Arrays are (H, W, 3) or (N, H, W, 3), tensors (3, H, W) or (N, 3, H, W). Bytes go to `measure`
    as they are, all else as float64 with the range [0, data_range] brought to [0, 255].
    Raises ValueError if they do not fit each other, or their range is not said or not kept.
    """
    x, y = (_array(metric, name, one) for name, one in (("restored", restored), ("truth", truth)))
    if x.shape != y.shape:
        raise ValueError(f"{metric}: restored is {x.shape}, truth is {y.shape}")
    if x.dtype == y.dtype == np.uint8 and data_range in (None, 255):
        pass
    elif data_range is None or not data_range > 0:
        raise ValueError(
            f"{metric}: restored is {x.dtype}, truth is {y.dtype}, wanted uint8 RGB; of other "
            "numbers say the range, as data_range=1.0"
        )
    else:
        x, y = (_scaled(metric, one, data_range) for one in (x, y))
        if y.size and (y.min() < -0.5 or y.max() > 255.5):
            low, high = (value * data_range / 255 for value in (y.min(), y.max()))
            raise ValueError(
                f"{metric}: truth holds {low:.4g} to {high:.4g}, beyond [0, data_range={data_range:g}]"
            )
    if x.ndim == 3:
        return measure(x, y)
    return np.array([measure(a, b) for a, b in zip(x, y, strict=True)], np.float64)


def _array(metric: str, name: str, images: Images) -> NDArray[Any]:
    """(..., H, W, 3)."""
    shape = tuple(images.shape)
    if isinstance(images, np.ndarray):
        array, wanted = images, "(H, W, 3) or (N, H, W, 3)"
    else:
        images = images.detach().cpu()
        images = images.float() if images.is_floating_point() else images
        array = images.numpy()
        if array.ndim >= 3:
            array = np.ascontiguousarray(np.moveaxis(array, -3, -1))
        wanted = "(3, H, W) or (N, 3, H, W)"
    if array.ndim not in (3, 4) or array.shape[-1] != 3:
        raise ValueError(f"{metric}: {name} is {images.dtype} {shape}, wanted uint8 RGB {wanted}")
    return array


def _scaled(metric: str, images: NDArray[Any], data_range: float) -> NDArray[np.float64]:
    scaled = images.astype(np.float64) * (255 / data_range)
    if not np.isfinite(scaled).all():
        raise ValueError(f"{metric}: the images hold values that are not finite")
    return scaled
