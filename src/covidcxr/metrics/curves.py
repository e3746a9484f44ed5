"""Bands around ROC and precision-recall curves, for figures: pointwise, patient-clustered percentile bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from covidcxr.metrics.bootstrap import bootstrap
from covidcxr.metrics.checks import FloatArray, check_scores
from covidcxr.metrics.discrimination import precision_recall_curve, roc_curve

Curve = Callable[[FloatArray], FloatArray]

_GRID_POINTS = 101


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Band:
    """A curve on a grid with its pointwise band, float64 (T,); NaN where not estimable.

    Attributes:
        x: False positive rate, or recall.
        y: Sensitivity, or precision; ``low`` and ``high`` its limits.
    """

    x: FloatArray
    y: FloatArray
    low: FloatArray
    high: FloatArray


def roc_band(
    positive: ArrayLike, scores: ArrayLike, *, groups: ArrayLike | None = None, rounds: int = 500, seed: int = 0
) -> Band:
    """Return sensitivity over the false positive rate for (N,) truths and scores."""
    is_positive, values = check_scores(positive, scores)
    grid = np.linspace(0.0, 1.0, _GRID_POINTS)

    def one(weights: FloatArray) -> FloatArray:
        curve = roc_curve(is_positive, values, weights)
        if not np.isfinite(curve.true_positive_rate[-1] + curve.false_positive_rate[-1]):
            return np.full(grid.size, np.nan)
        # The highest sensitivity reached at each false positive rate: the last of equal rates.
        last = np.append(np.flatnonzero(np.diff(curve.false_positive_rate)), curve.false_positive_rate.size - 1)
        return np.asarray(np.interp(grid, curve.false_positive_rate[last], curve.true_positive_rate[last]))

    return _band(grid, one, groups=groups, num_cases=values.size, rounds=rounds, seed=seed)


def precision_recall_band(
    positive: ArrayLike, scores: ArrayLike, *, groups: ArrayLike | None = None, rounds: int = 500, seed: int = 0
) -> Band:
    """Return precision over recall for (N,) truths and scores: that of the step which reaches the recall."""
    is_positive, values = check_scores(positive, scores)
    grid = np.linspace(0.0, 1.0, _GRID_POINTS)

    def one(weights: FloatArray) -> FloatArray:
        curve = precision_recall_curve(is_positive, values, weights)
        if not np.isfinite(curve.recall[-1]):
            return np.full(grid.size, np.nan)
        drawn = np.isfinite(curve.precision)
        step = np.searchsorted(curve.recall[drawn], grid - 1e-12)
        return np.asarray(curve.precision[drawn][np.minimum(step, drawn.sum() - 1)])

    return _band(grid, one, groups=groups, num_cases=values.size, rounds=rounds, seed=seed)


def _band(grid: FloatArray, one: Curve, *, groups: ArrayLike | None, num_cases: int, rounds: int, seed: int) -> Band:
    def statistic(weights: FloatArray) -> FloatArray:
        return np.stack([one(row) for row in weights])

    result = bootstrap(statistic, num_cases=num_cases, groups=groups, rounds=rounds, seed=seed)
    intervals = [result.interval(column) for column in range(grid.size)]
    return Band(
        x=grid,
        y=result.point,
        low=np.array([interval.low for interval in intervals]),
        high=np.array([interval.high for interval in intervals]),
    )
