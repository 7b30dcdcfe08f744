"""What is known of a data set before its frames are seen: data, not code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Recipe:
    """A data set known by name.

    scenes:  scene -> number of frames, as published; a source that differs is refused.
    sizes:   scene -> (height, width), where known.
    get:     one line that says where the frames are to be had.
    render:  (scene, frame number) -> frame, for a set that the package makes itself.
    fps:     frames a second, where known, as "30" or "30000/1001".
    version: raised when the frames of a rendered set change.
    """

    name: str
    title: str
    scenes: Mapping[str, int]
    licence: str
    citation: str
    get: str = ""
    sizes: Mapping[str, tuple[int, int]] | None = None
    render: Callable[[str, int], NDArray[np.uint8]] | None = None
    fps: str | None = None
    version: int = 1

    @property
    def facts(self) -> dict[str, Any]:
        """What a manifest says of the recipe."""
        return {
            "name": self.name,
            "title": self.title,
            "licence": self.licence,
            "citation": self.citation,
            "version": self.version,
        }
