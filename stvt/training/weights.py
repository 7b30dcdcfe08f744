"""Weights of a training: the initial ones, those that it leaves, and their model card on the Hub."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from stvt import baselines
from stvt.baselines import MethodError, Settings
from stvt.core.errors import UsageError
from stvt.core.files import sha256_of, write_bytes
from stvt.core.version import __version__
from stvt.training.checkpoints import writing

TAGS = ("stvt", "video-super-resolution", "video-frame-interpolation")
CARD = """\
---
library_name: stvt
{licence}tags:
{tags}
---
# {network}

{summary}: {number:,} parameters, x{scale}{degradation}. Trained with stvt {version}.

```
pip install 'stvt[hub]'
stvt evaluate --datasets sample --methods {network} --weights {network}=hf:OWNER/NAME/{file}
stvt upsample in.mp4 out.mp4 --method {method} --weights {network}=hf:OWNER/NAME/{file}
```

OWNER/NAME is this repository. sha256 of `{file}`: `{sha256}`.
"""


def load_initial(network: nn.Module, files: Sequence[Path], say: Callable[[str], None]) -> set[str]:
    """Load files, each of any part of the network; a later one goes before an earlier one.

    Returns the names of the tensors that were given.
    """
    state, loaded_names = network.state_dict(), set[str]()
    for file in files:
        if not file.is_file():
            raise UsageError(f"{file}: there is no such file of weights")
        given = baselines.read_state(file, "initial")
        unknown = [name for name in given if name not in state]
        other = [
            name for name, one in given.items() if name in state and one.shape != state[name].shape
        ]
        if unknown or other:
            raise UsageError(f"{file}: is of another network ({(unknown + other)[0]} does not fit)")
        network.load_state_dict(given, strict=False)
        loaded_names.update(given)
        say(f"{file.name}: {len(given)} of {len(state)} tensors")
    return loaded_names


def load_pretrained(
    network: nn.Module,
    name: str,
    stage: str,
    file: Path | None,
    given: set[str],
    say: Callable[[str], None],
) -> dict[str, str]:
    """Load another network's published weights as those of a part, where a spec says `pretrained`.

    name:  of the network, for messages.
    file:  None takes the weights that are kept for the other network, if they are, where the stage
           trains the part and nothing else gave it weights.
    given: the tensors that files gave already; to which those of the part are added.
    Returns the file's name and sha256, nothing if none was loaded.
    Raises UsageError or MethodError for a file that is not the other network's or that nothing
    would read.
    """
    spec = baselines.network_spec(name).pretrained
    if spec is None:
        if file is not None:
            raise UsageError(
                f"--flow-weights: {name} starts no part from another network's weights"
            )
        return {}
    part = network.get_submodule(spec.part)
    reads = stage in spec.stages and baselines.spec_of(part) is baselines.network_spec(spec.network)
    if file is None:
        if not reads or any(key.startswith(f"{spec.part}.") for key in given):
            return {}
        file = stored_weights(spec.network)
        if file is None:
            say(
                f"{name} starts its {spec.role} at random, where the paper starts from a "
                f"pretrained {spec.title}: `stvt weights fetch {spec.network}`, or --flow-weights "
                f"{spec.network}=FILE"
            )
            return {}
    elif not reads:
        raise UsageError(
            f"--flow-weights: stage {stage} of {name} trains no {spec.title}; it is for stage "
            f"{' or '.join(spec.stages)} of the full {baselines.network_spec(name).name} and its ablations"
        )
    pretrained, sha256 = baselines.load_network(spec.network, file)
    converted = spec.converted(pretrained.state_dict())
    part.load_state_dict(converted, strict=False)
    given.update(f"{spec.part}.{key}" for key in converted)
    say(f"{file}: {spec.title}'s weights, from which the {spec.role} starts")
    return {"file": file.name, "sha256": sha256}


def stored_weights(name: str) -> Path | None:
    """A network's weights in the folder of weights, None if they are not there."""
    try:
        return baselines.find_weights(name, Settings())
    except MethodError:
        return None


def join_weights(
    name: str,
    files: Sequence[Path],
    out: Path,
    *,
    scale: int = 4,
    half: bool = False,
    say: Callable[[str], None],
) -> int:
    """Write one file of all of a network's weights, from files that each hold a part of it.

    A stage leaves what it trained; of "flow" and "space" only both together can be evaluated.
    half: in float16, half the size. Returns the number of parameters.
    Raises UsageError if a part is in none of the files, does not fit, or has numbers that are not
    finite, in float16 those above 65504; nothing is written then.
    """
    kinds = {baselines.trained_on(file, sha256_of(file)) for file in files if file.is_file()} - {""}
    network = baselines.network(name, scale)
    given = load_initial(network, files, say)
    spec = baselines.network_spec(name)
    state = {key: one for key, one in network.state_dict().items() if key in given}
    with torch.device("meta"):
        whole = spec.build(name, **spec.arguments_in(name, state)).state_dict()
    optional = re.compile(spec.optional_keys or r"(?!)")
    if missing := [key for key in whole if key not in given and not optional.search(key)]:
        raise UsageError(
            f"{name}: {len(missing)} of its tensors are in none of these files, the first is "
            f"{missing[0]}; name the run of every stage: flow, space, joint"
        )
    dtype = torch.float16 if half else torch.float32
    if broken := [key for key, one in state.items() if not one.to(dtype).isfinite().all()]:
        raise UsageError(f"{name}: {broken[0]} has numbers that are not finite as {dtype}")
    about = f"{name}, {'+'.join(sorted(kinds))}x{scale}"  # as `trained_on` reads it
    write_weights(out, state, about, dtype)
    return sum(one.numel() for key, one in network.named_parameters() if key in state)


def run_weights(path: Path) -> Path:
    """A file of weights, or the last one of the run that is in a folder."""
    if not path.is_dir():
        return path
    files = sorted(path.glob("weights/*-last.safetensors"))
    if not files:
        raise UsageError(f"{path}: this folder holds no weights of a training")
    return files[0]


def write_weights(
    file: Path, tensors: Mapping[str, Tensor], about: str, dtype: torch.dtype = torch.float32
) -> None:
    """Weights as safetensors, whole or not at all; only what was trained.

    about: kept in the file, in one entry: of several the order would be another each time.
    """
    contents = {name: one.detach().to(dtype).contiguous().cpu() for name, one in tensors.items()}
    with writing(file):
        write_bytes(file, save(contents, {"stvt": about}))


def model_card(network: str, file: Path, number: int, scale: int, licence: str | None) -> str:
    """A card with its YAML header, for a file of a network's weights.

    number:  of parameters. licence: of the weights, as the Hub names it; None leaves it out.
    """
    spec, sha256 = baselines.network_spec(network), sha256_of(file)
    trained = baselines.trained_on(file, sha256)
    return CARD.format(
        network=network,
        licence=f"license: {licence}\n" if licence else "",
        tags="\n".join(f"- {tag}" for tag in TAGS),
        summary=spec.variants[network].summary.split(";")[0],
        number=number,
        scale=scale,
        degradation=f", for {trained} frames" if trained else "",
        version=__version__,
        method=f"{network}+flow" if spec.kind == "spatial" else network,
        file=file.name,
        sha256=sha256,
    )


def check_own(files: Iterable[Path]) -> None:
    """Raises UsageError if one of these files is someone else's published checkpoint."""
    for file in files:
        sha256 = sha256_of(file) if file.is_file() else ""
        for name, entry in baselines.CHECKPOINTS.items():
            if entry.sha256 and sha256.startswith(entry.sha256):
                raise UsageError(
                    f"{file} is the published {name}, not weights of your own: its authors have it "
                    f"at {entry.page} ({entry.licence})"
                )
