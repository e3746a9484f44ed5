from __future__ import annotations

import pytest
import torch

from covidcxr.core.errors import RecipeError
from covidcxr.core.types import PreprocessSpec
from covidcxr.models.build import build_network, count_parameters
from covidcxr.models.network import GrayConv2d
from covidcxr.models.zhong2020 import Zhong2020


def test_it_has_exactly_the_published_number_of_parameters() -> None:
    assert count_parameters("zhong2020") == 63_148_835


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_it_computes_what_the_paper_describes_layer_by_layer(pooling: str) -> None:
    torch.manual_seed(1)
    network = Zhong2020(size=16, pooling=pooling).eval()  # type: ignore[arg-type]
    images = torch.rand(2, 3, 16, 16)
    x, pooled = images, []
    for number, block in enumerate(network.blocks):
        for layer in block:  # type: ignore[attr-defined]
            x = torch.nn.functional.elu(layer(x))
        before = x
        x = torch.nn.functional.max_pool2d(x, 2)
        pooled.append(x.amax((2, 3)) if pooling == "max" else x.mean((2, 3)))
        assert number < 4
    hidden = torch.cat([*pooled, before.permute(0, 2, 3, 1).flatten(1)], 1)
    hidden = torch.nn.functional.elu(network.dense1(hidden))
    hidden = torch.nn.functional.elu(network.dense2(hidden))
    expected = network.classifier(hidden)
    logits, last = network.forward_with_features(images)
    torch.testing.assert_close(logits, expected)
    torch.testing.assert_close(last, before)


def test_one_channel_gives_the_result_and_gradient_of_three_equal_ones() -> None:
    torch.manual_seed(2)
    layer = GrayConv2d(3, 4, 3, padding=1)
    gray = torch.rand(2, 1, 8, 8)
    folded = layer(gray)
    (gradient,) = torch.autograd.grad(folded.square().sum(), [layer.weight])
    replicated = layer(gray.expand(-1, 3, -1, -1))
    (expected,) = torch.autograd.grad(replicated.square().sum(), [layer.weight])
    torch.testing.assert_close(folded, replicated)
    torch.testing.assert_close(gradient, expected)


def test_initial_weights_are_glorot_uniform_and_biases_zero() -> None:
    torch.manual_seed(3)
    network = Zhong2020(size=16)
    limit = (6 / (4096 + 2048)) ** 0.5
    weights = network.dense2.weight.detach()
    assert limit * 0.999 < weights.abs().max() <= limit
    assert abs(float(weights.std()) - limit / 3**0.5) < limit * 0.01
    assert not network.dense2.bias.any()


@pytest.mark.parametrize("options", [{"pooling": "median"}, {"depth": 3}])
def test_an_unknown_option_is_refused_by_name(options: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match=r"median|depth"), torch.device("meta"):
        build_network("zhong2020", num_classes=3, preprocess=PreprocessSpec(size=16, channels=3), options=options)
