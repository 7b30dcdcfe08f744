"""A recipe, what is known of a data set before its frames are read: data, not code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]
ANYWHERE = ("GT/NAME", "HR/NAME", "NAME/GT", "NAME/HR", "NAME/truth", "NAME")


@dataclass(frozen=True)
class Published:
    """An archive that the authors of a set give out.

    name:    to keep it under.
    sources: addresses, the best first.
    size:    bytes, where known to the byte; `about` where roughly. sha256: where known.
    members: the most files that an archive of it may hold.
    """

    name: str
    sources: tuple[str, ...]
    size: int | None = None
    about: int | None = None
    sha256: str = ""
    members: int = 100_000


@dataclass(frozen=True)
class Recipe:
    """A data set known by name.

    scenes:  scene -> number of frames, as published (None where that is not confirmed); a source
             that differs is refused. Empty where the names are not confirmed.
    count:   how many scenes there are, for a set whose names are not known here.
    frames:  of each of those, and `least` the fewest, where known.
    listing: a file in the archive that names the scenes, one a line.
    layouts: where the scenes are in the archives and folders that are about, the surest first.
             NAME is a folder or video and (part of) the scene's name, * any folder.
    file:    what can be fetched.
    get:     one line that says where the frames are to be had.
    page:    the authors' page.
    sizes:   scene -> (height, width), where known; `size` of all of them.
    render:  (scene, frame number) -> frame, for a set that the package makes itself.
    names:   how names tell the set from others of the same scenes, a pattern; others: the same of
             those, by their names.
    fps:     frames a second, where known, as "30" or "30000/1001".
    version: raised when the frames of a rendered set change.
    """

    name: str
    title: str
    scenes: Mapping[str, int | None]
    licence: str
    citation: str
    get: str = ""
    page: str = ""
    file: Published | None = None
    layouts: tuple[str, ...] = ANYWHERE
    count: int | None = None
    frames: int | None = None
    least: int = 1
    listing: str = ""
    sizes: Mapping[str, Size] | None = None
    size: Size | None = None
    render: Callable[[str, int], NDArray[np.uint8]] | None = None
    fps: str | None = None
    version: int = 1
    names: str = ""
    others: Mapping[str, str] = field(default_factory=dict)

    @property
    def number(self) -> int | None:
        """The number of scenes of the whole set."""
        return self.count or len(self.scenes) or None

    @property
    def pixels(self) -> int | None:
        """The number of pixels of the whole set's frames, where it is known."""
        if self.count and self.frames and self.size:
            return self.count * self.frames * self.size[0] * self.size[1]
        total = 0
        for name, frames in self.scenes.items():
            size = self.size_of(name)
            if frames is None or size is None:
                return None
            total += frames * size[0] * size[1]
        return total or None

    def size_of(self, scene: str) -> Size | None:
        """Height and width of a scene's frames, as published, where that is known."""
        return (self.sizes or {}).get(scene, self.size)

    @property
    def terms(self) -> str:
        """On what terms it is given, in one line."""
        page = f"; see {self.page}" if self.page else ""
        return f"licence: {self.licence}; cite {self.citation}{page}"
