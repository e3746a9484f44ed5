from __future__ import annotations

import torch
from torch.nn import functional

from covidcxr.models.activations import elu


def test_bfloat16_is_within_one_spacing_of_the_exact_value() -> None:
    values = torch.linspace(-12, 12, 20_001).bfloat16()
    exact = functional.elu(values.float())
    assert float((elu(values).float() - exact).abs().max()) <= 2**-8
    positive = values > 0
    assert torch.equal(elu(values)[positive], values[positive])


def test_its_gradient_is_the_result_plus_one_where_negative() -> None:
    values = torch.tensor([-2.0, -0.5, 0.25, 3.0]).bfloat16().requires_grad_()
    (gradient,) = torch.autograd.grad(elu(values).sum(), [values])
    torch.testing.assert_close(gradient.float(), torch.tensor([0.1353, 0.6065, 1.0, 1.0]), rtol=0, atol=2**-7)


def test_float32_is_torchs_own() -> None:
    values = torch.linspace(-3, 3, 101)
    assert torch.equal(elu(values), functional.elu(values))
