"""What a trained network's scores are worth on patients it did not learn from: temperature, sets, operating points.

Everything is fitted on the validation part; how each is computed is known to `covidcxr.metrics`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.recipe import CalibrationRecipe
from covidcxr.metrics.calibration import fit_temperature
from covidcxr.metrics.conformal import fit_conformal
from covidcxr.metrics.probabilities import softmax
from covidcxr.models.bundle import BundleInfo, OperatingPoint


def calibrate(
    info: BundleInfo, logits: NDArray[np.float64], labels: NDArray[np.int64], recipe: CalibrationRecipe
) -> BundleInfo:
    """Return ``info`` with what ``recipe`` asks for, fitted on validation ``logits`` (N, C) and ``labels`` (N,)."""
    temperature = fit_temperature(logits, labels).temperature if recipe.temperature else 1.0
    probabilities = softmax(logits / temperature)
    conformal: dict[str, float | dict[str, float]] = {}
    if recipe.coverage:
        sets = fit_conformal(probabilities, labels, coverage=recipe.coverage)
        conformal[f"{recipe.coverage:.2f}"] = dict(zip(info.classes, map(float, sets.thresholds), strict=True))
    points = [
        operating_point(label, probabilities[:, column], labels == column, target)
        for column, label in enumerate(info.classes)
        for target in recipe.sensitivities
    ]
    update = {"temperature": temperature, "conformal": conformal, "operating_points": tuple(points)}
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
