"""Intervals of the AUROC: DeLong's variance, also for clustered cases, on the scale of its logit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.checks import BoolArray, FloatArray, check_scores, check_truths, cluster_index
from covidcxr.metrics.intervals import (
    NOT_ESTIMABLE,
    Interval,
    effective_patients,
    satterthwaite_degrees,
    student_quantile,
    too_few,
    wilson,
)

MIN_PATIENTS_OF_A_SIDE = 3
"""Patients with, and without, below which an AUROC gets no interval."""
_NO_VARIANCE = 1e-24  # of an AUROC: rounding


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Placements:
    """DeLong's structural components: for each case, the share of the other side it is ranked rightly against.

    Attributes:
        auroc: The mean of either.
        of_positives: float64 (P,); V10 in DeLong 1988.
        of_negatives: float64 (Q,); V01 in DeLong 1988.
    """

    auroc: float
    of_positives: FloatArray
    of_negatives: FloatArray


def placements(positive: ArrayLike, scores: ArrayLike) -> Placements:
    """Return the structural components of (N,) truths and scores, by midranks (Sun & Xu 2014).

    Raises:
        EvaluationError: If either side has no case.
    """
    is_positive, values = check_scores(positive, scores)
    num_positive = int(is_positive.sum())
    num_negative = is_positive.size - num_positive
    if not num_positive or not num_negative:
        raise EvaluationError(f"{num_positive} positive and {num_negative} negative cases: DeLong needs both")
    ranks = stats.rankdata(values)
    of_positives = (ranks[is_positive] - stats.rankdata(values[is_positive])) / num_negative
    of_negatives = 1.0 - (ranks[~is_positive] - stats.rankdata(values[~is_positive])) / num_positive
    return Placements(auroc=float(of_positives.mean()), of_positives=of_positives, of_negatives=of_negatives)


def placement_covariance(
    positive: ArrayLike, components: list[Placements], groups: ArrayLike | None = None
) -> FloatArray:
    """Return the covariance (M, M) of the AUROCs of M scores of the same cases.

    Without ``groups`` it is DeLong's (1988); with them, Obuchowski's (1997) for clustered cases. NaN where a side has
    fewer than two clusters.
    """
    within_positive, within_negative, across = _parts(check_truths(positive), components, groups)
    return np.asarray(within_positive + within_negative + across + across.T)


def variance_of(
    contrast: Sequence[float], positive: ArrayLike, components: list[Placements], groups: ArrayLike | None
) -> tuple[float, float]:
    """Return the variance of a weighted sum of M AUROCs, and its degrees of freedom.

    These are Satterthwaite's for the parts that positive and negative cases add, each known by its own patients only.

    Args:
        contrast: The M weights: (1,) for one AUROC, (1, -1) for a difference.
        positive: (N,) truths.
        components: Of the M scores.
        groups: (N,) patients.
    """
    is_positive, weights = check_truths(positive), np.asarray(contrast, dtype=np.float64)
    parts = _parts(is_positive, components, groups)
    of_positives, of_negatives, across = (float(weights @ part @ weights) for part in parts)
    index, _ = cluster_index(groups, is_positive.size)
    patients = [effective_patients(index[side], int(side.sum())) for side in (is_positive, ~is_positive)]
    return of_positives + of_negatives + 2 * across, satterthwaite_degrees([of_positives, of_negatives], patients)


def _parts(
    is_positive: BoolArray, components: list[Placements], groups: ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the covariances (M, M) that positive, that negative cases add, and of the ones with the others."""
    index, num_clusters = cluster_index(groups, is_positive.size)
    num_positive, num_negative = int(is_positive.sum()), int((~is_positive).sum())
    aurocs = np.array([component.auroc for component in components])
    of_positives = _cluster_sums(
        index[is_positive], num_clusters, [component.of_positives for component in components], aurocs
    )
    of_negatives = _cluster_sums(
        index[~is_positive], num_clusters, [component.of_negatives for component in components], aurocs
    )
    positive_clusters = np.unique(index[is_positive]).size
    negative_clusters = np.unique(index[~is_positive]).size
    if positive_clusters < 2 or negative_clusters < 2:
        unknown = np.full((aurocs.size, aurocs.size), np.nan)
        return unknown, unknown, unknown
    within_positive = positive_clusters / (positive_clusters - 1) * of_positives @ of_positives.T / num_positive**2
    within_negative = negative_clusters / (negative_clusters - 1) * of_negatives @ of_negatives.T / num_negative**2
    across = num_clusters / (num_clusters - 1) * of_positives @ of_negatives.T / (num_positive * num_negative)
    return within_positive, within_negative, across


def delong(positive: ArrayLike, scores: ArrayLike, *, groups: ArrayLike | None = None, level: float = 0.95) -> Interval:
    """Return the AUROC of (N,) truths and scores with the interval of its logit (Pepe 2003, 5.2).

    The variance and the degrees of freedom of Student's quantile are those of `variance_of`: on the plain scale, with a
    normal quantile, the interval of an AUROC near 1 lies too high.
    Where the ranks show no variance, as at an AUROC of 1, the limits are those of `worst_case_auroc`. There are none,
    and the reason, with too few patients (`too_few_of_a_side`), and no value where a side has no case.

    Raises:
        EvaluationError: If the arrays do not fit, a truth is neither true nor false, or a score is NaN.
    """
    is_positive, values = check_scores(positive, scores)
    if is_positive.all() or not is_positive.any():
        return NOT_ESTIMABLE
    component = placements(is_positive, values)
    value = component.auroc
    if reason := too_few_of_a_side(is_positive, groups):
        return Interval.none(value, reason)
    variance, degrees = variance_of([1.0], is_positive, [component], groups)
    if variance <= _NO_VARIANCE or value in (0.0, 1.0):
        return worst_case_auroc(value, is_positive, groups, level=level)
    margin = student_quantile(level, degrees) * variance**0.5 / (value * (1 - value))
    low, high = special.expit(special.logit(value) + np.array([-margin, margin]))
    return Interval(value=value, low=float(low), high=float(high))


def too_few_of_a_side(positive: ArrayLike, groups: ArrayLike | None) -> str:
    """Return why (N,) truths are of too few patients for the interval of an AUROC; empty if they are not."""
    is_positive = check_truths(positive)
    index, _ = cluster_index(groups, is_positive.size)
    fewest = min(np.unique(index[is_positive]).size, np.unique(index[~is_positive]).size)
    if fewest < MIN_PATIENTS_OF_A_SIDE:
        patients = "1 patient" if fewest == 1 else f"{fewest} patients"
        return f"{patients} on one side: no interval of an AUROC with fewer than {MIN_PATIENTS_OF_A_SIDE}"
    return too_few(groups, is_positive.size)


def worst_case_auroc(value: float, positive: ArrayLike, groups: ArrayLike | None, *, level: float = 0.95) -> Interval:
    """Return an interval of an AUROC for which the ranks show no variance, such as 1.

    An AUROC's variance is at most A (1 - A) over the cases of the smaller side (Birnbaum & Klose 1957), so this is
    Wilson's interval with as many trials as the smaller side of (N,) truths has `effective_patients`.
    """
    is_positive = check_truths(positive)
    if reason := too_few_of_a_side(is_positive, groups):
        return Interval.none(value, reason)
    index, _ = cluster_index(groups, is_positive.size)
    trials = min(effective_patients(index[side], int(side.sum())) for side in (is_positive, ~is_positive))
    quantile = student_quantile(level, effective_patients(groups, is_positive.size) - 1)
    return wilson(value * trials, trials, level=level, quantile=quantile)


def _cluster_sums(
    index: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    num_clusters: int,
    values: list[FloatArray],
    means: FloatArray,
) -> FloatArray:
    return np.stack(
        [
            np.bincount(index, weights=value - mean, minlength=num_clusters)
            for value, mean in zip(values, means, strict=True)
        ]
    )
