"""Large dense layers whose weight gradient is never stored.

With N images in a batch the gradient of a dense weight is a product of rank N, dy^T x. Writing it to memory, reading
it back, casting it and reading it again in the optimiser costs more than computing it. Here the backward pass keeps
only the two factors; the optimiser multiplies them tile by tile (a block of rows that stays in the cache) and applies
the exact Adam update to that tile at once. The forward and backward passes read a bfloat16 copy of the weight, which
is renewed while the tile is in the cache.

Which layers are worth it is decided here; the update of everything else is left to torch's own optimisers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function

from covidcxr.training.processes import Processes

_MIN_WEIGHTS = 1 << 20  # smaller layers gain nothing
_TILE_BYTES = 7 << 19  # of float32 gradient: in the cache with room for what moves through
EPSILON = 1e-7  # Keras' default, which the published code used


class FactoredLinear(nn.Linear):
    """A dense layer that hands the factors of its weight's gradient to the optimiser.

    Attributes:
        shadow: The weight in the precision of the passes; the weight itself where that is float32.
        factors: (inputs (N, in), output gradients (N, out)) of each backward pass since the last update.
        scale: Share of the learning rate that is the layer's.
    """

    factors: list[tuple[Tensor, Tensor]]

    def __init__(self, linear: nn.Linear, dtype: torch.dtype) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias = linear.weight, linear.bias
        self.weight.requires_grad_(False)  # no gradient is stored, and DDP must not wait for one
        self.shadow = self.weight.detach().to(dtype)
        self.factors = []
        self.scale = 1.0

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, out) of (N, in), in the precision of the shadow weight."""
        product = cast("Callable[..., Tensor]", _FactoredProduct.apply)
        return product(input.to(self.shadow.dtype), self.shadow, self.bias, self.factors)

    def refresh(self) -> None:
        """Make the shadow anew after the weight was replaced from outside."""
        if self.shadow.data_ptr() != self.weight.data_ptr():
            self.shadow.copy_(self.weight)


class _FactoredProduct(Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, factors: list[tuple[Tensor, Tensor]]) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.factors = factors
        # The weight as the left operand: a few rows on the left would have the whole weight packed anew each time.
        return torch.addmm(bias.to(weight.dtype)[:, None], weight, inputs.T).T

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, Tensor, None]:
        inputs, weight = ctx.saved_tensors
        gradient = gradients[0].to(weight.dtype)
        ctx.factors.append((inputs.detach(), gradient))
        return (gradient @ weight if ctx.needs_input_grad[0] else None), None, gradients[0].float().sum(dim=0), None


def factor_dense_layers(network: nn.Module, dtype: torch.dtype) -> list[FactoredLinear]:
    """Replace every large `nn.Linear` of ``network`` in place, sharing its parameters, and return the new layers."""
    replaced = []
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear and child.bias is not None and child.weight.numel() >= _MIN_WEIGHTS:
                layer = FactoredLinear(child, dtype)
                setattr(parent, name, layer)
                replaced.append(layer)
    return replaced


class FactoredAdam:
    """Adam (D. Kingma and J. Ba, arXiv:1412.6980) for factored layers, tile by tile, with float32 moments.

    Args:
        layers: Layers whose weights it updates.
        weight_decay: Decoupled (AdamW) if ``decoupled``, else added to the gradient.
        processes: Those that train together and bring their factors together; None for one.
    """

    def __init__(
        self,
        layers: list[FactoredLinear],
        *,
        weight_decay: float = 0.0,
        decoupled: bool = False,
        processes: Processes | None = None,
    ) -> None:
        self.layers = layers
        self.moments = [(torch.zeros_like(layer.weight), torch.zeros_like(layer.weight)) for layer in layers]
        self.num_steps = 0
        self._weight_decay = weight_decay
        self._kernel = torch._fused_adamw_ if decoupled else torch._fused_adam_
        self._processes = processes

    @torch.no_grad()
    def step(self, rate: float, loss_scale: float = 1.0) -> None:
        """Update every weight from the factors of the last backward passes, and forget the factors.

        ``loss_scale`` is what the loss was multiplied by before those passes.
        """
        self.num_steps += 1
        for layer, moments in zip(self.layers, self.moments, strict=True):
            if layer.factors:
                self._update(layer, moments, rate * layer.scale, loss_scale)
                layer.factors.clear()

    def _update(self, layer: FactoredLinear, moments: tuple[Tensor, Tensor], rate: float, loss_scale: float) -> None:
        inputs = torch.cat([factor[0] for factor in layer.factors])
        gradients = torch.cat([factor[1] for factor in layer.factors])
        if loss_scale != 1.0:  # unscaled, and multiplied, where float16 would lose or overflow them
            inputs, gradients = inputs.float(), gradients.float() / loss_scale
        if self._processes is not None and self._processes.size > 1:
            inputs, gradients = self._processes.gather(inputs), self._processes.gather(gradients)
            gradients = gradients / self._processes.size  # the mean over processes, as DDP takes it
        columns = gradients.T.contiguous()
        step = torch.tensor(float(self.num_steps), device=layer.weight.device)
        weight, shadow = layer.weight.detach(), layer.shadow
        separate = shadow.data_ptr() != weight.data_ptr()
        rows = max(1, _TILE_BYTES // (4 * layer.in_features))
        gradient = weight.new_empty((rows, layer.in_features))
        for start in range(0, layer.out_features, rows):
            tile = slice(start, min(start + rows, layer.out_features))
            part = gradient[: tile.stop - tile.start]
            part.copy_(columns[tile] @ inputs)
            self._kernel(
                [weight[tile]], [part], [moments[0][tile]], [moments[1][tile]], [], [step],
                lr=rate, beta1=0.9, beta2=0.999, weight_decay=self._weight_decay, eps=EPSILON,
                amsgrad=False, maximize=False,
            )  # fmt: skip
            if separate:
                shadow[tile].copy_(weight[tile])
