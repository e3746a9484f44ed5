from __future__ import annotations

import pytest
import torch
from torch import nn

from covidcxr.core.recipe import OptimizerRecipe
from covidcxr.training.factored import FactoredLinear
from covidcxr.training.optimizers import Optimizer, stage_scales


class Staged(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(4, 1024)
        self.blocks = nn.ModuleList([nn.Linear(1024, 1024), nn.Linear(1024, 4)])

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        for layer in (self.stem, *self.blocks):
            values = layer(values)
        return values


def test_each_stage_has_the_rate_of_the_next_one_times_the_decay() -> None:
    scales = stage_scales(Staged(), 0.5)
    assert scales == {
        "stem.weight": 0.25, "stem.bias": 0.25, "blocks.0.weight": 0.5, "blocks.0.bias": 0.5,
        "blocks.1.weight": 1.0, "blocks.1.bias": 1.0,
    }  # fmt: skip


class Wrapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = nn.ModuleDict({"conv1": nn.Linear(4, 4), "layer1": nn.Sequential(nn.Linear(4, 4))})
        self.network["fc"] = nn.Linear(4, 2)


def test_the_classifier_of_a_wrapped_network_is_its_last_stage() -> None:
    scales = stage_scales(Wrapped(), 0.5)
    weights = {name: scale for name, scale in scales.items() if name.endswith("weight")}
    assert weights == {"network.conv1.weight": 0.25, "network.layer1.0.weight": 0.5, "network.fc.weight": 1.0}


@pytest.mark.parametrize("name", ["adam", "adamw", "nadam", "sgd"])
def test_the_first_step_moves_a_stage_in_proportion_to_its_rate(name: str) -> None:
    torch.manual_seed(0)
    network = Staged()
    recipe = OptimizerRecipe(name=name, momentum=0.0, layer_decay=0.5)  # type: ignore[arg-type]
    optimizer = Optimizer(network, recipe, dtype=torch.float32)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network(torch.randn(8, 4)).square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    optimizer.step(1e-3)
    moved = {name: (value - before[name]).abs().amax() for name, value in network.state_dict().items()}
    for key, scale in stage_scales(network, 0.5).items():
        gradient = gradients[key]
        if name == "sgd" and gradient is not None:
            expected = float(1e-3 * scale * gradient.abs().max())
        elif name in ("adam", "adamw"):
            expected = 1e-3 * scale  # Adam's first step is the rate, whatever the gradient
        else:
            continue
        assert float(moved[key]) == pytest.approx(expected, rel=0.02), key
    assert isinstance(network.blocks[0], FactoredLinear) is (name in ("adam", "adamw"))


def test_its_state_goes_back_into_the_stages_it_came_from() -> None:
    recipe = OptimizerRecipe(name="adamw", layer_decay=0.7)
    torch.manual_seed(1)
    first, inputs = Staged(), torch.randn(8, 4)
    one = Optimizer(first, recipe, dtype=torch.float32)
    first(inputs).square().sum().backward()
    one.step(1e-3)
    second = Staged()
    two = Optimizer(second, recipe, dtype=torch.float32)
    second.load_state_dict(first.state_dict())
    two.load_state({name: tensor.clone() for name, tensor in one.state().items()})
    for network, optimizer in ((first, one), (second, two)):
        optimizer.zero_grad()
        network(inputs).square().sum().backward()
        optimizer.step(1e-3)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
