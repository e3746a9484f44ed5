"""What a trained network's scores are worth on patients it did not learn from: temperature, sets, operating points.

Everything is fitted on the validation part; how each is computed is known to `covidcxr.metrics`.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from covidcxr.core.recipe import CalibrationRecipe, Recipe
from covidcxr.dataset.packed import PackedImages
from covidcxr.metrics.calibration import fit_temperature
from covidcxr.metrics.conformal import fit_conformal
from covidcxr.metrics.probabilities import softmax
from covidcxr.models.build import network_with_weights
from covidcxr.models.bundle_info import BundleInfo, OperatingPoint
from covidcxr.models.network import ChestNetwork
from covidcxr.training.batches import plain_batches

_ALL_RIGHT = "Not calibrated: no validation image was called wrongly, so that any confidence would do."


@torch.no_grad()
def validation_logits(
    network: ChestNetwork, recipe: Recipe, packed: PackedImages
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return float64 (N, classes) logits of packed images and int64 (N,) labels, as a bundle of ``network`` gives them.

    That is in float32 on the CPU, by a copy: the one that was trained may compute in less, and elsewhere.
    """
    spec = recipe.network.preprocess.spec()
    copy = network_with_weights(
        {name: tensor.cpu() for name, tensor in network.state_dict().items()},
        recipe.network.name,
        num_classes=len(recipe.dataset.classes),
        preprocess=spec,
        options=recipe.network.options,
    )
    answers = [copy(images).double() for images, _ in plain_batches(packed, spec)]
    return torch.cat(answers).numpy(), np.asarray(packed.labels, np.int64)


def calibrate(
    info: BundleInfo, logits: NDArray[np.float64], labels: NDArray[np.int64], recipe: CalibrationRecipe
) -> BundleInfo:
    """Return ``info`` with what ``recipe`` asks for, fitted on validation ``logits`` (N, C) and ``labels`` (N,).

    Where no image is called wrongly, no temperature is the best one, and the logits stay as they are.
    """
    all_right = bool((logits.argmax(axis=1) == labels).all())
    temperature = fit_temperature(logits, labels).temperature if recipe.temperature and not all_right else 1.0
    probabilities = softmax(logits / temperature)
    conformal: dict[str, float | dict[str, float]] = {}
    if recipe.coverage:
        sets = fit_conformal(probabilities, labels, coverage=recipe.coverage)
        name = f"{recipe.coverage:.2f}" if round(recipe.coverage, 2) == recipe.coverage else repr(recipe.coverage)
        conformal[name] = dict(zip(info.classes, map(float, sets.thresholds), strict=True))
    points = [
        operating_point(label, probabilities[:, column], labels == column, target)
        for column, label in enumerate(info.classes)
        for target in recipe.sensitivities
    ]
    notes = (*info.notes, _ALL_RIGHT) if recipe.temperature and all_right else info.notes
    update = {"temperature": temperature, "conformal": conformal, "operating_points": tuple(points), "notes": notes}
    return info.model_copy(update=update)


def operating_point(
    label: str, scores: NDArray[np.float64], positive: NDArray[np.bool_], target: float
) -> OperatingPoint:
    """Return the largest threshold on ``scores`` (N,) that finds the share ``target`` of ``positive`` (N,) cases."""
    found = np.sort(scores[positive])[::-1]
    threshold = float(found[max(1, int(np.ceil(target * len(found) - 1e-9))) - 1])
    reached = scores >= threshold
    return OperatingPoint(
        label=label,
        target=target,
        threshold=threshold,
        sensitivity=float(reached[positive].mean()),
        specificity=float(1 - reached[~positive].mean()),
        num_cases=len(found),
    )
