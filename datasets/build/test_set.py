"""One scene on its way: its frames as jobs, and its record when they are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

from ..errors import DatasetError
from ..frames import Frame, decode, read_bytes, reason
from ..manifest import TRUTH, FileRecord, Reduced, SceneRecord, frame_name
from ..sources.scenes import Pictures, Rendered, Scene, VideoFile
from .frame_files import Job, Known, Made, file_record, looks_kept

RENDERED_STAMP = (
    1_000_000_000 * 10**9
)  # the files of a rendered set have no source whose time they take
_SHOWN = 3  # unusable frames of a scene that are named one by one


class Video(Protocol):
    """What is used of an opened video; `notes` and `facts` are whole after the last frame."""

    fps: Any
    notes: list[str]
    facts: dict[str, object]

    def __iter__(self) -> Iterator[Frame]: ...


@dataclass
class SceneWork:
    """A scene that is being prepared.

    scene:   where its frames come from; None takes the true frames that are there as they are.
    earlier: what the manifest says of it so far.
    root:    the source that the scene was found in, for naming files shorter.
    strict:  refuse a source that is no longer what the manifest says.
    published: the number of frames that it must have, if that is known.
    """

    name: str
    scene: Scene | None
    folder: Path
    root: Path | None
    multiple: int
    labels: dict[str, tuple[str, int]]
    earlier: SceneRecord | None
    trusted: bool
    fps: str | None = None
    strict: bool = False
    published: int | None = None
    made: dict[int, Made] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    source: dict[str, Any] = field(default_factory=dict)

    def expected(self) -> int | None:
        """The number of frames, by its header for a video; None if it takes decoding to know."""
        match self.scene:
            case Pictures(files=files):
                return len(files)
            case Rendered(frames=frames):
                return frames
            case VideoFile(file=file):
                from ..video.probe import header_frames

                return header_frames(file)
            case None:
                return self.earlier.frames if self.earlier else 0

    def is_done(self, labels: Iterable[str]) -> bool:
        """Whether all is there already, as far as sizes and times of files can tell."""
        labels = set(labels)
        earlier = self.earlier
        if earlier is None or self.expected() not in (None, earlier.frames):
            return False
        if not labels <= earlier.reduced.keys():
            return False
        for index, truth in enumerate(earlier.truth):
            stamp = self._stamp(index)
            if stamp is None or not looks_kept(self._path(TRUTH, index), truth, stamp):
                return False
            for label in labels:
                small = earlier.reduced[label].files[index]
                if not looks_kept(self._path(label, index), small, stamp):
                    return False
        return True

    def jobs(self) -> Iterator[Job]:
        """A job for each frame. What stops the scene goes to `faults`, as in `settle`."""
        try:
            match self.scene:
                case Pictures(files=files, folder=folder):
                    self.source = {"kind": "frames", "name": self._short(folder)}
                    for index, file in enumerate(files):
                        yield self._job(index, file=file)
                case Rendered(frames=frames, render=render, version=version):
                    self.source = {"kind": "rendered", "version": version}
                    same = self.earlier is not None and self.earlier.source == self.source
                    for index in range(frames):
                        frame = partial(render, index)
                        yield self._job(index, frame=frame, known=same, stamp=RENDERED_STAMP)
                case VideoFile(file=file):
                    yield from self._video_jobs(file)
                case None:
                    assert self.earlier is not None
                    self.source = self.earlier.source
                    for index in range(self.earlier.frames):
                        yield self._job(index, stamp=self._stamp(index) or 0)
        except DatasetError as error:
            self.faults.append(str(error))
        except OSError as error:  # PyAV's errors of decoding among them
            self.faults.append(f"cannot be decoded: {reason(error)}")

    def _video_jobs(self, file: Path) -> Iterator[Job]:
        from ..video.reader import open_video  # PyAV loads for those who need it

        stamp, whole = file.stat().st_mtime_ns, file_record(file)
        source = {"kind": "video", "name": self._short(file), "bytes": whole.bytes}
        source["sha256"] = whole.sha256
        earlier = self.earlier
        same = earlier is not None and earlier.source.get("sha256") == whole.sha256
        if (
            same
            and earlier is not None
            and all(
                looks_kept(self._path(TRUTH, index), truth, stamp)
                for index, truth in enumerate(earlier.truth)
            )
        ):
            self.source, self.fps = earlier.source, earlier.fps
            for index in range(earlier.frames):
                yield self._job(index, stamp=stamp)
            return
        if self.strict and not same:
            raise DatasetError(f"{file}: has changed; prepare the set again")
        video = cast(Video, open_video(file))
        for index, frame in enumerate(video):
            yield self._job(index, frame=partial(_itself, frame), known=same, stamp=stamp)
        self.fps = None if video.fps is None else str(video.fps)
        self.source = {**source, "facts": video.facts}
        self.notes += [f"{self.name}: {note}" for note in video.notes]

    def fault(self) -> str | None:
        """Why the source's frames cannot take the place of prepared ones; None if they can.

        What is new of them is decoded once for that, and nothing written.
        """
        sizes = []
        try:
            sizes = list(self._sizes())
        except DatasetError as error:
            return f"{self.name}: {error}"
        except OSError as error:
            return f"{self.name}: cannot be decoded: {reason(error)}"
        least = max(self.multiple, *(scale for _, scale in self.labels.values()))
        if not sizes:
            return f"{self.name}: it holds no frames"
        if self.published not in (None, len(sizes)):
            return f"{self.name}: has {len(sizes)} frames, the published scene {self.published}"
        if len(set(sizes)) > 1:
            return f"{self.name}: its frames differ in size: {', '.join(map(_size, set(sizes)))}"
        if min(sizes[0]) < least:
            return f"{self.name}: {_size(sizes[0])} is too small for scale {least}"
        return None

    def _sizes(self) -> Iterator[tuple[int, int]]:
        """The source's frames' height and width; DatasetError or OSError if one is unusable."""
        earlier = self.earlier
        was = (earlier.original or (earlier.height, earlier.width)) if earlier else (0, 0)
        match self.scene:
            case Pictures(files=files):
                for index, file in enumerate(files):
                    stamp = self._stamp(index)
                    known = earlier.truth[index] if earlier and stamp is not None else None
                    if known and looks_kept(self._path(TRUTH, index), known, stamp or 0):
                        yield was
                    else:
                        height, width = decode(read_bytes(file), file).shape[:2]
                        yield height, width
            case VideoFile(file=file):
                from ..video.reader import open_video

                if earlier and earlier.source.get("sha256") == file_record(file).sha256:
                    yield from [was] * earlier.frames
                    return
                for frame in cast(Video, open_video(file)):
                    yield frame.shape[0], frame.shape[1]
            case Rendered(frames=frames, render=render):
                height, width = render(0).shape[:2]
                yield from [(height, width)] * frames
            case None:
                for index, truth in enumerate(earlier.truth if earlier else ()):
                    if file_record(self._path(TRUTH, index)) != truth:
                        raise DatasetError(f"{self._path(TRUTH, index)}: is altered")
                    yield was

    def settle(self, index: int, made: Made | DatasetError) -> None:
        """Take what came of a job."""
        if isinstance(made, Made):
            self.made[index] = made
        else:
            self.faults.append(str(made))

    def record(self) -> SceneRecord:
        """The scene's record, all jobs being settled; surplus files of an earlier time are removed.

        Raises DatasetError if the scene cannot be used.
        """
        made = [self.made[index] for index in sorted(self.made)]
        if not self.faults and not made:
            self.faults.append("it holds no frames")
        if self.faults:
            faults = list(dict.fromkeys(self.faults))
            rest = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
            raise DatasetError(f"{self.name}: {'; '.join(faults[:_SHOWN])}{rest}")
        if self.published not in (None, len(made)):
            raise DatasetError(
                f"{self.name}: has {len(made)} frames, the published scene {self.published}"
            )
        for index, one in enumerate(made):
            if one.size != made[0].size:
                raise DatasetError(
                    f"{self.name}: its frames differ in size: {self._named(0)} is "
                    f"{_size(made[0].size)}, {self._named(index)} is {_size(one.size)}"
                )
        if isinstance(self.scene, Pictures):
            names = [file.name for file in self.scene.files]
            sources = [one.source for one in made if one.source is not None]
            self.source["files"] = [
                {"name": name, "bytes": source.bytes, "sha256": source.sha256}
                for name, source in zip(names, sources, strict=True)
            ]
        height, width = (side - side % self.multiple for side in made[0].size)
        original = made[0].size if made[0].size != (height, width) else None
        reduced = {}
        for label, (_, scale) in self.labels.items():
            h, w = height // scale, width // scale
            crop = (h * scale, w * scale) if (h * scale, w * scale) != (height, width) else None
            reduced[label] = Reduced(h, w, crop, [one.reduced[label] for one in made])
        self._remove_surplus(len(made))
        self._note(made, original, reduced)
        truth = [one.truth for one in made]
        return SceneRecord(self.source, height, width, original, self.fps, truth, reduced)

    def _note(
        self, made: list[Made], original: tuple[int, int] | None, reduced: dict[str, Reduced]
    ) -> None:
        before = self.earlier
        if original and (before is None or before.original != original):
            now = (
                original[0] - original[0] % self.multiple,
                original[1] - original[1] % self.multiple,
            )
            self.notes.append(
                f"{self.name}: cropped from {_size(original)} to {_size(now)}, "
                f"a multiple of {self.multiple}"
            )
        for label, small in reduced.items():
            if small.crop and (before is None or label not in before.reduced):
                self.notes.append(
                    f"{self.name}: {label} was made of the frames cropped to {_size(small.crop)}"
                )
        if len(made) < 3 and before is None:
            self.notes.append(
                f"{self.name}: of {len(made)} frames none lies between two input frames"
            )
        if before is not None:
            rebuilt = sum(
                index >= before.frames or before.truth[index] != one.truth
                for index, one in enumerate(made)
            )
            if rebuilt or len(made) != before.frames:
                self.notes.append(
                    f"{self.name}: the source has changed; {rebuilt} of {len(made)} frames made anew"
                )

    def _job(
        self,
        index: int,
        file: Path | None = None,
        frame: Callable[[], Frame] | None = None,
        known: bool = True,
        stamp: int = 0,
    ) -> Job:
        return Job(
            folder=self.folder,
            scene=self.name,
            index=index,
            multiple=self.multiple,
            labels=self.labels,
            known=self._known(index) if known else Known(),
            trusted=self.trusted and (known or self.earlier is None),
            file=file,
            frame=frame,
            stamp=stamp,
            strict=self.strict,
        )

    def _known(self, index: int) -> Known:
        earlier = self.earlier
        if earlier is None or index >= earlier.frames:
            return Known()
        source = None
        if isinstance(self.scene, Pictures) and earlier.source.get("kind") == "frames":
            entry = earlier.source["files"][index]
            source = FileRecord(entry["bytes"], entry["sha256"])
        return Known(
            source,
            earlier.truth[index],
            {label: small.files[index] for label, small in earlier.reduced.items()},
            earlier.original or (earlier.height, earlier.width),
        )

    def _stamp(self, index: int) -> int | None:
        try:
            match self.scene:
                case Pictures(files=files):
                    status = files[index].stat()
                    known = self._known(index).source
                    same = known is not None and known.bytes == status.st_size
                    return status.st_mtime_ns if same else None
                case VideoFile(file=file):
                    status = file.stat()
                    source = self.earlier.source if self.earlier else {}
                    return status.st_mtime_ns if source.get("bytes") == status.st_size else None
                case Rendered(version=version):
                    source = self.earlier.source if self.earlier else {}
                    return RENDERED_STAMP if source.get("version") == version else None
                case None:
                    return self._path(TRUTH, index).stat().st_mtime_ns
        except OSError:
            return None

    def _path(self, kind: str, index: int) -> Path:
        return self.folder / kind / self.name / frame_name(index)

    def _kinds(self) -> list[str]:
        earlier = self.earlier.reduced if self.earlier else {}
        return [TRUTH, *dict.fromkeys([*self.labels, *earlier])]

    def _remove_surplus(self, frames: int) -> None:
        for kind in self._kinds():
            for file in (self.folder / kind / self.name).glob("[0-9]" * 8 + ".png"):
                if int(file.stem) >= frames:
                    file.unlink(missing_ok=True)

    def _named(self, index: int) -> str:
        return (
            self.scene.files[index].name if isinstance(self.scene, Pictures) else f"frame {index}"
        )

    def _short(self, path: Path) -> str:
        inside = self.root is not None and self.root in path.parents
        return path.relative_to(self.root or path).as_posix() if inside else path.name


def _itself(frame: Frame) -> Frame:
    return frame


def _size(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"
