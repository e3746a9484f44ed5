from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from covidcxr.core.recipe import Recipe
from covidcxr.core.recipe_toml import load_recipe, recipe_names
from covidcxr.training.idle import idle_keys, idle_words


@pytest.mark.parametrize("name", recipe_names())
def test_no_key_of_a_shipped_recipe_is_idle(name: str) -> None:
    assert idle_keys(load_recipe(name)) == {}


@pytest.mark.parametrize(
    ("recipe", "key", "value", "reason"),
    [
        ("strong", "training.optimizer.momentum", "0.8", "training.optimizer.name is adamw"),
        ("zhong2020", "training.optimizer.learning_rate", "1e-5", "training.schedule.name is steps"),
        ("strong", "training.schedule.cooldown_start", "4", "training.schedule.name is cosine"),
        ("covid19-cnn", "training.schedule.warmup_epochs", "3", "training.schedule.name is constant"),
        ("haghanifar2020", "training.loss.smoothing_kind", "paper", "training.loss.label_smoothing is 0.0"),
        ("strong", "training.augment.resize_to", "96", "network.preprocess.size is 128"),
        ("zhong2020", "training.validation_fraction", "0.3", "training.validation is test"),
    ],
)
def test_a_key_that_another_makes_idle_is_named_with_it(recipe: str, key: str, value: str, reason: str) -> None:
    assert idle_words(load_recipe(recipe, [f"{key}={value}"])) == [f"{key} does nothing where {reason}"]


def test_a_training_says_what_of_its_recipe_does_nothing(
    run: Callable[..., Path], small_recipe: Callable[..., Recipe], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        run(small_recipe(epochs=1, steps=1, optimizer={"momentum": 0.5}))
    assert "recipe small: training.optimizer.momentum does nothing where training.optimizer.name is adam" in caplog.text
