from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from torch import nn
from torch.amp import GradScaler

from covidcxr.core.errors import TrainingError
from covidcxr.core.recipe import OptimizerRecipe, Recipe
from covidcxr.training.devices import start_fabric
from covidcxr.training.optimizers import Optimizer
from trainings import KilledAfter, curve

Build = Callable[..., Recipe]


def half_on_the_cpu(device: str, precision: str) -> Fabric:
    """Return what a GPU has: autocast to float16 and a scaled loss; slow here, and therefore not offered."""
    plugin = MixedPrecision("16-mixed", "cpu", GradScaler("cpu", growth_interval=2))
    fabric = Fabric(accelerator="cpu", devices=1, plugins=[plugin])
    fabric.launch()
    return fabric


def test_float16_without_a_gpu_is_refused() -> None:
    with pytest.raises(TrainingError, match="float16 needs a CUDA GPU, found cpu; take bfloat16"):
        start_fabric("cpu", "float16")


def test_float16_follows_float32_and_goes_on_exactly(
    run: Callable[..., Path], small_recipe: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    single = curve(run(small_recipe(epochs=1, precision="float32"), "single"))
    monkeypatch.setattr("covidcxr.training.fit.start_fabric", half_on_the_cpu)
    recipe = small_recipe(epochs=1, precision="float16")
    half = curve(run(recipe, "half"))
    for one, other in zip(single, half, strict=True):
        assert other[1]["loss"] == pytest.approx(one[1]["loss"], abs=0.02)
    monkeypatch.setattr("covidcxr.training.loop._CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, "parts", progress=KilledAfter(4))
    assert curve(run(recipe, "parts")) == half


def large(dtype: torch.dtype, scaler: GradScaler | None) -> tuple[nn.Linear, Optimizer]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(1024, 1024))
    optimizer = Optimizer(network, OptimizerRecipe(name="adam"), dtype=dtype, scaler=scaler)
    layer = network[0]
    assert isinstance(layer, nn.Linear)
    return layer, optimizer


def test_a_factored_layer_takes_the_gradient_without_its_scale_and_skips_an_infinite_one() -> None:
    inputs, targets = torch.randn(8, 1024), torch.randn(8, 1024)
    moved = []
    for dtype, scaler in ((torch.float32, None), (torch.float16, GradScaler("cpu", init_scale=1024.0))):
        layer, optimizer = large(dtype, scaler)
        before = layer.weight.detach().clone()
        for _ in range(3):
            optimizer.zero_grad()
            loss = (layer(inputs).float() - targets).square().mean()
            (loss if scaler is None else scaler.scale(loss)).backward()
            optimizer.step(1e-3)
        moved.append(layer.weight.detach() - before)
        kept = layer.weight.detach().clone()
    assert float((moved[1] - moved[0]).norm() / moved[0].norm()) < 0.02
    assert scaler is not None
    optimizer.zero_grad()
    scaler.scale(layer(inputs).float().sum() * 1e6).backward()  # beyond float16
    optimizer.step(1e-3)
    assert torch.equal(layer.weight, kept)
    assert scaler.get_scale() == 512.0
