"""What every network of the registry keeps to; a new entry is tested unasked."""

from __future__ import annotations

import pytest
import torch

from covidcxr.core.errors import MissingExtraError, RecipeError
from covidcxr.core.types import PreprocessSpec
from covidcxr.models import MODELS
from covidcxr.models.build import build_network, count_parameters
from covidcxr.models.network import ChestNetwork


def small(name: str, *, channels: int, num_classes: int = 3) -> ChestNetwork:
    """Return the network at the smallest of a few sizes that it takes."""
    for size in (32, 96, 224):
        try:
            torch.manual_seed(0)
            spec = PreprocessSpec(size=size, channels=channels)  # type: ignore[arg-type]
            return build_network(name, num_classes=num_classes, preprocess=spec, options={}).eval()
        except RecipeError:
            continue
        except MissingExtraError as error:
            pytest.skip(str(error))
    raise AssertionError(f"{name} takes none of the sizes")


@pytest.mark.parametrize("name", MODELS.names())
def test_its_logits_depend_on_the_map_that_explanations_look_at(name: str) -> None:
    network = small(name, channels=MODELS.get(name).default_channels)
    images = torch.rand(2, network.channels, network.size, network.size)
    logits, features = network.forward_with_features(images)
    assert logits.shape == (2, 3)
    assert features.shape[0] == 2
    assert features.ndim == 4
    (gradient,) = torch.autograd.grad(logits[:, 0].sum(), [features])
    assert gradient.abs().sum() > 0
    torch.testing.assert_close(network(images), logits)
    torch.testing.assert_close(network.features(images), features)


@pytest.mark.parametrize("name", MODELS.names())
@pytest.mark.parametrize("num_classes", [2, 3])
def test_it_has_a_logit_for_every_class(name: str, num_classes: int) -> None:
    network = small(name, channels=1, num_classes=num_classes)
    with torch.no_grad():
        assert network(torch.rand(1, 1, network.size, network.size)).shape == (1, num_classes)


@pytest.mark.parametrize("name", MODELS.names())
def test_its_size_as_published_is_counted_without_filling_memory(name: str) -> None:
    assert count_parameters(name) > 10_000


@pytest.mark.parametrize("name", MODELS.names())
def test_of_three_channels_it_takes_one_as_three_equal_ones(name: str) -> None:
    network = small(name, channels=3)
    images = torch.rand(1, 1, network.size, network.size)
    with torch.no_grad():
        torch.testing.assert_close(network(images), network(images.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5)
