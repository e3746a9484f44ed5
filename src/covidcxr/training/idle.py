"""Which keys of a recipe's training do nothing, because of another key of the same recipe."""

from __future__ import annotations

from operator import attrgetter

from covidcxr.core.recipe import Recipe, TrainingRecipe

_DEFAULTS = TrainingRecipe()


def idle_keys(recipe: Recipe) -> dict[str, str]:
    """Return the keys of ``training`` that are not as by default and do nothing, and the key that is the reason."""
    training = recipe.training
    schedule = training.schedule
    used = {
        "optimizer.momentum": ("training.optimizer.name", training.optimizer.name == "sgd"),
        "optimizer.learning_rate": (
            "training.schedule.name",
            schedule.name != "steps" or training.optimizer.learning_rate in schedule.rates,  # said twice, as published
        ),
        "schedule.starts": ("training.schedule.name", schedule.name == "steps"),
        "schedule.rates": ("training.schedule.name", schedule.name == "steps"),
        "schedule.warmup_epochs": ("training.schedule.name", schedule.name in ("three-stage", "cosine")),
        "schedule.cooldown_start": ("training.schedule.name", schedule.name == "three-stage"),
        "schedule.low": ("training.schedule.name", schedule.name in ("three-stage", "cosine", "one-cycle")),
        "loss.smoothing_kind": ("training.loss.label_smoothing", training.loss.label_smoothing > 0),
        "augment.contrast_about": ("training.augment.contrast", training.augment.contrast != (1.0, 1.0)),
        "augment.resize_to": (
            "network.preprocess.size",
            training.augment.resize_to > recipe.network.preprocess.size,
        ),
        "validation_fraction": ("training.validation", training.validation == "patients"),
    }
    changed = (key for key in used if attrgetter(key)(training) != attrgetter(key)(_DEFAULTS))
    return {f"training.{key}": used[key][0] for key in changed if not used[key][1]}


def idle_words(recipe: Recipe) -> list[str]:
    """Return a sentence for each of the `idle_keys`."""
    return [
        f"{key} does nothing where {reason} is {attrgetter(reason)(recipe)}"
        for key, reason in idle_keys(recipe).items()
    ]
