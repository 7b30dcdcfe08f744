"""Getting files of weights into the folder where networks look for them."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from stvt.core.download import Expected, Pause, Progress, Unavailable, fetch
from stvt.core.partial_file import cannot_write

from ..errors import MethodError
from ..fisr import convert as fisr_convert
from ..method import Settings
from .catalogue import CHECKPOINTS, checkpoint
from .detect import READINGS, loaded, reading_of, recognised, seen
from .load import find_weights, read_state
from .records import Record, folder, forget, is_kept, record, recorded, sha256_of

OF_CHECKPOINT = re.compile(r"checkpoint|.*\.index|.*\.data-\d+-of-\d+")
MOST_UNPACKED = 4 << 30  # bytes


@dataclass(frozen=True)
class Kept:
    """A file in its place.

    note: what its user should know beside.
    """

    network: str
    file: Path
    sha256: str
    note: str = ""


def expected(file: Path, *, as_before: bool = True) -> Expected:
    """What is known of a file of `folder()`: what its authors say, and its hash when it first came
    (unless it need not be as before)."""
    published = [known for known in CHECKPOINTS.values() if known.comes_as == file.name]
    first = recorded(file) if as_before else None
    blob = published[0].git_blob if published else ""
    if first is not None:
        return Expected(first.size, first.sha256, blob)
    return Expected(None, published[0].sha256 if published else "", blob)


def fetch_weights(
    name: str,
    sources: Sequence[str] = (),
    *,
    renew: bool = False,
    progress: Progress | None = None,
    pause: Pause = time.sleep,
) -> Kept:
    """Have a published checkpoint in its place, fetched if it is not there.

    sources: to take the place of its authors' addresses.
    renew:   fetch it though it is there, whatever hash it had when it first came.

    Raises MethodError, one line: for a file that is there or comes but is another, and with what
    to do by hand if no source gives it.
    """
    known = checkpoint(name)
    file, comes = folder() / known.file, folder() / known.comes_as
    if file.is_file() and not renew:
        return _kept(known.network, file, "where it was found")
    give_up = f"put the file here: {comes}"
    if known.archive or not known.sources:
        give_up = known.by_hand + ("" if known.archive else f"; it belongs at {file}")
    check = _is_checkpoint if known.archive else partial(loaded, known.network)
    try:
        sha256, source = fetch(
            sources or known.sources,
            comes,
            expected(comes, as_before=not renew),
            check=check,
            progress=progress,
            pause=pause,
        )
    except Unavailable as error:
        raise MethodError(f"{name}: {error}; by hand, from {known.page}: {give_up}") from error
    except MethodError as error:
        raise MethodError(f"{name}: {error}") from error
    made, size = sha256, comes.stat().st_size
    if known.archive:
        try:
            made = convert(known.network, comes, source=source).sha256
        finally:
            comes.unlink()
    record(comes, Record(known.network, sha256, size, source))
    return Kept(known.network, file, made, _hidden(known.network, file))


def add(file: Path, network: str | None = None, *, replace: bool = False) -> Kept:
    """Copy a file to where the network that it is of looks for it; `network` insists on which.

    replace: also where another file is, or once came, under that name.

    Raises MethodError, one line: for a file that is of no network, or not of that one.
    """
    if not file.is_file():
        raise MethodError(f"there is no file {file}" + (" but a folder" if file.is_dir() else ""))
    if OF_CHECKPOINT.fullmatch(file.name) or file.suffix == ".meta" or _holds_checkpoint(file):
        raise MethodError(f"{file} is TensorFlow's; type `stvt weights convert fisr {file}`")
    if network is None:
        state = read_state(file, "add")
        network = recognised(state)
        if network is None:
            raise MethodError(
                f"{file} is of no network known here ({', '.join(READINGS)}); it holds "
                f"{seen(state)}; if it is of one of these, --as NAME says what differs"
            )
    reading_of(network)
    if replace:
        forget(file)
    loaded(network, file)
    sha256 = sha256_of(file)
    target = folder() / _own_file_name(network, file, sha256)
    fault = expected(target).fault(file, sha256)
    there = target.is_file() and sha256_of(target) != sha256
    if (fault or there) and not replace:
        raise MethodError(
            f"{file} is not the {target.name} that is known here: {fault or 'another is there'}; "
            "put it there nonetheless with --replace"
        )
    if fault or there:
        forget(target)
    if there or not target.is_file():
        _copy(file, target, sha256)
    if recorded(target) is None:
        record(target, Record(network, sha256, target.stat().st_size, str(file.absolute())))
    return Kept(network, target, sha256, _hidden(network, target))


def convert(
    network: str, given: Path, out: Path | None = None, *, source: str | None = None
) -> Kept:
    """Write a TensorFlow checkpoint, maybe in a zip file, as safetensors; see `fisr_convert`.

    given:  the checkpoint's prefix, one of its files, its folder, or a zip file with it inside.
    out:    the file to write; None is the one that the network looks for.
    source: where the checkpoint is from; None is its path.
    """
    fisr_convert.known(network)
    if zipfile.is_zipfile(given):
        folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder(), prefix=".unpacked.") as unpacked:
            _unpack(given, Path(unpacked))
            made = fisr_convert.convert(network, Path(unpacked), out)
    else:
        made = fisr_convert.convert(network, given, out)
    sha256 = sha256_of(made)
    if is_kept(made):
        origin = source or str(given.absolute())
        record(made, Record(network, sha256, made.stat().st_size, origin))
    return Kept(network, made, sha256)


def _kept(network: str, file: Path, source: str) -> Kept:
    """A file that is in its place, remembered if it was not; MethodError if it is another."""
    sha256 = sha256_of(file)
    fault = expected(file).fault(file, sha256)
    if fault is not None:
        raise MethodError(
            f"{file} is there, but {fault}; delete it to fetch it again, or keep it with "
            f"`stvt weights add {file} --as {network} --replace`"
        )
    if recorded(file) is None:
        loaded(network, file)
        record(file, Record(network, sha256, file.stat().st_size, source))
    return Kept(network, file, sha256, _hidden(network, file))


def _hidden(network: str, file: Path) -> str:
    if network == "alexnet":  # which metrics look for under its one name
        return ""
    found = find_weights(network, Settings())
    if found == file:
        return ""
    return f"{network} takes {found.name} first; for this one, type --weights {network}={file}"


def _own_file_name(network: str, file: Path, sha256: str) -> str:
    """The published name if the file's name or hash is of a published one, else the network's."""
    published = [known for known in CHECKPOINTS.values() if known.network == network]
    for known in published:
        identity = Expected(None, known.sha256, known.git_blob)
        if identity.is_identifying and identity.fault(file, sha256) is None:
            return known.file
    for known in published:
        names = {known.file, *(PurePosixPath(source).name for source in known.sources)}
        if file.name in names:
            return known.file
    if network == "alexnet":
        return CHECKPOINTS["lpips"].file
    with file.open("rb") as opened:
        safe = opened.read(9)[8:] == b"{"
    return f"{network}.safetensors" if safe else f"{network}.pth"


def _copy(file: Path, target: Path, sha256: str) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, temporary)
        if sha256_of(temporary) != sha256:
            raise MethodError(f"{file} changed while it was copied; try again")
        temporary.replace(target)
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _holds_checkpoint(file: Path) -> bool:
    return zipfile.is_zipfile(file) and bool(_of_checkpoint(file))


def _is_checkpoint(file: Path) -> None:
    if not _holds_checkpoint(file):
        raise MethodError(f"{file.name} is no zip file with a TensorFlow checkpoint (*.index)")


def _of_checkpoint(file: Path) -> dict[str, zipfile.ZipInfo]:
    """The parts of a checkpoint in a zip file, none if it holds no index."""
    try:
        with zipfile.ZipFile(file) as opened:
            infos = {PurePosixPath(info.filename).name: info for info in opened.infolist()}
    except (zipfile.BadZipFile, OSError):
        return {}
    parts = {name: info for name, info in infos.items() if OF_CHECKPOINT.fullmatch(name)}
    return parts if any(name.endswith(".index") for name in parts) else {}


def _unpack(file: Path, into: Path) -> None:
    """The parts of a checkpoint, without their folders."""
    parts = _of_checkpoint(file)
    if not parts:
        raise MethodError(f"{file} holds no TensorFlow checkpoint (*.index)")
    if sum(info.file_size for info in parts.values()) > MOST_UNPACKED:
        raise MethodError(f"{file} would unpack to more than {MOST_UNPACKED >> 30} GiB")
    try:
        with zipfile.ZipFile(file) as opened:
            for name, info in parts.items():
                with opened.open(info) as packed, (into / name).open("wb") as written:
                    shutil.copyfileobj(packed, written, 1 << 20)
    except zipfile.BadZipFile as error:
        raise MethodError(f"{file} is damaged ({error}); fetch it again") from error
    except OSError as error:
        raise cannot_write(into, error) from error
