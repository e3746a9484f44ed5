"""Intervals of any smooth figure without resampling: Student's, on a scale where it has no bounds.

The standard error is that of the infinitesimal jackknife (Jaeckel 1972): how much the figure moves as each patient
weighs a little more. For a share that is the cluster-robust variance, for an AUROC Obuchowski's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from covidcxr.metrics.checks import FloatArray, cluster_index
from covidcxr.metrics.intervals import NO_CASE_DIFFERS, Interval, effective_patients, student_quantile, too_few

Statistic = Callable[[FloatArray], FloatArray]
"""Maps case weights (R, N) to values (R, K), NaN where a value is not estimable."""
Scale = Literal["share", "correlation", "positive", "plain"]
"""In [0, 1], in [-1, 1], above 0, or unbounded: limits on the scale of the logit, of Fisher's z, of the logarithm, or
its own."""

_STEP = 1e-4
_MOST_GROUPS = 400  # more patients than that are taken in groups: the error is then known to 4 %, and time is saved
_BLOCK_ELEMENTS = 1 << 19
_NO_ERROR = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Linearised:
    """K figures of N cases, and their standard errors.

    Attributes:
        values: float64 (K,).
        errors: float64 (K,), by patient; NaN where a figure is.
    """

    values: FloatArray
    errors: FloatArray

    def interval(
        self, column: int, *, scale: Scale, groups: ArrayLike | None, num_cases: int, level: float = 0.95
    ) -> Interval:
        """Return the interval of one figure.

        Args:
            column: Which.
            scale: Of its values.
            groups: Patients of the cases on which it rests, ``num_cases`` of them; they give the degrees of freedom.
            num_cases: The cases on which it rests.
            level: Of the interval.
        """
        value, error = float(self.values[column]), float(self.errors[column])
        if not np.isfinite(value):
            return Interval.none(value, "")
        if reason := too_few(groups, num_cases):
            return Interval.none(value, reason)
        if not error > _NO_ERROR:
            return Interval.none(value, NO_CASE_DIFFERS)
        margin = student_quantile(level, effective_patients(groups, num_cases) - 1) * error
        ends = np.array([-margin, margin])
        if scale == "share":
            low, high = special.expit(special.logit(value) + ends / (value * (1 - value)))
        elif scale == "correlation":
            low, high = np.tanh(np.arctanh(value) + ends / (1 - value**2))
        elif scale == "positive":
            low, high = value * np.exp(ends / value)
        else:
            low, high = value + ends
        return Interval(value=value, low=float(low), high=float(high))


def linearise(statistic: Statistic, *, num_cases: int, groups: ArrayLike | None) -> Linearised:
    """Return K figures of N cases with their standard errors by patient.

    Args:
        statistic: See `Statistic`; smooth in the weights.
        num_cases: N.
        groups: (N,) patient of each case; None if every case is a patient of its own.

    Raises:
        EvaluationError: If ``groups`` does not fit.
    """
    index, num_clusters = cluster_index(groups, num_cases)
    num_groups = min(num_clusters, _MOST_GROUPS)
    group_of_case = index % num_groups
    values = statistic(np.ones((1, num_cases)))[0]
    block = max(1, _BLOCK_ELEMENTS // num_cases)
    total = np.zeros_like(values)
    for start in range(0, num_groups, block):
        moved = np.arange(start, min(start + block, num_groups))
        weights = 1.0 + _STEP * (group_of_case[np.newaxis, :] == moved[:, np.newaxis])
        total += (((statistic(weights) - values) / _STEP) ** 2).sum(axis=0)
    correction = num_groups / (num_groups - 1) if num_groups > 1 else np.nan
    return Linearised(values=values, errors=np.sqrt(correction * total))
