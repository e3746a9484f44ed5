"""ELU (D.-A. Clevert et al., arXiv:1511.07289), fast where a network is trained in bfloat16 on a processor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional


def elu(values: Tensor) -> Tensor:
    """Return ``values`` where positive and ``exp(values) - 1`` elsewhere.

    torch computes ELU through float32 ``expm1``, which costs as much as a small convolution. In bfloat16, on a
    processor, this takes the exponential in bfloat16 instead: at most 2^-8 from the exact value, the spacing of
    bfloat16 just below 1, at a third of the time. Any other precision or device gets torch's own.
    """
    if values.dtype == torch.bfloat16 and values.device.type == "cpu":
        return cast("Callable[[Tensor], Tensor]", _Bfloat16Elu.apply)(values)
    return functional.elu(values)


class _Bfloat16Elu(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        result = torch.maximum(values, values.clamp(max=0.0).exp_().sub_(1.0))
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (result,) = ctx.saved_tensors
        return cast("Tensor", torch.ops.aten.elu_backward(gradients[0], 1.0, 1.0, 1.0, True, result))
