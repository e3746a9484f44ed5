"""Cross-entropy with label smoothing and class weights, as the published systems define them; the focal loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from covidcxr.core.errors import RecipeError
from covidcxr.core.labels import find_label
from covidcxr.core.recipe import LossRecipe


def smooth_targets(labels: Tensor, num_classes: int, loss: LossRecipe) -> Tensor:
    """Return float32 (N, num_classes) targets of int64 (N,) labels, smoothed as the recipe says."""
    share = loss.label_smoothing
    one_hot = functional.one_hot(labels, num_classes).float()
    if loss.smoothing_kind == "paper":  # arXiv:2007.09695: 1 - e on the class, e / (N - 1) on each other
        return one_hot * (1 - share) + (1 - one_hot) * (share / (num_classes - 1))
    return one_hot * (1 - share) + share / num_classes


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the float32 (N,) cross-entropy of logits (N, C), any precision, against soft targets (N, C)."""
    return -(targets * functional.log_softmax(logits.float(), dim=1)).sum(dim=1)


def focal_cross_entropy(logits: Tensor, targets: Tensor, exponent: float) -> Tensor:
    """Return the float32 (N,) focal loss of logits (N, C) against soft targets (N, C).

    Each class's term of the cross-entropy is scaled by (1 - p)^exponent (T.-Y. Lin et al., arXiv:1708.02002), so that
    what is already sure counts little.
    """
    if not exponent:
        return cross_entropy(logits, targets)
    log_probabilities = functional.log_softmax(logits.float(), dim=1)
    doubt = (-torch.expm1(log_probabilities)).clamp(min=1e-6)  # the power's gradient is infinite at 0 below 1
    return -(targets * doubt.pow(exponent) * log_probabilities).sum(dim=1)


def image_losses(logits: Tensor, labels: Tensor, weights: Tensor, loss: LossRecipe) -> Tensor:
    """Return the float32 (N,) losses of logits (N, C) with labels int64 (N,), each times its class's weight (C,).

    Their mean is divided by N and not by the weights' sum, as Keras applies ``class_weight``: a batch with more
    COVID-19 images has a larger loss.
    """
    targets = smooth_targets(labels, logits.shape[1], loss)
    return focal_cross_entropy(logits, targets, loss.focal) * weights[labels]


def class_weights(classes: Sequence[str], loss: LossRecipe) -> Tensor:
    """Return the float32 (C,) weights of ``classes``, 1.0 where the recipe names none.

    Raises:
        RecipeError: If the recipe weighs a class that is not there.
    """
    weights = torch.ones(len(classes))
    for name, weight in loss.class_weights.items():
        label = find_label(name, classes)
        if label is None:
            raise RecipeError(
                f"training.loss.class_weights: class {name!r} is none of the dataset's {', '.join(classes)}"
            )
        weights[list(classes).index(label)] = weight
    return weights
