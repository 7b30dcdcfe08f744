"""`--tile auto`: when memory runs out the work goes on in smaller tiles, and no output is lost."""

from collections.abc import Iterable, Iterator, Sequence

import pytest
import torch
from torch import Tensor

from stvt.baselines import build
from stvt.baselines.method import Outputs, Settings, Wanted, WindowMethod, everything
from stvt.baselines.tiling.auto import (
    LEAST,
    is_out_of_memory,
    stream_in_tiles,
    tile_in_use,
    tiles_of,
)
from stvt.baselines.tiling.tiles import Tiles

TIMES = (1 / 3, 2 / 3)


class Limited(WindowMethod):
    """Sums of a window, by a method that has no memory for tiles above a side from some frame on."""

    name, scale, before, after = "limited", 1, 2, 1

    def __init__(self, side: int, from_frame: int = 0) -> None:
        self.tiles = Tiles(Settings(tile="auto"))
        self.enough, self.from_frame = side, from_frame
        self.calls: list[int | None] = []

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        side = self.tiles.of(window)
        self.calls.append(side)
        late = window[self.before].max() >= self.from_frame
        if late and (side or max(window.shape[-2:])) > self.enough:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return torch.stack([window.sum(0) + t for t in (0.0, *times)])


def numbered(count: int, side: int = 128) -> list[Tensor]:
    return [torch.full((3, side // 2, side), float(k)) for k in range(count)]


def plain(method: WindowMethod, frames: Iterable[Tensor], wanted: Wanted = everything) -> Outputs:
    return method.stream(frames, TIMES, wanted)


@pytest.mark.parametrize("from_frame", [0, 1, 4, 7])
def test_the_outputs_are_those_of_a_stream_that_had_memory(from_frame: int) -> None:
    method = Limited(40, from_frame)
    lines: list[str] = []
    frames = numbered(8)
    found = list(stream_in_tiles(method, iter(frames), TIMES, everything, lines.append))
    expected = list(plain(Limited(1000), frames))
    assert [time for time, _ in found] == [time for time, _ in expected]
    for (_, output), (_, other) in zip(found, expected, strict=True):
        assert torch.equal(output, other)
    assert lines == [
        "limited: out of memory; it goes on in tiles of 64 pixels",
        "limited: out of memory; it goes on in tiles of 32 pixels",
    ]


def test_only_what_is_wanted_is_asked_for_and_once() -> None:
    method, frames = Limited(64, 3), numbered(6)
    read: list[int] = []

    def source() -> Iterator[Tensor]:
        for k, frame in enumerate(frames):
            read.append(k)
            yield frame

    wanted = {1 + TIMES[0], 4.0, 4 + TIMES[1]}
    found = dict(stream_in_tiles(method, source(), TIMES, wanted.__contains__))
    assert set(found) == wanted
    assert read == list(range(6))
    assert method.calls == [None, None, 64]  # frame 1, frame 4 in vain, frame 4


def test_the_side_is_remembered_for_the_next_scene() -> None:
    method = Limited(64)
    lines: list[str] = []
    for _ in range(2):
        list(stream_in_tiles(method, numbered(2), TIMES, everything, lines.append))
    assert len(lines) == 1 and tile_in_use(method) == 64


def test_tiles_that_cannot_be_smaller_end_it() -> None:
    method = Limited(LEAST - 1)
    with pytest.raises(RuntimeError, match="out of memory"):
        list(stream_in_tiles(method, numbered(2), TIMES))
    assert min(side for side in method.calls if side) == LEAST


def test_an_error_of_reading_and_another_error_are_not_tried_again() -> None:
    def source() -> Iterator[Tensor]:
        yield from numbered(2)
        raise MemoryError("no room for a picture")

    with pytest.raises(MemoryError, match="a picture"):
        list(stream_in_tiles(Limited(1000), source(), TIMES))

    class Wrong(Limited):
        def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
            raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        list(stream_in_tiles(Wrong(1), numbered(2), TIMES))


@pytest.mark.parametrize("spec", ["stvun-s", "edvr-s", "edvr-s+blend", "blend+edvr-s"])
def test_networks_go_on_in_tiles_of_half_their_side(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = build(spec, Settings(untrained=True, tile="auto"))
    (tiles,) = tiles_of(method)
    frames = list(torch.rand(2, 3, 40, 72))
    wanted = {0.0} if spec == "edvr-s" else {0.0, 0.5}
    times = [] if spec == "edvr-s" else [0.5]
    side = Tiles.side

    def limited(self: Tiles, height: int, width: int) -> int | None:
        found = side(self, height, width)
        if found is None:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return found

    monkeypatch.setattr(Tiles, "of", lambda self, frame: limited(self, *frame.shape[-2:]))
    found = dict(stream_in_tiles(method, frames, times, wanted.__contains__))
    assert tiles.tile == 36
    monkeypatch.undo()
    fixed = build(spec, Settings(untrained=True, tile=36))
    for time, output in fixed.stream(frames, times, wanted.__contains__):
        assert torch.equal(found[time], output)


def test_methods_without_tiles_have_none() -> None:
    method = build("bicubic+blend", Settings())
    assert tiles_of(method) == [] and tile_in_use(method) is None


def test_what_says_that_memory_ran_out() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.cuda.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("invalid memory format"))
