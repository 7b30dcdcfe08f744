"""What weights compute is compared with what they computed before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from stvt.baselines import network
from stvt.baselines.errors import MethodError
from stvt.baselines.weights.fetch import add_weights
from stvt.baselines.weights.load import (
    initialise,
)
from stvt.baselines.weights.store import (
    Record,
    read_record,
    write_record,
)
from stvt.baselines.weights.verify import (
    agree,
    fingerprint,
    probe,
    verify_weights,
    weight_files,
)

pytestmark = pytest.mark.usefixtures("home")


def test_a_file_is_verified_against_what_it_computed_before(file: Path) -> None:
    kept = add_weights(file)
    assert weight_files() == [("edvr-m", kept.file)] == weight_files("edvr-m")
    first = verify_weights("edvr-m", kept.file)
    assert not first.repeated and first.sha256 == kept.sha256 and first.parameters == 2_340_003
    known = read_record(kept.file)
    assert known is not None and known.fingerprint == first.fingerprint
    second = verify_weights("edvr-m", kept.file)
    assert second.repeated and second.fingerprint == first.fingerprint
    changed = tuple(1.001 * number for number in first.fingerprint)
    write_record(kept.file, Record("edvr-m", kept.sha256, "", changed))
    with pytest.raises(MethodError, match="computes something else than when it was first"):
        verify_weights("edvr-m", kept.file)
    with pytest.raises(MethodError, match="no weights in .*stvt weights fetch stvun"):
        weight_files("stvun")
    with pytest.raises(MethodError, match="nothing is called 'no'"):
        weight_files("no")


def test_weights_that_compute_nothing_finite_are_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = add_weights(file)
    inf = torch.tensor([1.0, float("inf")])
    monkeypatch.setattr("stvt.baselines.weights.verify.probe", lambda *_: inf)
    with pytest.raises(MethodError, match="computes infinite or undefined numbers"):
        verify_weights("edvr-m", kept.file)


@pytest.mark.parametrize("name", ["edvr-m", "pwcnet"])
def test_a_fingerprint_feels_every_weight_and_no_rounding(name: str) -> None:
    module = network(name).double()
    initialise(module)
    with torch.inference_mode():
        made = probe(name, module)
        before = fingerprint(made)
        noise = torch.cos(torch.arange(made.numel())).view_as(made)
        assert agree(fingerprint(made + 1e-9 * made.abs().max() * noise), before)
        last = [value for value in module.parameters() if value.ndim > 1][-1]
        for weight in (next(iter(module.parameters())), last):
            kept = weight.clone()
            weight.mul_(1.001)
            assert not agree(fingerprint(probe(name, module)), before)
            weight.copy_(kept)
        assert fingerprint(probe(name, module)) == before
    assert isinstance(module, nn.Module)
