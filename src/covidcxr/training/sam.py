"""Sharpness-aware minimisation (P. Foret et al., arXiv:2010.01412): descend by the gradient of the worst near weights.

After a backward pass the weights climb by ``radius`` along the gradient, a second pass over the same batch computes
the gradient there, and the weights go back before the optimiser takes it. With several processes the gradient is
that of all, so all climb to the same place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def at_the_worst(network: nn.Module, radius: float) -> Iterator[None]:
    """Move ``network`` by ``radius`` along its gradients, all parameters as one vector, for the block.

    Afterwards parameters and statistics are exactly as before, and the gradients are those of the block.
    """
    with torch.no_grad():
        before = [(tensor, tensor.clone()) for tensor in (*network.parameters(), *network.buffers())]
        slopes = [(parameter, parameter.grad) for parameter in network.parameters() if parameter.grad is not None]
        length = torch.stack([gradient.norm() for _, gradient in slopes]).norm()
        for parameter, gradient in slopes:
            parameter.add_(gradient * (radius / (length + 1e-12)))
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, kept in before:
                tensor.copy_(kept)
