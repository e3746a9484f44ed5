"""Batch normalisation over the images of all processes, so that several train as one does.

torch's own SyncBatchNorm is for GPUs only; this one takes any backend, gloo included. Outside training, and for one
process, it is what it replaces.
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

logger = logging.getLogger(__name__)


def join_batch_norms(network: nn.Module) -> int:
    """Replace every `nn.BatchNorm2d` of ``network`` in place, sharing its tensors; return how many there were."""
    num_joined = 0
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.BatchNorm2d and child.affine and child.track_running_stats and child.momentum:
                setattr(parent, name, JoinedBatchNorm2d(child))
                num_joined += 1
            elif isinstance(child, nn.modules.batchnorm._BatchNorm):
                logger.warning("%s normalises over the images of one process, not of all", type(child).__name__)
    return num_joined


class JoinedBatchNorm2d(nn.BatchNorm2d):
    """A batch normalisation whose statistics, in training, are those of the images of all processes together."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__(norm.num_features, eps=norm.eps, momentum=norm.momentum)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.train(norm.training)

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, C, H, W) of (N, C, H, W)."""
        if not self.training:
            return super().forward(input)
        assert self.running_mean is not None  # noqa: S101 - only norms that track statistics are replaced
        assert self.running_var is not None  # noqa: S101
        assert self.num_batches_tracked is not None  # noqa: S101
        out: Tensor
        out, mean, variance, count = _Joined.apply(input, self.weight, self.bias, self.eps)  # type: ignore[no-untyped-call]
        momentum = self.momentum or 0.0
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * (count / (count - 1).clamp(min=1)), momentum)
        return out


class _Joined(Function):
    @staticmethod
    def forward(
        ctx: Any, images: Tensor, weight: Tensor, bias: Tensor, epsilon: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        values = images.float()
        variance, mean = torch.var_mean(values, dim=(0, 2, 3), correction=0)
        own = torch.cat([mean, variance, mean.new_tensor([float(values[:, 0].numel())])])
        every = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
        distributed.all_gather(every, own)
        found, num_channels = torch.stack(every), len(mean)
        means, variances, counts = found[:, :num_channels], found[:, num_channels:-1], found[:, -1:]
        count = counts.sum()
        mean = (means * counts).sum(dim=0) / count
        variance = ((variances + (means - mean).square()) * counts).sum(dim=0) / count
        ctx.save_for_backward(images, weight, mean, torch.rsqrt(variance + epsilon), count)
        ctx.mark_non_differentiable(mean, variance, count)
        out = functional.batch_norm(images, mean, variance, weight, bias, training=False, eps=epsilon)
        return out, mean, variance, count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        images, weight, mean, scale, count = ctx.saved_tensors
        gradient = gradients[0].float()
        standard = (images.float() - mean.view(-1, 1, 1)) * scale.view(-1, 1, 1)
        of_bias = gradient.sum(dim=(0, 2, 3))
        of_weight = (gradient * standard).sum(dim=(0, 2, 3))
        sums = torch.stack([of_bias, of_weight])
        distributed.all_reduce(sums)
        shift, slope = (sums / count).unsqueeze(-1).unsqueeze(-1)
        of_images = (gradient - shift - standard * slope) * (weight * scale).view(-1, 1, 1)
        return of_images.to(images.dtype), of_weight, of_bias, None
