from __future__ import annotations

import pytest
import torch

from covidcxr.core.errors import RecipeError
from covidcxr.models.build import count_parameters
from covidcxr.models.covid19_cnn import Covid19Cnn
from covidcxr.models.haghanifar2020 import Haghanifar2020


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # weights and biases layer by layer, from the published layer tables
        ("covid19-cnn", 896 + 18_496 + 36_928 + 73_856 + (30 * 30 * 128 * 64 + 64) + 65),
        ("haghanifar2020", 832 + 4 * 9_248 + (11 * 11 * 32 * 10 + 10) + 110 + 11),
    ],
)
def test_it_has_the_parameters_of_its_published_layers(name: str, expected: int) -> None:
    assert count_parameters(name) == expected


def test_two_classes_share_one_sigmoid() -> None:
    torch.manual_seed(0)
    network = Haghanifar2020(size=96).eval()
    logits = network(torch.rand(3, 1, 96, 96))
    assert logits.shape == (3, 2)
    assert not logits[:, 1].any()
    torch.testing.assert_close(torch.softmax(logits, 1)[:, 0], torch.sigmoid(logits[:, 0]))


def test_more_classes_have_a_logit_each() -> None:
    network = Covid19Cnn(num_classes=3, size=32).eval()
    logits, last = network.forward_with_features(torch.rand(2, 1, 32, 32))
    assert logits.shape == (2, 3)
    assert last.shape == (2, 128, 4, 4)


@pytest.mark.parametrize("network", [Covid19Cnn, Haghanifar2020])
def test_an_input_too_small_for_the_layers_is_refused(network: type) -> None:
    with pytest.raises(RecipeError, match="size 16 is smaller than"):
        network(size=16)
