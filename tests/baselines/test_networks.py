"""Every network by its one door: what is saved of it is a published checkpoint's names and shapes."""

import io
from collections.abc import Iterator

import pytest
import torch

from stvt.baselines import METHODS, NETWORKS, Settings, method_of, network
from stvt.baselines.fisr.convert import tensorflow_names
from stvt.baselines.registry import PUBLISHED_NAMES
from tests.golden_cases import GOLDEN, load_state

PUBLISHED = sorted(folder.parent.name for folder in GOLDEN.glob("*/state.json"))


def test_every_published_network_has_its_door() -> None:
    assert len(PUBLISHED) == 14
    assert {PUBLISHED_NAMES.get(name, name) for name in PUBLISHED} <= set(NETWORKS)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_state_that_is_saved_comes_back_with_the_published_names_shapes_and_order(
    name: str,
) -> None:
    made = network(name)
    file = io.BytesIO()
    torch.save(made.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    shapes = {key: list(value.shape) for key, value in state.items()}
    if name.startswith("fisr"):  # published under TensorFlow's names and in its layout
        translated = tensorflow_names(name)
        assert [own for own, _ in translated.values()] == list(shapes)
        shapes = {key: list(shape) for key, (_, shape) in translated.items()}
    assert list(shapes.items()) == list(load_state(name).items())
    made.load_state_dict(state, strict=True)


@pytest.mark.parametrize("name", ["stvun-s", "edvr-s", "dain", "fisr"])
def test_a_method_leaves_the_network_that_it_was_given_as_it_was(name: str) -> None:
    """Validation gives it the averaged network of a training, which goes on with it."""
    given = [network(part).train() for part in METHODS[name].networks]
    before = [[*described(one)] for one in given]
    method_of(name, given, Settings(scale=METHODS[name].scales[-1], precision="bf16"))
    assert [[*described(one)] for one in given] == before


def described(network: torch.nn.Module) -> Iterator[object]:
    for module in network.modules():
        yield type(module), module.training
        yield [(one.shape, one.stride()) for one in module.parameters(recurse=False)]
