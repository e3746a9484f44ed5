"""What can be wrong in a recipe, found before a dataset is compiled or an image packed.

A recipe's types and ranges are checked where it is read (`covidcxr.core.recipe`); here it is tried out: the network is
built, and shown a batch, without filling any memory. What depends on the dataset is found by the training itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from covidcxr.core.errors import RecipeError
from covidcxr.core.labels import label_key
from covidcxr.core.recipe import Recipe, require_network
from covidcxr.evaluation.published import published_result
from covidcxr.models.build import build_network
from covidcxr.models.network import ChestNetwork
from covidcxr.training.losses import class_weights
from covidcxr.training.weights import check_weights


def check_recipe(recipe: Recipe) -> None:
    """Raise what a training of ``recipe`` would raise sooner or later, whatever its images are.

    Raises:
        RegistryError: If the network is unknown.
        RecipeError: If the recipe names no network or fewer than two classes, the network does not take its options,
            its size or the size of a batch, or a class weight is for a class that is not there.
        TrainingError: If the starting weights are not there, are others than the recipe says, or do not fit.
        SourceError: If they cannot be downloaded.
        EvaluationError: If the published result is unknown.
        MissingExtraError: If an optional package that the network or its weights need is not installed.
    """
    require_network(recipe)
    _check_classes(recipe.dataset.classes)
    class_weights(recipe.dataset.classes, recipe.training.loss)
    if recipe.evaluation.published:
        published_result(recipe.evaluation.published)
    network = _network_without_memory(recipe)
    _try_batch(network, recipe, recipe.training.batch_size)
    if recipe.network.weights:
        check_weights(network, recipe.network.weights)


def check_last_batch(recipe: Recipe, num_images: int) -> None:
    """Raise RecipeError where the network cannot train on the last batch of an epoch of ``num_images``."""
    batch_size = recipe.training.batch_size
    _try_batch(_network_without_memory(recipe), recipe, num_images % batch_size or batch_size, of_images=num_images)


def _check_classes(classes: Sequence[str]) -> None:
    if len(classes) < 2 or len({label_key(label) or label for label in classes}) < len(classes):
        raise RecipeError(
            f"dataset.classes: found {', '.join(classes) or 'none'}; expected two different classes at least"
        )


def _network_without_memory(recipe: Recipe) -> ChestNetwork:
    with torch.device("meta"):
        return build_network(
            recipe.network.name,
            num_classes=len(recipe.dataset.classes),
            preprocess=recipe.network.preprocess.spec(),
            options=recipe.network.options,
        )


def _try_batch(network: ChestNetwork, recipe: Recipe, num_rows: int, *, of_images: int = 0) -> None:
    """Try the smallest part that a batch of ``num_rows``, the last one of ``of_images``, is worked through in."""
    preprocess, training = recipe.network.preprocess, recipe.training
    size = math.ceil(num_rows / training.accumulate)
    num = num_rows % size or size
    images = torch.empty((num, 1, preprocess.size, preprocess.size), device="meta")
    try:
        network.train()(images)
    except (ValueError, IndexError, TypeError, RuntimeError) as error:
        whole = f", what is left of {of_images} training images" if of_images else ""
        raise RecipeError(
            f"network {recipe.network.name!r} cannot train on {num} image{'s' * (num > 1)} of {preprocess.size} x "
            f"{preprocess.size} at a time{whole}: {error}; change network.preprocess.size, network.options, "
            "training.batch_size or training.accumulate"
        ) from error
