"""What can be wrong in a recipe, found before a dataset is compiled or an image packed.

A recipe's types and ranges are checked where it is read (`covidcxr.core.recipe`); here it is tried out: the network is
built, and shown a batch, without filling any memory. What depends on the dataset is found by the training itself.
"""

from __future__ import annotations

import math

import torch

from covidcxr.core.errors import RecipeError
from covidcxr.core.recipe import Recipe, require_network
from covidcxr.evaluation.published import published_result
from covidcxr.models.network import ChestNetwork, build_network
from covidcxr.training.losses import class_weights
from covidcxr.training.weights import check_weights


def check_recipe(recipe: Recipe) -> None:
    """Raise what a training of ``recipe`` would raise sooner or later, whatever its images are.

    Raises:
        RegistryError: If the network is unknown.
        RecipeError: If the recipe names no network, the network does not take its options, its size or the size of a
            batch, or a class weight is for a class that is not there.
        TrainingError: If the starting weights are not there, are others than the recipe says, or do not fit.
        SourceError: If they cannot be downloaded.
        EvaluationError: If the published result is unknown.
        MissingExtraError: If an optional package that the network or its weights need is not installed.
    """
    require_network(recipe)
    class_weights(recipe.dataset.classes, recipe.training.loss)
    if recipe.evaluation.published:
        published_result(recipe.evaluation.published)
    with torch.device("meta"):
        network = build_network(
            recipe.network.name,
            num_classes=len(recipe.dataset.classes),
            preprocess=recipe.network.preprocess.spec(),
            options=recipe.network.options,
        )
    _try_batch(network, recipe)
    if recipe.network.weights:
        check_weights(network, recipe.network.weights)


def _try_batch(network: ChestNetwork, recipe: Recipe) -> None:
    preprocess, training = recipe.network.preprocess, recipe.training
    num = math.ceil(training.batch_size / training.accumulate)
    images = torch.empty((num, 1, preprocess.size, preprocess.size), device="meta")
    try:
        network.train()(images)
    except (ValueError, IndexError, TypeError, RuntimeError) as error:
        raise RecipeError(
            f"network {recipe.network.name!r} cannot train on {num} image{'s' * (num > 1)} of {preprocess.size} x "
            f"{preprocess.size} at a time: {error}; change network.preprocess.size, network.options, "
            "training.batch_size or training.accumulate"
        ) from error
