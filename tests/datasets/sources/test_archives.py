"""Archives from strangers: what is in them comes out, and what must not be stops them in a line."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets import DatasetError, prepare
from stvt.datasets.frames import encode_png
from stvt.datasets.sources.archives import kind, open_archive
from tests.builders.training_videos import film, write_video

Clip = Callable[..., list[NDArray[np.uint8]]]
Files = dict[str, bytes]
KINDS = ("zip", "tar", "tar.gz", "tar.bz2", "tar.xz")


def zipped(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, (2020, 2, 3, 4, 5, 6))
            opened.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


def tarred(path: Path, files: Files) -> Path:
    packing = path.suffix[1:] if path.suffix != ".tar" else ""
    with tarfile.open(path, f"w:{packing}") as opened:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1_580_702_706
            opened.addfile(info, io.BytesIO(content))
    return path


def packed(folder: Path, of: str, files: Files) -> Path:
    path = folder / f"frames.{of}"
    return zipped(path, files) if of == "zip" else tarred(path, files)


@pytest.fixture
def frames(moving_square: Clip) -> Files:
    """Two scenes of three frames, below a folder, as archives have them."""
    return {
        f"set/{scene}/{index:04d}.png": encode_png(frame)
        for scene in ("a", "b")
        for index, frame in enumerate(moving_square(3))
    }


def refusal(tmp_path: Path, archive: Path) -> str:
    """Prepare an archive, which must fail in one line and leave and touch nothing; that line."""
    root = tmp_path / "deep" / "root"
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DatasetError) as caught:
        prepare("mine", root, archive)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
    return str(caught.value)


@pytest.mark.parametrize("of", KINDS)
def test_a_set_is_made_of_an_archive_as_of_its_folder(
    of: str, frames: Files, tmp_path: Path
) -> None:
    for name, content in frames.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    archive = packed(tmp_path, of, {**frames, "set/readme.txt": b"hello", "set/.hidden.png": b"x"})
    prepare("mine", tmp_path / "folder", tmp_path / "set")
    outcome = prepare("mine", tmp_path / "archive", archive)
    assert (outcome.prepared, outcome.failures, outcome.notes) == (["a", "b"], [], [])
    assert os.listdir(tmp_path / "archive") == ["mine"]
    made, same = (
        {
            file.relative_to(tmp_path / root): file.read_bytes()
            for file in (tmp_path / root).rglob("*")
            if file.is_file() and file.name != "manifest.json"
        }
        for root in ("archive", "folder")
    )
    assert made == same
    assert prepare("mine", tmp_path / "archive", archive).unchanged == ["a", "b"]


ODD_PATHS = ("../x.png", "/tmp/x.png", "a/../../x.png", "C:/x.png", "..\\x.png", "a\\..\\..\\x.png")


@pytest.mark.parametrize("name", ODD_PATHS)
@pytest.mark.parametrize("of", ["zip", "tar", "tar.gz"])
def test_a_path_out_of_the_archive_stops_it(
    of: str, name: str, frames: Files, tmp_path: Path
) -> None:
    line = refusal(tmp_path, packed(tmp_path, of, {**frames, name: b"x"}))
    assert "is not unpacked" in line
    assert "would lie outside" in line


@pytest.mark.parametrize("of", ["zip", "tar"])
def test_backslashes_of_old_programs_part_folders(of: str, frames: Files, tmp_path: Path) -> None:
    windows = {name.replace("/", "\\"): content for name, content in frames.items()}
    outcome = prepare("mine", tmp_path / "root", packed(tmp_path, of, windows))
    assert (outcome.prepared, outcome.failures) == (["a", "b"], [])


def test_an_archive_of_a_folder_of_videos_gives_them(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mkv", film(3))
    video = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "a.mkv").unlink()
    path = packed(tmp_path, "zip", {"films/a.mkv": video, "films/b.mkv": video})
    outcome = prepare("mine", tmp_path / "root", path)
    assert (outcome.prepared, outcome.failures) == (["a", "b"], [])


def test_an_archive_of_frames_alone_is_a_scene_of_its_name(frames: Files, tmp_path: Path) -> None:
    alone = {name.removeprefix("set/a/"): data for name, data in frames.items() if "/a/" in name}
    assert prepare("mine", tmp_path / "root", packed(tmp_path, "zip", alone)).prepared == ["frames"]


def test_an_archive_in_an_archive_is_named(frames: Files, tmp_path: Path) -> None:
    inner = packed(tmp_path, "zip", frames).read_bytes()
    (tmp_path / "frames.zip").unlink()
    line = refusal(tmp_path, packed(tmp_path, "tar", {"inner.zip": inner}))
    assert line.endswith("found none; it holds inner.zip: unpack that first")
    outcome = prepare("mine", tmp_path, packed(tmp_path, "zip", {**frames, "inner.7z": inner}))
    assert outcome.prepared == ["a", "b"]
    assert any("it holds inner.7z: unpack that first" in note for note in outcome.notes)


def test_a_link_in_a_zip_archive_stops_it(frames: Files, tmp_path: Path) -> None:
    path = zipped(tmp_path / "frames.zip", frames)
    with zipfile.ZipFile(path, "a") as opened:
        link = zipfile.ZipInfo("set/c")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc")
    assert "it holds a link or device, 'set/c'" in refusal(tmp_path, path)


KINDS_OF_LINK = {
    "symlink": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "device": tarfile.CHRTYPE,
    "pipe": tarfile.FIFOTYPE,
    "sparse": tarfile.GNUTYPE_SPARSE,
}


@pytest.mark.parametrize("what", KINDS_OF_LINK)
def test_a_link_or_device_in_a_tar_archive_stops_it(
    what: str, frames: Files, tmp_path: Path
) -> None:
    path = tmp_path / "frames.tar"
    with tarfile.open(path, "w") as opened:
        info = tarfile.TarInfo("set/a")
        info.type, info.linkname = KINDS_OF_LINK[what], "../../outside"
        opened.addfile(info)
        for name, content in frames.items():  # through the link, were it made
            info = tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    assert "a link, device or sparse file, 'set/a'" in refusal(tmp_path, path)


def gzipped_zeros(number: int) -> bytes:
    """Gzip's bytes for so many times 64 MB of zeros; a file may be made of several such parts."""
    return gzip.compress(bytes(64_000_000), 9) * number


def test_a_bomb_of_zeros_is_not_set_off(tmp_path: Path) -> None:
    """Ten gigabytes, of which not one is unpacked."""
    header = tarfile.TarInfo("set/a/0.png")
    header.size = 10_048_000_000
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT)) + gzipped_zeros(157))
    assert "would become 10.0 GB or more" in refusal(tmp_path, path)


def bombed_zip(path: Path, parts: int) -> Path:
    """A zip archive of so many times 64 MB of zeros, written by hand: packing them takes long."""
    packing = zlib.compressobj(9, wbits=-15)
    part = packing.compress(bytes(64_000_000)) + packing.flush(zlib.Z_FULL_FLUSH)
    data, name = part * parts + packing.flush(), b"set/a/0.png"
    sizes = struct.pack("<QQ", 64_000_000 * parts, len(data))
    extra = struct.pack("<HH", 1, len(sizes)) + sizes
    common = struct.pack("<HHHHHLLLHH", 45, 0, 8, 0, 33, 0, *[0xFFFFFFFF] * 2, len(name), 20)
    local = b"PK\x03\x04" + common + name + extra
    central = b"PK\x01\x02" + struct.pack("<H", 45) + common + struct.pack("<HHHLL", *[0] * 5)
    central += name + extra
    end = struct.pack("<HHHHLLH", 0, 0, 1, 1, len(central), len(local) + len(data), 0)
    path.write_bytes(local + data + central + b"PK\x05\x06" + end)
    return path


def test_a_zipped_bomb_of_zeros_is_not_set_off(tmp_path: Path) -> None:
    path = bombed_zip(tmp_path / "bomb.zip", 157)
    with zipfile.ZipFile(path) as opened:
        assert opened.infolist()[0].file_size == 10_048_000_000
    assert "would become 10.0 GB" in refusal(tmp_path, path)


def test_a_file_that_is_larger_than_it_says_is_damaged(frames: Files, tmp_path: Path) -> None:
    path = zipped(tmp_path / "frames.zip", {**frames, "set/a/0003.png": bytes(5_000_000)})
    data = path.read_bytes()
    told = struct.pack("<L", 5_000_000)
    assert data.count(told) == 2
    path.write_bytes(data.replace(told, struct.pack("<L", 50)))
    assert "is damaged" in refusal(tmp_path, path)


@pytest.mark.parametrize("of", ["zip", "tar", "tar.gz"])
def test_more_files_than_data_sets_have_stop_an_archive(
    of: str, frames: Files, tmp_path: Path
) -> None:
    path = packed(tmp_path, of, frames)
    assert len(open_archive(path, most=6).members) == 6
    with pytest.raises(DatasetError, match="holds more than 5 files"):
        open_archive(path, most=5)


@pytest.mark.slow
def test_a_million_folders_stop_a_tar_archive(tmp_path: Path) -> None:
    folder = tarfile.TarInfo("a")
    folder.type = tarfile.DIRTYPE
    path = tmp_path / "many.tar.gz"
    path.write_bytes(gzip.compress(folder.tobuf(tarfile.GNU_FORMAT) * 100_000, 1) * 10)
    assert "holds more than 100000 files" in refusal(tmp_path, path)


def test_a_million_files_stop_a_zip_archive(tmp_path: Path) -> None:
    """It says that there is one file, and lists a million."""
    path = tmp_path / "many.zip"
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<HHHHHLL", 5, *[0] * 6) + b"a.png"
    listed = entry * 1_000_000
    end = struct.pack("<HHHHLLH", 0, 0, 1, 1, len(listed), 4, 0)
    path.write_bytes(b"PK\x03\x04" + listed + b"PK\x05\x06" + end)
    assert "holds more than 100000 files" in refusal(tmp_path, path)


def test_a_name_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    """`tarfile` would take the whole of such a header into memory."""
    header = tarfile.TarInfo("PaxHeaders/x")
    header.type, header.size = tarfile.XHDTYPE, 5_000_000_000
    path = tmp_path / "name.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT)) + gzipped_zeros(1))
    assert "a name in it is longer than names are" in refusal(tmp_path, path)


@pytest.mark.parametrize("of", ["zip", "tar"])
def test_the_same_name_twice_stops_an_archive(of: str, frames: Files, tmp_path: Path) -> None:
    path = packed(tmp_path, of, {**frames, "./set/a/0001.png": b"another"})
    assert "holds 'set/a/0001.png' twice" in refusal(tmp_path, path)


@pytest.mark.parametrize("of", KINDS)
def test_an_archive_that_was_cut_off_is_said_to_be(of: str, frames: Files, tmp_path: Path) -> None:
    path = packed(tmp_path, of, frames)
    data = path.read_bytes()
    if of == "tar":  # between two files, where nothing seems to be missing
        cuts = [512, 3 * 512, 4 * 512, len(data) // 2 // 512 * 512]
    else:
        cuts = [len(data) // 4, len(data) // 2, len(data) - 9]
    for cut in cuts:
        path.write_bytes(data[:cut])
        assert "is damaged" in refusal(tmp_path, path)


def test_an_altered_byte_in_a_frame_is_found(frames: Files, tmp_path: Path) -> None:
    for of in ("zip", "tar.gz"):
        path = packed(tmp_path, of, frames)
        data = bytearray(path.read_bytes())
        data[len(data) // 3] ^= 0xFF
        path.write_bytes(data)
        assert "is damaged" in refusal(tmp_path, path)


def test_an_encrypted_file_is_said_to_be(frames: Files, tmp_path: Path) -> None:
    path = zipped(tmp_path / "frames.zip", frames)
    data = path.read_bytes()
    directory = data.index(b"PK\x01\x02")
    path.write_bytes(data[: directory + 8] + b"\x01" + data[directory + 9 :])
    assert "is encrypted" in refusal(tmp_path, path)


def test_what_is_no_archive_is_said(tmp_path: Path) -> None:
    rar = tmp_path / "frames.rar"
    rar.write_bytes(b"Rar!\x1a\x07\x01\x00" + bytes(100))
    assert "RAR archives are not read; unpack it" in refusal(tmp_path, rar)
    assert "expected pictures or videos in it, found none" in refusal(
        tmp_path, zipped(tmp_path / "text.zip", {"readme.txt": b"hello"})
    )
    assert kind(tmp_path / "none") is None


def test_a_disk_that_is_too_small_is_said_before_it_is_full(
    frames: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path, "zip", frames)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    assert "are to be unpacked and" in refusal(tmp_path, path)


def test_an_archive_that_is_as_it_was_is_not_unpacked_again(
    frames: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path, "zip", frames)
    prepare("mine", tmp_path / "root", path)
    with monkeypatch.context() as never:
        never.delattr("stvt.datasets.sources.resolve.open_archive")
        assert prepare("mine", tmp_path / "root").unchanged == ["a", "b"]
        assert prepare("mine", tmp_path / "root", degradation="BI").prepared == ["a", "b"]
    file = tmp_path / "root" / "mine" / "GT" / "a" / "00000001.png"
    file.unlink()
    assert prepare("mine", tmp_path / "root").failures == []
    assert file.is_file()
    assert os.listdir(tmp_path / "root") == ["mine"]


def test_a_run_that_was_cut_short_goes_on_from_the_archive(frames: Files, tmp_path: Path) -> None:
    def interrupted(done: int, total: int | None, what: str) -> None:
        if done == 4:
            raise KeyboardInterrupt

    path = packed(tmp_path, "zip", frames)
    with pytest.raises(KeyboardInterrupt):
        prepare("mine", tmp_path / "root", path, progress=interrupted)
    assert os.listdir(tmp_path / "root") == ["mine"]
    (tmp_path / "root" / ".mine.unpacked" / "set").mkdir(parents=True)  # as a kill leaves it
    prepare("mine", tmp_path / "root", path)
    prepare("mine", tmp_path / "undisturbed", path)
    manifests = [tmp_path / root / "mine" / "manifest.json" for root in ("root", "undisturbed")]
    assert manifests[0].read_bytes() == manifests[1].read_bytes()
    assert os.listdir(tmp_path / "root") == ["mine"]


def test_a_changed_archive_changes_the_set(
    frames: Files, tmp_path: Path, moving_square: Clip
) -> None:
    path = packed(tmp_path, "zip", frames)
    prepare("mine", tmp_path / "root", path)
    frames["set/a/0001.png"] = encode_png(255 - moving_square(3)[1])
    packed(tmp_path, "zip", frames)
    outcome = prepare("mine", tmp_path / "root")
    assert (outcome.prepared, outcome.unchanged) == (["a"], ["b"])


def test_true_frames_are_mended_from_the_archive(frames: Files, tmp_path: Path) -> None:
    from stvt.datasets import verify

    prepare("mine", tmp_path / "root", packed(tmp_path, "zip", frames))
    file = tmp_path / "root" / "mine" / "GT" / "a" / "00000001.png"
    whole = file.read_bytes()
    file.write_bytes(b"?" + whole[1:])
    assert verify("mine", tmp_path / "root", fix=True).problems == []
    assert file.read_bytes() == whole
    assert os.listdir(tmp_path / "root") == ["mine"]


@pytest.fixture
def py7zr() -> Iterator[object]:
    yield pytest.importorskip("py7zr")


def test_a_7z_archive_is_read_where_py7zr_is(frames: Files, tmp_path: Path, py7zr: object) -> None:
    path = tmp_path / "frames.7z"
    with py7zr.SevenZipFile(path, "w") as opened:  # type: ignore[attr-defined]
        for name, content in frames.items():
            opened.writestr(content, name)
    assert prepare("mine", tmp_path / "root", path).prepared == ["a", "b"]
    assert os.listdir(tmp_path / "root") == ["mine"]
    data = path.read_bytes()
    for cut in (40, len(data) // 2, len(data) - 5):
        path.write_bytes(data[:cut])
        assert "is damaged" in refusal(tmp_path / "root", path)


def test_a_link_in_a_7z_archive_stops_it(tmp_path: Path, py7zr: object) -> None:
    (tmp_path / "link").symlink_to("/etc")
    path = tmp_path / "frames.7z"
    with py7zr.SevenZipFile(path, "w") as opened:  # type: ignore[attr-defined]
        opened.write(tmp_path / "link", "link")
    assert "a link or device" in refusal(tmp_path, path)


def test_without_py7zr_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py7zr", None)
    path = tmp_path / "frames.7z"
    path.write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(100))
    assert "pip install 'stvt[7z]'" in refusal(tmp_path, path)
