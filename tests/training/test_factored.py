from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from covidcxr.core.recipe import OptimizerRecipe
from covidcxr.training import factored
from covidcxr.training.factored import EPSILON, FactoredLinear
from covidcxr.training.optimizers import Optimizer


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    monkeypatch.setattr(factored, "_MIN_WEIGHTS", 100)
    monkeypatch.setattr(factored, "_TILE_BYTES", 4 * 20 * 3)  # tiles of three rows, the last one shorter
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(10, 20), nn.Tanh(), nn.Linear(20, 16), nn.Tanh(), nn.Linear(16, 2))


def batches(num: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(8, 10, generator=generator), torch.randn(8, 2, generator=generator)) for _ in range(num)]


def train(network: nn.Module, optimizer: Optimizer, data: list[tuple[torch.Tensor, torch.Tensor]]) -> list[float]:
    losses = []
    for inputs, targets in data:
        optimizer.zero_grad()
        with torch.autocast("cpu", enabled=any(layer.shadow.dtype == torch.bfloat16 for layer in optimizer.layers)):
            loss = (network(inputs) - targets).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step(1e-2)
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_it_follows_torchs_own_optimiser(network: nn.Module, name: str) -> None:
    plain = copy.deepcopy(network)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    reference = kind(plain.parameters(), lr=1e-2, eps=EPSILON, weight_decay=0.05)
    expected = []
    for inputs, targets in batches(20):
        reference.zero_grad()
        loss = (plain(inputs) - targets).square().mean()
        loss.backward()
        reference.step()
        expected.append(loss.item())
    optimizer = Optimizer(network, OptimizerRecipe(name=name, weight_decay=0.05), dtype=torch.float32)  # type: ignore[arg-type]
    assert sum(isinstance(module, FactoredLinear) for module in network.modules()) == 2
    assert train(network, optimizer, batches(20)) == pytest.approx(expected, rel=1e-4)
    for name_, parameter in plain.named_parameters():
        torch.testing.assert_close(network.state_dict()[name_], parameter.detach(), rtol=1e-3, atol=1e-5)


def test_the_bfloat16_copy_is_the_rounded_weight_after_every_step(network: nn.Module) -> None:
    optimizer = Optimizer(network, OptimizerRecipe(), dtype=torch.bfloat16)
    train(network, optimizer, batches(3))
    for layer in optimizer.layers:
        assert torch.equal(layer.shadow, layer.weight.to(torch.bfloat16))
        assert layer.weight.dtype == torch.float32


def test_the_state_dict_has_the_names_of_the_plain_network(network: nn.Module) -> None:
    names = list(network.state_dict())
    Optimizer(network, OptimizerRecipe(), dtype=torch.bfloat16)
    assert list(network.state_dict()) == names


def test_two_backward_passes_add_up(network: nn.Module) -> None:
    whole, halves = copy.deepcopy(network), network
    (inputs, targets) = batches(1)[0]
    for candidate, parts in ((whole, [slice(0, 8)]), (halves, [slice(0, 4), slice(4, 8)])):
        optimizer = Optimizer(candidate, OptimizerRecipe(), dtype=torch.float32)
        for part in parts:
            loss = (candidate(inputs[part]) - targets[part]).square().sum()
            loss.backward()
        optimizer.step(1e-2)
    torch.testing.assert_close(whole.state_dict(), halves.state_dict(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["adam", "nadam", "sgd", "adamw"])
def test_a_restored_optimiser_goes_on_exactly(network: nn.Module, name: str) -> None:
    recipe = OptimizerRecipe(name=name)  # type: ignore[arg-type]
    optimizer = Optimizer(network, recipe, dtype=torch.float32)
    data = batches(8)
    train(network, optimizer, data[:4])
    weights = {key: value.clone() for key, value in network.state_dict().items()}
    state = {key: value.clone() for key, value in optimizer.state().items()}
    expected = train(network, optimizer, data[4:])
    with torch.no_grad():
        network.load_state_dict(weights)
    fresh = Optimizer(network, recipe, dtype=torch.float32)
    fresh.layers, fresh.factored.layers = optimizer.layers, optimizer.layers
    fresh.factored.moments = [(torch.zeros_like(a), torch.zeros_like(b)) for a, b in optimizer.factored.moments]
    fresh.load_state(state)
    assert train(network, fresh, data[4:]) == expected
