"""The model card of weights that were trained here: the README.md of a repository of the Hub."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stvt.baselines import CHECKPOINTS, network_spec, trained_on
from stvt.core.errors import UsageError
from stvt.core.files import sha256_of
from stvt.core.version import __version__

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


def model_card(network: str, file: Path, number: int, scale: int, licence: str | None) -> str:
    """A card with its YAML header, for a file of a network's weights.

    number:  of parameters. licence: of the weights, as the Hub names it; None leaves it out.
    """
    spec, sha256 = network_spec(network), sha256_of(file)
    trained = trained_on(file, sha256)
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
        for name, entry in CHECKPOINTS.items():
            if entry.sha256 and sha256.startswith(entry.sha256):
                raise UsageError(
                    f"{file} is the published {name}, not weights of your own: its authors have it "
                    f"at {entry.page} ({entry.licence})"
                )
