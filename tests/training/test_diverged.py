from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from covidcxr.core.errors import DivergedError
from covidcxr.core.recipe import Recipe
from covidcxr.training.optimizers import Optimizer
from covidcxr.training.weights import initial_network

Build = Callable[..., Recipe]


def exploding(small_recipe: Build, *rates: float) -> Recipe:
    schedule = {"name": "steps", "starts": list(range(len(rates))), "rates": list(rates)}
    return small_recipe(optimizer={"name": "sgd", "learning_rate": 1e-3}, schedule=schedule, precision="float32")


def checkpoints(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").glob("step-*"))


def test_a_loss_that_is_no_number_stops_with_its_batch_and_names_the_way_on(
    run: Callable[..., Path], small_recipe: Build, tmp_path: Path
) -> None:
    with pytest.raises(
        DivergedError, match=r"epoch 2, batch \d of 6.*another --out with lower training\.schedule\.rates"
    ) as caught:
        run(exploding(small_recipe, 1e-3, 1e30))
    assert checkpoints(tmp_path / "run") == ["step-00000006"]
    assert not (tmp_path / "run" / "bundle").exists()
    weights = re.search(r"--set 'network\.weights=(.*)'", str(caught.value))
    assert weights is not None
    recipe = small_recipe(epochs=1)
    recipe = recipe.model_copy(update={"network": recipe.network.model_copy(update={"weights": weights[1]})})
    kept = load_file(tmp_path / "run" / "checkpoints" / "step-00000006" / "network.safetensors")
    torch.testing.assert_close(dict(initial_network(recipe, num_classes=2).state_dict()), kept)
    assert (run(recipe, "again") / "bundle").is_dir()


def test_before_the_first_checkpoint_none_is_promised(run: Callable[..., Path], small_recipe: Build) -> None:
    with pytest.raises(DivergedError, match=r"epoch 1, batch \d of 6.*no checkpoint was written yet"):
        run(exploding(small_recipe, 1e30))


def test_ruined_weights_are_never_kept_and_the_last_epoch_stays(
    run: Callable[..., Path], small_recipe: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    num_steps, step = 0, Optimizer.step

    def ruin_the_ninth(self: Optimizer, rate: float) -> None:
        nonlocal num_steps
        num_steps += 1
        step(self, rate if num_steps < 9 else float("inf"))

    monkeypatch.setattr("covidcxr.training.loop._CHECKPOINT_SECONDS", 0.0)  # after every step
    monkeypatch.setattr(Optimizer, "step", ruin_the_ninth)
    with pytest.raises(DivergedError, match=r"no number after step 9.*kept in .*step-00000006"):
        run(small_recipe())
    assert checkpoints(tmp_path / "run") == ["step-00000006", "step-00000008"]
