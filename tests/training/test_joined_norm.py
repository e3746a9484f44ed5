from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import distributed, nn

from covidcxr.training.joined_norm import JoinedBatchNorm2d, join_batch_norms


@pytest.fixture
def one_process() -> Iterator[None]:
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def outcome(norm: nn.BatchNorm2d, images: torch.Tensor) -> list[torch.Tensor]:
    images = images.clone().requires_grad_()
    out = norm(images)
    (out * torch.arange(out.numel()).view_as(out).sin()).sum().backward()
    tensors = [out.detach(), images.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var]
    return [tensor for tensor in tensors if tensor is not None]


def test_over_one_process_it_is_batch_normalisation(one_process: None) -> None:
    torch.manual_seed(0)
    images = torch.randn(4, 3, 5, 6) * 2 + 7
    plain, network = nn.BatchNorm2d(3, momentum=0.2), nn.Sequential(nn.BatchNorm2d(3, momentum=0.2))
    for norm in (plain, network[0]):
        norm.load_state_dict({**norm.state_dict(), "weight": torch.tensor([1.0, -2.0, 0.5])})
    names = list(network.state_dict())
    assert join_batch_norms(network) == 1
    joined = network[0]
    assert isinstance(joined, JoinedBatchNorm2d)
    assert list(network.state_dict()) == names
    for ours, theirs in zip(outcome(joined, images), outcome(plain, images), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert joined.num_batches_tracked == plain.num_batches_tracked == 1
    torch.testing.assert_close(joined.eval()(images), plain.eval()(images))


def test_another_kind_of_batch_normalisation_is_named(caplog: pytest.LogCaptureFixture) -> None:
    assert join_batch_norms(nn.Sequential(nn.BatchNorm1d(3))) == 0
    assert "BatchNorm1d normalises over the images of one process" in caplog.text
