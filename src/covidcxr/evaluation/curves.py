"""The points of ROC, precision-recall and reliability curves, with pointwise patient-clustered bands.

How they are drawn is known to `covidcxr.outputs.figures`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from covidcxr.evaluation.cohort import Cohort
from covidcxr.metrics.bootstrap import bootstrap
from covidcxr.metrics.calibration import ReliabilityBin, reliability_curve
from covidcxr.metrics.checks import FloatArray

_GRID = np.linspace(0.0, 1.0, 101)
_MANY_CASES = 20_000


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BandedCurve:
    """A curve on a fixed grid of x, with its 95 % band; float64 (T,) each."""

    x: FloatArray
    y: FloatArray
    low: FloatArray
    high: FloatArray


def roc_band(cohort: Cohort, label: str, *, rounds: int = 500, seed: int = 0) -> BandedCurve | None:
    """Return sensitivity over 1 - specificity of one class against the rest; None if either side is empty."""

    def curve(hits: FloatArray, alarms: FloatArray) -> FloatArray:
        return np.asarray(np.interp(_GRID, np.append(0.0, alarms / alarms[-1]), np.append(0.0, hits / hits[-1])))

    return _band(cohort, label, curve, rounds=rounds, seed=seed)


def pr_band(cohort: Cohort, label: str, *, rounds: int = 500, seed: int = 0) -> BandedCurve | None:
    """Return precision over recall of one class, by steps, never interpolated; None if either side is empty."""

    def curve(hits: FloatArray, alarms: FloatArray) -> FloatArray:
        at = np.minimum(np.searchsorted(hits, _GRID * hits[-1] * (1 - 1e-12)), hits.size - 1)
        first = int(np.argmax(hits > 0))
        at = np.maximum(at, first)
        return np.asarray(hits[at] / (hits[at] + alarms[at]))

    return _band(cohort, label, curve, rounds=rounds, seed=seed)


def confidence_reliability(cohort: Cohort, *, num_bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """Return how often the answer was right, by how sure the network was of it."""
    return reliability_curve(
        cohort.probabilities.max(axis=1), cohort.predicted == cohort.labels, groups=cohort.groups, num_bins=num_bins
    )


def _band(
    cohort: Cohort, label: str, curve: Callable[[FloatArray, FloatArray], FloatArray], *, rounds: int, seed: int
) -> BandedCurve | None:
    column = cohort.classes.index(label)
    positive = (cohort.labels == column).astype(np.float64)
    if positive.min() == positive.max():
        return None
    scores = cohort.probabilities[:, column]
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), order.size - 1)
    is_positive = positive[order]

    def statistic(weights: FloatArray) -> FloatArray:
        sorted_weights = np.take(weights, order, axis=1)
        hits = np.cumsum(sorted_weights * is_positive, axis=1)[:, ends]
        alarms = np.cumsum(sorted_weights * (1 - is_positive), axis=1)[:, ends]
        rows = [
            curve(hit, alarm) if hit[-1] > 0 and alarm[-1] > 0 else np.full(_GRID.size, np.nan)
            for hit, alarm in zip(hits, alarms, strict=True)
        ]
        return np.stack(rows)

    result = bootstrap(
        statistic,
        num_cases=cohort.num_images,
        groups=cohort.groups,
        rounds=rounds if cohort.num_images <= _MANY_CASES else min(rounds, 200),
        seed=seed,
    )
    drawn = result.rounds[np.isfinite(result.rounds).all(axis=1)]
    if len(drawn) < 2:
        return BandedCurve(x=_GRID, y=result.point, low=result.point, high=result.point)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return BandedCurve(x=_GRID, y=result.point, low=low, high=high)
