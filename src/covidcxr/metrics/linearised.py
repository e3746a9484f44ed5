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

from covidcxr.metrics.checks import FloatArray, IntArray, cluster_index
from covidcxr.metrics.intervals import (
    NO_CASE_DIFFERS,
    Interval,
    effective_patients,
    satterthwaite_degrees,
    student_quantile,
)

Statistic = Callable[[FloatArray], FloatArray]
"""Maps case weights (R, N) to values (R, K), NaN where a value is not estimable."""
Scale = Literal["share", "correlation", "positive", "plain"]
"""In [0, 1], in [-1, 1], above 0, or unbounded: limits on the scale of the logit, of Fisher's z, of the logarithm, or
its own."""

_STEP = 1e-4
_MOST_GROUPS = 200  # of a stratum; more patients are taken in groups: the error is then known to 5 %, and time is saved
_BLOCK_ELEMENTS = 1 << 19
_NO_ERROR = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Linearised:
    """K figures of N cases, and their standard errors.

    Attributes:
        values: float64 (K,).
        errors: float64 (K,), by patient; NaN where a figure is.
        degrees: float64 (K,), Satterthwaite's degrees of freedom of the errors over the strata.
    """

    values: FloatArray
    errors: FloatArray
    degrees: FloatArray

    def interval(self, column: int, *, scale: Scale, too_few: str, level: float = 0.95) -> Interval:
        """Return the interval of one figure on a ``scale``; none if the patients are ``too_few``, with that reason."""
        value, error = float(self.values[column]), float(self.errors[column])
        if not np.isfinite(value):
            return Interval.none(value, "")
        if too_few:
            return Interval.none(value, too_few)
        if not error > _NO_ERROR:
            return Interval.none(value, NO_CASE_DIFFERS)
        margin = student_quantile(level, float(self.degrees[column])) * error
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


def linearise(
    statistic: Statistic, *, num_cases: int, groups: ArrayLike | None, strata: ArrayLike | None = None
) -> Linearised:
    """Return K figures of N cases with their standard errors by patient.

    Args:
        statistic: See `Statistic`; smooth in the weights.
        num_cases: N.
        groups: (N,) patient of each case; None if every case is a patient of its own.
        strata: (N,) class of each case. What rests on few patients of one class is known with few degrees of freedom,
            however many patients the others have. A patient of several counts to that of the first case.

    Raises:
        EvaluationError: If ``groups`` does not fit.
    """
    index, num_clusters = cluster_index(groups, num_cases)
    first = np.unique(index, return_index=True)[1]
    stratum = np.zeros(num_clusters, dtype=np.int64) if strata is None else np.asarray(strata)[first]
    values = statistic(np.ones((1, num_cases)))[0]
    variances, patients = [], []
    for name in np.unique(stratum):
        clusters = np.flatnonzero(stratum == name)
        variances.append(_variance(statistic, values, index, clusters))
        members = index[np.isin(index, clusters)]
        patients.append(effective_patients(members, members.size))
    total = np.sum(variances, axis=0)
    degrees = [satterthwaite_degrees([part[column] for part in variances], patients) for column in range(values.size)]
    return Linearised(values=values, errors=np.sqrt(total), degrees=np.array(degrees))


def _variance(statistic: Statistic, values: FloatArray, index: IntArray, clusters: IntArray) -> FloatArray:
    """Return what the patients ``clusters`` of one stratum add to the variances (K,)."""
    num_groups = min(clusters.size, _MOST_GROUPS)
    group_of_cluster = np.full(int(index.max()) + 1, -1)
    group_of_cluster[clusters] = np.arange(clusters.size) % num_groups
    group_of_case = group_of_cluster[index]
    block = max(1, _BLOCK_ELEMENTS // index.size)
    total = np.zeros_like(values)
    for start in range(0, num_groups, block):
        moved = np.arange(start, min(start + block, num_groups))
        weights = 1.0 + _STEP * (group_of_case[np.newaxis, :] == moved[:, np.newaxis])
        total += (((statistic(weights) - values) / _STEP) ** 2).sum(axis=0)
    return np.asarray(total * max(num_groups, 2) / (max(num_groups, 2) - 1))
