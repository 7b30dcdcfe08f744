"""`stvt weights`: published weights: where they are, on what terms; fetch, add, verify, convert, join, pack them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from stvt.cli import options
from stvt.cli.output import note, table, warn


def add(command: Any) -> None:
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")

    action = options.add_action(
        actions, "list", list_, "the checkpoints there are, or all about some"
    )
    action.add_argument("names", nargs="*", metavar="NAME", help="all about these")

    action = options.add_action(actions, "fetch", fetch, "get checkpoints from their authors")
    action.add_argument(
        "names",
        nargs="+",
        metavar="NAME",
        help="of `stvt weights list`; or hf:OWNER/NAME/FILE, by extra `hub`",
    )
    options.flag(action, "--accept", "accept the terms without asking")
    action.add_argument("--from", dest="source", metavar="URL", help="(default: its authors')")
    options.flag(action, "--renew", "again, even if another file than the first time comes")

    action = options.add_action(
        actions, "add", add_file, "put a file that you have where its network looks"
    )
    action.add_argument(
        "file", type=Path, metavar="FILE", help="a checkpoint, its package, or hf:OWNER/NAME/FILE"
    )
    action.add_argument("--as", dest="network", metavar="NETWORK", help="(default: what it fits)")
    options.flag(action, "--replace", "even where another file is")

    action = options.add_action(
        actions, "verify", verify, "check files, and what they compute, against before"
    )
    action.add_argument("name", nargs="?", metavar="NAME", help="(default: all that are here)")

    action = options.add_action(
        actions, "convert", convert, "TensorFlow checkpoints to safetensors"
    )
    action.add_argument("network", metavar="NETWORK", help="fisr or fisr_pwcnet")
    action.add_argument(
        "checkpoint", type=Path, metavar="CHECKPOINT", help="its prefix, folder or zip file"
    )
    action.add_argument("--out", type=Path, metavar="FILE", help="(default: where fisr looks)")

    action = options.add_action(
        actions, "join", join, "one file of what the stages of a training left"
    )
    _add_parts(action)

    action = options.add_action(
        actions, "pack", pack, "a folder for the Hugging Face Hub: weights, model card"
    )
    _add_parts(action)
    action.add_argument("--licence", metavar="ID", help="of them, as apache-2.0 (default: unsaid)")


def _add_parts(action: Any) -> None:
    """The weights that `join` and `pack` read."""
    action.add_argument("network", metavar="NETWORK", help="stvun-s, edvr-s ...")
    action.add_argument(
        "parts", nargs="+", type=Path, metavar="RUN", help="or a file; later ones go before others"
    )
    action.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the new; of pack a folder"
    )
    options.flag(action, "--half", "in float16, half the size")
    action.add_argument("--scale", type=int, choices=[2, 3, 4], default=4, help="of it")


def list_(args: argparse.Namespace) -> int:
    from stvt.baselines import CHECKPOINTS, checkpoint, weights_folder

    if args.names:
        args.facts = {name: checkpoint(name) for name in args.names}
        print("\n\n".join(_description(*one) for one in args.facts.items()))
        return 0
    rows = [
        {
            "checkpoint": name,
            "network": entry.network,
            "here": "yes" if (weights_folder() / entry.file).is_file() else "",
            "about": _size(entry.about),
            "from": _origin(entry),
            "licence": entry.licence.split(" (")[0],
        }
        for name, entry in CHECKPOINTS.items()
    ]
    args.facts = rows
    table(rows)
    print(f"\nThey are kept in {weights_folder()}. All about one: stvt weights list NAME")
    return 0


def _origin(entry: Any) -> str:
    """Where `fetch` gets a checkpoint from, in a word."""
    if entry.package is not None:
        return f"pip: {entry.package.name}"
    return entry.sources[0].split("/")[2] if entry.sources else "by hand"


def fetch(args: argparse.Namespace) -> int:
    from stvt.baselines import add_weights, checkpoint, is_hub_file
    from stvt.core.errors import StvtError, UsageError

    if args.source and len(args.names) > 1:
        raise UsageError(f"--from is for one checkpoint, not {len(args.names)}")
    for name in args.names:
        if not is_hub_file(name):
            checkpoint(name)
    code, args.facts = 0, []
    for name in args.names:
        try:
            if is_hub_file(name):
                _print_stored(args, add_weights(Path(name), replace=args.renew))
                continue
            _accept(name, accept=args.accept)
            _fetch(name, args)
        except (StvtError, OSError) as error:
            warn(error)
            code = 2
    return code


def add_file(args: argparse.Namespace) -> int:
    from stvt.baselines import add_package, add_weights, is_package

    args.facts = []
    if is_package(args.file) and args.file.is_file():
        added = add_package(args.file, replace=args.replace)
    else:
        added = [add_weights(args.file, args.network, replace=args.replace)]
    for stored in added:
        _print_stored(args, stored)
    return 0


def verify(args: argparse.Namespace) -> int:
    from stvt.baselines import verify_weights, weight_files, weights_folder
    from stvt.core.errors import StvtError

    code, args.facts = 0, []
    files = weight_files(args.name)
    if not files:
        print(f"there are no weights in {weights_folder()}")
    for network, file in files:
        try:
            result = verify_weights(network, file)
        except (StvtError, OSError) as error:
            warn(error)
            code = 2
            continue
        args.facts.append(result)
        verdict = (
            "computes what it did" if result.repeated else "what it computes is now remembered"
        )
        print(
            f"{network}: {file.name}: {result.parameters:,} parameters, sha256 "
            f"{result.sha256[:16]}, {verdict}"
        )
    return code


def convert(args: argparse.Namespace) -> int:
    from stvt.baselines import convert_weights

    args.facts = []
    _print_stored(args, convert_weights(args.network, args.checkpoint, args.out))
    return 0


def join(args: argparse.Namespace) -> int:
    args.facts = {"file": args.out, "parameters": _join(args, args.out)}
    return 0


def pack(args: argparse.Namespace) -> int:
    from stvt.training.weights import check_own, model_card

    check_own(_parts(args))
    file, card = args.out / f"{args.network}.safetensors", args.out / "README.md"
    number = _join(args, file)
    args.facts = {"file": file, "parameters": number}
    card.write_text(model_card(args.network, file, number, args.scale, args.licence), "utf-8")
    print(f"{card}: to publish it, `hf upload OWNER/NAME {args.out}` (of huggingface_hub)")
    return 0


def _parts(args: argparse.Namespace) -> list[Path]:
    from stvt.training.weights import run_weights

    return [run_weights(path) for path in args.parts]


def _join(args: argparse.Namespace, out: Path) -> int:
    """Write the weights of all parts into one file; the number of parameters."""
    from stvt.training.weights import join_weights

    number = join_weights(
        args.network, _parts(args), out, scale=args.scale, half=args.half, say=note
    )
    print(f"{out}: {number:,} parameters, {_size(out.stat().st_size)}")
    return number


def _fetch(name: str, args: argparse.Namespace) -> None:
    from stvt.baselines import fetch_weights
    from stvt.core.download import FetchOptions
    from stvt.core.progress import in_megabytes, progress_line

    with progress_line("MB") as show:
        stored = fetch_weights(
            name,
            [args.source] if args.source else (),
            renew=args.renew,
            options=FetchOptions(progress=in_megabytes(show), say=note),
        )
    _print_stored(args, stored)


def _accept(name: str, *, accept: bool) -> None:
    """Show the terms of a checkpoint once, and remember that they were accepted."""
    from datetime import UTC, datetime

    from stvt.baselines import accept_terms, checkpoint, terms_accepted
    from stvt.core.errors import UsageError

    entry = checkpoint(name)
    terms = f"licence: {entry.licence}; terms: {entry.terms}"
    if terms_accepted(name, terms):
        return
    if not accept and not sys.stdin.isatty():
        raise UsageError(
            f"{name}: its terms are not accepted yet ({terms}; {entry.page}); if you do, type "
            f"`stvt weights fetch {name} --accept`"
        )
    print(_description(name, entry), file=sys.stderr)
    if not accept:
        print("Fetch it on these terms? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise UsageError(f"{name}: not fetched, for its terms were not accepted")
    accept_terms(name, terms, datetime.now(UTC).date().isoformat())


def _description(name: str, entry: Any) -> str:
    """All that is known of a checkpoint."""
    lines = {
        "weights of": entry.network,
        "published at": entry.page,
        "licence": entry.licence,
        "terms": entry.terms,
        "size": f"about {_size(entry.about)}",
        "trained on": entry.degradation,
        "fetched from": f"pip: {package.member} of {package.name} {package.version}"
        if (package := entry.package)
        else " or ".join(entry.sources),
        "sha256": entry.sha256 + "..." * (0 < len(entry.sha256) < 64),
        "by hand": entry.by_hand,
        "kept as": entry.file,
    }
    return "\n".join([name, *(f"  {what + ':':14}{text}" for what, text in lines.items() if text)])


def _size(number: int) -> str:
    return f"{number / 1e6:.0f} MB"


def _print_stored(args: argparse.Namespace, stored: Any) -> None:
    args.facts.append(stored)
    print(f"{stored.network}: {stored.file}\nsha256 {stored.sha256}")
    if stored.note:
        note(stored.note)
