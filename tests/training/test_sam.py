from __future__ import annotations

import torch
from torch import nn

from covidcxr.training.sam import at_the_worst


def test_it_climbs_by_the_radius_along_the_gradient_and_comes_back_exactly() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    images = torch.randn(2, 1, 5, 5)
    network(images).square().mul(torch.randn(2, 2, 3, 3)).sum().backward()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    gradients = torch.cat(
        [parameter.grad.flatten() for parameter in network.parameters() if parameter.grad is not None]
    )
    start = nn.utils.parameters_to_vector(network.parameters()).detach()
    with at_the_worst(network, 0.05):
        climbed = nn.utils.parameters_to_vector(network.parameters()).detach() - start
        torch.testing.assert_close(climbed, 0.05 * gradients / gradients.norm())
        network.zero_grad()
        network(images).sum().backward()  # moves the statistics, too
        there = [parameter.grad for parameter in network.parameters()]
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert all(parameter.grad is gradient for parameter, gradient in zip(network.parameters(), there, strict=True))
