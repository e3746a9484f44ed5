from __future__ import annotations

import pytest
import torch
from torch import nn

from covidcxr.training.averaging import WeightAverage


def fill(network: nn.Linear, value: float) -> None:
    with torch.no_grad():
        network.weight.fill_(value)


def value(network: nn.Linear) -> float:
    return float(network.weight.detach().mean())


def test_the_average_follows_slowly_and_faster_in_the_first_steps() -> None:
    network = nn.Linear(2, 1)
    fill(network, 0.0)
    average = WeightAverage(network, [], 0.9)
    fill(network, 1.0)
    average.update(1)  # decay (1 + 1) / (10 + 1)
    with average.applied():
        assert value(network) == pytest.approx(1 - 2 / 11)
    assert value(network) == 1.0
    average.update(1000)  # decay 0.9
    with average.applied():
        assert value(network) == pytest.approx(0.9 * (1 - 2 / 11) + 0.1)


def test_without_a_decay_nothing_changes() -> None:
    network = nn.Linear(2, 1)
    fill(network, 3.0)
    average = WeightAverage(network, [], 0.0)
    average.update(1)
    average.swap()
    assert value(network) == 3.0
    assert average.state() == {}


def test_a_restored_average_is_the_saved_one() -> None:
    network = nn.Linear(2, 1)
    average = WeightAverage(network, [], 0.5)
    fill(network, 7.0)
    average.update(100)
    saved = {name: tensor.clone() for name, tensor in average.state().items()}
    other = WeightAverage(network, [], 0.5)
    other.load_state(saved)
    torch.testing.assert_close(other.state(), saved)
